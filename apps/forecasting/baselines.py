"""What a forecast has to beat: the last value, the last season, the drift, and a linear map of the look-back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from apps.forecasting.preprocessing import PERIODS
from apps.forecasting.series import Series, SeriesSet
from apps.forecasting.windows import Windows

_MOST_WINDOWS = 50_000  # that the linear map is fitted to; more change nothing
_LEAST_CORRELATION = 0.2  # of a season with itself
_LONGEST_SEASON = 20_000  # steps that are searched
_RIDGE = 1e-4  # of the mean square of the inputs


def last_value(history, horizon):
    """Repeats the last value: float `[windows, look_back, targets]` to `[windows, horizon, targets]`."""
    return np.repeat(history[:, -1:], horizon, axis=1)


def seasonal_naive(history, horizon, season):
    """Repeats the last season; one that is longer than the look-back cannot be seen, so the last value is repeated."""
    if season > history.shape[1]:
        return last_value(history, horizon)
    steps = history.shape[1] - season + np.arange(horizon) % season
    return history[:, steps]


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


def find_season(train: SeriesSet) -> int:
    """Steps after which the training rows repeat: the highest peak of the autocorrelation of the targets, 1 if there is none."""
    longest = max(train.series, key=lambda each: len(each.values))
    values = longest.values[:, : len(train.columns.targets)]
    steps = np.arange(len(values))
    most = min(len(values) // 3, _LONGEST_SEASON)
    if most < 3:
        return 1
    total = np.zeros(most + 1)
    for column in values.T:
        rest = column - np.polyval(np.polyfit(steps, column, 1), steps)  # a trend is not a season
        spectrum = np.fft.rfft(rest, 2 * len(rest))
        correlation = np.fft.irfft(spectrum * np.conj(spectrum))[: most + 1]
        if correlation[0] > 1e-12 * max(1.0, float(np.square(column).sum())):
            total += correlation / correlation[0] * len(rest) / (len(rest) - np.arange(most + 1))
    total /= values.shape[1]
    peaks = np.flatnonzero((total[1:-1] > total[:-2]) & (total[1:-1] >= total[2:])) + 1
    peaks = peaks[(total[peaks] > _LEAST_CORRELATION) & (peaks > 1)]
    if not len(peaks):
        return 1
    # Twice a season is one, too, and sometimes a little higher by chance.
    best = total[peaks].max()
    season = int(peaks[total[peaks] > best - 0.05 * abs(best)][0])
    # Few rows move a peak by a step or two; a day does not have 23 hours.
    near = [steps for steps in _natural_seasons(longest) if abs(season - steps) <= max(1, 0.05 * steps)]
    return near[0] if near else season


def _natural_seasons(series: Series) -> list[int]:
    """Steps of a day, a week and a year, where they are whole numbers above 1."""
    if series.times is None or len(series.times) < 2:
        return []
    step = int(np.median(np.diff(series.times.astype("datetime64[s]").astype(np.int64))))
    found = [period / step for period in PERIODS.values()]
    return [round(steps) for steps in found if steps > 1.5 and abs(steps - round(steps)) < 0.25]


def naive_error(train: SeriesSet, season: int) -> np.ndarray:
    """Mean absolute error of repeating the last season within the training rows, float64 `[targets]`, in raw units."""
    targets = len(train.columns.targets)
    errors = [np.abs(each.values[season:, :targets] - each.values[:-season, :targets]) for each in train.series]
    joined = np.concatenate(errors) if errors else np.zeros((0, targets))
    return joined.mean(axis=0) if len(joined) else np.zeros(targets)
