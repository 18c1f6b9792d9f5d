"""Checkpoints from which a training continues exactly, and the best weights so far.

    checkpoints/
        1200/         everything after 1200 steps; the newest two are kept
            state.json        how far the training is: `TrainingState`
            variables.npz     every number that the next step depends on
        best-900/     the weights that validated best, as `weights_to_keep` gave them
            weights.npz

Directories appear whole or not at all, so a kill at any moment leaves the previous checkpoint whole. A
checkpoint names the best weights that belong to it, so a training that is resumed from it cannot pick up
those of a later, lost epoch.

Not `model.save`: a `.keras` file leaves out the state of the random generators (dropout would repeat its
masks after a resume) and of the metrics (the mean loss of the epoch would forget its first half). The model
itself is built from `config.yaml` anyway. Arrays are stored in the order of the model's variables and are the
same for every backend.
"""

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.errors import UserError
from common.files import atomic_directory, is_temporary
from common.training.averaging import weights_to_keep

_KEPT = 2
_VARIABLES, _WEIGHTS, _STATE = "variables.npz", "weights.npz", "state.json"
_BEST = "best-"


@dataclasses.dataclass
class TrainingState:
    """How far a training is.

    Attributes:
        epoch: Epochs finished.
        step: Steps done in the epoch after those.
        seconds: Time spent in that epoch so far, in seconds.
        best_value: Best value of the monitored metric; None before the first validation.
        best_epoch: Its epoch, from 1.
        best_directory: Name of the folder of its weights.
        waited: Epochs since then.
        finished: Whether the training is over, by its last epoch or by early stopping.
        history: One row for each finished epoch.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_value: float | None = None
    best_epoch: int | None = None
    best_directory: str | None = None
    waited: int = 0
    finished: bool = False
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class Checkpoints:
    """The checkpoints of one run.

    Args:
        directory: Where they are kept; made when needed.
        steps_per_epoch: Steps in an epoch, to number the checkpoints by steps since the start.
    """

    def __init__(self, directory: Path, steps_per_epoch: int):
        self.directory = Path(directory)
        self._steps_per_epoch = steps_per_epoch

    def save(self, model: keras.Model, state: TrainingState) -> Path:
        """Saves everything that the next step depends on; does nothing if this step was saved before.

        Raises:
            UserError: If the disk is full or the place cannot be written.
        """
        path = self.directory / str(state.epoch * self._steps_per_epoch + state.step)
        if path.exists():
            return path
        with atomic_directory(path) as temporary:
            _write_arrays(temporary / _VARIABLES, _groups(model))
            content = dataclasses.asdict(state) | {"steps_per_epoch": self._steps_per_epoch}
            (temporary / _STATE).write_text(json.dumps(content, indent=2), encoding="utf-8")
        self._remove_old()
        return path

    def save_best(self, model: keras.Model, global_step: int) -> str:
        """Saves the weights to keep; returns the name of their folder, for `TrainingState.best_directory`."""
        path = self.directory / f"{_BEST}{global_step}"
        if path.exists():
            # Of an epoch whose checkpoint was not written any more: no checkpoint knows these weights.
            shutil.rmtree(path)
        with atomic_directory(path) as temporary:
            _write_arrays(temporary / _WEIGHTS, {"weights": weights_to_keep(model)})
        return path.name

    def newest(self) -> Path | None:
        """Returns the folder of the newest checkpoint, or None."""
        numbered = self._numbered()
        return numbered[-1] if numbered else None

    def load_state(self) -> TrainingState | None:
        """Reads how far the newest checkpoint is; None if there is no checkpoint.

        Raises:
            UserError: If it is damaged, or belongs to another amount of data or another batch size.
        """
        path = self.newest()
        if path is None:
            return None
        try:
            content = json.loads((path / _STATE).read_text(encoding="utf-8"))
            steps_per_epoch = content.pop("steps_per_epoch")
            state = TrainingState(**content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(_damaged(path / _STATE, path)) from error
        if steps_per_epoch != self._steps_per_epoch:
            raise UserError(
                f"{path} has {steps_per_epoch} steps an epoch and the data have {self._steps_per_epoch} now; "
                "resume with the data and the batch size of the run, or start a new run"
            )
        return state

    def restore(self, model: keras.Model) -> None:
        """Puts the newest checkpoint into a compiled model: weights, random generators, and a built
        optimizer's state.

        Raises:
            UserError: If there is none, it is damaged, or it belongs to another model.
        """
        path = self.newest()
        if path is None:
            raise UserError(f"there is no checkpoint in {self.directory} to continue from; start the training anew")
        groups = _groups(model)
        del groups["metrics"]
        _read_arrays(path / _VARIABLES, groups, path)

    def restore_metrics(self, model: keras.Model) -> None:
        """Puts the metrics' state back, after `fit` has reset it at the start of an epoch that is resumed in
        its middle.

        The metrics' variables have to exist by then, which takes one batch through `model.evaluate`.
        """
        path = self.newest()
        _read_arrays(path / _VARIABLES, {"metrics": model.metrics_variables}, path)

    def restore_best(self, model: keras.Model, state: TrainingState) -> None:
        """Puts the best weights into the model.

        Raises:
            UserError: If they are damaged or missing.
        """
        if state.best_directory is None:
            return
        path = self.directory / state.best_directory
        _read_arrays(path / _WEIGHTS, {"weights": model.weights}, path)

    def _numbered(self) -> list[Path]:
        if not self.directory.is_dir():
            return []
        return sorted((p for p in self.directory.iterdir() if p.name.isdecimal()), key=lambda path: int(path.name))

    def _remove_old(self) -> None:
        for path in self._numbered()[:-_KEPT]:
            shutil.rmtree(path)
        wanted = {_best_of(path) for path in self._numbered()}
        for path in self.directory.iterdir():
            # The temporary ones are from killed processes; two processes never train in one run (`Run.lock`).
            unwanted = path.name.startswith(_BEST) and path.name not in wanted
            if unwanted or is_temporary(path):
                shutil.rmtree(path)


def _best_of(path: Path) -> str | None:
    try:
        return json.loads((path / _STATE).read_text(encoding="utf-8"))["best_directory"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a damaged old checkpoint wants nothing; `load_state` complains when it is the newest


def _groups(model: keras.Model) -> dict[str, list[keras.Variable]]:
    # model.variables, unlike model.weights, has the random generators.
    return {
        "model": model.variables,
        "optimizer": model.optimizer.variables,
        "metrics": model.metrics_variables,
    }


def _write_arrays(path: Path, groups: dict[str, list[Any]]) -> None:
    arrays = {}
    for group, values in groups.items():
        for index, value in enumerate(values):
            array = np.asarray(value.numpy() if isinstance(value, keras.Variable) else value)
            # The file format knows no bfloat16, and float32 holds every bfloat16 exactly.
            arrays[f"{group}/{index}"] = array.astype("float32") if array.dtype.name == "bfloat16" else array
    np.savez(path, **arrays)


def _read_arrays(path: Path, groups: dict[str, list[keras.Variable]], directory: Path) -> None:
    """Assigns the arrays of a file to variables, after checking that all of them fit."""
    assignments = []
    try:
        with np.load(path, allow_pickle=False) as file:
            for group, variables in groups.items():
                stored = sum(name.startswith(f"{group}/") for name in file.files)
                if stored != len(variables):
                    raise UserError(
                        f"{path} has {stored} {group} variables and the model has {len(variables)}; "
                        "resume with the configuration that the run was started with, or start a new run"
                    )
                for index, variable in enumerate(variables):
                    array = file[f"{group}/{index}"]
                    if array.shape != tuple(variable.shape):
                        raise UserError(
                            f"{path} has the shape {array.shape} where the model's {variable.path} has "
                            f"{tuple(variable.shape)}; resume with the configuration of the run"
                        )
                    assignments.append((variable, array))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(_damaged(path, directory)) from error
    for variable, array in assignments:
        variable.assign(array)


def _damaged(path: Path, directory: Path) -> str:
    return f"{path} is damaged or missing; remove the folder {directory} to continue from the one before it"
