"""`model.fit` for a training that may be killed at any moment and goes on where it was, to the same end.

An application's `train.py` compiles its model, makes its data and calls `resumable_fit`. Nothing of the model
or the loss is decided here.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import keras

from common.config_sections import TrainConfig
from common.errors import UserError
from common.runs import Run
from common.training.averaging import ValidateAverages
from common.training.bookkeeping import Bookkeeping, how_to_resume, is_finished, write_history
from common.training.checkpoints import Checkpoints, TrainingState
from common.training.compilation import require_numeric_inputs
from common.training.event_log import EventLog
from common.training.interrupt import Interrupt
from common.training.measured_validation import MeasuredValidation
from common.training.reporting import Reporting, TrainingConsole

# Of a training in all; a classifier of 339 texts had hardly begun after 8 and was done after 80.
_FEW_STEPS = 100
# Presets that are short on purpose.
_SHORT_PRESETS = ("tiny", "overfit")


class TrainingData(Protocol):
    """Batches whose order is a function of the seed and the step alone.

    Attributes:
        steps_per_epoch: Batches in an epoch, at least 1.
    """

    steps_per_epoch: int

    def dataset(self, first_step: int) -> Any:
        """Returns an endless `tf.data.Dataset` that starts with the batch of step `first_step`, from 0."""

    def padded_lengths(self, epoch: int) -> Sequence[int]:
        """Returns the padded length of each batch of an epoch, from 0; XLA compiles once for each length."""


@dataclasses.dataclass(frozen=True)
class FitResult:
    """What became of a training.

    Attributes:
        history: One row for each epoch, as in `history.csv`.
        best_epoch: The epoch, from 1, whose weights the model has now.
        best_value: Its value of the monitored metric.
        stopped_early: Whether patience ended before the epochs did.
        resumed_step: Steps that were done before this process; 0 = none.
        seconds: Time of all epochs together, over all processes, in seconds.
    """

    history: list[dict[str, Any]]
    best_epoch: int
    best_value: float
    stopped_early: bool
    resumed_step: int
    seconds: float


def resumable_fit(
    model: keras.Model,
    training_data: TrainingData,
    validation_data: Any,
    run: Run,
    train_config: TrainConfig,
    *,
    monitor: str = "val_loss",
    mode: Literal["min", "max"] = "min",
    resume: bool = False,
    console: TrainingConsole,
) -> FitResult:
    """Trains to the last epoch or until patience ends, and leaves the best weights in the model.

    Args:
        model: Compiled with `make_optimizer`'s optimizer.
        training_data: See `TrainingData`.
        validation_data: A finite `tf.data.Dataset`, gone through after every epoch; or a function that measures the model
            and returns numbers by name, without `val_`; None = no validation.
        run: Where checkpoints, `history.csv` and TensorBoard's files go.
        train_config: Epochs, patience, steps between checkpoints.
        monitor: The metric that decides which epoch is best, with `val_` in front for validation.
        mode: Whether a low or a high value of it is good.
        resume: Whether to go on from the newest checkpoint; without one the training starts at the beginning.
        console: Where a person looks.

    Raises:
        UserError: If the loss, the gradient or the monitored metric is no longer finite, a checkpoint cannot
            be written or read or belongs to another model, or there are checkpoints and `resume` is False.
        KeyboardInterrupt: After Ctrl-C; its message says how to resume.
    """
    steps_per_epoch = training_data.steps_per_epoch
    checkpoints = Checkpoints(run.checkpoints_path, steps_per_epoch)
    state = _starting_state(checkpoints, resume)
    # Not what the checkpoint says: the person may have asked for more epochs since.
    state.finished = is_finished(state, train_config)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    resumed_step = state.epoch * steps_per_epoch + state.step
    if checkpoints.newest():
        console.line(f"  continuing after step {resumed_step}, in epoch {min(state.epoch + 1, train_config.epochs)}")
        if state.step:
            # Makes the variables of the metrics, whose values are in the checkpoint.
            model.evaluate(training_data.dataset(resumed_step), steps=1, verbose=0)
        checkpoints.restore(model)
        write_history(run, state)
    if state.finished and state.epoch < train_config.epochs:
        console.line(
            f"  early stopping ended this training after epoch {state.epoch} of {train_config.epochs}: "
            f"the best one is {train_config.patience} epochs back (train.patience)"
        )
    if not state.finished:
        _warn_of_few_steps(steps_per_epoch, train_config.epochs, run, console)
        _fit(
            model,
            training_data,
            validation_data,
            run,
            train_config,
            state,
            checkpoints,
            monitor,
            mode,
            console,
        )
    checkpoints.restore_best(model, state)
    return FitResult(
        history=state.history,
        best_epoch=state.best_epoch,
        best_value=state.best_value,
        stopped_early=state.epoch < train_config.epochs,
        resumed_step=resumed_step,
        seconds=sum(row["seconds"] for row in state.history),
    )


def _warn_of_few_steps(steps_per_epoch: int, epochs: int, run: Run, console: TrainingConsole) -> None:
    """Says that a small set of one's own needs more epochs than the defaults, which are for the bundled data."""
    steps = steps_per_epoch * epochs
    if steps < _FEW_STEPS and run.preset not in _SHORT_PRESETS:
        console.warn(
            f"{steps:,} step{'' if steps == 1 else 's'} in all are few for a network that starts from nothing; "
            f"more epochs: --train.epochs {math.ceil(_FEW_STEPS / steps_per_epoch)}"
        )


