"""What an exported model says of the time after each series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.forecasting.frequency import next_times
from apps.forecasting.series import Series, SeriesSet
from common.errors import UserError
from common.plain_values import plain
from common.saved_model import DEFAULT_ENDPOINT, SavedModel

_BATCH = 64  # series


@dataclass(frozen=True, eq=False)
class Forecast:
    """The forecast of one series.

    Attributes:
        name: of the series.
        labels: of each step: its time, or by how many steps it is ahead where there are no times.
        times: datetime64[s] `[horizon]`, or None.
        values: float32 `[horizon, targets]`.
        quantiles: float32 `[horizon, targets, quantiles]`.
    """

    name: str
    labels: list[str]
    times: np.ndarray | None
    values: np.ndarray
    quantiles: np.ndarray

    def as_json(self, targets: Sequence[str], levels: Sequence[float]) -> dict[str, Any]:
        """`{"series", "times", "forecast": {target: [...]}, "quantiles": {target: {level: [...]}}}`."""
        return {
            "series": self.name,
            "times": self.labels,
            "forecast": {target: plain(self.values[:, place]) for place, target in enumerate(targets)},
            "quantiles": {
                target: {f"{level:g}": plain(self.quantiles[:, place, index]) for index, level in enumerate(levels)}
                for place, target in enumerate(targets)
            },
        }


def forecasts(model: SavedModel, history: SeriesSet, future: Sequence[np.ndarray] | None) -> list[Forecast]:
    """Forecasts each series past its end.

    Args:
        model: a loaded export.
        history: series with the columns of training.
        future: for each series float64 `[horizon, known]`; None for a model without known covariates.

    Raises:
        UserError: a series is shorter than the look-back, or the model forecasts what is no number.
    """
    look_back, horizon = model.metadata["look_back"], model.metadata["horizon"]
    for each in history.series:
        if len(each.values) < look_back:
            name = f" of the series {each.name!r}" if each.name else ""
            raise UserError(
                f"{history.origin} has {len(each.values):,} rows{name}, but the model looks back {look_back:,} steps; "
                f"give at least {look_back:,} rows"
            )
    found = []
    for start in range(0, len(history.series), _BATCH):
        batch = history.series[start : start + _BATCH]
        inputs = {"history": np.stack([each.values[-look_back:] for each in batch]).astype(np.float32)}
        if future is not None:
            inputs["future"] = np.stack(future[start : start + _BATCH]).astype(np.float32)
        times = [_next(each, history.frequency, horizon) for each in batch]
        if model.metadata["calendar"]:
            inputs["history_time"] = np.stack([_seconds(each.times[-look_back:]) for each in batch])
            inputs["future_time"] = np.stack([_seconds(each) for each in times])
        outputs = model.run(DEFAULT_ENDPOINT, inputs)
        for row, (each, after) in enumerate(zip(batch, times, strict=True)):
            values, quantiles = outputs["forecast"][row], outputs["quantiles"][row]
            if not (np.isfinite(values).all() and np.isfinite(quantiles).all()):
                raise UserError(
                    f"the forecast of {each.name or history.origin} is not a number; look for values far outside those of training"
                )
            labels = (
                [str(step) for step in range(1, horizon + 1)] if after is None else [_label(time) for time in after]
            )
            found.append(Forecast(each.name, labels, after, values, quantiles))
    return found


def _next(series: Series, frequency: str | None, horizon: int) -> np.ndarray | None:
    return None if series.times is None else next_times(series.times[-1], frequency, horizon)


def _seconds(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[s]").astype(np.int64)


def _label(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("T", " ")
