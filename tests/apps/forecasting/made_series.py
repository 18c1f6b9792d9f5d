"""Small series with known answers."""

import numpy as np

from apps.forecasting.config import Config
from apps.forecasting.preprocessing import Preprocessor
from apps.forecasting.series import Columns, Series, SeriesSet, SeriesSplits
from apps.forecasting.splitting import split_in_time
from common.config import resolve_config


def waves(rows=600, columns=("a", "b"), past=("c",), known=("d",), series=1, times=True, seed=0) -> SeriesSet:
    """Daily waves of hourly rows with noise; `d` is known and moves `a`."""
    random = np.random.default_rng(seed)
    made = []
    for index in range(series):
        hours = np.arange(rows)
        event = random.integers(0, 2, rows).astype(float)
        values = [
            10 * (index + 1) + place + 3 * np.sin(2 * np.pi * hours / 24 + place) for place in range(len(columns))
        ]
        values[0] = values[0] + 2 * event
        values += [random.normal(size=rows) for _ in past] + [event for _ in known]
        values = np.stack(values, axis=1) + 0.1 * random.normal(size=(rows, len(values))) * np.array(
            [1.0] * (len(columns) + len(past)) + [0.0] * len(known)
        )
        stamps = np.datetime64("2020-01-01T00:00:00", "s") + hours.astype("timedelta64[h]") if times else None
        made.append(Series(f"s{index}" if series > 1 else "", values, stamps))
    return SeriesSet(tuple(made), Columns(tuple(columns), tuple(past), tuple(known)), "h" if times else None, "made")


def splits(whole: SeriesSet, config: Config) -> SeriesSplits:
    """Train, validation and test in time."""
    parts, notes = split_in_time(whole, config.data, config.model.look_back, config.model.horizon)
    return SeriesSplits(**parts, notes=notes)


def configured(**settings) -> Config:
    """A small configuration; settings with `__` for the dot, e.g. `model__kind="deepar"`."""
    given = {
        "model.look_back": 48,
        "model.horizon": 12,
        "model.units": 8,
        "train.epochs": 1,
        **{name.replace("__", "."): value for name, value in settings.items()},
    }
    return resolve_config(Config, overrides={name: str(value) for name, value in given.items()})


def adapted(config: Config, train: SeriesSet) -> Preprocessor:
    preprocessor = Preprocessor.from_config(config)
    preprocessor.adapt(train)
    return preprocessor
