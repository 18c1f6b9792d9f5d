"""Configuration: typed, validated, and explained in one sentence when it is wrong.

Four layers, each over the one before: the defaults in the class, a preset, a YAML file, the command line's
flags. The effective configuration is saved in the run as `config.yaml`, and later verbs read it from there.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from common.config_options import AnyOf, Between, Option, options_of, sections_of, show
from common.errors import UserError
from common.files import atomic_write
from common.spelling import did_you_mean, listed

ConfigT = TypeVar("ConfigT", bound="ConfigModel")


class ConfigModel(BaseModel):
    """Base of a configuration and of its sections: no unknown keys, no change after validation, no NaN.

    A check that concerns several settings is a pydantic `model_validator` that raises `ValueError` with one
    sentence for the person; settings of one section are best checked in that section.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True, protected_namespaces=()
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_true_as_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        # Python counts True as 1; `epochs: true` in a file is a mistake, not one epoch.
        option = options_of(cls).get(info.field_name or "")
        if isinstance(value, bool) and option is not None and option.is_plain_number:
            raise PydanticCustomError("not_a_number", "a number is expected")
        return value


def option(
    default: Any,
    meaning: str,
    *,
    unit: str | None = None,
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
    tune: Between | AnyOf | None = None,
) -> Any:
    """Returns the pydantic field of one setting.

    Args:
        default: Its value when nobody sets it; `...` if it must be set.
        meaning: What it does, for a person; appears in the help.
        unit: What the number counts, e.g. `"epochs"`.
        ge, le, gt, lt: Bounds: at least, at most, above, below.
        tune: What the verb `tune` looks through; None = it leaves the setting alone.
    """
    extra = {name: value for name, value in (("unit", unit), ("tune", tune)) if value is not None}
    return Field(default, description=meaning, json_schema_extra=extra or None, ge=ge, le=le, gt=gt, lt=lt)


class _Setting(NamedTuple):
    value: Any
    where: str  # for a person: `command line`, `preset tiny`, `my.yaml, line 3`


