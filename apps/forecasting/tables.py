"""A person's table to series at regular steps: `read_series`, for `--data.source files`.

Wide tables have a column for each thing that is measured; long ones are `unique_id, ds, y`, or name their columns with
`data.id`, `data.time` and `data.targets`. Whatever is not as it should be is a `UserError`, or a note if it was mended.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.forecasting.columns import choose_columns, shown
from apps.forecasting.config import ROWS
from apps.forecasting.frequency import read_frequency
from apps.forecasting.grid import Rows, is_clock_change, of_series, on_grid, written
from apps.forecasting.keys import TRAINING, find_keys
from apps.forecasting.series import Columns, Keys, SeriesSet
from apps.forecasting.table_files import Table, read_names, read_table, share_of_numbers, to_numbers
from apps.forecasting.times import Times, looks_like_times, read_times
from common.errors import UserError

TARGET = "y"  # of a long table, by the convention of the Nixtla libraries
_MOSTLY = 0.5  # share of numbers from which on the rest of a column are mistakes, not its kind


def read_series(path: str, data) -> tuple[SeriesSet, tuple[str, ...]]:
    """Reads the series of a table.

    Args:
        path: CSV, TSV or Parquet.
        data: the configuration of the data.

    Returns:
        The series and notes for the console. Unless `data.missing` is "error", values may be NaN: those that are missing,
        and all of a missing row.

    Raises:
        UserError: the table is not as expected; the sentence says where and what to do.
    """
    path = str(path)
    names = read_names(path)
    taken = [*(data.targets or ()), *(data.past or ()), *data.known]
    keys, found = find_keys(names, path, Keys(data.id, data.time), taken, TRAINING)
    table = read_table(path, text=(keys.time,) if keys.time else (), identifiers=keys.identifiers)
    columns, notes = _columns(table, data, keys)
    if data.frequency == ROWS:  # its times are left aside
        keys, found = Keys(keys.identifiers), ()
    rows, more = read_rows(table, columns.names, keys)
    frequency = read_frequency(data.frequency) if keys.time and data.frequency else None
    series, frequency, gaps = on_grid(rows, frequency, strict=data.missing == "error")
    return SeriesSet(series, columns, frequency, path, keys), (*table.notes, *found, *notes, *more, *gaps)


def _columns(table: Table, data, keys: Keys) -> tuple[Columns, list[str]]:
    available = [name for name in table.frame if name not in (keys.identifiers, keys.time)]
    notes = []
    if data.targets is not None:
        default = ()
    elif TARGET in available:
        default = (TARGET,)
        unused = [name for name in available if name not in (TARGET, *(data.past or ()), *data.known)]
        if unused:
            notes.append(f"Columns that are not used, because no setting names them: {shown(unused)}.")
    else:
        named = {*(data.past or ()), *data.known}
        shares = {name: share_of_numbers(table, name) for name in available if name not in named}
        default = tuple(name for name, share in shares.items() if share > _MOSTLY)
        unused = [name for name in shares if name not in default]
        if unused:
            notes.append(f"Not columns of numbers, and not used: {shown(unused)}.")
    columns = choose_columns(available, data, default, table.path)
    if keys.time is None and data.frequency != ROWS:
        like = [name for name in available if name not in columns.names and looks_like_times(table, name)]
        if like:
            notes.append(
                f"Rows are counted as steps, without a calendar, although the column {like[0]!r} looks like times; name it "
                f"with {table.flags.time}."
            )
    return columns, notes


def read_rows(table: Table, columns: Sequence[str], keys: Keys) -> tuple[Rows, tuple[str, ...]]:
    """The rows of a table in order, and notes.

    Raises:
        UserError: text or infinity in a column of numbers, an unreadable or doubled time, an empty identifier.
    """
    values = np.empty((len(table.frame), len(columns)))
    for place, name in enumerate(columns):
        values[:, place] = to_numbers(table, name)
    times = read_times(table, keys.time) if keys.time else Times(np.zeros(len(values), "datetime64[s]"), are_steps=True)
    notes = list(times.notes)
    names, codes = _identified(table, keys.identifiers)
    counts = np.bincount(codes, minlength=len(names))
    starts = np.concatenate([[0], np.cumsum(counts)])
    order = np.argsort(codes, kind="stable")
    stamps = times.values[order] if keys.time else None
    if keys.time:
        backward = (np.diff(stamps).astype(np.int64) < 0) & (np.diff(codes[order]) == 0)
        if backward.any():
            order = np.lexsort((times.values, codes))
            stamps = times.values[order]
            notes.append(f"The rows of {table.path} were not in the order of their times and have been sorted.")
        _refuse_doubles(table, stamps, codes[order], order, names, times)
    if (np.diff(order) != 1).any():
        values = values[order]
    return Rows(table, tuple(columns), values, stamps, names, starts, order, times.are_steps), tuple(notes)


def _identified(table: Table, identifiers: str | None) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the series in the order of their first rows, and the number of each row's series."""
    if identifiers is None:
        return ("",), np.zeros(len(table.frame), np.int64)
    categories = table.frame[identifiers].cat
    codes = categories.codes.to_numpy()
    empty = (codes < 0) | (codes == list(categories.categories).index("") if "" in categories.categories else False)
    if empty.any():
        raise UserError(
            f"{table.place(int(empty.argmax()))}, column {identifiers!r}: the name of the series is missing "
            f"({int(empty.sum()):,} rows have none); give each row one."
        )
    used, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    ranks = np.empty(len(used), np.int64)
    ranks[by_appearance] = np.arange(len(used))
    return tuple(str(categories.categories[used[place]]) for place in by_appearance), ranks[codes]


def _refuse_doubles(table, stamps, codes, order, names, times: Times) -> None:
    doubled = (np.diff(stamps).astype(np.int64) == 0) & (np.diff(codes) == 0)
    if not doubled.any():
        return
    row = int(doubled.argmax())
    first, second = sorted((int(order[row]), int(order[row + 1])))
    if not times.are_steps and all(map(is_clock_change, stamps[:-1][doubled])):
        advice = (
            "it looks like the end of daylight saving time, so convert the times to UTC or add their offset (+02:00)"
        )
    else:
        advice = f"keep one of the rows, or name the column that tells series apart with {table.flags.id}"
    raise UserError(
        f"{table.place(first)} and {table.place(second).rpartition(', ')[2]} have the same time "
        f"{written(stamps[row], times.are_steps)}{of_series(names[codes[row]])}, the first of {int(doubled.sum()):,} such times; "
        f"{advice}."
    )
