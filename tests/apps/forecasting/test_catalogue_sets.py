"""If these fail, a public set is read with its known mistakes in it, a damaged download is trained on, or no network is a
traceback. The archives are made here; nothing is downloaded."""

import hashlib
import zipfile

import numpy as np
import pandas as pd
import pytest
import requests
import tensorflow_datasets as tfds

from apps.forecasting import catalogue_sets
from apps.forecasting.config import CATALOGUE, Config
from apps.forecasting.data import load_splits
from common.errors import UserError


def configured(tmp_path, name, **data):
    return Config(
        data={"source": "tfds", "name": name, "cache_dir": str(tmp_path / "cache"), **data},
        model={"look_back": 10, "horizon": 5},
    )


@pytest.fixture
def downloads(monkeypatch):
    """URL to the file that stands for it; filled by the test."""
    files = {}
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, url: files[url])
    return files


def make_ett(tmp_path, downloads, monkeypatch, rows=200):
    frame = pd.DataFrame({"date": pd.date_range("2016-07-01", periods=rows, freq="15min").astype(str)})
    for place, name in enumerate(catalogue_sets.ETT_COLUMNS):
        frame[name] = np.arange(rows) + place / 7
    path = tmp_path / "ETTm1.csv"
    frame.to_csv(path, index=False)
    downloads["https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTm1.csv"] = path
    monkeypatch.setitem(catalogue_sets._ETT_SHA256, "m1", hashlib.sha256(path.read_bytes()).hexdigest())
    return frame, path


def make_jena(tmp_path, downloads, monkeypatch, times, **columns):
    names = [name for name, _ in catalogue_sets._JENA_FILE.values()]
    names += ["wv (m/s)", "max. wv (m/s)", "wd (deg)"]
    frame = pd.DataFrame({"Date Time": times.strftime("%d.%m.%Y %H:%M:%S")})
    for name in names:
        frame[name] = columns.get(name, np.arange(len(times), dtype=float))
    path = tmp_path / "jena.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/._jena_climate_2009_2016.csv", "not this one")
        archive.writestr("jena_climate_2009_2016.csv", frame.to_csv(index=False))
    downloads[catalogue_sets._JENA_URL] = path
    monkeypatch.setattr(catalogue_sets, "_JENA_BYTES", path.stat().st_size)


def whole(splits):
    return [
        np.concatenate([getattr(part.series[0], field)[part.series[0].context :] for part in parts])
        for parts in [(splits.train, splits.validation, splits.test)]
        for field in ("values", "times")
    ]


def test_the_names_of_the_configuration_are_those_of_the_sets():
    assert set(catalogue_sets.SETS) == set(CATALOGUE)


def test_ett_is_read_exactly_and_prepared_once(tmp_path, downloads, monkeypatch):
    frame, path = make_ett(tmp_path, downloads, monkeypatch)
    splits = load_splits(configured(tmp_path, "ett/m1"))
    values, times = whole(splits)
    assert splits.train.columns.targets == tuple(catalogue_sets.ETT_COLUMNS) and not splits.train.columns.past
    np.testing.assert_array_equal(values, frame[list(catalogue_sets.ETT_COLUMNS)].to_numpy())
    assert times[0] == np.datetime64("2016-07-01") and times[1] == np.datetime64("2016-07-01T00:15")
    assert splits.train.frequency == "15min" and splits.notes == ()
    path.unlink()
    np.testing.assert_array_equal(whole(load_splits(configured(tmp_path, "ett/m1")))[0], values)


def test_a_file_that_is_not_the_published_one(tmp_path, downloads, monkeypatch):
    _, path = make_ett(tmp_path, downloads, monkeypatch)
    path.write_text("<html>blocked by the proxy</html>")
    with pytest.raises(UserError) as caught:
        load_splits(configured(tmp_path, "ett/m1"))
    assert "SHA-256" in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)
    make_ett(tmp_path, downloads, monkeypatch)
    assert load_splits(configured(tmp_path, "ett/m1"))  # nothing half-made was left behind


def test_jena_with_its_known_mistakes(tmp_path, downloads, monkeypatch):
    times = pd.date_range("2009-01-01 00:10", periods=400, freq="10min")
    times = times.delete([100, 101, 102]).insert(50, times[49]).insert(50, times[48])  # missing, and twice
    speed = np.full(len(times), 2.0)
    speed[[10, 11]] = -9999.0
    make_jena(tmp_path, downloads, monkeypatch, times, **{"wv (m/s)": speed, "wd (deg)": np.full(len(times), 270.0)})
    splits = load_splits(configured(tmp_path, "jena_climate"))
    values, found = whole(splits)
    assert splits.train.columns.targets == ("temperature",)
    assert len(values) == 400 and (np.diff(found) == np.timedelta64(10, "m")).all()
    assert found[0] == np.datetime64("2009-01-01T00:10")  # day first
    assert not np.isnan(values).any()
    wind = values[:, splits.train.columns.names.index("wind_u")]
    np.testing.assert_allclose(wind, 2.0)  # out of the west, and the wrong ones filled
    note = next(note for note in splits.notes if "twice" in note)
    assert "2 times" in note and "3 rows were missing" in note and "4 values were marked" in note
    assert any("filled" in note for note in splits.notes)


def test_jena_of_another_size_or_with_other_columns(tmp_path, downloads, monkeypatch):
    make_jena(tmp_path, downloads, monkeypatch, pd.date_range("2009-01-01", periods=100, freq="10min"))
    monkeypatch.setattr(catalogue_sets, "_JENA_BYTES", 13_568_290)
    with pytest.raises(UserError, match="size in bytes"):
        load_splits(configured(tmp_path, "jena_climate"))
    path = downloads[catalogue_sets._JENA_URL]
    path.write_bytes(b"not a zip")
    monkeypatch.setattr(catalogue_sets, "_JENA_BYTES", 9)
    with pytest.raises(UserError, match="no zip archive"):
        load_splits(configured(tmp_path, "jena_climate"))


def test_no_network_is_one_sentence(tmp_path, monkeypatch):
    def refuse(self, url):
        raise requests.ConnectionError(request=requests.Request("GET", url).prepare())

    monkeypatch.setattr(tfds.download.DownloadManager, "download", refuse)
    with pytest.raises(UserError) as caught:
        load_splits(configured(tmp_path, "ett/h2"))
    assert "no connection to raw.githubusercontent.com" in str(caught.value) and "\n" not in str(caught.value)
