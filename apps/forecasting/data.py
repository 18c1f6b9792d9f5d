"""From the configuration to raw splits (`load_splits`): the first step of every run.

The three sources end in the same `SeriesSet`, which is divided in time before anything is learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from apps.forecasting.columns import choose_columns
from apps.forecasting.grid import of_series, written
from apps.forecasting.series import Series, SeriesSet, SeriesSplits
from apps.forecasting.splitting import split_in_time
from common.errors import UserError


def load_splits(config) -> SeriesSplits:
    """Loads the series that `config.data` describes and divides each in time into train, validation and test.

    The first rows of a series are for train, those after them for validation, the last for the test: by
    `validation_fraction` and `test_fraction`, or by the three numbers of rows, which leave the rest unused. The series of
    validation and test begin with up to `config.model.look_back` rows of what came before as context. Missing values
    are filled as `missing` says, never from a later part.

    Args:
        config: the application's `Config`; of `config.model` look-back, horizon and what the likelihood allows are read.

    Returns:
        The splits. A series whose part of train is shorter than look-back and horizon is left out of all three, with a note.

    Raises:
        UserError: the data are not there, not as expected or too short; one sentence that says where and what to do.
    """
    data = config.data
    whole, cache, notes = _SOURCES[data.source](data)
    available = None
    if data.limit is not None and any(len(series) > data.limit for series in whole.series):
        available = (len(whole),)
        whole = whole.with_series([series.rows(0, data.limit) for series in whole.series])
    splits, more = split_in_time(whole, data, config.model.look_back, config.model.horizon)
    if config.model.counts:
        for part in splits.values():
            _require_counts(part)
    return SeriesSplits(**splits, cache=cache, notes=(*notes, *more), available=available)


def _require_counts(part: SeriesSet) -> None:
    """Raises UserError for a target that no distribution of counts has: its likelihood is NaN."""
    for series in part.series:
        values = series.values[:, : len(part.columns.targets)]
        wrong = (values < 0) | (values != np.floor(values))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            when = "" if series.times is None else f" at {written(series.times[row])}"
            raise UserError(
                f"{part.origin}: the column {part.columns.targets[column]!r} is {values[row, column]:g}{when}"
                f"{of_series(series.name)}, but model.likelihood negative_binomial is for counts, whole numbers from 0 on; choose "
                "gaussian or student_t."
            )


def _load_files(data) -> tuple[SeriesSet, None, tuple[str, ...]]:
    from apps.forecasting.tables import read_series

    series, notes = read_series(data.path, data)
    return series, None, notes


def _load_bundled(data) -> tuple[SeriesSet, str, tuple[str, ...]]:
    # Imported here, as below: own files need no TensorFlow Datasets.
    from apps.forecasting.dataset import TARGETS, TIMES_NOTE, WeatherYear
    from common.data.tfds_builders import load_example, make_folder

    builder = WeatherYear(config=data.name, data_dir=str(make_folder(data.cache_dir)))
    origin = f"pvlib {data.name} (bundled)"
    columns = load_example(builder, "series", origin=origin, quiet=True)
    return _one_series(columns, data, origin, "h", TARGETS), str(builder.data_dir), (TIMES_NOTE,)


def _load_catalogue(data) -> tuple[SeriesSet, str, tuple[str, ...]]:
    from apps.forecasting.catalogue_sets import SETS, on_regular_steps
    from apps.forecasting.frequency import seconds_of
    from common.data.tfds_builders import load_example, make_folder

    chosen = SETS[data.name]
    builder = chosen.builder(config=chosen.configuration, data_dir=str(make_folder(data.cache_dir)))
    origin = f"{data.name} (tfds)"
    columns = load_example(builder, "series", origin=origin)
    columns, notes = on_regular_steps(columns, seconds_of(chosen.frequency), origin)
    return _one_series(columns, data, origin, chosen.frequency, chosen.targets), str(builder.data_dir), notes


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


_SOURCES = {"bundled": _load_bundled, "tfds": _load_catalogue, "files": _load_files}
