"""Standardised by the training rows alone, with the calendar where it helps, and back."""

from dataclasses import replace

import numpy as np
import pytest

from apps.forecasting import preprocessing
from apps.forecasting.frequency import PERIODS
from apps.forecasting.layers import WindowStatistics
from apps.forecasting.preprocessing import Preprocessor
from apps.forecasting.season import repeats
from apps.forecasting.series import Keys
from apps.forecasting.serving import metadata
from common.errors import UserError
from tests.apps.forecasting.made_series import adapted, configured, waves


def test_standardised_training_rows_have_mean_0_and_deviation_1():
    train = waves()
    preprocessor = adapted(configured(), train)
    values = np.asarray(preprocessor.standardise(train.series[0].values.astype(np.float32)))
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(values.std(0), 1, atol=1e-4)


def test_a_constant_column_is_not_divided_by_zero():
    train = waves()
    train.series[0].values[:, 2] = 7.0
    preprocessor = adapted(configured(), train)
    values = np.asarray(preprocessor.standardise(train.series[0].values.astype(np.float32)))
    np.testing.assert_array_equal(values[:, 2], 0)


@pytest.mark.parametrize(
    ("rows", "periods"),
    [(40, ()), (24 * 10, ("day",)), (24 * 20, ("day", "week")), (24 * 800, ("day", "year"))],
)
def test_a_period_is_shown_if_the_training_rows_hold_it_twice(rows, periods):
    assert adapted(configured(), waves(rows=rows)).periods == tuple(PERIODS[name] for name in periods)


