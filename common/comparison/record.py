"""`comparison.json`: what is compared, how far it came and what came out, so that the same command goes on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.comparison.variants import Variants, flat, flat_tree
from common.config_options import show
from common.errors import UserError
from common.files import write_json

FILE = "comparison.json"


class Record:
    """The content of `comparison.json`, on disk after every change.

    Args:
        folder: Of the comparison.
        content: See `open_record`.
    """

    def __init__(self, folder: Path, content: dict[str, Any]):
        self.folder, self.content = folder, content

    @property
    def trainings(self) -> dict[str, dict[str, Any]]:
        """What is known of each training beyond its run directory, by the name of that."""
        return self.content["trainings"]

    def note(self, training: str, **values: Any) -> None:
        """Adds values to what is known of a training."""
        self.trainings[training] = {**self.trainings.get(training, {}), **values}
        self.save()

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        write_json(self.folder / FILE, self.content)


def open_record(folder: Path, app: str, asked: Variants) -> Record:
    """Returns what is recorded in a folder, with the variants that are asked for now; new ones are added.

    Args:
        folder: Of the comparison; it need not exist.
        app: Name of the application.
        asked: What is compared now.

    Raises:
        UserError: If the folder is a run or damaged, or other settings are recorded in it.
    """
    variants = {variant.name: variant.config.model_dump(mode="json") for variant in asked.variants}
    new = {"app": app, "varied": list(asked.varied), "fixed": asked.fixed, "variants": variants, "trainings": {}}
    for name, what in (("run.json", "the run of a training"), ("tuning.json", "a search")):
        if (folder / name).exists():
            raise UserError(f"{folder} is {what}; give the comparison another --name")
    if not (folder / FILE).exists():
        return Record(folder, new)
    before = _read(folder / FILE)
    _refuse_others(folder, before, new, asked)
    return Record(folder, {**before, "variants": {**before["variants"], **variants}})


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); delete {path.parent} or give another --name") from error
    if not isinstance(content, dict) or not {"app", "varied", "fixed", "variants", "trainings"} <= set(content):
        raise UserError(f"{path} is no record of a comparison; give another --name")
    return content


def _refuse_others(folder: Path, before: Mapping[str, Any], new: Mapping[str, Any], asked: Variants) -> None:
    other_name = "give another --name"
    if before["app"] != new["app"]:
        raise UserError(f"{folder} compares models of {before['app']}, not of {new['app']}; {other_name}")
    if before["varied"] != new["varied"]:
        words = [", ".join(each["varied"]) or "whole configurations" for each in (before, new)]
        raise UserError(f"{folder} compares {words[0]}, not {words[1]}; {other_name}")
    _refuse_difference(folder, before["fixed"], new["fixed"], "")
    for variant in asked.variants:
        if variant.name in before["variants"]:
            recorded = flat_tree(before["variants"][variant.name])
            _refuse_difference(folder, recorded, flat(variant.config), f" of {variant.name}")


def _refuse_difference(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], of: str) -> None:
    for path in [*now, *before]:
        if before.get(path) != now.get(path):
            raise UserError(
                f"{path}{of} is {show(now.get(path))}, but {folder} was begun with {show(before.get(path))}; give the settings "
                "that it was begun with, or another --name"
            )
