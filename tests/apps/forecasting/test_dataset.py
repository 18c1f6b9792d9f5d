"""If these fail, the bundled weather is not what its names and units say, is rounded, or wants a network."""

import socket

import numpy as np
import pytest
from pvlib.iotools import read_tmy3

from apps.forecasting.config import Config
from apps.forecasting.data import load_splits
from apps.forecasting.dataset import COLUMNS, PACKAGE, read_package


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def whole(splits):
    parts = [getattr(splits, name).series[0] for name in ("train", "validation", "test")]
    values = np.concatenate([part.values[part.context :] for part in parts])
    return values, np.concatenate([part.times[part.context :] for part in parts])


@pytest.mark.parametrize("name", ["greensboro", "sand_point", "miami"])
def test_a_year_is_whole_exact_and_says_that_its_times_are_made_up(cache_dir, name):
    splits = load_splits(Config(data={"name": name, "cache_dir": str(cache_dir)}))
    values, times = whole(splits)
    expected = read_package(name)
    assert splits.train.columns.targets == ("temperature",)
    assert set(splits.train.columns.names) == set(COLUMNS)
    np.testing.assert_array_equal(
        values, np.stack([expected[column] for column in splits.train.columns.names], axis=1)
    )  # not rounded to float32
    assert times[0] == np.datetime64("2001-01-01T00") and times[-1] == np.datetime64("2001-12-31T23")
    assert (np.diff(times) == np.timedelta64(1, "h")).all()
    assert splits.train.frequency == "h"
    assert any("made up" in note for note in splits.notes)
    assert str(cache_dir) in splits.cache


@pytest.mark.parametrize("name", ["greensboro", "sand_point", "miami"])
def test_the_columns_mean_what_their_names_say(name):
    columns = read_package(name)
    months = columns["time"].astype("datetime64[s]").astype("datetime64[M]").astype(int) % 12 + 1
    hours = columns["time"] // 3600 % 24
    mean = [columns["temperature"][months == month].mean() for month in range(1, 13)]
    assert np.argmax(mean) + 1 in (7, 8) and np.argmin(mean) + 1 in (12, 1, 2)
    assert (columns["dew_point"] <= columns["temperature"] + 1).all()
    assert columns["humidity"].min() >= 0 and columns["humidity"].max() <= 100
    assert columns["pressure"].min() > 950 and columns["pressure"].max() < 1050
    assert np.argmax([columns["ghi"][hours == hour].mean() for hour in range(24)]) in (11, 12, 13)
    assert (columns["ghi"][columns["extraterrestrial"] == 0] < 30).all()
    assert (columns["opaque_cloud_cover"] <= columns["cloud_cover"]).all()
    assert columns["cloud_cover"].max() == 10


def test_the_two_parts_of_the_wind_are_its_speed_and_direction():
    import importlib.resources

    frame, _ = read_tmy3(importlib.resources.files(PACKAGE) / "data" / "723170TYA.CSV", map_variables=False)
    columns = read_package("greensboro")
    speed = np.hypot(columns["wind_u"], columns["wind_v"])
    np.testing.assert_allclose(speed, frame["Wspd (m/s)"], atol=1e-9)
    west = (frame["Wdir (degrees)"] == 270).to_numpy() & (speed > 0)
    assert west.any()
    assert (columns["wind_u"][west] > 0).all()  # wind out of the west blows east
    np.testing.assert_allclose(columns["wind_v"][west], 0, atol=1e-9)
