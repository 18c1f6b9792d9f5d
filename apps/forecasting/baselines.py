"""What a forecast has to beat: the last value, the last season, the drift, and a linear map of the look-back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from apps.forecasting.series import SeriesSet
from apps.forecasting.windows import Windows

_MOST_WINDOWS = 50_000  # that the linear map is fitted to; more change nothing
_RIDGE = 1e-4  # of the mean square of the inputs
_CHUNK = 65_536  # rows that are computed with at a time, so that nothing as large as the table is made


def last_value(history, horizon):
    """Repeats the last value: float `[windows, look_back, targets]` to `[windows, horizon, targets]`."""
    return np.repeat(history[:, -1:], horizon, axis=1)


def seasonal_naive(history, horizon, season):
    """Repeats the last season; one that is longer than the look-back cannot be seen, so the last value is repeated.

    See `SeasonsBefore` for rows before the look-back.
    """
    if season > history.shape[1]:
        return last_value(history, horizon)
    steps = history.shape[1] - season + np.arange(horizon) % season
    return history[:, steps]


class SeasonsBefore:
    """Repeats the last season where it is longer than the look-back, from the rows before that, as far as there are any.

    Args:
        series: the series of a split.
        windows: of these series.
        season: steps.

    Call arguments:
        history: float `[windows, look_back, targets]`, whose last value is repeated where a season before is not there.
        indices: which windows these are, int `[windows]`.

    Returns:
        float `[windows, horizon, targets]`.

    Attributes:
        unseen: windows with less than a season before them.
    """

    def __init__(self, series: SeriesSet, windows: Windows, season: int):
        self.season, self.horizon = season, windows.horizon
        targets = len(series.columns.targets)
        rows, origins, firsts, start = [], [], [], 0
        for each, count in zip(series.series, windows.counts, strict=True):
            before = each.values[:0] if each.earlier is None else each.earlier[-season:]
            rows.append(np.concatenate([before, each.values])[:, :targets])
            first = start + len(before) + max(windows.look_back, each.context)
            origins.append(first + windows.stride * np.arange(count))
            firsts.append(np.full(count, start))
            start += len(rows[-1])
        self._rows, self._origins = np.concatenate(rows), np.concatenate(origins)
        self._seen = self._origins - season >= np.concatenate(firsts)
        self.unseen = int((~self._seen).sum())

    def __call__(self, history, indices):
        steps = self._origins[indices][:, None] - self.season + np.arange(self.horizon) % self.season
        seen = self._seen[indices][:, None, None]
        return np.where(seen, self._rows[np.maximum(steps, 0)], last_value(history, self.horizon))


def drift(history, horizon):
    """Goes on along the line from the first to the last value of the look-back."""
    slope = (history[:, -1:] - history[:, :1]) / max(1, history.shape[1] - 1)
    return history[:, -1:] + slope * np.arange(1, horizon + 1)[None, :, None]


@dataclass(frozen=True, eq=False)
class LinearMap:
    """Each step ahead as a linear function of the look-back, the same for all targets, after the last value is taken out.

    Attributes:
        weights: float64 `[look_back + 1, horizon]`, the last row is the bias.
        mean, std: float64 `[targets]` of the training rows.

    Reference:
        Zeng et al. 2023, "Are transformers effective for time series forecasting?", arXiv:2205.13504.
    """

    weights: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, windows: Windows, mean: np.ndarray, std: np.ndarray, batch: int = 512) -> LinearMap:
        """Least squares over the training windows, evenly thinned out if there are very many.

        Args:
            windows: of the training rows.
            mean, std: float `[targets]`.
            batch: windows that are in memory at a time.
        """
        targets, size = len(mean), windows.look_back + 1
        chosen = np.unique(np.linspace(0, windows.count - 1, min(windows.count, _MOST_WINDOWS)).astype(np.int64))
        squares, products, rows = np.zeros((size, size)), np.zeros((size, windows.horizon)), 0
        for start in range(0, len(chosen), batch):
            raw = windows.raw(chosen[start : start + batch])
            history, future = (((raw[name][..., :targets] - mean) / std) for name in ("history", "future"))
            inputs, last = _inputs(history)
            outputs = np.moveaxis(future - last, 1, 2).reshape(-1, windows.horizon)
            squares += inputs.T @ inputs
            products += inputs.T @ outputs
            rows += len(inputs)
        penalty = _RIDGE * np.trace(squares) / size + 1e-9 * rows
        weights = linalg.solve(squares + penalty * np.eye(size), products, assume_a="pos")
        return cls(weights, mean, std)

    def __call__(self, history: np.ndarray) -> np.ndarray:
        """Raw float `[windows, look_back, targets]` to raw float `[windows, horizon, targets]`."""
        inputs, last = _inputs((history - self.mean) / self.std)
        outputs = (inputs @ self.weights).reshape(len(history), history.shape[2], -1)
        return (np.moveaxis(outputs, 2, 1) + last) * self.std + self.mean


def _inputs(history):
    """Rows of the regression, float64 `[windows·targets, look_back + 1]`, and the last values `[windows, 1, targets]`."""
    last = history[:, -1:]
    rows = np.moveaxis(history - last, 1, 2).reshape(-1, history.shape[1]).astype(np.float64)
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1), last


def naive_error(train: SeriesSet, season: int) -> np.ndarray:
    """Mean absolute error of repeating the last season within the training rows, float64 `[targets]`, in raw units."""
    targets = len(train.columns.targets)
    total, rows = np.zeros(targets), 0
    for each in train.series:
        for start in range(0, len(each.values) - season, _CHUNK):
            before = each.values[start : min(start + _CHUNK, len(each.values) - season), :targets]
            total += np.abs(each.values[start + season : start + season + len(before), :targets] - before).sum(axis=0)
            rows += len(before)
    return total / max(1, rows)
