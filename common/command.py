"""One command as the person gave it: made by `common.cli`, carried out by `common.verbs`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.config import ConfigModel, resolve_config, setting_origin


@dataclass(frozen=True)
class Command:
    """What the person asked for.

    Attributes:
        app: Name of the application.
        package: Where its modules are, e.g. `apps.sentiment`.
        config_class: Its `Config`.
        presets: Its presets.
        verb: Name of the verb.
        flags: The verb's own options by name, with defaults.
        settings: The settings given as flags: text by dotted path.
        arguments: The words without dashes.
    """

    app: str
    package: str
    config_class: type[ConfigModel]
    presets: Mapping[str, Mapping[str, Any]]
    verb: str
    flags: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()

    def resolve(self) -> Any:
        """Returns the effective configuration: defaults < --preset < --config < settings."""
        return resolve_config(self.config_class, *self._layers())

    def origin(self, path: str) -> str | None:
        """Returns what of this command set a setting, e.g. `preset tiny`; None if nothing of it did."""
        return setting_origin(path, self.config_class, *self._layers())

    def _layers(self) -> tuple[Any, ...]:
        return self.presets, self.flags.get("preset"), self.flags.get("config"), self.settings
