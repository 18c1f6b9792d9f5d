"""Parsers and help texts, made from the verbs and from what the configuration class says about itself."""

import argparse
import re
import shlex
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel

from common.cli_options import VERBS, Flag, Verb
from common.config_options import Option, options_of, sections_of, show
from common.errors import UserError
from common.spelling import listed


class _Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one sentence instead of a dump of the usage."""

    def error(self, message: str) -> NoReturn:
        found = re.match(r"argument (?P<flag>--[^:\s]+)[^:]*: (?P<what>.*)", message)
        if found and "expected one argument" in found["what"]:
            raise UserError(f"{found['flag']} needs a value after it")
        if found and "ignored explicit argument" in found["what"]:
            raise UserError(f"{found['flag']} is a switch and takes no value")
        raise UserError(message)


def build_parser(app: str | None, verb: Verb, config_class: type[BaseModel], presets: Mapping[str, Any]) -> _Parser:
    """Returns the parser of one verb; values stay text, which `read_flags` and the configuration judge.

    Args:
        app: Name of the application; None for a verb of all of them together.
        verb: The verb.
        config_class: Its settings, if the verb takes any.
        presets: Nested settings by preset name.
    """
    program = f"python -m apps.{app}" if app else "python -m apps"
    parser = _Parser(
        prog=f"{program} {verb.name}",
        usage=f"{program} {verb.name}{_usage(verb)}",
        description=verb.meaning[0].upper() + verb.meaning[1:] + ".",
        allow_abbrev=False,
        add_help=False,
        formatter_class=_formatter,
        argument_default=argparse.SUPPRESS,
    )
    own = parser.add_argument_group("options")
    own.add_argument("-h", "--help", action="store_true", help="show this and stop")
    for flag in verb.flags:
        action = {"metavar": flag.placeholder} if flag.placeholder else {"action": "store_true"}
        own.add_argument(f"--{flag.name}", dest=f"--{flag.name}", help=_flag_help(flag, app or ""), **action)
    if verb.arguments:
        own.add_argument("arguments", nargs="*", metavar=verb.arguments, help="what to answer for")
    if verb.takes_config:
        add_settings(parser, config_class)
        parser.epilog = presets_text(presets)
    if verb.example:
        example = [word.replace("{run}", f"runs/{app}/20260101-120000") for word in verb.example]
        parser.epilog = f"example:\n  {program} {verb.name}{_required(verb, example)} {shlex.join(example)}"
    return parser


def overview(app: str, config_class: type[BaseModel], presets: Mapping[str, Any]) -> str:
    """Returns the help of the whole application: verbs, presets and every setting."""
    parser = _Parser(
        prog=f"python -m apps.{app}",
        usage=f"python -m apps.{app} VERB [options]",
        description=f"python -m apps.{app} VERB --help shows the options of one verb.",
        add_help=False,
        formatter_class=_formatter,
    )
    verbs = parser.add_argument_group("verbs")
    for verb in VERBS:
        verbs.add_argument(f"--{verb.name}", metavar="", help=_escaped(verb.meaning))
    add_settings(parser, config_class)
    parser.epilog = presets_text(presets)
    text = parser.format_help()
    for verb in VERBS:  # argparse has no table of words without dashes outside of its subparsers
        text = text.replace(f"  --{verb.name} ", f"  {verb.name}   ", 1)
    return text


def add_settings(parser: argparse.ArgumentParser, config_class: type[BaseModel]) -> None:
    """Adds every setting of the configuration as `--section.name`, grouped by section."""
    groups = {
        path: parser.add_argument_group(f"settings: {path}", text) for path, text in sections_of(config_class).items()
    }
    for option in options_of(config_class).values():
        group = groups.get(option.section)
        if group is None:
            group = groups[option.section] = parser.add_argument_group("settings")
        group.add_argument(
            f"--{option.path}", dest=f"--{option.path}", metavar=option.placeholder, help=_option_help(option)
        )


def presets_text(presets: Mapping[str, Any]) -> str:
    """Returns the presets and what each of them sets."""
    lines = ["presets (--preset NAME):"]
    width = max((len(name) for name in presets), default=0)
    columns = _width() - width - 6
    for name, tree in presets.items():
        words = [f"{path}={show(value)}" for path, value in _leaves(tree)] or ["the defaults"]
        line, first = "", True
        for word in words:
            if line and len(line) + 1 + len(word) > columns:
                lines.append(f"  {name if first else '':{width}}  {line}")
                line, first = "", False
            line = f"{line} {word}".strip()
        lines.append(f"  {name if first else '':{width}}  {line}")
    return "\n".join(lines)


def _required(verb: Verb, given: Sequence[str] = ()) -> str:
    """The required options that the words `given` do not hold."""
    flags = [flag for flag in verb.flags if flag.required and f"--{flag.name}" not in given]
    return "".join(f" --{flag.name} {flag.placeholder}" for flag in flags)


def _usage(verb: Verb) -> str:
    settings = " [--section.name VALUE ...]" if verb.takes_config else ""
    return f"{_required(verb)} [options]{settings}{f' [{verb.arguments} ...]' if verb.arguments else ''}"


def _flag_help(flag: Flag, app: str) -> str:
    words = flag.meaning.replace("{app}", app)
    if flag.choices:
        words += f": {listed(flag.choices)}"
    if flag.required:
        return _escaped(f"{words} (required)")
    if not flag.placeholder:
        return _escaped(words)
    unit = f"; {flag.unit}" if flag.unit else ""
    return _escaped(f"{words} (default: {show(flag.default)}{unit})")


def _option_help(option: Option) -> str:
    facts = [
        "required" if option.required else f"default: {show(option.default)}",
        option.unit,
        option.bounds_text,
    ]
    return _escaped(f"{option.meaning} ({'; '.join(fact for fact in facts if fact)})")


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    leaves = []
    for key, value in tree.items():
        path = f"{prefix}{key}"
        leaves += _leaves(value, f"{path}.") if isinstance(value, Mapping) else [(path, value)]
    return leaves


def _formatter(prog: str) -> argparse.HelpFormatter:
    return _Formatter(prog, max_help_position=40, width=_width())


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Breaks lines between words, not at the hyphens of 1e-3 and of file names."""

    def _split_lines(self, text, width):
        return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)


def _width() -> int:
    return max(60, min(110, shutil.get_terminal_size((100, 24)).columns - 2))


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