def test_a_period_that_the_data_do_not_show_is_left_out():
    random = np.random.default_rng(0)
    hours = np.arange(24 * 7 * 20)
    walk = np.cumsum(random.normal(size=len(hours)))
    daily, weekly = 3 * np.sin(2 * np.pi * hours / 24), 4.0 * (hours // 24 % 7 >= 5)
    assert not repeats(walk[:, None], 24 * 7) and not repeats(random.normal(size=(len(hours), 1)), 24)
    assert repeats((daily + 0.1 * walk)[:, None], 24) and not repeats((daily + 0.1 * walk)[:, None], 24 * 7)
    assert repeats((weekly + 0.1 * walk)[:, None], 24 * 7)
    assert repeats(np.stack([walk, weekly], axis=1), 24 * 7)


def test_noise_seldom_looks_like_a_period():
    random = np.random.default_rng(1)
    assert sum(repeats(random.normal(size=(24 * 60, 1)), 24) for _ in range(200)) <= 4


def test_without_times_or_calendar_there_are_no_periods():
    assert adapted(configured(), waves(times=False)).periods == ()
    assert adapted(configured(model__calendar="false"), waves()).periods == ()


def test_the_calendar_is_a_point_on_a_circle():
    preprocessor = adapted(configured(), waves())
    noon = np.array([[np.datetime64("2023-05-07T12:00:00").astype("datetime64[s]").astype(np.int64)]])
    day = preprocessor._calendar(noon).numpy()[0, 0, :2]
    np.testing.assert_allclose(day, [0, -1], atol=1e-5)
    np.testing.assert_allclose(preprocessor._calendar(noon + 86_400).numpy()[0, 0, :2], day, atol=1e-5)


def test_prepare_takes_the_known_columns_of_the_future_and_no_others():
    train = waves()
    preprocessor = adapted(configured(), train)
    values = train.series[0].values.astype(np.float32)
    seconds = train.series[0].times.astype(np.int64)
    raw = {
        "history": values[None, :48],
        "future": values[None, 48:60],
        "history_time": seconds[None, :48],
        "future_time": seconds[None, 48:60],
    }
    inputs, targets = preprocessor.prepare(raw)
    assert inputs["history"].shape == (1, 48, 4 + 4) and inputs["future"].shape == (1, 12, 1 + 4)
    standardised = np.asarray(preprocessor.standardise(values))
    np.testing.assert_allclose(inputs["future"][0, :, 0], standardised[48:60, 3], rtol=1e-6)
    np.testing.assert_allclose(targets[0], standardised[48:60, :2], rtol=1e-6)
    back = preprocessor.invert({"forecast": targets, "quantiles": targets[..., None]})
    np.testing.assert_allclose(back["forecast"][0], values[48:60, :2], rtol=1e-5)
    np.testing.assert_allclose(back["quantiles"][0, ..., 0], values[48:60, :2], rtol=1e-5)


def test_counts_go_in_as_they_are():
    train = waves()
    config = configured(model__kind="deepar", model__likelihood="negative_binomial")
    preprocessor = adapted(config, train)
    values = train.series[0].values.astype(np.float32)
    np.testing.assert_allclose(preprocessor.standardise(values)[:, :2], values[:, :2])
    assert abs(preprocessor.standardise(values)[:, 2].mean()) < 1e-4


def test_scale_makes_series_of_different_size_alike():
    """Measured from the mean of all series, the smaller one would be a constant of the size of that mean."""
    train = waves(past=(), known=(), series=2)
    small = train.series[0].values
    train = train.with_series([replace(each, values=small * size) for each, size in zip(train.series, (1, 100))])
    for kind in ("segrnn", "deepar"):
        preprocessor = adapted(configured(model__normalization="scale", model__kind=kind), train)
        windows = [np.asarray(preprocessor.standardise(each.values[:48].astype(np.float32))) for each in train.series]
        shift, scale = (np.asarray(each) for each in WindowStatistics("scale")(np.stack(windows)))
        assert (shift == 0).all()
        one, other = np.stack(windows) / scale
        np.testing.assert_allclose(one, other, rtol=0.02)
        np.testing.assert_allclose(one * np.abs(small[:48]).mean(0), small[:48], rtol=0.02)
        forecast = np.stack(windows)[:, :12]
        back = preprocessor.invert({"forecast": forecast, "quantiles": forecast[..., None]})["forecast"]
        np.testing.assert_allclose(back[1], small[:12] * 100, rtol=1e-5)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    scaled = configured(model__normalization="scale")
    preprocessor = adapted(scaled, replace(waves(), keys=Keys("store", "day")))
    preprocessor.save(tmp_path)
    loaded = Preprocessor.load(tmp_path)
    assert (metadata(None, loaded)["id"], metadata(None, loaded)["time"]) == ("store", "day")
    assert loaded.columns == preprocessor.columns and loaded.periods == preprocessor.periods
    values = waves(seed=5).series[0].values.astype(np.float32)
    np.testing.assert_array_equal(loaded.standardise(values), preprocessor.standardise(values))
    (tmp_path / "preprocessor.json").write_text("{")
    with pytest.raises(UserError, match="preprocessor.json"):
        Preprocessor.load(tmp_path)


def test_statistics_are_those_of_all_rows_however_many_are_read_at_a_time(monkeypatch):
    monkeypatch.setattr(preprocessing, "_CHUNK", 7)
    train = waves(rows=100, series=3)
    values = np.concatenate([each.values for each in train.series])
    found = adapted(configured(), train)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.std, values.std(axis=0), rtol=1e-12)


def test_a_column_that_float32_cannot_tell_from_a_constant_is_refused():
    train = waves()
    train.series[0].values[:, 0] = 1e9 + 3 * np.sin(np.arange(600))
    with pytest.raises(UserError, match="'a' varies by 2.12 around 1e.09.*subtract a constant"):
        adapted(configured(), train)
    train.series[0].values[:, 0] = 1e9 * (10 + np.sin(np.arange(600)))
    train.series[0].values[:, 1] = 1e-9 * (10 + np.sin(np.arange(600)))
    assert adapted(configured(), train).constant_columns == ()
    train.series[0].values[:, 1] = 0.1
    assert adapted(configured(), train).constant_columns == ("b",)
