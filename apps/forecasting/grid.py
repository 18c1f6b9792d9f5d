"""Rows to series at regular steps: what is missing or irregular becomes an error, or NaN.

Between `tables`, which reads rows, and the splits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.forecasting.frequency import IrregularTimesError, infer_frequency, positions, times_from
from apps.forecasting.series import Series
from apps.forecasting.table_files import Table
from common.errors import UserError


@dataclass(frozen=True)
class Rows:
    """The rows of a table, series after series and each in the order of its times.

    Attributes:
        table: where they come from.
        columns: names of the columns of `values`.
        values: float64 `[rows, columns]`, NaN where a value is missing.
        times: datetime64[s] `[rows]`; None without times.
        names: of the series.
        starts: the first row of each series, and the number of rows at the end: int64 `[series + 1]`.
        order: the row of the table that each row was, int64 `[rows]`.
        are_steps: the times are numbers of steps, without a calendar.
    """

    table: Table
    columns: tuple[str, ...]
    values: np.ndarray
    times: np.ndarray | None
    names: tuple[str, ...]
    starts: np.ndarray
    order: np.ndarray
    are_steps: bool = False

    def place(self, row: int) -> str:
        return self.table.place(int(self.order[row]))

    def written(self, row: int) -> str:
        """The time of a row, for a person."""
        return written(self.times[row], self.are_steps)


def written(time: np.datetime64, is_step: bool = False) -> str:
    """A time, or the number of a step, for a person."""
    return f"step {time.astype(np.int64)}" if is_step else str(time.astype("datetime64[s]")).replace("T", " ")


def of_series(name: str) -> str:
    """ " of the series 'north'"; nothing where there is one series without a name."""
    return f" of the series {name!r}" if name else ""


def is_clock_change(time: np.datetime64) -> bool:
    """Whether clocks change at about this time somewhere: the small hours of a Sunday in spring or autumn."""
    day = time.astype("datetime64[D]")
    month = int(day.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    hour = (time.astype("datetime64[s]") - day.astype("datetime64[s]")).astype(np.int64) / 3_600
    return int(day.astype(np.int64)) % 7 == 3 and month in (3, 4, 9, 10, 11) and hour <= 3  # 1970-01-04 was a Sunday


def on_grid(rows: Rows, frequency: str | None, strict: bool) -> tuple[tuple[Series, ...], str | None, tuple[str, ...]]:
    """Series at regular steps.

    Args:
        rows: of a table.
        frequency: of the steps; None to find it.
        strict: missing values and rows are errors, otherwise they are NaN.

    Returns:
        The series, their frequency (None without a calendar), and notes.

    Raises:
        UserError: something is missing and `strict`, times that are not at regular steps, or steps of different length.
    """
    bounds = list(zip(rows.starts[:-1], rows.starts[1:], strict=True))
    if strict:
        _refuse_missing_values(rows)
    if rows.times is None:
        return tuple(Series(name, rows.values[a:b]) for name, (a, b) in zip(rows.names, bounds)), None, ()
    if frequency is None:
        frequency = common_frequency(rows)
    series, absent = [], 0
    for name, (start, end) in zip(rows.names, bounds):
        times = rows.times[start:end]
        try:
            steps = positions(times, frequency)
        except IrregularTimesError as error:
            raise _irregular(rows, start + error.row, name, frequency) from error
        count = int(steps[-1]) + 1
        values = rows.values[start:end]
        if count > len(times):
            if strict:
                raise _gap(rows, start, steps, name, frequency)
            absent += count - len(times)
            values = np.full((count, values.shape[1]), np.nan)
            values[steps] = rows.values[start:end]
            times = times_from(times[0], frequency, count)
        series.append(Series(name, values, times))
    notes = (f"{rows.table.path}: {_rows(absent)} missing between the others.",) if absent else ()
    if rows.are_steps:
        return tuple(Series(each.name, each.values) for each in series), None, notes
    return tuple(series), frequency, notes


def common_frequency(rows: Rows) -> str:
    """The one frequency that all series have, those of a single row aside.

    Raises:
        UserError: there is none, or more than one.
    """
    found: dict[str, str] = {}
    for name, start, end in zip(rows.names, rows.starts[:-1], rows.starts[1:]):
        if end - start < 2:
            continue
        try:
            frequency = infer_frequency(rows.times[start:end])
        except IrregularTimesError as error:
            raise _irregular(rows, start + error.row, name, None) from error
        found.setdefault(frequency, name)
    if not found:
        raise UserError(
            f"{rows.table.path} has only one row{' of each series' if len(rows.names) > 1 else ''}, too few to learn from and to "
            "find the length of a step; give more rows."
        )
    if set(found) == {"B", "D"}:  # a week or less cannot tell
        return "D" if _has_weekend(rows) else "B"
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        raise UserError(
            f"{rows.table.path}: the series {first!r} has steps of {one} and the series {second!r} has steps of {other}; bring "
            "all series to the same frequency, or give each its own file and model."
        )
    return next(iter(found))


def _has_weekend(rows: Rows) -> bool:
    return bool(((rows.times.astype("datetime64[D]").astype(np.int64) + 3) % 7 > 4).any())


def _refuse_missing_values(rows: Rows) -> None:
    missing = np.isnan(rows.values)
    if not missing.any():
        return
    row = rows.order[missing.any(axis=1)].min()
    place = int(np.flatnonzero(rows.order == row)[0])
    column = int(missing[place].argmax())
    count = int(missing.sum())
    which, them = (f", one of {count:,} in all", "them") if count > 1 else ("", "it")
    raise UserError(
        f"{rows.table.place(int(row))}: the value in column {rows.columns[column]!r} is missing{which}; "
        f"complete {them}, or choose {rows.table.flags.missing} interpolate or forward."
    )


def _irregular(rows: Rows, row: int, name: str, frequency: str | None) -> UserError:
    flags = rows.table.flags
    steps = f"steps of {frequency}" if frequency and not rows.are_steps else "steps of one length"
    return UserError(
        f"{rows.place(row)}: the time {rows.written(row)}{of_series(name)} is not at {steps} from the others; correct "
        f"it{f', set {flags.frequency}' if flags.frequency else ''}{flags.or_rows_as_steps}."
    )


_MANY_GAPS = 20  # of one length: no accident, but another frequency


def _gap(rows: Rows, start: int, steps: np.ndarray, name: str, frequency: str) -> UserError:
    gaps = np.flatnonzero(np.diff(steps) > 1)
    absent = np.diff(steps)[gaps] - 1
    times = rows.times[start : start + len(steps)]
    before = start + int(gaps[0])
    lengths = np.diff(times).astype(np.int64)
    flags = rows.table.flags
    advice = f"add the rows, or choose {flags.missing} interpolate or forward"
    if flags.rows_as_steps:
        advice += f"; where the clock stands still between them, {flags.rows_as_steps}"
    if (
        not rows.are_steps
        and (lengths[gaps] - lengths.min() <= 3_600).all()
        and all(map(is_clock_change, times[gaps + 1]))
    ):
        advice = "it looks like the beginning of daylight saving time, so convert the times to UTC or add their offset (+02:00)"
    others, counts = np.unique(lengths[gaps], return_counts=True)
    if counts.max() >= _MANY_GAPS and counts.max() > len(gaps) / 2:
        return UserError(
            f"{rows.place(before)}: from here on rows{of_series(name)} are {_duration(int(others[counts.argmax()]), rows.are_steps)} "
            f"apart, {counts.max():,} times, but those before are {frequency or 'one step'} apart; make it one frequency, or give "
            "the parts to different series."
        )
    at = "" if rows.are_steps else f" at steps of {frequency}"
    return UserError(
        f"{rows.place(before)}: after {rows.written(before)}{of_series(name)} {_rows(absent[0])} missing{at}, "
        f"{int(absent.sum()):,} in all{' of this series' if name else ''}; {advice}."
    )


def _duration(length: int, are_steps: bool) -> str:
    if are_steps:
        return f"{length:,} steps"
    for unit, seconds in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if length % seconds == 0:
            return f"{length // seconds:,} {unit}"
    return f"{length:,} seconds"


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"
