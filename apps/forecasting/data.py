"""From the configuration to raw splits (`load_splits`): the first step of every run.

The three sources end in the same `SeriesSet`, which is divided in time before anything is learned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from apps.forecasting.columns import choose_columns
from apps.forecasting.missing import fill, first_complete
from apps.forecasting.series import Series, SeriesSet, SeriesSplits
from common.errors import UserError

_NAMES_SHOWN = 5  # of series, in a sentence


def load_splits(config) -> SeriesSplits:
    """Loads the series that `config.data` describes and divides each in time into train, validation and test.

    The first rows of a series are for train, those after them for validation, the last for the test: by
    `validation_fraction` and `test_fraction`, or by the three numbers of rows, which leave the rest unused. The series of
    validation and test begin with up to `config.model.look_back` rows of what came before as context. Missing values
    are filled as `missing` says, never from a later part.

    Args:
        config: the application's `Config`; only `config.data` and the look-back and horizon of `config.model` are read.

    Returns:
        The splits. A series whose part of train is shorter than look-back and horizon is left out of all three, with a note.

    Raises:
        UserError: the data are not there, not as expected or too short; one sentence that says where and what to do.
    """
    data = config.data
    whole, cache, notes = _SOURCES[data.source](data)
    if data.limit is not None:
        whole = whole.with_series([series.rows(0, data.limit) for series in whole.series])
    splits, more = split_in_time(whole, data, config.model.look_back, config.model.horizon)
    return SeriesSplits(**splits, cache=cache, notes=(*notes, *more))


def split_in_time(whole: SeriesSet, data, look_back: int, horizon: int) -> tuple[dict[str, SeriesSet], tuple[str, ...]]:
    """Divides each series by itself; see `load_splits`.

    Args:
        whole: series whose values may be NaN where a measurement is missing.
        data: the configuration of the data.
        look_back: rows of context before validation and test.
        horizon: rows that a forecast covers.

    Returns:
        "train", "validation" and "test" to their series, and notes for the console.
    """
    notes = []
    series, left_out = [], 0
    for each in whole.series:
        start = first_complete(each.values)
        left_out += start
        if start:
            each = each.rows(start, len(each))
        series.append(each)
    if left_out:
        notes.append(
            f"{left_out:,} rows at the beginning of the series were left out, before every column had its first value."
        )
    parts = {"train": [], "validation": [], "test": []}
    short, unused, filled = [], 0, 0
    for each in series:
        ends = split_ends(len(each), data)
        if ends[2] > len(each) or ends[0] < look_back + horizon:
            short.append(each)
            continue
        unused += len(each) - ends[2]
        filled += int(np.isnan(each.values[: ends[2]]).sum())
        each = Series(each.name, fill(each.values, ends, data.missing), each.times)
        for name, start, end in zip(parts, (0, *ends), ends, strict=False):
            if end - start >= horizon:
                parts[name].append(each.rows(start, end, look_back))
    if not all(parts.values()):
        raise UserError(_too_short(whole, series, data, look_back, horizon))
    if short:
        notes.append(
            f"{len(short):,} of {len(series):,} series were left out, because they have fewer than the "
            f"{needed_rows(data, look_back, horizon):,} rows that look-back, horizon and split need: {_named(short)}."
        )
    for name in ("validation", "test"):
        without = len(parts["train"]) - len(parts[name])
        if without:
            notes.append(f"{without:,} series have fewer than {horizon} rows for {name} and are not in it.")
    if filled:
        how = "repeating the last value" if data.missing == "forward" else "a straight line between their neighbours"
        notes.append(f"{filled:,} missing values were filled by {how} (data.missing is {data.missing}).")
    if unused:
        notes.append(f"{unused:,} rows after those of the test are not used.")
    return {name: whole.with_series(given) for name, given in parts.items()}, tuple(notes)


def split_ends(rows: int, data) -> tuple[int, int, int]:
    """The rows at which train, validation and test of a series of so many rows end; more than `rows` if it is too short."""
    if data.train_rows is not None:
        return (
            data.train_rows,
            data.train_rows + data.validation_rows,
            data.train_rows + data.validation_rows + data.test_rows,
        )
    validation, test = round(rows * data.validation_fraction), round(rows * data.test_fraction)
    return rows - validation - test, rows - test, rows


def needed_rows(data, look_back: int, horizon: int) -> int:
    """The fewest rows of a series with at least one window in each part."""
    if data.train_rows is not None:
        return data.train_rows + data.validation_rows + data.test_rows
    rows = math.floor(
        max(
            (look_back + horizon) / (1 - data.validation_fraction - data.test_fraction),
            horizon / data.validation_fraction,
            horizon / data.test_fraction,
        )
    )
    rows = max(rows - 2, 1)
    while True:
        train, validation, test = split_ends(rows, data)
        if train >= look_back + horizon and min(validation - train, test - validation) >= horizon:
            return rows
        rows += 1


def _too_short(whole: SeriesSet, series: Sequence[Series], data, look_back: int, horizon: int) -> str:
    longest = max(map(len, series))
    have = f"{'has' if len(series) == 1 else 'has series of at most'} {longest:,} rows"
    if data.limit is not None and longest == data.limit:
        have = f"is cut to {longest:,} rows by data.limit"
    if data.train_rows is not None:
        for option, needs, part in (
            ("train_rows", look_back + horizon, "look-back and horizon"),
            ("validation_rows", horizon, "the horizon"),
            ("test_rows", horizon, "the horizon"),
        ):
            if getattr(data, option) < needs:
                return f"data.{option} is {getattr(data, option)}, but {part} need {needs}; raise it or shorten the horizon."
    needed = needed_rows(data, look_back, horizon)
    lengths = (
        "data.train_rows, data.validation_rows and data.test_rows"
        if data.train_rows is not None
        else f"a look-back of {look_back} and a horizon of {horizon} (with "
        f"{data.validation_fraction:g} of the rows for validation and {data.test_fraction:g} for the test)"
    )
    return f"{whole.origin} {have}, but {lengths} need at least {needed:,} rows; give more rows" + (
        " or shorten --model.look_back or --model.horizon." if data.train_rows is None else " or ask for fewer."
    )


def _named(series: Sequence[Series]) -> str:
    names = ", ".join(repr(each.name) for each in series[:_NAMES_SHOWN])
    return names + (f" and {len(series) - _NAMES_SHOWN:,} more" if len(series) > _NAMES_SHOWN else "")


def _load_files(data) -> tuple[SeriesSet, None, tuple[str, ...]]:
    from apps.forecasting.tables import read_series

    series, notes = read_series(data.path, data)
    return series, None, notes


def _load_bundled(data) -> tuple[SeriesSet, str, tuple[str, ...]]:
    # Imported here, as below: own files need no TensorFlow Datasets.
    from apps.forecasting.dataset import TARGETS, TIMES_NOTE, WeatherYear
    from common.data.catalogue import load_example, make_folder

    builder = WeatherYear(config=data.name, data_dir=str(make_folder(data.cache_dir)))
    origin = f"pvlib {data.name} (bundled)"
    columns = load_example(builder, "series", origin=origin, quiet=True)
    return _one_series(columns, data, origin, "h", TARGETS), str(builder.data_dir), (TIMES_NOTE,)


def _one_series(
    arrays: Mapping[str, np.ndarray], data, origin: str, frequency: str, targets: Sequence[str]
) -> SeriesSet:
    """The `SeriesSet` of a set that is one series: `time`, int64 seconds, and a float64 `[time]` for each column."""
    for option in ("time", "id", "frequency"):
        if getattr(data, option) is not None:
            raise UserError(f"data.{option} is for your own table, but data.source is {data.source}; leave it out.")
    available = [name for name in arrays if name != "time"]
    columns = choose_columns(available, data, targets, origin, rest_is_past=True)
    values = np.stack([arrays[name] for name in columns.names], axis=1)  # [time, columns]
    times = arrays["time"].astype("datetime64[s]")
    return SeriesSet((Series("", values, times),), columns, frequency, origin)


_SOURCES = {"bundled": _load_bundled, "files": _load_files}
