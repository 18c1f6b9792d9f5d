"""The command line of every application: `python -m apps.<app> VERB ...`.

From words to a call: choose the verb, read its options, call the function of the same name in
`common.verbs`. Nothing here imports TensorFlow, so help and mistakes answer at once. Exit codes: 0, 2 for a
mistake that the person can mend (one sentence on stderr), 130 after Ctrl-C; a bug keeps its traceback.
"""

import errno
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.cli_options import VERBS, Verb, read_flags, verb_of
from common.cli_parser import build_parser, overview
from common.command import Command
from common.config import ConfigModel, unknown_setting
from common.config_options import options_of, show
from common.errors import UserError
from common.native_log import lower_native_log_level
from common.spelling import did_you_mean, listed


def main(
    app: str,
    package: str,
    config: type[ConfigModel],
    presets: Mapping[str, Mapping[str, Any]],
    argv: Sequence[str] | None = None,
) -> int:
    """Runs one command and returns its exit code.

    Args:
        app: Name of the application, e.g. `"sentiment"`.
        package: Where its modules are, e.g. `"apps.sentiment"`.
        config: Its configuration class.
        presets: Nested settings by preset name.
        argv: The words after the program's name; None = those of this process.
    """

    def run() -> None:
        command = parse(app, package, config, presets, sys.argv[1:] if argv is None else argv)
        if command is not None:
            lower_native_log_level()
            from common import verbs

            verbs.run(command)

    return exit_code_of(run)


def exit_code_of(run: Callable[[], None]) -> int:
    """Runs a command and returns its exit code; what went wrong is one sentence on stderr, unless it is a bug."""
    try:
        run()
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"interrupted{f'; {interrupt}' if str(interrupt) else ''}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our stdout (head, less) has seen enough.
        _discard_stdout()
        return 0
    except OSError as error:
        # Our files name themselves and their cause in a UserError; this is stdout, sent to a full disk.
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _discard_stdout()
        print(f"error: cannot write the output: {error.strerror}; make room or send it elsewhere", file=sys.stderr)
        return 2
    return 0


def _discard_stdout() -> None:
    # Python flushes stdout once more at its end, and would complain; nobody reads that either.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parse(
    app: str,
    package: str,
    config: type[ConfigModel],
    presets: Mapping[str, Mapping[str, Any]],
    argv: Sequence[str],
) -> Command | None:
    """Returns what the words ask for, or None after printing the help.

    Raises:
        UserError: For an unknown verb or option, a missing value, or a word too many.
    """
    words = list(argv)
    if words and words[0] in ("-h", "--help", "help"):
        print(overview(app, config, presets), end="")
        return None
    verb = verb_of(_verb(app, words[0] if words else None), package)
    parser = build_parser(app, verb, config, presets)
    words, plain = _split_at_dashes(words[1:])
    given, rest = _parse(parser, verb, _with_negative_values(words))
    if given.pop("help", False):
        print(parser.format_help(), end="")
        return None
    arguments = [*given.pop("arguments", ()), *plain]
    _refuse_rest(verb, rest, arguments, config, package)
    settings = {name[2:]: value for name, value in given.items() if name[2:] in options_of(config)}
    return Command(app, package, config, presets, verb.name, read_flags(verb, given, app), settings, tuple(arguments))


def _verb(app: str, word: str | None) -> Verb:
    verbs = {verb.name: verb for verb in VERBS}
    everything = f"python -m apps.{app} --help shows everything"
    if word is None:
        raise UserError(f"a verb is missing: {listed(list(verbs))}; {everything}")
    if word.startswith("-"):
        raise UserError(f"the verb comes first, before {show(word)}: {listed(list(verbs))}; {everything}")
    if word not in verbs:
        raise UserError(f"there is no verb {show(word)}, only {listed(list(verbs), 'and')}{did_you_mean(word, verbs)}")
    return verbs[word]


def _split_at_dashes(words: list[str]) -> tuple[list[str], list[str]]:
    """Returns the words before and after the first `--`, after which a text may begin with a dash."""
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _with_negative_values(words: list[str]) -> list[str]:
    """Joins `--flag -1e-3` to `--flag=-1e-3`; argparse takes some negative numbers for flags."""
    joined: list[str] = []
    for word in words:
        last = joined[-1] if joined else ""
        if re.fullmatch(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-inf", word, re.I) and re.fullmatch(r"--[^=\s]+", last):
            joined[-1] = f"{last}={word}"
        else:
            joined.append(word)
    return joined


def _parse(parser: Any, verb: Verb, words: list[str]) -> tuple[dict[str, Any], list[str]]:
    # Intermixed, so that `predict "one text" --json "another"` takes both texts.
    parsed = parser.parse_known_intermixed_args(words) if verb.arguments else parser.parse_known_args(words)
    return vars(parsed[0]), parsed[1]


def _refuse_rest(verb: Verb, rest: list[str], arguments: list[str], config: type[ConfigModel], package: str) -> None:
    """Raises UserError for the first word that the parser had no use for."""
    for index, word in enumerate(rest):
        if word.startswith("-"):
            raise UserError(_unknown_option(verb, word, rest[index + 1 : index + 2], config, package))
    surplus = [*rest, *([] if verb.arguments else arguments)]
    if surplus:
        raise UserError(f"{verb.name} takes options only, so {show(surplus[0])} is one word too many")


def _unknown_option(verb: Verb, word: str, following: list[str], config: type[ConfigModel], package: str) -> str:
    name, _, value = word.partition("=")
    flags = [f"--{flag.name}" for flag in verb.flags]
    settings = [f"--{path}" for path in options_of(config)]
    others = [v.name for v in VERBS if name[2:] in {flag.name for flag in verb_of(v, package).flags}]
    if name in settings:
        return f"{verb.name} takes no settings such as {name}; the run or the model brings its own"
    if others:
        return f"{verb.name} has no option {name}; it belongs to {listed(others, 'and')}"
    if verb.takes_config and "." in name:
        return unknown_setting(config, name.lstrip("-"), value or "".join(following), "command line")
    guess = did_you_mean(name, [*flags, *(settings if verb.takes_config else [])])
    if not guess and verb.arguments:
        guess = "; what is no option but begins with a dash goes after --"
    return f"{verb.name} has no option {show(name)}{guess or f'; {verb.name} --help lists the options'}"