def resolve_config(
    config_class: type[ConfigT],
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> ConfigT:
    """Returns the validated configuration: defaults < preset < file < overrides.

    Args:
        config_class: The application's `Config`.
        presets: Nested settings by preset name.
        preset: Name of one of them, or None.
        config_file: A YAML file of nested (or dotted) keys, or None.
        overrides: Settings by dotted path; text is converted as on the command line.

    Raises:
        UserError: For an unknown preset or key, a wrong type, a value out of bounds, or an unreadable file.
    """
    settings = _given(config_class, presets, preset, config_file, overrides)
    values = {path: known.default for path, known in options_of(config_class).items() if not known.required}
    for path, setting in settings.items():
        known = options_of(config_class)[path]
        values[path] = known.from_text(setting.value) if isinstance(setting.value, str) else setting.value
    try:
        return config_class.model_validate(_nested(values))
    except ValidationError as error:
        raise UserError(_sentence(config_class, error, settings)) from error


def setting_origin(
    path: str,
    config_class: type[ConfigModel],
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> str | None:
    """Returns what gave a setting its value, e.g. `preset tiny`; None for its default. Arguments: `resolve_config`."""
    setting = _given(config_class, presets, preset, config_file, overrides).get(path)
    return None if setting is None else setting.where


def _given(
    config_class: type[ConfigModel],
    presets: Mapping[str, Mapping[str, Any]] | None,
    preset: str | None,
    config_file: str | os.PathLike[str] | None,
    overrides: Mapping[str, Any] | None,
) -> dict[str, _Setting]:
    settings: dict[str, _Setting] = {}
    if preset is not None:
        presets = presets or {}
        if preset not in presets:
            raise UserError(
                f"there is no preset {show(preset)}, only {listed(list(presets), 'and') or 'the defaults'}"
                f"{did_you_mean(preset, presets)}"
            )
        settings |= _flatten(config_class, presets[preset], lambda path: f"preset {preset}")
    if config_file is not None:
        settings |= _read_yaml(config_class, Path(config_file))
    return settings | _flatten(config_class, overrides or {}, lambda path: "command line")


def config_yaml(config: ConfigModel) -> str:
    """Returns the whole configuration as YAML that `resolve_config` reads back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def save_config(config: ConfigModel, path: str | os.PathLike[str]) -> None:
    """Writes the configuration to `path` as YAML, whole or not at all."""
    with atomic_write(path) as file:
        file.write(config_yaml(config))


def load_config(config_class: type[ConfigT], path: str | os.PathLike[str]) -> ConfigT:
    """Returns the configuration that `save_config` wrote.

    Raises:
        UserError: If the file is missing or does not fit `config_class`.
    """
    return resolve_config(config_class, config_file=path)


def changed_settings(config: ConfigModel) -> dict[str, str]:
    """Returns the settings that differ from their defaults, by dotted path, as a person would write them."""
    changed = {}
    for path, known in options_of(type(config)).items():
        value: Any = config
        for name in path.split("."):
            value = getattr(value, name)
        if value != known.default:
            changed[path] = show(value)
    return changed


def _read_yaml(config_class: type[ConfigModel], path: Path) -> dict[str, _Setting]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}: not UTF-8 text, which a configuration file must be") from error
    except OSError as error:
        raise UserError(f"cannot read the configuration file {path}: {error.strerror}") from error
    try:
        tree = yaml.safe_load(text)
        lines = _key_lines(yaml.compose(text, Loader=yaml.SafeLoader), path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        raise UserError(f"{place}: not valid YAML ({problem})") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UserError(f"{path}: expected settings such as `train: {{epochs: 3}}`, found {show(tree)}")
    return _flatten(config_class, tree, lambda key: f"{path}, line {lines[key]}" if key in lines else str(path))


def _key_lines(
    node: yaml.Node | None, file: Path, prefix: str = "", lines: dict[str, int] | None = None
) -> dict[str, int]:
    """Returns the line of every key, from 1; refuses a key written twice, of which YAML would drop one."""
    lines = {} if lines is None else lines
    if not isinstance(node, yaml.MappingNode):
        return lines
    for key, value in node.value:
        path, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if path in lines:
            raise UserError(f"{file}, line {line}: {path} is set already in line {lines[path]}; keep one of them")
        lines[path] = line
        _key_lines(value, file, f"{path}.", lines)
    return lines


def _flatten(
    config_class: type[ConfigModel], tree: Mapping[Any, Any], where: Callable[[str], str], prefix: str = ""
) -> dict[str, _Setting]:
    """Returns the settings of a nested mapping by dotted path; refuses keys that do not exist."""
    options, sections = options_of(config_class), sections_of(config_class)
    settings: dict[str, _Setting] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if path in options:
            found = {path: _Setting(value, where(path))}
        elif path not in sections:
            raise UserError(unknown_setting(config_class, path, value, where(path)))
        elif isinstance(value, Mapping):
            found = _flatten(config_class, value, where, f"{path}.")
        elif value is None:  # a section heading with nothing under it
            found = {}
        else:
            raise UserError(
                f"{path} is {show(value)} ({where(path)}), but is a section with the settings "
                f"{listed(_names_in(options, path), 'and')}"
            )
        for double in settings.keys() & found.keys():
            raise UserError(f"{double} is set twice ({where(path)}); keep one of them")
        settings |= found
    return settings


def unknown_setting(config_class: type[ConfigModel], path: str, value: Any, where: str) -> str:
    """Returns the sentence about a key that does not exist; `where` says who wrote it."""
    options, sections = options_of(config_class), sections_of(config_class)
    if isinstance(value, Mapping):
        names = listed(list(sections), "and")
        return f"unknown section {path} ({where}); the sections are {names}{did_you_mean(path, sections)}"
    start = f"unknown setting {path} = {show(value)} ({where})"
    guess = did_you_mean(path, options)
    section = path.rpartition(".")[0]
    if guess:
        return start + guess
    if section in sections:
        return f"{start}; the settings of {section} are {listed(_names_in(options, section), 'and')}"
    return f"{start}; the sections are {listed(list(sections), 'and')}"


def _names_in(options: Mapping[str, Option], section: str) -> list[str]:
    return [path.removeprefix(f"{section}.") for path in options if path.startswith(f"{section}.")]


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *sections, name = path.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return tree


def _sentence(config_class: type[ConfigModel], error: ValidationError, settings: Mapping[str, _Setting]) -> str:
    """Returns the first mistake as a sentence, and the names of the others."""
    options = options_of(config_class)
    sentences: dict[str, str] = {}
    for mistake in error.errors(include_url=False):
        parts = [str(part) for part in mistake["loc"]]
        # The location goes on into list items and union members; the setting is its longest known beginning.
        ends = range(len(parts), 0, -1)
        path = next((p for p in (".".join(parts[:end]) for end in ends) if p in options), ".".join(parts))
        sentences.setdefault(path, _mistake_sentence(options.get(path), path, mistake, settings.get(path)))
    first, *others = sentences
    return sentences[first] + (f" (wrong too: {listed(others, 'and')})" if others else "")


def _mistake_sentence(known: Option | None, path: str, mistake: Any, setting: _Setting | None) -> str:
    if mistake["type"] == "value_error":  # written by the author of the check, for the person
        return str(mistake["ctx"]["error"])
    if known is None:
        return f"{path}: {mistake['msg']}"
    if mistake["type"] == "missing":
        return f"{path} must be set: {known.expected}"
    value, where = (known.default, "default") if setting is None else setting
    guess = did_you_mean(value, map(str, known.choices)) if isinstance(value, str) and known.choices else ""
    return f"{path} is {show(value)} ({where}), but must be {known.expected}{guess}"
