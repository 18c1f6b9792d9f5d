"""What is compared: from `--cells`, `--vary` or `--configs` to named configurations, each checked before any work."""

import dataclasses
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.command import Command
from common.config import ConfigModel, unknown_setting
from common.config_options import options_of, show
from common.errors import UserError
from common.spelling import listed

CELL = "model.cell"
SEED = "train.seed"
_LARGEST_SEED = 2**32 - 1
MOST_VARIANTS = 200


@dataclass(frozen=True)
class Variant:
    """One of the configurations that are compared.

    Attributes:
        name: In tables, and of its run directories.
        config: The settings of all its trainings but for the seed.
    """

    name: str
    config: ConfigModel

    def with_seed(self, number: int) -> ConfigModel:
        """Returns the settings of its training `number`, from 0: seeds count from the one that is set."""
        return with_seed(self.config, number)


@dataclass(frozen=True)
class Variants:
    """All that are compared.

    Attributes:
        variants: In the order they were named.
        varied: The settings in which they differ, by dotted path; empty where files say so.
    """

    variants: tuple[Variant, ...]
    varied: tuple[str, ...]

    @property
    def default_name(self) -> str:
        """A name for the comparison that the same command gets again."""
        words = [path.rpartition(".")[2] for path in self.varied] or [variant.name for variant in self.variants]
        return "-".join(["compare", *words])[:100]

    @property
    def fixed(self) -> dict[str, Any]:
        """The settings that all have in common by what they are compared in: value by dotted path."""
        if not self.varied:
            return {}
        return {path: value for path, value in flat(self.variants[0].config).items() if path not in self.varied}


def with_seed(config: ConfigModel, number: int) -> ConfigModel:
    """Returns a configuration with the seed that comes `number` after its own."""
    train = config.train
    return config.model_copy(update={"train": train.model_copy(update={"seed": train.seed + number})})


def flat(config: ConfigModel) -> dict[str, Any]:
    """Returns the values of all settings by dotted path, as JSON has them."""
    return flat_tree(config.model_dump(mode="json"))


def flat_tree(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the same of what `model_dump` gave."""
    values = {}
    for key, value in tree.items():
        values |= flat_tree(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return values


def variants_of(command: Command) -> Variants:
    """Returns what a command compares.

    Raises:
        UserError: If nothing or one thing is to be compared, two are the same, or a configuration is not valid.
    """
    flags = command.flags
    if flags["configs"] is not None:
        for other in ("cells", "vary", "config"):
            if flags[other] is not None:
                raise UserError(f"--configs names whole configurations, so leave --{other} out")
        variants, varied = _of_files(command, _words(flags["configs"], "configs")), ()
    else:
        axes = parse_axes(command)
        variants, varied = _of_axes(command, axes), tuple(axes)
    _refuse_same(variants)
    largest = max(variant.config.train.seed for variant in variants) + flags["seeds"] - 1
    if largest > _LARGEST_SEED:
        raise UserError(f"--{SEED} and --seeds lead up to the seed {largest}, but the largest is {_LARGEST_SEED}")
    return Variants(tuple(variants), varied)


def parse_axes(command: Command) -> dict[str, list[str]]:
    """Returns the values of each varied setting by dotted path, from `--cells` and `--vary`."""
    flags, axes = command.flags, {}
    if flags["cells"] is not None:
        axes[CELL] = _words(flags["cells"], "cells")
    for part in (flags["vary"] or "").split(";"):
        if not part.strip():
            continue
        path, equals, values = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise UserError(
                f"--vary has {show(part.strip())}, but must be like 'model.units=64,128;train.learning_rate=1e-3,3e-3'"
            )
        if path in axes:
            raise UserError(f"{path} is varied twice; keep one of them")
        axes[path] = _words(values, f"vary {path}")
    if not axes:
        raise UserError(
            "nothing to compare; name --cells lstm,gru, or --vary model.units=64,128, or --configs a.yaml,b.yaml"
        )
    for path in axes:
        _require_variable(command, path)
    return axes


def _require_variable(command: Command, path: str) -> None:
    option = options_of(command.config_class).get(path)
    if option is None:
        raise UserError(unknown_setting(command.config_class, path, "...", "--vary"))
    if option.is_sequence:
        raise UserError(f"{path} is a list itself; write one file for each variant and compare them with --configs")
    if path == SEED:
        raise UserError(f"{SEED} is what --seeds varies, so leave it out of --vary")
    if path in command.settings:
        raise UserError(f"{path} is varied, so leave --{path} out")


def _words(text: str, flag: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise UserError(f"--{flag} is {show(text)}, in which a value is missing before or after a comma")
    for word in words:
        if words.count(word) > 1:
            raise UserError(f"--{flag} has {show(word)} twice; keep one of them")
    return words


def _of_axes(command: Command, axes: Mapping[str, list[str]]) -> list[Variant]:
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MOST_VARIANTS:
        raise UserError(f"these are {count:,} variants, more than {MOST_VARIANTS}; compare fewer values at a time")
    variants = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        name = "-".join(_word_of(path, value, alone=len(axes) == 1) for path, value in chosen.items())
        given = dataclasses.replace(command, settings={**command.settings, **chosen})
        variants.append(Variant(_folder_name(name), _resolved(given, name)))
    return variants


def _word_of(path: str, value: str, alone: bool) -> str:
    last = path.rpartition(".")[2]
    return value if path == CELL or (alone and not re.match(r"[-+.\d]|true|false|none", value)) else f"{last}={value}"


def _of_files(command: Command, files: list[str]) -> list[Variant]:
    variants = []
    for file in files:
        given = dataclasses.replace(command, flags={**command.flags, "config": file})
        variants.append(Variant(_folder_name(Path(file).stem), _resolved(given, file)))
    return variants


def _resolved(command: Command, name: str) -> ConfigModel:
    try:
        return command.resolve()
    except UserError as error:
        raise UserError(f"variant {name}: {error}") from error


def _folder_name(name: str) -> str:
    """A name that can be a folder's: 100 characters are left of it together with `-seed12`."""
    return re.sub(r"[^\w.+=-]", "_", name).lstrip(".")[:90] or "variant"


def _refuse_same(variants: list[Variant]) -> None:
    if len(variants) < 2:
        raise UserError(f"only {variants[0].name} is named, but a comparison needs two variants or more")
    for first, second in itertools.combinations(variants, 2):
        if first.name == second.name:
            raise UserError(f"two variants are called {first.name}; give files of different names")
        if first.config == second.config:
            raise UserError(f"{listed([first.name, second.name], 'and')} are the same settings; keep one of them")
