"""The length of a step: found from times, written as a pandas offset, and counted on past the end of the data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from common.errors import UserError

PERIODS = {"day": 86_400, "week": 604_800, "year": 31_556_952}  # seconds

_DAY = 86_400  # seconds
_UNITS = ((_DAY, "D"), (3_600, "h"), (60, "min"), (1, "s"))
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class IrregularTimesError(ValueError):
    """Times that do not advance by one step.

    Attributes:
        row: the time that does not fit, counted from 0.
    """

    def __init__(self, row: int):
        super().__init__(f"the time of row {row} is not on the grid of the others")
        self.row = row


def infer_frequency(times: np.ndarray) -> str:
    """The frequency of times, some of which may be missing: most steps decide, and all must be multiples of it.

    Args:
        times: datetime64[s] `[time]`, ascending, at least two.

    Returns:
        "s", "min", "h", "D" or multiples such as "15min"; "W-SUN" and the like; "B" for days without Saturday and Sunday;
        "MS" or "ME" and their multiples, "QS-JAN", "YE-DEC" and the like for months, quarters and years by their first or
        last day.

    Raises:
        IrregularTimesError: there is no such step.
    """
    steps = np.diff(times).astype(np.int64)
    if steps.min() >= 28 * _DAY:
        of_months = _months(times)
        if of_months is not None:
            return of_months
    lengths, counts = np.unique(steps, return_counts=True)
    step = int(lengths[counts.argmax()])
    if (lengths % step).any():
        raise IrregularTimesError(int((steps % step != 0).argmax()) + 1)
    if step == _DAY:
        weekdays = _weekday(times)
        if weekdays.max() < 5 and (np.diff(weekdays) < 0).any():
            return "B"
    if step == 7 * _DAY:
        return f"W-{_WEEKDAYS[_weekday(times[:1])[0]]}"
    return _written(step)


def read_frequency(text: str) -> str:
    """A frequency as a person wrote it, in the form of `infer_frequency` where both have one.

    Raises:
        UserError: pandas does not know it, or it does not move forward by whole seconds.
    """
    try:
        offset = pd.tseries.frequencies.to_offset(text)
        first, second = pd.date_range("2001-01-01", periods=2, freq=offset).as_unit("ns")
    except (ValueError, TypeError) as error:
        raise UserError(
            f"data.frequency is {text!r}, which is not a length of a step that pandas knows, such as h, 15min, D, B, W-SUN or MS."
        ) from error
    if not first < second or (second - first) % pd.Timedelta(1, "s"):
        raise UserError(f"data.frequency is {text!r}, but a step is one second or a whole multiple of it.")
    seconds = _seconds(offset)
    return offset.freqstr if seconds is None else _written(seconds)


def positions(times: np.ndarray, frequency: str) -> np.ndarray:
    """How many steps after the first time each time is, int64 `[time]`.

    Args:
        times: datetime64[s] `[time]`, ascending.
        frequency: as from `infer_frequency`.

    Raises:
        IrregularTimesError: a time that no whole number of steps leads to.
    """
    seconds = seconds_of(frequency)
    if seconds is not None:
        steps, rest = np.divmod((times - times[0]).astype(np.int64), seconds)
        if rest.any():
            raise IrregularTimesError(int((rest != 0).argmax()))
        return steps
    grid = _range(times[0], frequency, end=times[-1])
    steps = np.searchsorted(grid, times)
    if not len(grid):
        raise IrregularTimesError(0)
    wrong = (steps >= len(grid)) | (grid[np.minimum(steps, len(grid) - 1)] != times)
    if wrong.any():
        raise IrregularTimesError(int(wrong.argmax()))
    return steps.astype(np.int64)


def times_from(first: np.datetime64, frequency: str, count: int) -> np.ndarray:
    """`count` times from `first` on, which is one of them: datetime64[s] `[count]`."""
    seconds = seconds_of(frequency)
    if seconds is not None:
        return first.astype("datetime64[s]") + np.arange(count) * np.timedelta64(seconds, "s")
    return _range(first, frequency, periods=count)


def next_times(last: np.datetime64, frequency: str, count: int) -> np.ndarray:
    """The `count` times after `last`, one step each: datetime64[s] `[count]`. What a forecast is for."""
    return times_from(last, frequency, count + 1)[1:]


def seconds_of(frequency: str) -> int | None:
    """The length of a step that always has the same, in seconds; None for months and the like."""
    return _seconds(pd.tseries.frequencies.to_offset(frequency))


def _range(first: np.datetime64, frequency: str, **end) -> np.ndarray:
    times = pd.date_range(start=pd.Timestamp(first), freq=frequency, **end)
    return times.to_numpy().astype("datetime64[s]")


def _seconds(offset: pd.tseries.offsets.BaseOffset) -> int | None:
    """The length of an offset that always has the same; None for those of the calendar."""
    if isinstance(offset, pd.tseries.offsets.Day):
        return offset.n * _DAY
    try:
        return int(pd.Timedelta(offset).total_seconds())
    except (ValueError, TypeError):
        return None


def _written(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = seconds // size
    return unit if count == 1 else f"{count}{unit}"


def _weekday(times: np.ndarray) -> np.ndarray:
    return (times.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday


def _months(times: np.ndarray) -> str | None:
    """The frequency of times that are all first days of a month, or all last days, at midnight."""
    days = times.astype("datetime64[D]")
    if (days.astype("datetime64[s]") != times).any():
        return None
    months = days.astype("datetime64[M]")
    if (months.astype("datetime64[D]") == days).all():
        edge = "S"
    elif ((days + 1).astype("datetime64[M]").astype("datetime64[D]") == days + 1).all():
        edge = "E"
    else:
        return None
    step = int(np.gcd.reduce(np.diff(months).astype(np.int64)))
    month = int(months[0].astype(np.int64)) % 12  # from 0
    if step == 12:
        return f"Y{edge}-{_MONTHS[month]}"
    if step == 3:
        # Of the names that pandas has for the same quarters, the usual one: QS-JAN, QE-DEC.
        return f"Q{edge}-{_MONTHS[month % 3 if edge == 'S' else (month + 1) % 3 - 1]}"
    return f"{'' if step == 1 else step}M{edge}"
