"""What keeps a training safe while `fit` runs: checkpoints, best weights, early stopping, history, NaN."""

import csv
import math
import time
from typing import Any, Literal

import keras
import numpy as np

from common.config_sections import TrainConfig
from common.errors import UserError
from common.files import atomic_write
from common.runs import Run, resume_command
from common.training.averaging import innermost
from common.training.checkpoints import Checkpoints, TrainingState
from common.training.interrupt import Interrupt
from common.training.reporting import read_metrics, read_optimizer, synchronize


class Bookkeeping(keras.callbacks.Callback):
    """Keeps `state` up to date and on disk.

    See `Reporting` for why everything within an epoch hangs on `on_train_batch_begin`.

    Args:
        state: How far the training is; changed in place.
        checkpoints: Where it is saved.
        run: Where `history.csv` goes.
        config: Epochs, patience, steps between checkpoints.
        steps_per_epoch: Steps in an epoch.
        monitor: The metric that decides what is best, as in `history.csv`, e.g. `"val_accuracy"`.
        mode: Whether a low (`"min"`) or a high (`"max"`) value of it is good.
        every_steps: Steps between two checks for NaN.
        interrupt: Whether Ctrl-C was pressed.
    """

    def __init__(
        self,
        state: TrainingState,
        checkpoints: Checkpoints,
        run: Run,
        config: TrainConfig,
        *,
        steps_per_epoch: int,
        monitor: str,
        mode: Literal["min", "max"],
        every_steps: int,
        interrupt: Interrupt,
    ):
        super().__init__()
        self._state, self._checkpoints, self._run, self._config = state, checkpoints, run, config
        self._steps_per_epoch, self._every_steps = steps_per_epoch, every_steps
        self._monitor, self._mode = monitor, mode
        self._interrupt = interrupt
        self._first, self._began = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        self._began = time.monotonic() - self._state.seconds
        self._first = self._state.step
        if self._first:
            self._checkpoints.restore_metrics(self.model)
        else:
            innermost(self.model.optimizer).gradient_norm_sum.assign(0.0)

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        before, now = self._state.step, self._first + batch
        self._state.step = now
        if self._interrupt.requested:
            self._save()
            raise KeyboardInterrupt(how_to_resume(self._checkpoints, self._run))
        # Counted from the start of the training, so that short epochs get their checkpoints, too.
        if now > before and self._passed(self._config.checkpoint_every_steps, before, now):
            self._save()
        elif now > before and self._passed(self._every_steps, before, now):
            synchronize(self.model)
            self._require_finite(read_metrics(self.model)["loss"])

    def on_test_begin(self, logs=None) -> None:
        self._require_finite(read_metrics(self.model)["loss"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs if logs is not None else {}
        synchronize(self.model)
        self._require_finite(logs["loss"])
        measured = read_optimizer(self.model)
        norm_sum = innermost(self.model.optimizer).gradient_norm_sum
        # Reporting comes after this callback and shows these, too.
        logs["learning_rate"] = measured["learning_rate"]
        logs["gradient_norm"] = float(norm_sum.numpy()) / self._steps_per_epoch
        self._judge(epoch, logs)
        state = self._state
        seconds = time.monotonic() - self._began
        state.history.append({"epoch": epoch + 1, "seconds": round(seconds, 3)} | logs)
        state.epoch, state.step, state.seconds = epoch + 1, 0, 0.0
        state.finished = is_finished(state, self._config)
        self._require_finite_weights()
        self._checkpoints.save(self.model, state)
        write_history(self._run, state)
        if self._interrupt.requested:  # after the last epoch, too: the evaluation is left to a resume
            raise KeyboardInterrupt(how_to_resume(self._checkpoints, self._run))
        if state.finished:
            self.model.stop_training = True

    def _judge(self, epoch: int, logs: dict[str, Any]) -> None:
        """Compares with the best epoch so far and keeps the weights if this one is better."""
        if self._monitor not in logs:
            raise ValueError(f"monitor={self._monitor!r} is none of the metrics {sorted(logs)}")
        value, best = logs[self._monitor], self._state.best_value
        if not math.isfinite(value):
            raise UserError(f"{self._monitor} is {value} after epoch {epoch + 1}; {_advice(self._config)}")
        better = best is None or (value < best if self._mode == "min" else value > best)
        if better:
            self._state.best_directory = self._checkpoints.save_best(self.model, (epoch + 1) * self._steps_per_epoch)
            self._state.best_value, self._state.best_epoch, self._state.waited = float(value), epoch + 1, 0
        else:
            self._state.waited += 1

    def _save(self) -> None:
        synchronize(self.model)
        if self._state.step:
            self._require_finite(read_metrics(self.model)["loss"])
        self._require_finite_weights()
        self._state.seconds = time.monotonic() - self._began
        self._checkpoints.save(self.model, self._state)

    def _passed(self, every: int, before: int, now: int) -> bool:
        """Tells whether a multiple of `every` lies after `before` and not after `now`; never if it is 0."""
        start = self._state.epoch * self._steps_per_epoch
        return bool(every) and (start + now) // every > (start + before) // every

    def _require_finite(self, loss: float) -> None:
        first = int(innermost(self.model.optimizer).first_nonfinite_step.numpy())
        if first > 0:
            epoch = (first - 1) // self._steps_per_epoch + 1
            raise UserError(
                f"the gradient became NaN or infinite at step {first}, in epoch {epoch}; {_advice(self._config)}"
            )
        if not math.isfinite(loss):
            step = self._state.epoch * self._steps_per_epoch + (self._state.step or self._steps_per_epoch)
            raise UserError(
                f"the loss became NaN or infinite by step {step}, in epoch {self._state.epoch + 1}; "
                f"{_advice(self._config)}"
            )

    def _require_finite_weights(self) -> None:
        # A finite gradient can still throw a weight to infinity, which the next step would notice: too late
        # to save.
        for variable in self.model.trainable_variables:
            if not np.isfinite(variable.numpy()).all():
                raise UserError(f"the weights {variable.path} are no longer finite; {_advice(self._config)}")


def is_finished(state: TrainingState, config: TrainConfig) -> bool:
    """Tells whether the last epoch is done, or patience has ended."""
    return state.epoch >= config.epochs or bool(config.patience and state.waited >= config.patience)


def write_history(run: Run, state: TrainingState) -> None:
    """Writes `history.csv`, one row an epoch; the rows are in the checkpoint, so a resume keeps them all."""
    columns = list(dict.fromkeys(name for row in state.history for name in row))
    with atomic_write(run.history_path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(state.history)


def how_to_resume(checkpoints: Checkpoints, run: Run) -> str:
    """Returns a sentence for a person who has stopped a training."""
    newest = checkpoints.newest()
    if newest is None:
        return f"nothing is saved yet, start again with: {resume_command(run)}"
    return f"step {newest.name} is saved, continue with: {resume_command(run)}"


def _advice(config: TrainConfig) -> str:
    tips = [f"a lower --train.learning_rate (it is {config.learning_rate:g})"]
    if config.clip_norm:
        tips.append(f"a lower --train.clip_norm (it is {config.clip_norm:g})")
    else:
        tips.append("--train.clip_norm 1 (it is off)")
    if config.mixed_precision:
        tips.append("--train.mixed_precision false")
    tips.append("a look for NaN or infinite values in the data")
    return "try " + ", ".join(tips[:-1]) + " or " + tips[-1]
