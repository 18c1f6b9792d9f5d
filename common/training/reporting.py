"""What a person sees of a training while it runs: progress bars, a line for each epoch, TensorBoard."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import keras

from common.training.averaging import innermost
from common.training.checkpoints import TrainingState
from common.training.event_log import EventLog


class Progress(Protocol):
    """A stage under way."""

    def update(self, step: int, *, unusual: bool = False, **metrics: float) -> None: ...


class TrainingConsole(Protocol):
    """The part of `common.console.Console` that training needs."""

    def progress(
        self, total: int | None, description: str, start: int = 0
    ) -> contextlib.AbstractContextManager[Progress]: ...

    def line(self, text: str = "") -> None: ...

    def warn(self, text: str) -> None: ...


class Reporting(keras.callbacks.Callback):
    """Shows and logs a training.

    Metrics are read every `every_steps` steps only, because reading makes the device wait for Python. The
    work hangs on `on_train_batch_begin`, whose `batch` is the number of steps done in this call of `fit`:
    with a callback on `on_train_batch_end`, Keras would convert all metrics to Python numbers after each
    step.

    Args:
        console: Where a person looks.
        log: TensorBoard's files.
        state: How far the training is; read only.
        steps_per_epoch: Steps in an epoch.
        epochs: Epochs in all.
        validation_steps: Batches of validation; None = unknown.
        every_steps: Steps between two readings of the metrics.
        padded_lengths: Of an epoch, from 0, the length of each batch. XLA compiles the first step of each length,
            which says nothing of the time that the others take.
    """

    def __init__(
        self,
        console: TrainingConsole,
        log: EventLog,
        state: TrainingState,
        *,
        steps_per_epoch: int,
        epochs: int,
        validation_steps: int | None,
        every_steps: int,
        padded_lengths: Callable[[int], Sequence[int]],
    ):
        super().__init__()
        self._console, self._log, self._state = console, log, state
        self._steps_per_epoch, self._epochs, self._validation_steps = (
            steps_per_epoch,
            epochs,
            validation_steps,
        )
        self._every_steps = every_steps
        self._padded_lengths = padded_lengths
        self._lengths: Sequence[int] = ()
        self._compiled: set[int] = set()
        self._shown = contextlib.ExitStack()
        self._progress: Progress | None = None
        self._first, self._epoch = 0, 0
        self._metrics: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        self._first, self._epoch, self._metrics = self._state.step, epoch, {}
        self._lengths = self._padded_lengths(epoch)
        self._show(self._steps_per_epoch, self._title(), start=self._first)

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        step = self._first + batch
        if batch and step % self._every_steps == 0:
            self._metrics = read_metrics(self.model)
            measured = self._metrics | read_optimizer(self.model)
            self._log.write("train", self._epoch * self._steps_per_epoch + step, measured)
        if batch:
            self._step_done(step)

    def on_test_begin(self, logs=None) -> None:
        self._step_done(self._steps_per_epoch)
        self._show(self._validation_steps, f"{self._title()} validation")

    def on_test_batch_begin(self, batch: int, logs=None) -> None:
        if batch:
            self._progress.update(batch)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._validation_steps is not None:
            self._progress.update(self._validation_steps)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.close()
        parts = {"train": {}, "validation": {}}
        for name, value in (logs or {}).items():
            # The same name in both parts, so that TensorBoard draws both curves into one picture.
            parts["validation" if name.startswith("val_") else "train"][name.removeprefix("val_")] = value
        for part, values in parts.items():
            self._log.write(part, (epoch + 1) * self._steps_per_epoch, values)
        self._log.flush()
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
        best = " (best so far)" if self._state.best_epoch == epoch + 1 else ""
        self._console.line(f"  {self._title()}: {numbers}{best}")

    def _step_done(self, step: int) -> None:
        length = self._lengths[step - 1]
        self._progress.update(step, unusual=length not in self._compiled, **self._metrics)
        self._compiled.add(length)

    def close(self) -> None:
        """Ends the progress bar."""
        self._shown.close()

    def _title(self) -> str:
        return f"epoch {self._epoch + 1}/{self._epochs}"

    def _show(self, total: int | None, description: str, start: int = 0) -> None:
        self.close()
        self._progress = self._shown.enter_context(self._console.progress(total, description, start=start))


def read_metrics(model: keras.Model) -> dict[str, float]:
    """Returns the metrics of the epoch so far, averaged over its steps."""
    synchronize(model)
    return {name: float(value) for name, value in model.get_metrics_result().items()}


def read_optimizer(model: keras.Model) -> dict[str, float]:
    """Returns the learning rate of the next step and the gradient norm of the last one."""
    optimizer = innermost(model.optimizer)
    return {
        "learning_rate": float(optimizer.learning_rate),
        "gradient_norm": float(optimizer.gradient_norm.numpy()),
    }


def synchronize(model: keras.Model) -> None:
    """Makes the model's variables readable within an epoch: on JAX, `fit` keeps their values to itself."""
    if keras.backend.backend() == "jax":
        model.jax_state_sync()
