"""The command line of all applications together: `python -m apps demo`.

Nothing here imports TensorFlow or Gradio, so help and mistakes answer at once.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.cli import exit_code_of
from common.cli_options import PAGE_FLAGS, Flag, Verb, read_flags
from common.cli_parser import build_parser
from common.config import ConfigModel
from common.config_options import show
from common.errors import UserError
from common.native_log import lower_native_log_level
from common.spelling import did_you_mean

VERB = Verb(
    "demo",
    "show every exported model on one page in the browser, a tab for each application",
    (Flag("saved_models", "the folder of all exported models", "DIR", "saved_models"), *PAGE_FLAGS),
)


def main(package: str, folder: Path, argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code, as `common.cli.main` does for one application.

    Args:
        package: The package of all applications.
        folder: Its folder; the applications in it are found by their command lines.
        argv: The words after the program's name; None = those of this process.
    """

    def run() -> None:
        flags = parse(sys.argv[1:] if argv is None else argv)
        if flags is None:
            return
        lower_native_log_level()
        saved_models = Path(flags.pop("saved_models"))
        if saved_models.exists() and not saved_models.is_dir():
            raise UserError(
                f"--saved_models is {saved_models}, but that is a file; give the folder of all exported models"
            )
        from common.demo.models import applications
        from common.demo.server import serve_models

        names = applications(folder)
        serve_models([(name, f"{package}.{name}", saved_models / name) for name in names], **flags)

    return exit_code_of(run)


def parse(argv: Sequence[str]) -> dict[str, Any] | None:
    """Returns the options of `demo` by name, or None after printing the help.

    Raises:
        UserError: For another verb, an unknown option, a missing value, or a word too many.
    """
    words = list(argv)
    parser = build_parser(None, VERB, ConfigModel, {})
    if words and words[0] in ("-h", "--help", "help"):
        print(parser.format_help(), end="")
        return None
    everything = "python -m apps demo --help shows the options, python -m apps.NAME --help those of an application"
    if not words:
        raise UserError(f"a verb is missing: demo; {everything}")
    if words[0] != VERB.name:
        raise UserError(f"all applications together have the verb demo alone, not {show(words[0])}; {everything}")
    given, rest = parser.parse_known_args(words[1:])
    given = vars(given)
    if given.pop("help", False):
        print(parser.format_help(), end="")
        return None
    if rest:
        guess = did_you_mean(rest[0].partition("=")[0], [f"--{flag.name}" for flag in VERB.flags])
        if rest[0].startswith("-"):
            raise UserError(f"demo has no option {show(rest[0])}{guess or '; demo --help lists the options'}")
        raise UserError(f"demo takes options only, so {show(rest[0])} is one word too many")
    return read_flags(VERB, given)
