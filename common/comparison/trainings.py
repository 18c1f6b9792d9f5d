"""One training of a comparison or a search: made, gone on with or skipped; always by the ordinary verbs in a child process."""

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.comparison.children import UNKNOWN, Usage, run_verb
from common.config import ConfigModel
from common.errors import UserError
from common.runs import Run, create_run_in

LOG = "output.log"
VALIDATION, TEST = "validation", "test"


@dataclass(frozen=True)
class Training:
    """One configuration with one seed.

    Attributes:
        app: Name of the application.
        package: Where its modules are.
        config: Its settings.
        run: Its run directory, which need not exist.
        saved_models: Where its export goes.
        preset: The preset that its settings come from; None = none.
    """

    app: str
    package: str
    config: ConfigModel
    run: Run
    saved_models: Path
    preset: str | None = None

    @property
    def name(self) -> str:
        """That of its run directory."""
        return self.run.path.name

    @property
    def done(self) -> bool:
        """Whether it was trained, measured on both splits, and exported."""
        return self.begun and self.run.finished and self.run.metrics_path(VALIDATION).exists()

    @property
    def begun(self) -> bool:
        """Whether its run directory is there."""
        return self.run.info_path.exists()

    def begin(self) -> None:
        """Makes its run directory, if it is not there."""
        if not self.begun:
            create_run_in(self.run.path, self.app, self.config).note(preset=self.preset)

    def require_same_settings(self) -> None:
        """Raises UserError if its run directory belongs to other settings."""
        if self.begun and self.run.config(type(self.config)) != self.config:
            raise UserError(f"{self.run.path} was trained with other settings; move it away or give another --name")


@dataclass(frozen=True)
class Trained:
    """What became of a training in this command.

    Attributes:
        failure: Why it failed, for a person; empty if it did not.
        seconds: Of its processes in this command, wall time.
        train: What the process of `train` took; nothing if that was finished before.
    """

    failure: str = ""
    seconds: float = 0.0
    train: Usage = UNKNOWN


def carry_out(training: Training) -> Trained:
    """Trains, evaluates on both splits and exports, or does what is missing of that.

    A finished run keeps no checkpoints: of many trainings they would fill a disk.

    Raises:
        KeyboardInterrupt: After Ctrl-C; the run can be gone on with.
    """
    run = training.run
    training.begin()
    log = run.path / LOG
    ended, usage = [], UNKNOWN
    if not run.finished:
        words = ["train", "--resume", str(run.path), "--saved_models", str(training.saved_models)]
        ended.append(run_verb(training.package, words, log))
        usage = ended[-1].usage
    if not (ended and ended[-1].code):
        words = ["evaluate", "--run", str(run.path), "--split", VALIDATION]
        ended.append(run_verb(training.package, words, log))
    failure = next((each.sentence for each in ended if each.code), "")
    if not failure and run.checkpoints_path.exists():
        shutil.rmtree(run.checkpoints_path)
    return Trained(failure, sum(each.seconds for each in ended), usage)


@dataclass(frozen=True)
class Measured:
    """What a finished training is known by.

    Attributes:
        variant: Name of its variant.
        seed: Of its settings.
        metrics: By split and name.
        baselines: By split, baseline and name.
        train_seconds: Of its epochs, those before an interruption included.
        parameters: Of the model.
        usage: What the processes of `train` took: their highest memory, and their processor time together.
        inference_ms: Of one request; None = not measured.
    """

    variant: str
    seed: int
    metrics: Mapping[str, Mapping[str, float]]
    baselines: Mapping[str, Mapping[str, Mapping[str, float]]]
    train_seconds: float
    parameters: int
    usage: Usage = UNKNOWN
    inference_ms: float | None = None


def read_measured(training: Training, variant: str, known: Mapping[str, Any]) -> Measured:
    """Returns what a finished training left in its run directory, and what the comparison noted of it."""
    files = {split: _read(training.run.metrics_path(split)) for split in (VALIDATION, TEST)}
    return Measured(
        variant=variant,
        seed=training.config.train.seed,
        metrics={split: content["metrics"] for split, content in files.items()},
        baselines={split: content["baselines"] for split, content in files.items()},
        train_seconds=_epoch_seconds(training.run),
        parameters=files[TEST]["parameters"],
        usage=Usage(known.get("peak_bytes"), known.get("cpu_seconds")),
        inference_ms=known.get("inference_ms"),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); delete {path.parent}, which is trained again then") from error


def _epoch_seconds(run: Run) -> float:
    """Seconds of all epochs, over all processes that trained them."""
    path = run.history_path
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return sum(float(row["seconds"]) for row in csv.DictReader(file))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); delete {path.parent}, which is trained again then") from error
