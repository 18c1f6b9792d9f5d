"""One trial of a search: a training for each seed, stopped early if it falls behind, and measured on validation data alone."""

import csv
import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common.comparison.children import run_verb
from common.comparison.trainings import LOG, VALIDATION, Training
from common.errors import UserError
from common.quality import Quality
from common.runs import Run


@dataclass(frozen=True)
class Outcome:
    """What became of a training.

    Attributes:
        value: The quality on validation data; None if it failed or was stopped.
        seconds: Wall time of its processes.
        failure: Why it failed, for a person.
        stopped: Whether it fell behind.
    """

    value: float | None
    seconds: float
    failure: str = ""
    stopped: bool = False


def carry_out(training: Training, quality: Quality, falls_behind: Callable[[int, float], bool] | None) -> Outcome:
    """Trains and measures, or does what is missing of that. The test split is not looked at.

    Args:
        training: The settings and the run.
        quality: What is measured.
        falls_behind: Asked after every epoch with its number, from 1, and the value of `quality.monitor`; None = never stop.

    Raises:
        KeyboardInterrupt: After Ctrl-C; the run can be gone on with.
    """
    run, seconds = training.run, 0.0
    training.begin()
    watch = _Watch(run, quality, falls_behind)
    if not run.trained:
        words = ["train", "--resume", str(run.path), "--until", "train", "--saved_models", str(training.saved_models)]
        ended = run_verb(training.package, words, run.path / LOG, watch if falls_behind else None)
        seconds += ended.seconds
        if watch.stopped and not run.trained:
            _drop_checkpoints(run)
            return Outcome(None, seconds, stopped=True)
        if ended.code:
            return Outcome(None, seconds, ended.sentence)
    watch()  # the last epochs, which may have been too short to be seen
    if not run.metrics_path(VALIDATION).exists():
        words = ["evaluate", "--run", str(run.path), "--split", VALIDATION]
        ended = run_verb(training.package, words, run.path / LOG)
        seconds += ended.seconds
        if ended.code:
            return Outcome(None, seconds, ended.sentence)
    _drop_checkpoints(run)
    value = _read_value(run, quality)
    if value is None or not math.isfinite(value):
        return Outcome(None, seconds, f"{quality.metric} on validation data is no number")
    return Outcome(value, seconds)


def epochs_of(run: Run, column: str) -> dict[int, float]:
    """Returns a column of the history of a run by epoch, from 1; empty before the first epoch has ended."""
    try:
        with open(run.history_path, newline="", encoding="utf-8") as file:
            rows: list[Mapping[str, str]] = list(csv.DictReader(file))
    except FileNotFoundError:
        return {}
    return {number: float(row[column]) for number, row in enumerate(rows, start=1) if row.get(column)}


class _Watch:
    """Reads the history as it grows; true once the trial falls behind."""

    def __init__(self, run: Run, quality: Quality, falls_behind: Callable[[int, float], bool] | None):
        self._run, self._column, self._falls_behind = run, quality.monitor, falls_behind
        self._seen = 0
        self.stopped = False

    def __call__(self) -> bool:
        for epoch, value in epochs_of(self._run, self._column).items():
            if epoch > self._seen and self._falls_behind is not None:
                self._seen = epoch
                self.stopped = self._falls_behind(epoch, value) or self.stopped
        return self.stopped


def _drop_checkpoints(run: Run) -> None:
    """Of many trials they would fill a disk."""
    if run.checkpoints_path.exists():
        shutil.rmtree(run.checkpoints_path)


def _read_value(run: Run, quality: Quality) -> float | None:
    path = run.metrics_path(VALIDATION)
    try:
        return json.loads(path.read_text(encoding="utf-8"))["metrics"].get(quality.metric)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); delete {run.path}, which is trained again then") from error
