"""What a configuration class says about itself: every setting with its type, default, unit, bounds and
meaning.

The command line's help and the sentences about wrong values are both made from this, so they cannot disagree.
"""

import functools
import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from common.spelling import listed

_NONE_WORDS = ("none", "null")


@dataclass(frozen=True)
class Between:
    """What `tune` looks through: numbers from `low` to `high`, with `log` as likely between 1 and 2 as between 10 and 20."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class AnyOf:
    """What `tune` looks through: some of the valid values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Option:
    """One setting.

    Attributes:
        path: Dotted name, e.g. `train.epochs`.
        meaning: What it does, for a person.
        unit: What the number counts, or None.
        default: Its value when nobody sets it; `PydanticUndefined` if it must be set.
        kinds: The accepted types without None: `int`, `float`, `bool`, `str`, a `Literal` or a sequence.
        nullable: Whether `none` is accepted.
        bounds: Of the number, by name: `ge`, `gt`, `le`, `lt`.
        tune: What `tune` looks through where nobody says otherwise; None = it leaves the setting alone.
    """

    path: str
    meaning: str
    unit: str | None
    default: Any
    kinds: tuple[Any, ...]
    nullable: bool
    bounds: tuple[tuple[str, float], ...]
    tune: Between | AnyOf | None = None

    @property
    def section(self) -> str:
        """The part before the last dot; empty for a setting outside all sections."""
        return self.path.rpartition(".")[0]

    @property
    def choices(self) -> tuple[Any, ...]:
        """The valid values when only a few are; empty otherwise."""
        return tuple(c for kind in self.kinds if get_origin(kind) is Literal for c in get_args(kind))

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is PydanticUndefined

    @property
    def is_sequence(self) -> bool:
        """Whether it takes several values."""
        return any(get_origin(kind) in (list, tuple, set, frozenset) for kind in self.kinds)

    @property
    def is_plain_number(self) -> bool:
        """Whether it takes numbers but not true and false, which Python would count as 1 and 0."""
        return bool({int, float} & set(self.kinds)) and bool not in self.kinds

    @property
    def expected(self) -> str:
        """The valid values in words: `a whole number of at least 1 (epochs)`."""
        words = listed([self._kind_words(kind) for kind in self.kinds] + (["none"] if self.nullable else []))
        return words + (f" ({self.unit})" if self.unit else "")

    def _kind_words(self, kind: Any) -> str:
        if get_origin(kind) is Literal:
            choices = [show(choice) for choice in get_args(kind)]
            return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
        if self.is_sequence and get_origin(kind) is not None:
            return "a list of values, separated by commas"
        if kind in (int, float):
            return ("a whole number" if kind is int else "a number") + self._bounds_words()
        return {bool: "true or false", str: "text"}.get(kind, getattr(kind, "__name__", str(kind)))

    def _bounds_words(self) -> str:
        words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
        parts = [f"{words[name]} {show(bound)}" for name, bound in self.bounds]
        joined = " and ".join(parts)
        return f" of {joined}" if joined.startswith("at") else f" {joined}".rstrip()

    @property
    def bounds_text(self) -> str:
        """The bounds for a table: `>=1`, `>0, <=1`; empty if there are none."""
        signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
        return ", ".join(f"{signs[name]}{show(bound)}" for name, bound in self.bounds)

    @property
    def placeholder(self) -> str:
        """What stands for the value in the help."""
        if self.choices:
            return "|".join(show(choice) for choice in self.choices)
        if self.is_sequence:
            return "A,B,..."
        return {bool: "true|false", int: "INT", float: "NUMBER"}.get(self.kinds[0], "TEXT")

    def from_text(self, text: str) -> Any:
        """Returns what a flag's text stands for; what cannot be converted is left to the validation."""
        if self.nullable and text.strip().lower() in _NONE_WORDS:
            return None
        if self.is_sequence:
            inner = text.strip().strip("[]()")
            return [part.strip() for part in inner.split(",")] if inner.strip() else []
        return next((choice for choice in self.choices if show(choice) == text), text)


def show(value: Any) -> str:
    """Returns a value as a person would write it in a configuration: `true`, `none`, `0.001`, `gru`."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, (list, tuple)):
        return ",".join(show(item) for item in value)
    text = str(value)
    text = text if len(text) <= 80 else f"{text[:77]}..."
    return repr(text) if not text or any(c.isspace() or not c.isprintable() for c in text) else text


@functools.cache
def options_of(config_class: type[BaseModel]) -> dict[str, Option]:
    """Returns every setting of a configuration class by its dotted path, in the order they are written."""
    options: dict[str, Option] = {}
    for name, info in config_class.model_fields.items():
        section = _section_class(info)
        if section is None:
            options[name] = _option(name, info)
        else:
            for path, option in options_of(section).items():
                full = f"{name}.{path}"
                default = option.default
                if isinstance(info.default, BaseModel):  # an application's own defaults of a common section
                    default = functools.reduce(getattr, path.split("."), info.default)
                options[full] = Option(**{**vars(option), "path": full, "default": default})
    return options


@functools.cache
def sections_of(config_class: type[BaseModel]) -> dict[str, str]:
    """Returns the first line of every section's docstring by the section's dotted path."""
    sections: dict[str, str] = {}
    for name, info in config_class.model_fields.items():
        section = _section_class(info)
        if section is not None:
            sections[name] = (section.__doc__ or "").strip().partition("\n")[0]
            sections.update({f"{name}.{path}": text for path, text in sections_of(section).items()})
    return sections


def _section_class(info: FieldInfo) -> type[BaseModel] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _option(name: str, info: FieldInfo) -> Option:
    kind = info.annotation
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    bounds = [(b, getattr(m, b)) for m in info.metadata for b in ("ge", "gt", "le", "lt") if hasattr(m, b)]
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return Option(
        path=name,
        meaning=info.description or "",
        unit=extra.get("unit"),
        default=info.get_default(call_default_factory=True),
        kinds=tuple(k for k in kinds if k is not types.NoneType),
        nullable=types.NoneType in kinds,
        bounds=tuple(bounds),
        tune=extra.get("tune"),
    )
