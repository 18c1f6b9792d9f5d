"""What a search looks through: the ranges that the configuration declares, or those of `--search`, checked before any work."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from common.command import Command
from common.comparison.variants import SEED
from common.config import unknown_setting
from common.config_options import AnyOf, Between, Option, options_of, show
from common.errors import UserError
from common.spelling import listed

Space = dict[str, Between | AnyOf]


def space_of(command: Command) -> Space:
    """Returns what is looked through, by dotted path.

    A setting that is given as a flag is fixed, whatever the configuration declares.

    Raises:
        UserError: For a setting that does not exist, a range that is none, values that are not valid, or if nothing is left.
    """
    options = options_of(command.config_class)
    if command.flags["search"] is None:
        space = {path: known.tune for path, known in options.items() if known.tune and path not in command.settings}
        if not space:
            raise UserError("nothing is left to search; name it with --search 'train.learning_rate=1e-4..1e-2:log'")
    else:
        space = _parse(command, command.flags["search"], options)
    for path, values in space.items():
        ends = values.values if isinstance(values, AnyOf) else (values.low, values.high)
        for value in ends:
            _resolve(command, {path: value}, "--search" if command.flags["search"] else "the search")
    return space


def with_values(command: Command, values: Mapping[str, Any]) -> Any:
    """Returns the configuration of a command with some values over it.

    Raises:
        UserError: If they do not go together.
    """
    return _resolve(command, values, "the search")


def _resolve(command: Command, values: Mapping[str, Any], who: str) -> Any:
    # Text goes as it is: for a person a long one is shortened, and one with spaces quoted.
    texts = {path: value if isinstance(value, str) else show(value) for path, value in values.items()}
    try:
        return dataclasses.replace(command, settings={**command.settings, **texts}).resolve()
    except UserError as error:
        raise UserError(f"{who}: {error}") from error


def is_whole(option: Option) -> bool:
    """Whether a setting takes whole numbers only."""
    return int in option.kinds and float not in option.kinds


def _parse(command: Command, text: str, options: Mapping[str, Option]) -> Space:
    space: Space = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        path, equals, words = (piece.strip() for piece in part.partition("="))
        if not equals or not words:
            raise UserError(
                f"--search has {show(part.strip())}, but must be like 'model.units=64..256:log;model.cell=gru,lstm'"
            )
        if path not in options:
            raise UserError(unknown_setting(command.config_class, path, words, "--search"))
        if path in space:
            raise UserError(f"--search has {path} twice; keep one of them")
        if path in command.settings:
            raise UserError(f"{path} is searched, so leave --{path} out")
        if path == SEED or options[path].is_sequence:
            raise UserError(f"--search has {path}, which cannot be searched; leave it out")
        space[path] = _range(path, words, options[path]) if ".." in words else _choices(path, words, options[path])
    if not space:
        raise UserError("--search names no setting; give one such as train.learning_rate=1e-4..1e-2:log")
    return space


def _range(path: str, words: str, option: Option) -> Between:
    ends, _, scale = words.partition(":")
    low, _, high = ends.partition("..")
    wanted = f"--search has {path}={words}, but must be"
    if not option.is_plain_number:
        raise UserError(f"{wanted} {path}=A,B,... with values of it, because it is no number")
    kind = int if is_whole(option) else float
    try:
        found = Between(kind(low), kind(high), scale == "log")
    except ValueError as error:
        numbers = "whole numbers" if kind is int else "numbers"
        raise UserError(f"{wanted} {path}=LOW..HIGH or {path}=LOW..HIGH:log with two {numbers}") from error
    if not found.low < found.high or scale not in ("", "log"):
        raise UserError(f"{wanted} {path}=LOW..HIGH or {path}=LOW..HIGH:log, the smaller number first")
    if found.log and found.low <= 0:
        raise UserError(f"{wanted} above 0, because :log is of no other number")
    return found


def _choices(path: str, words: str, option: Option) -> AnyOf:
    values = tuple(_value(word.strip(), option) for word in words.split(","))
    if len(values) < 2 or len(set(map(str, values))) < len(values):
        raise UserError(
            f"--search has {path}={words}, but must name two different values or more, or a range LOW..HIGH"
        )
    return AnyOf(values)


def _value(text: str, option: Option) -> Any:
    """A value as JSON has it; whether it is valid is seen when it is put into a configuration."""
    if option.nullable and text == "none":
        return None
    if bool in option.kinds and text in ("true", "false"):
        return text == "true"
    if option.is_plain_number:
        try:
            return int(text) if is_whole(option) else float(text)
        except ValueError:
            return text
    return text


def described(space: Space) -> dict[str, str]:
    """Returns the space for a person."""
    words = {}
    for path, values in space.items():
        if isinstance(values, AnyOf):
            words[path] = listed([show(value) for value in values.values])
        else:
            words[path] = f"{show(values.low)} to {show(values.high)}{' (log)' if values.log else ''}"
    return words


def as_json(space: Space) -> dict[str, Any]:
    """Returns the space as JSON has it."""
    return {
        path: list(values.values) if isinstance(values, AnyOf) else dataclasses.asdict(values)
        for path, values in space.items()
    }
