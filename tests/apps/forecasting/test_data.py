"""If these fail, a model sees what it will be tested on, forecasts are compared on other rows than said, or data that are
too short or too holey end in a traceback."""

import numpy as np
import pandas as pd
import pytest

from apps.forecasting.config import PRESETS, Config
from apps.forecasting.data import load_splits
from apps.forecasting.missing import fill, first_complete
from common.command import Command
from common.errors import UserError
from common.verb_summary import show_splits

PARTS = ("train", "validation", "test")


def write(tmp_path, columns, name="t.csv"):
    path = tmp_path / name
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def hourly(rows):
    return pd.date_range("2024-01-01", periods=rows, freq="h").astype(str)


def configured(path, look_back=10, horizon=5, **data):
    data = {"validation_fraction": 0.1, "test_fraction": 0.2, **data}
    return Config(data={"source": "files", "path": path, **data}, model={"look_back": look_back, "horizon": horizon})


def error(config):
    with pytest.raises(UserError) as caught:
        load_splits(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_splits_follow_each_other_and_look_back_only(tmp_path):
    path = write(tmp_path, {"ds": hourly(200), "y": np.arange(200)})
    splits = load_splits(configured(path, validation_fraction=0.1, test_fraction=0.2))
    train, validation, test = (getattr(splits, name).series[0] for name in PARTS)
    np.testing.assert_array_equal(train.values[:, 0], np.arange(140))
    np.testing.assert_array_equal(validation.values[:, 0], np.arange(130, 160))
    np.testing.assert_array_equal(test.values[:, 0], np.arange(150, 200))
    assert (train.context, validation.context, test.context) == (0, 10, 10)
    assert [len(part) for part in (train, validation, test)] == [140, 20, 40]
    assert validation.times[validation.context] == np.datetime64("2024-01-01") + np.timedelta64(140, "h")
    assert splits.cache is None and splits.notes == ()


@pytest.mark.parametrize("look_back", [96, 720])
def test_the_protocol_of_ett(tmp_path, look_back):
    columns = {"date": pd.date_range("2016-07-01", periods=17_420, freq="h").astype(str)}
    columns |= {name: np.arange(17_420) for name in ("HUFL", "OT")}
    rows = {"train_rows": 8640, "validation_rows": 2880, "test_rows": 2880}
    path = write(tmp_path, columns)
    for horizon, windows in ((96, 2785), (192, 2689), (336, 2545), (720, 2161)):
        splits = load_splits(configured(path, look_back, horizon, time="date", **rows))
        test = splits.test.series[0]
        assert len(test) - horizon + 1 == windows
        assert test.values[test.context, 0] == 8640 + 2880 and test.context == look_back
    assert splits.train.columns.targets == ("HUFL", "OT")
    assert any("3,020 rows" in note for note in splits.notes)


@pytest.mark.parametrize("policy", ["interpolate", "forward"])
def test_filling_never_looks_into_a_later_part(tmp_path, policy):
    values = np.arange(200.0)
    values[[50, 51, 138, 139, 140, 158, 159, 160, 199]] = np.nan
    path = write(tmp_path, {"ds": hourly(200), "y": values})
    splits = load_splits(configured(path, missing=policy))
    changed = np.where(np.arange(200) < 161, values, values + 1e6)  # only rows of the test after the hole
    other = load_splits(configured(write(tmp_path, {"ds": hourly(200), "y": changed}, "u.csv"), missing=policy))
    for name in ("train", "validation"):
        np.testing.assert_array_equal(getattr(splits, name).series[0].values, getattr(other, name).series[0].values)
        assert not np.isnan(getattr(splits, name).series[0].values).any()
    train = splits.train.series[0].values[:, 0]
    assert train[50:52].tolist() == ([50, 51] if policy == "interpolate" else [49, 49])
    assert train[138:].tolist() == [137, 137]  # the next value belongs to validation
    assert any("9 missing values" in note for note in splits.notes)


def test_fill_is_a_line_between_neighbours_of_the_part():
    values = np.array([[np.nan], [0], [np.nan], [2], [np.nan], [np.nan], [8], [np.nan]])
    assert first_complete(values) == 1
    # The first row of the second part is filled from the last of the first, filled itself, to the next value.
    np.testing.assert_array_equal(fill(values, [5, 8], "interpolate")[1:, 0], [0, 1, 2, 2, 5, 8, 8])
    np.testing.assert_array_equal(fill(values, [5, 8], "forward")[1:, 0], [0, 0, 2, 2, 2, 8, 8])
    assert np.isnan(values).sum() == 5  # the argument is left as it was


def test_rows_before_the_first_values_are_left_out(tmp_path):
    early, late = np.arange(200.0), np.arange(200.0)
    late[:20] = np.nan
    early[[20, 21]] = np.nan
    path = write(tmp_path, {"ds": hourly(200), "a": early, "b": late})
    splits = load_splits(configured(path, missing="forward"))
    assert splits.train.series[0].values[0].tolist() == [19, 20]
    assert any("20 rows before" in note for note in splits.notes)
    assert sum(len(getattr(splits, name)) for name in PARTS) == 180


def long_table(tmp_path, lengths):
    rows = [
        {"unique_id": name, "ds": time, "y": value}
        for name, length in lengths.items()
        for value, time in enumerate(hourly(length))
    ]
    return write(tmp_path, rows)


def test_each_series_is_split_by_itself_and_short_ones_are_named(tmp_path):
    path = long_table(tmp_path, {"long": 200, "short": 12, "longer": 400, "no test": 30})
    splits = load_splits(configured(path))
    assert [series.name for series in splits.train.series] == ["long", "longer", "no test"]
    assert [len(series) for series in splits.test.series] == [40, 80, 6]
    assert [series.name for series in splits.validation.series] == ["long", "longer"]
    assert any("1 of 4 series" in note and "'short'" in note for note in splits.notes)
    assert any("1 series have fewer than 5 rows for validation" in note for note in splits.notes)
    assert "series of at most 14 rows" in error(configured(long_table(tmp_path, {"a": 12, "b": 14})))


@pytest.mark.parametrize(("look_back", "horizon"), [(10, 5), (48, 24), (1, 1), (168, 24)])
def test_too_few_rows_says_how_many_are_needed(tmp_path, look_back, horizon):
    message = error(configured(write(tmp_path, {"y": np.arange(2)}), look_back, horizon))
    assert "has 2 rows" in message
    needed = int(message.split("need at least ")[1].split(" rows")[0].replace(",", ""))
    assert load_splits(configured(write(tmp_path, {"y": np.arange(needed)}), look_back, horizon))
    assert "need at least" in error(configured(write(tmp_path, {"y": np.arange(needed - 1)}), look_back, horizon))


def test_one_row_and_rows_that_are_fewer_than_asked_for(tmp_path):
    assert "has 1 row," in error(configured(write(tmp_path, {"y": [1]})))
    path = write(tmp_path, {"y": np.arange(100)})
    rows = {"train_rows": 60, "validation_rows": 20, "test_rows": 30}
    assert "need at least 110 rows" in error(configured(path, **rows))
    assert "data.test_rows is 3" in error(configured(path, **(rows | {"test_rows": 3})))
    assert "cut to 10 rows by data.limit" in error(configured(path, limit=10))


def test_limit_keeps_the_first_rows(tmp_path):
    splits = load_splits(configured(write(tmp_path, {"y": np.arange(500)}), limit=200))
    assert splits.test.series[0].values[-1, 0] == 199
    assert splits.available == (500,) and splits.unit == "rows"
    assert load_splits(configured(splits.train.origin, limit=500)).available is None


@pytest.mark.parametrize(("value", "word"), [(-3.0, "-3"), (2.5, "2.5")])
def test_what_is_no_count_is_refused_before_training(tmp_path, value, word):
    """Else the loss is NaN after a while, and nobody knows why."""
    values = np.arange(200.0)
    values[190] = value
    path = write(tmp_path, {"ds": hourly(200), "units": values, "price": values + 0.5})
    chosen = {"targets": ["units"], "known": ["price"]}
    config = configured(path, **chosen)
    assert load_splits(config)
    model = config.model.model_copy(update={"kind": "deepar", "likelihood": "negative_binomial"})
    message = error(config.model_copy(update={"model": model}))
    for part in (path, "'units'", f"is {word} at 2024-01-08 22:00:00", "negative_binomial", "whole numbers from 0 on"):
        assert part in message, message


def test_the_column_of_times_is_shown(tmp_path):
    path = write(tmp_path, {"date": hourly(200), "y": np.arange(200)})
    assert load_splits(configured(path)).describe()["times"] == "date, steps of h"
    path = write(tmp_path, {"time": np.arange(200), "y": np.arange(200)})
    assert load_splits(configured(path)).describe()["times"] == "time, numbers of steps"
    assert "times" not in load_splits(configured(path, frequency="rows")).describe()


def test_a_limit_that_a_preset_brought_is_told(tmp_path, capsys):
    """Else a person trains on a part of the table and does not know."""
    path = write(tmp_path, {"y": np.arange(500)})
    command = Command("forecasting", "apps.forecasting", Config, PRESETS, "train", {"preset": "tiny"})
    show_splits(command, load_splits(configured(path, limit=200)))
    assert "data.limit (preset tiny) keeps 200 of 500 rows" in " ".join(capsys.readouterr().out.split())


def test_roles_of_columns(tmp_path):
    path = write(tmp_path, {"ds": hourly(100), "a": range(100), "b": range(100), "c": range(100), "d": range(100)})
    columns = load_splits(configured(path, targets=["c"], past=["a"], known=["d"])).train.columns
    assert (columns.targets, columns.past, columns.known) == (("c",), ("a",), ("d",))
    columns = load_splits(configured(path, known=["d"])).train.columns
    assert (columns.targets, columns.past, columns.known) == (("a", "b", "c"), (), ("d",))
    message = error(configured(path, targets=["temperature"]))
    assert "'temperature'" in message and "data.targets" in message and "'a', 'b', 'c' and 'd'" in message


def test_roles_of_the_bundled_columns(tmp_path):
    cache = {"cache_dir": str(tmp_path)}
    splits = load_splits(Config(data={**cache, "targets": ["ghi", "dni"], "known": ["extraterrestrial"]}))
    assert splits.train.columns.targets == ("ghi", "dni") and splits.train.columns.known == ("extraterrestrial",)
    assert "temperature" in splits.train.columns.past and "ghi" not in splits.train.columns.past
    assert "did you mean temperature?" in error(Config(data={**cache, "targets": ["temprature"]}))
    assert "data.time" in error(Config(data={**cache, "time": "date"}))


def test_a_constant_column_and_one_without_values(tmp_path):
    path = write(tmp_path, {"ds": hourly(100), "a": np.arange(100), "flat": np.ones(100)})
    assert load_splits(configured(path)).train.columns.targets == ("a", "flat")
    path = write(tmp_path, {"ds": hourly(100), "y": np.arange(100), "empty": np.full(100, np.nan)})
    assert "'empty' has no value at all" in error(configured(path, targets=["y", "empty"], missing="forward"))


def test_the_same_configuration_gives_the_same_splits(tmp_path):
    path = long_table(tmp_path, {"b": 100, "a": 120})
    first, second = load_splits(configured(path)), load_splits(configured(path))
    for name in PARTS:
        for one, other in zip(getattr(first, name).series, getattr(second, name).series, strict=True):
            assert one.name == other.name
            np.testing.assert_array_equal(one.values, other.values)
