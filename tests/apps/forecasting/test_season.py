"""If these fail, seasonal naive, which a forecast has to beat, and mase are measured with a season that nobody would name."""

import numpy as np
import pandas as pd
import pytest

from apps.forecasting.baselines import naive_error
from apps.forecasting.season import find_season
from apps.forecasting.series import Columns, Series, SeriesSet
from tests.apps.forecasting.made_series import waves

WEEK = np.array([0, 0.2, 0.1, 0.3, 1.0, 2.0, 1.5])  # what each weekday adds
DAY = np.sin(2 * np.pi * np.arange(24) / 24) + 0.4 * np.cos(4 * np.pi * np.arange(24) / 24)


def made(values, freq) -> SeriesSet:
    times = None if freq is None else pd.date_range("2020-01-01", periods=len(values), freq=freq).to_numpy()
    times = None if times is None else times.astype("datetime64[s]")
    return SeriesSet((Series("", np.asarray(values, float)[:, None], times),), Columns(("y",)), freq, "made")


def repeated(pattern, rows):
    return np.resize(pattern, rows)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("trend", [0.0, 0.01])
@pytest.mark.parametrize(
    ("rows", "freq", "pattern", "noise", "season"),
    [
        (400, "D", WEEK, 0.3, 7),
        (400, "D", WEEK, 0.7, 7),
        (1_500, "D", WEEK, 0.8, 7),
        (1_500, None, WEEK, 0.8, 7),
        (1_000, "h", DAY, 0.5, 24),
        (6_000, "h", DAY, 1.0, 24),
        (6_000, "15min", np.repeat(DAY, 4), 0.5, 96),
        (120, "MS", np.cos(2 * np.pi * np.arange(12) / 12), 0.3, 12),
        (200, None, np.cos(2 * np.pi * np.arange(12) / 12), 0.5, 12),
        (160, "QS-JAN", [0, 1, 3, 1], 0.5, 4),
    ],
)
def test_the_season_of_data_with_noise_and_trend(rows, freq, pattern, noise, season, trend, seed):
    random = np.random.default_rng(seed)
    values = repeated(pattern, rows) + noise * random.normal(size=rows) + trend * np.arange(rows)
    assert find_season(made(values, freq)) == season


@pytest.mark.parametrize("seed", range(4))
def test_a_week_within_a_year_and_a_year_of_days(seed):
    random = np.random.default_rng(seed)
    days = np.arange(5 * 365)
    year = 3 * np.cos(2 * np.pi * days / 365.2425)
    assert find_season(made(year + 0.5 * random.normal(size=len(days)), "D")) == 365
    both = year + 1.5 * repeated(WEEK, len(days)) + 0.5 * random.normal(size=len(days))
    assert find_season(made(both, "D")) == 7


@pytest.mark.parametrize("seed", range(4))
def test_a_week_of_hours_wins_only_where_weekdays_differ_much(seed):
    random = np.random.default_rng(seed)
    hours = np.arange(24 * 7 * 20)
    noise, day = 0.2 * random.normal(size=len(hours)), repeated(DAY, len(hours))
    weekend = (hours // 24) % 7 > 4
    assert find_season(made(day + noise, "h")) == 24
    assert find_season(made(np.where(weekend, 0.2, 1.0) * day - 1.5 * weekend + noise, "h")) == 168


@pytest.mark.parametrize("seed", range(4))
def test_a_slow_decline_does_not_shorten_the_day(seed):
    random = np.random.default_rng(seed)
    level = np.zeros(4_000)
    for hour in range(1, len(level)):
        level[hour] = 0.97 * level[hour - 1] + random.normal()
    assert find_season(made(level + 4 * repeated(DAY, len(level)), "h")) == 24


@pytest.mark.parametrize(("rows", "times"), [(600, True), (600, False), (100, True)])
def test_the_season_of_several_columns(rows, times):
    assert find_season(waves(rows=rows, times=times)) == 24


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rows", [60, 600, 3_000])
def test_noise_has_no_season(rows, seed):
    assert find_season(made(np.random.default_rng(seed).normal(size=rows), "D")) == 1


def test_constants_have_no_season():
    constant = waves(rows=600)
    constant.series[0].values[:] = 3.0
    assert find_season(constant) == 1
    assert (naive_error(constant, 1) == 0).all()