def _starting_state(checkpoints: Checkpoints, resume: bool) -> TrainingState:
    newest = checkpoints.newest()
    if newest is None:
        return TrainingState()
    if not resume:
        raise UserError(f"there is a checkpoint {newest} already; continue from it with --resume or start a new run")
    return checkpoints.load_state()


def _fit(model, training_data, validation_data, run, config, state, checkpoints, monitor, mode, console) -> None:
    steps_per_epoch = training_data.steps_per_epoch
    # About a hundred readings an epoch: enough for a curve, too few to slow a step of a millisecond.
    every_steps = max(10, steps_per_epoch // 100)
    measures = [MeasuredValidation(validation_data)] if callable(validation_data) else []
    batches_of_validation = None if measures else validation_data
    log = EventLog(Path(run.logs_path) if config.tensorboard else None)
    reporting = Reporting(
        console,
        log,
        state,
        steps_per_epoch=steps_per_epoch,
        epochs=config.epochs,
        validation_steps=_length(batches_of_validation),
        every_steps=every_steps,
        padded_lengths=training_data.padded_lengths,
    )
    with Interrupt() as interrupt:
        bookkeeping = Bookkeeping(
            state,
            checkpoints,
            run,
            config,
            steps_per_epoch=steps_per_epoch,
            monitor=monitor,
            mode=mode,
            every_steps=every_steps,
            interrupt=interrupt,
        )
        # In this order: bookkeeping judges what was measured, and adds the learning rate and the gradient norm to what the
        # last one shows.
        callbacks = [*measures, bookkeeping, ValidateAverages(), reporting]

        def fit_epochs(to_epoch: int, steps: int) -> None:
            first_step = state.epoch * steps_per_epoch + state.step
            batches = training_data.dataset(first_step)
            require_numeric_inputs(batches.element_spec)
            model.fit(
                batches,
                validation_data=batches_of_validation,
                initial_epoch=state.epoch,
                epochs=to_epoch,
                steps_per_epoch=steps,
                callbacks=callbacks,
                shuffle=False,  # the data are in their order already
                verbose=0,
            )

        try:
            if state.step:
                # Keras's fit cannot start within an epoch, so the rest of that epoch is a shorter epoch of
                # its own.
                fit_epochs(state.epoch + 1, steps_per_epoch - state.step)
            if not state.finished:
                fit_epochs(config.epochs, steps_per_epoch)
        except KeyboardInterrupt as stop:
            # A second Ctrl-C brings no sentence of its own.
            raise KeyboardInterrupt(str(stop) or how_to_resume(checkpoints, run)) from None
        finally:
            reporting.close()
            log.close()


def _length(dataset: Any) -> int | None:
    """Returns the number of batches of a finite dataset, None if it is not known beforehand."""
    if dataset is None:
        return None
    cardinality = int(dataset.cardinality())
    return cardinality if cardinality >= 0 else None
