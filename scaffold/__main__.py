"""The command line: `python -m scaffold new-app --name NAME --from APP` and `python -m scaffold eject --app APP --to DIR`.

Messages and exit codes are those of `common.cli`: 2 and one sentence for what the person can mend, 130 after Ctrl-C. Being told
to stop (SIGTERM) is taken like Ctrl-C, so that nothing half-made stays behind.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from common.errors import UserError
from common.spelling import did_you_mean, listed

REPOSITORY = Path(__file__).parents[1]
# By verb: what it does, and its options with their meaning. Each option takes a value and is needed.
_VERBS = {
    "new-app": (
        "copy an application under a new name, ready to train, with its tests and its rows in the pages",
        {"name": "of the new application, a Python identifier in small letters", "from": "the application to copy"},
    ),
    "eject": (
        "make a project of its own of one application and the part of common/ that it uses",
        {"app": "the application", "to": "the folder of the project; must be new or empty, outside this repository"},
    ),
}
_MAKE = {
    "new-app": "make new-app NAME=reviews FROM=sentiment",
    "eject": "make eject APP=sentiment TO=../my-project",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message}; {self.prog} --help shows the options")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: The words after the program's name; None = those of this process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our stdout (head, less) has seen enough; Python flushes once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing was left behind", file=sys.stderr)
        return 130
    return 0


def _run(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview(), end="")
        if not words:
            raise UserError(f"a verb is missing: {listed(list(_VERBS))}")
        return
    verb, *words = words
    if verb not in _VERBS:
        raise UserError(f"there is no verb {verb!r}, only {listed(list(_VERBS), 'and')}{did_you_mean(verb, _VERBS)}")
    meaning, options = _VERBS[verb]
    parser = _Parser(prog=f"python -m scaffold {verb}", description=meaning, allow_abbrev=False)
    for name, help_ in options.items():
        parser.add_argument(f"--{name}", metavar=name.upper(), required=True, help=help_)
    given = vars(parser.parse_args(words))
    for name, help_ in options.items():
        if not given[name].strip():  # as make hands on what was not given
            raise UserError(f"--{name} is missing: {help_}; with make, {_MAKE[verb]}")
    if verb == "new-app":
        from scaffold.new_app import new_app

        new_app(REPOSITORY, given["name"], given["from"])
    else:
        from scaffold.eject import eject

        eject(REPOSITORY, given["app"], Path(given["to"]))


def _overview() -> str:
    lines = ["usage: python -m scaffold VERB [options]", ""]
    for verb, (meaning, options) in _VERBS.items():
        lines += [f"  {verb:<9}{meaning}", "           " + " ".join(f"--{name} {name.upper()}" for name in options)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # Raised where the work stands, so that it cleans up after itself.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
