"""A column of times, however it is written, as datetime64[s] in one time zone or as numbers of steps."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from apps.forecasting.table_files import Table
from common.errors import UserError

_LOOKED_AT = 100  # rows, to see what a column is
_CHUNK = 1_000_000  # texts that are parsed at once: pandas makes a Python string of each
_ZONE = re.compile(r".*[T ]\d\d?(:\d\d.*)?(Z|[+-]\d\d?(:?\d\d)?)")
_ISO = re.compile(r"\d{4}-\d{1,2}.*")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_DAYS = ("%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
# Whole numbers since 1970: from, to, and how many make a second. The ranges are times from 1973 to 5138.
_EPOCHS = (
    (10**8, 10**11, 1, "seconds"),
    (10**11, 10**14, 10**3, "milliseconds"),
    (10**14, 10**17, 10**6, "microseconds"),
    (10**17, 10**20, 10**9, "nanoseconds"),
)


@dataclass(frozen=True)
class Times:
    """What a column of times says.

    Attributes:
        values: datetime64[s] `[rows]` in the order of the rows. Numbers of steps are seconds here, see `are_steps`.
        are_steps: the numbers only say which row follows which; there is no calendar.
        notes: sentences for the console.
    """

    values: np.ndarray
    are_steps: bool = False
    notes: tuple[str, ...] = ()


def read_times(table: Table, name: str) -> Times:
    """Reads a column of times.

    Texts are ISO 8601 (2024-01-31 14:00), or days, months and years in another order where all rows allow only one order.
    Times with an offset become UTC. Whole numbers of four, six and eight digits are years, months (202401) and days
    (20240131); long ones are seconds, milliseconds, microseconds or nanoseconds since 1970; others are numbers of steps.

    Raises:
        UserError: a missing or unreadable time, more than one possible order, times with and without offset together, or
            fractions of a second. The sentence names line, column and value.
    """
    column = table.frame[name]
    missing = column.isna().to_numpy()
    if missing.any():
        raise UserError(
            f"{table.place(int(missing.argmax()))}, column {name!r}: the time is missing ({int(missing.sum()):,} rows have "
            "none); complete them or delete the rows."
        )
    if pd.api.types.is_datetime64_any_dtype(column):
        return _whole_seconds(column, table, name)
    if pd.api.types.is_numeric_dtype(column):
        return _from_numbers(column.to_numpy(), table, name)
    first = str(column.iloc[0]).strip()
    if re.fullmatch(r"[+-]?\d+(\.\d*)?", first):
        numbers = pd.to_numeric(column.astype(object), errors="coerce")
        wrong = numbers.isna().to_numpy()
        if wrong.any():
            raise _unreadable(table, name, int(wrong.argmax()), f"a number like {first!r} above it")
        return _from_numbers(numbers.to_numpy(), table, name)
    return _from_texts(column, first, table, name)


def looks_like_times(table: Table, name: str) -> bool:
    """Whether the first rows of a column could be times with a calendar; numbers have to ascend."""
    column = table.frame[name].head(_LOOKED_AT)
    if not len(column) or column.isna().any():
        return False
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if not pd.api.types.is_numeric_dtype(column):
        first = str(column.iloc[0]).strip()
        return bool(_ISO.fullmatch(first)) or any(_fits(first, day + clock) for day in _DAYS for clock in _CLOCKS)
    try:
        times = _from_numbers(column.to_numpy(), table, name)
    except UserError:
        return False
    return not times.are_steps and len(column) > 1 and bool((np.diff(times.values).astype(np.int64) > 0).all())


def _from_texts(column: pd.Series, first: str, table: Table, name: str) -> Times:
    has_zone = bool(_ZONE.fullmatch(first))
    formats = (
        ["ISO8601"]
        if _ISO.fullmatch(first)
        else [day + clock for day in _DAYS for clock in _CLOCKS if _fits(first, day + clock)]
    )
    found: dict[str, np.ndarray] = {}
    failed = [0]
    for form in formats:
        values = _parse(column, form, has_zone, table, name)
        wrong = np.isnat(values)
        if wrong.any():
            failed.append(int(wrong.argmax()))
        else:
            found[form] = values
    if not found:
        like = f"a time like {first!r} above it" if failed != [0] and max(failed) else "a time like 2024-01-31 14:00"
        raise _unreadable(table, name, max(failed), like)
    if len(found) > 1:
        raise UserError(
            f"{table.path}, column {name!r}: {first!r} and all other times can be read day first and month first; write them "
            "like 2024-01-31."
        )
    form, values = next(iter(found.items()))
    notes = []
    if has_zone:
        notes.append(f"The times in column {name!r} have a time zone and were converted to UTC.")
    if form != "ISO8601":
        notes.append(f"The times in column {name!r} were read as {form}: {first!r} is {_text(values[0])}.")
    return Times(values, notes=tuple(notes))


def _fits(text: str, form: str) -> bool:
    return not pd.isna(pd.to_datetime(text, format=form, errors="coerce"))


def _parse(column: pd.Series, form: str, has_zone: bool, table: Table, name: str) -> np.ndarray:
    values = np.empty(len(column), "datetime64[s]")
    for start in range(0, len(column), _CHUNK):
        texts = column.iloc[start : start + _CHUNK].astype("str").str.strip()
        other = texts.str.fullmatch(_ZONE.pattern).to_numpy(bool) != has_zone
        if other.any():
            row = start + int(other.argmax())
            raise UserError(
                f"{table.place(row)}, column {name!r}: {column.iloc[row]!r} has {'no' if has_zone else 'a'} time zone, unlike "
                "the first row; write all times alike, best in UTC."
            )
        texts = texts.where(texts.str.match(r"\d"))  # pandas would read "now" as the time at which it reads it
        parsed = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
        values[start : start + _CHUNK] = _whole_seconds(parsed, table, name, start).values
    return values


def _whole_seconds(column: pd.Series, table: Table, name: str, start: int = 0) -> Times:
    notes = ()
    if column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        notes = (f"The times in column {name!r} have a time zone and were converted to UTC.",)
    exact = column.to_numpy()
    values = exact.astype("datetime64[s]")
    wrong = (values != exact) & ~np.isnat(exact)
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(
            f"{table.place(start + row)}, column {name!r}: {exact[row]} has a fraction of a second, and times are read in "
            f"whole seconds; round them{table.flags.or_rows_as_steps}."
        )
    return Times(values, notes=notes)


def _from_numbers(numbers: np.ndarray, table: Table, name: str) -> Times:
    beyond = np.flatnonzero(~(np.abs(numbers.astype(np.float64)) < 2.0**63))  # infinity, too
    if len(beyond):
        raise _unreadable(table, name, int(beyond[0]), "a time")
    whole = numbers.astype(np.int64)
    if (whole != numbers).any():
        row = int((whole != numbers).argmax())
        raise UserError(
            f"{table.place(row)}, column {name!r}: {numbers[row]} is neither a date nor a whole number; write times like "
            f"2024-01-31 14:00{table.flags.or_rows_as_steps}."
        )
    low, high = int(whole.min()), int(whole.max())
    for start, end, per_second, unit in _EPOCHS:
        if start <= low and high < end:
            seconds = pd.Series(whole // per_second).astype("datetime64[s]").to_numpy()
            note = f"The whole numbers in column {name!r} were read as {unit} since 1970 (UTC)."
            if (whole % per_second).any():
                row = int((whole % per_second != 0).argmax())
                raise UserError(
                    f"{table.place(row)}, column {name!r}: {whole[row]} is a fraction of a second; round the times to seconds."
                )
            return Times(seconds, notes=(note,))
    for digits, form, what in ((8, "%Y%m%d", "days"), (6, "%Y%m", "months"), (4, "%Y", "years")):
        if len(str(low)) == len(str(high)) == digits and 1600 <= low // 10 ** (digits - 4) <= 2999:
            parsed = pd.to_datetime(pd.Series(whole).astype("str"), format=form, errors="coerce").to_numpy()
            if not np.isnat(parsed).any():
                note = f"The whole numbers in column {name!r} were read as {what}: {whole[0]} is {_text(parsed[0])}."
                return Times(parsed.astype("datetime64[s]"), notes=(note,))
    note = f"The whole numbers in column {name!r} were read as numbers of steps, so there is no calendar."
    return Times(whole.astype("datetime64[s]"), are_steps=True, notes=(note,))


def _unreadable(table: Table, name: str, row: int, like: str) -> UserError:
    value = str(table.frame[name].iloc[row])[:40]
    return UserError(f"{table.place(row)}, column {name!r}: {value!r} is not {like}; correct it.")


def _text(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("T", " ")
