"""After how many steps the training rows repeat: for the seasonal baseline, the unit of mase, and the calendar."""

from __future__ import annotations

import numpy as np

from apps.forecasting.frequency import PERIODS
from apps.forecasting.series import Series, SeriesSet

# Of a season with itself, and how far above that of some shorter lag; more in short series, whose correlations are noise.
_LEAST_CORRELATION, _LEAST_RISE = 0.2, 0.05
_BETTER = 0.75  # a longer season leaves at most this share of what a shorter one leaves unexplained
_NEAR, _FAR = 0.05, 0.15  # of the length: so far may a peak be from a day, a week or a year and mean that
_LONGEST_SEASON = 16_000  # steps that are searched, with three of them in the rows
FEW_CYCLES = 14
_LINE = 16.0  # times the power beside it; noise is hardly ever so high
_MOST_ROWS = 50_000  # the last ones, that are looked at: more would only take memory


def find_season(train: SeriesSet) -> int:
    """Steps after which the training rows repeat; 1 if they do not.

    It is the shortest lag at which the autocorrelation of the targets has a clear peak. A longer one wins only if it explains
    clearly more, as a week does of data with a pattern by day and by weekday; twice a season does not. A peak near a day, a
    week or a year means these.
    """
    longest = max(train.series, key=lambda each: len(each.values))
    values = longest.values[-_MOST_ROWS:, : len(train.columns.targets)]
    most = min(len(values) // 3, _LONGEST_SEASON)
    if most < 3:
        return 1
    correlation = _autocorrelation(values, most)
    rise = max(_LEAST_RISE, 3 / np.sqrt(len(values) - most))  # three standard errors
    lowest_before = np.minimum.accumulate(correlation)
    peaks = np.flatnonzero((correlation[1:-1] > correlation[:-2]) & (correlation[1:-1] >= correlation[2:])) + 1
    natural = [steps for steps in _natural_seasons(longest) if steps <= most]
    chosen = 1
    for peak in peaks[correlation[peaks] > max(_LEAST_CORRELATION, rise)]:
        # What is expected may be less clear than what is not.
        needed = rise / 2 if any(abs(peak - steps) <= 1 for steps in natural) else rise
        if peak < 2 or correlation[peak] - lowest_before[peak] < needed:
            continue
        left, best = 1 - correlation[peak], 1 - correlation[chosen]
        if chosen == 1 or (left < _BETTER * best and best - left > rise):
            chosen = int(peak)
    if chosen == 1:
        return 1
    # A chance peak on the way up to the season is not it, and few rows move a peak by a step or two.
    width = max(1, int(_NEAR * chosen))
    around = np.arange(chosen - width, min(chosen + width, most) + 1)
    season = int(around[correlation[around].argmax()])
    # So does a slow decline, further, but then the correlations of both are nearly the same.
    near = [
        steps
        for steps in natural
        if abs(season - steps) <= max(1, _NEAR * steps)
        or (abs(season - steps) <= _FAR * steps and correlation[season] - correlation[steps] < rise)
    ]
    return near[0] if near else season


def _autocorrelation(values: np.ndarray, most: int) -> np.ndarray:
    """Mean over the columns of float `[time, columns]`, without their trend, at the lags 0 to `most`: float64 `[most + 1]`."""
    steps, lags = np.arange(len(values)), np.arange(most + 1)
    total = np.zeros(most + 1)
    for column in values.T:
        rest = column - np.polyval(np.polyfit(steps, column, 1), steps)  # a trend is not a season
        spectrum = np.fft.rfft(rest, 2 * len(rest))
        products = np.fft.irfft(spectrum * np.conj(spectrum))[: most + 1]
        if products[0] > 1e-12 * max(1.0, float(np.square(column).sum())):
            total += products / products[0] * len(rest) / (len(rest) - lags)
    return total / values.shape[1]


def _natural_seasons(series: Series) -> list[int]:
    """Steps of a day, a week and a year, where they are whole numbers above 1."""
    if series.times is None or len(series.times) < 2:
        return []
    step = int(np.median(np.diff(series.times[-_MOST_ROWS:].astype("datetime64[s]").astype(np.int64))))
    found = [period / step for period in PERIODS.values()]
    return [round(steps) for steps in found if steps > 1.5 and abs(steps - round(steps)) < 0.25]


def repeats(values: np.ndarray, steps: float) -> bool:
    """Whether some column repeats after so many steps: a line in its spectrum, well above the frequencies beside it.

    Of less than `FEW_CYCLES` repetitions nothing can be told, and they count as one.

    Args:
        values: float `[time, columns]`.
        steps: of the period, above 2.
    """
    count = min(len(values), _MOST_ROWS)
    cycles = count / steps
    if cycles < FEW_CYCLES:
        return True
    window = np.hanning(count)[:, None]
    values = (values[-count:] - values[-count:].mean(axis=0)) * window
    time = np.arange(count)

    def power(frequencies):  # cycles in all rows -> [frequencies, columns]
        waves = (np.exp(-2j * np.pi / count * each * time) for each in np.atleast_1d(frequencies))  # one at a time
        return np.square(np.abs([wave @ values for wave in waves]))

    beside = np.array([*range(-10, -2), *range(3, 11)])  # the window blurs a line by two
    for harmonic in (1, 2, 3):
        if harmonic * cycles > count / 2 - 11:
            break
        line, floor = power([harmonic * cycles]), np.median(power(harmonic * cycles + beside), axis=0)
        if (line[0] > _LINE * floor + 1e-12).any():
            return True
    return False
