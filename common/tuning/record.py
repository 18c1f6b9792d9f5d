"""`tuning.json`: what a search looks through and all its trials, so that the same command goes on."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.config_options import show
from common.errors import UserError
from common.files import write_json
from common.quality import Quality

FILE = "tuning.json"
RUNNING, COMPLETE, PRUNED, FAILED = "running", "complete", "pruned", "failed"


@dataclasses.dataclass(frozen=True)
class Trial:
    """One choice of values.

    Attributes:
        number: From 0.
        params: Values by dotted path.
        state: `running`, `complete`, `pruned` or `failed`.
        quality: Mean over its trainings, on validation data; None unless it is complete.
        values: Of each training.
        epochs: What the first training measured after each epoch, from 1, on validation data.
        seconds: Wall time of its processes.
        failure: Why it failed, for a person.
    """

    number: int
    params: dict[str, Any]
    state: str = RUNNING
    quality: float | None = None
    values: tuple[float, ...] = ()
    epochs: dict[int, float] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    failure: str = ""


class Record:
    """The content of `tuning.json`, on disk after every change.

    Attributes:
        trials: In their order.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any], trials: list[Trial]):
        self.folder, self.asked, self.trials = folder, dict(asked), trials

    @property
    def finished(self) -> list[Trial]:
        """All trials but one that runs or was interrupted."""
        return [trial for trial in self.trials if trial.state != RUNNING]

    @property
    def interrupted(self) -> Trial | None:
        """The trial that is to go on."""
        return next((trial for trial in self.trials if trial.state == RUNNING), None)

    def best(self, quality: Quality) -> Trial | None:
        """Returns the best complete trial, of equal ones the first."""
        found = {str(trial.number): trial.quality for trial in self.trials if trial.quality is not None}
        best = quality.best(found)
        return None if best is None else self.trials[int(best)]

    def put(self, trial: Trial) -> None:
        """Adds a trial, or replaces it, and writes the file."""
        if trial.number == len(self.trials):
            self.trials.append(trial)
        self.trials[trial.number] = trial
        self.save()

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        content = {**self.asked, "trials": [dataclasses.asdict(trial) for trial in self.trials]}
        write_json(self.folder / FILE, content)


def open_record(folder: Path, asked: Mapping[str, Any]) -> Record:
    """Returns what is recorded in a folder.

    Args:
        folder: Of the search; it need not exist.
        asked: What is searched now: `app`, `space`, `fixed` (the other settings) and `seeds`.

    Raises:
        UserError: If the folder is something else or damaged, or the search in it is another one.
    """
    path, other_name = folder / FILE, "give another --name"
    for name, what in (("run.json", "the run of a training"), ("comparison.json", "a comparison")):
        if (folder / name).exists():
            raise UserError(f"{folder} is {what}; {other_name}")
    if not path.exists():
        return Record(folder, asked, [])
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        before = {name: content[name] for name in asked}
        trials = [_trial(each) for each in content["trials"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); delete {folder} or {other_name}") from error
    for name in ("app", "seeds"):
        if before[name] != asked[name]:
            raise UserError(f"{folder} was begun with {name} {before[name]}, not {asked[name]}; {other_name}")
    if before["space"] != asked["space"]:
        raise UserError(f"{folder} looks through {_words(before['space'])}, not {_words(asked['space'])}; {other_name}")
    for setting in [*asked["fixed"], *before["fixed"]]:
        values = before["fixed"].get(setting), asked["fixed"].get(setting)
        if values[0] != values[1]:
            raise UserError(
                f"{setting} is {show(values[1])}, but {folder} was begun with {show(values[0])}; give the settings that it was "
                "begun with, or another --name"
            )
    return Record(folder, asked, trials)


def _trial(content: Mapping[str, Any]) -> Trial:
    epochs = {int(epoch): value for epoch, value in content["epochs"].items()}
    return Trial(**{**content, "epochs": epochs, "values": tuple(content["values"])})


def _words(space: Mapping[str, Any]) -> str:
    words = []
    for path, values in space.items():
        if isinstance(values, list):
            words.append(f"{path}={','.join(map(show, values))}")
        else:
            words.append(f"{path}={show(values['low'])}..{show(values['high'])}{':log' if values['log'] else ''}")
    return ";".join(words)
