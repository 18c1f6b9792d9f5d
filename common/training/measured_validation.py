"""Validation by a function, where what counts is no mean over batches: a score of what the network says, for instance."""

from collections.abc import Callable, Mapping
from typing import Any

from common.training.averaging import ValidateAverages
from common.training.reporting import synchronize


class MeasuredValidation(ValidateAverages):
    """Adds what a function measures after an epoch to its metrics, with `val_` in front.

    While it measures, the model has the running mean of its weights, where there is one. Callbacks that read these metrics
    come after this one.

    Args:
        measure: reads the model that is trained, and returns numbers by name.
    """

    def __init__(self, measure: Callable[[], Mapping[str, float]]):
        super().__init__()
        self._measure = measure

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        synchronize(self.model)
        self.on_test_begin()
        try:
            measured = self._measure()
        finally:
            self.on_test_end()
        if logs is not None:
            logs.update({f"val_{name}": float(value) for name, value in measured.items()})
