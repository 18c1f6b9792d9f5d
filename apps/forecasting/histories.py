"""What a forecast starts from: the rows up to now, and the known covariates of the rows to come.

For `predict`, with the columns and the frequency that the model was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.forecasting.columns import shown
from apps.forecasting.config import TIME_COLUMNS
from apps.forecasting.frequency import next_times, times_from
from apps.forecasting.grid import Rows, common_frequency, of_series, on_grid, written
from apps.forecasting.keys import PREDICTION, find_keys
from apps.forecasting.missing import fill, first_complete
from apps.forecasting.series import Columns, Keys, Series, SeriesSet
from apps.forecasting.table_files import read_names, read_table
from apps.forecasting.tables import read_rows
from common.errors import UserError
from common.spelling import did_you_mean


def read_history(
    path: str,
    columns: Columns,
    frequency: str | None,
    named: Keys | None = None,
    trained: Keys | None = None,
    missing: str = "error",
) -> tuple[SeriesSet, tuple[str, ...]]:
    """Reads the rows that forecasts start from.

    Args:
        path: CSV, TSV or Parquet; columns that the model does not know are left aside.
        columns: those of training; all must be there.
        frequency: that of training; None for data without times, whose rows are steps in the order of the file.
        named: the columns of the names of series and of times, as far as the person named them.
        trained: what they were called in training; see `find_keys` for where a table has neither.
        missing: "error", "interpolate" or "forward".

    Returns:
        Series without NaN, and notes for the console.

    Raises:
        UserError: columns or frequency differ from training's, or the table is not as expected.
    """
    rows, keys, notes = _read(path, columns.names, frequency, named, trained, "the model was trained with")
    if frequency is not None:
        _require_frequency(rows, frequency)
    series, _, gaps = on_grid(rows, frequency, strict=missing == "error")
    filled = []
    for each in series:
        start = first_complete(each.values)
        if start == len(each):
            empty = columns.names[int(np.isnan(each.values).all(axis=0).argmax())]
            raise UserError(f"{path}: the column {empty!r}{of_series(each.name)} has no value at all; give its past.")
        whole = Series(each.name, fill(each.values, [len(each)], missing), each.times)
        filled.append(whole.rows(start, len(whole)))
    count = sum(int(np.isnan(each.values).sum()) for each in series)
    if count:
        gaps += (
            f"{count:,} missing {'value was' if count == 1 else 'values were'} filled ({PREDICTION.missing} {missing}).",
        )
    return SeriesSet(tuple(filled), columns, frequency, str(path), keys), (*notes, *gaps)


def read_future(
    path: str, history: SeriesSet, horizon: int, named: Keys | None = None
) -> tuple[tuple[np.ndarray, ...], tuple[str, ...]]:
    """Reads the known covariates of the steps that are forecast.

    Args:
        path: CSV, TSV or Parquet with the columns of identifiers and times and those of the known covariates. Rows of
            other times are left aside. Without times, the first rows are those after the history.
        history: what `read_history` gave.
        horizon: so many steps are forecast.
        named: as for `read_history`; else the columns are called as in the history.

    Returns:
        For each series of the history float64 `[horizon, known]`, and notes for the console.

    Raises:
        UserError: a column, a series, a row or a value that the forecast needs is not there.
    """
    known = history.columns.known
    why = "the model needs for the time to come"
    rows, _, notes = _read(path, known, history.frequency, named, history.keys, why)
    bounds = dict(zip(rows.names, zip(rows.starts[:-1], rows.starts[1:], strict=True), strict=True))
    values = []
    for each in history.series:
        if each.name not in bounds:
            raise UserError(
                f"{path} has no rows of the series {each.name!r}, whose forecast needs {shown(known)}; its series are "
                f"{shown(list(bounds))}."
            )
        start, end = bounds[each.name]
        wanted = None
        if rows.times is None:
            places = start + np.arange(horizon)
            absent = places >= end
        else:
            wanted = next_times(each.times[-1], history.frequency, horizon)
            places = start + np.searchsorted(rows.times[start:end], wanted)
            absent = (places >= end) | (rows.times[np.minimum(places, end - 1)] != wanted)
        if absent.any():
            step = int(absent.argmax())
            what = "" if wanted is None else f" for {written(wanted[step])}"
            span = "" if wanted is None else f" from {written(wanted[0])} to {written(wanted[-1])}"
            raise UserError(
                f"{path} has no row{what}{of_series(each.name)}, which is step {step + 1} of the forecast; give all {horizon} "
                f"rows after the history{span}, with {shown(known)}."
            )
        found = rows.values[places]
        if np.isnan(found).any():
            step, column = np.argwhere(np.isnan(found))[0]
            raise UserError(
                f"{rows.place(int(places[step]))}: the value in column {known[column]!r} is missing, and the forecast needs it."
            )
        values.append(found)
    return tuple(values), notes


def _read(
    path: str, needed: Sequence[str], frequency: str | None, named: Keys | None, trained: Keys | None, why: str
) -> tuple[Rows, Keys, tuple[str, ...]]:
    path = str(path)
    names = read_names(path)
    absent = [name for name in needed if name not in names]
    if absent:
        others = [name for name in names if name not in needed]
        raise UserError(
            f"{path} has no column{'' if len(absent) == 1 else 's'} {shown(absent)}, which {why}; its columns are {shown(names)}"
            f"{did_you_mean(absent[0], others)}"
        )
    keys, found = find_keys(names, path, named or Keys(), needed, PREDICTION, trained)
    if frequency is None:
        keys, found = Keys(keys.identifiers), ()
    elif keys.time is None:
        raise UserError(
            f"{path} has no column of times, and the model was trained on steps of {frequency}; its columns are "
            f"{shown(names)}, so name one with {PREDICTION.time} or call it {TIME_COLUMNS[0]}."
        )
    text = (keys.time,) if keys.time else ()
    table = read_table(path, text=text, identifiers=keys.identifiers, flags=PREDICTION)
    rows, notes = read_rows(table, needed, keys)
    return rows, keys, (*table.notes, *found, *notes)


def _require_frequency(rows: Rows, frequency: str) -> None:
    """Raises UserError for rows at other steps than those of training."""
    try:
        found = common_frequency(rows)
    except UserError:
        return  # one row, or something that `on_grid` has the words for
    first = rows.times[0]
    days = {found, frequency} == {"B", "D"}  # within a week they look alike
    if not days and not np.array_equal(times_from(first, found, 8), times_from(first, frequency, 8)):
        raise UserError(
            f"{rows.table.path} has steps of {found}, but the model was trained on steps of {frequency}; give rows at the same "
            "steps."
        )
