"""What `predict` writes, and what it must not replace."""

import csv

import numpy as np
import pytest
import tensorflow as tf

from apps.forecasting.forecast_files import forecast_csv_path, write_csv
from apps.forecasting.forecaster import with_fitted_quantiles
from apps.forecasting.forecasts import Forecast
from apps.forecasting.model import build_model
from apps.forecasting.series import Keys
from apps.forecasting.serving import endpoints
from apps.forecasting.windows import Windows
from common.errors import UserError
from tests.apps.forecasting.made_series import adapted, configured, splits, waves


@pytest.mark.parametrize("output", ["history.csv", "./history.csv", "weather.csv"])
def test_no_input_is_replaced(output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="what the forecast is made from"):
        forecast_csv_path(output, (str(tmp_path / "history.csv"), "weather.png"))
    assert forecast_csv_path("other.csv", ("history.csv", None)).name == "other.csv"


@pytest.mark.parametrize(("output", "words"), [("a.txt", "ends in .csv"), ("nowhere/a.csv", "no folder")])
def test_an_output_that_cannot_be(output, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        forecast_csv_path(output)


def test_the_table_has_a_row_for_each_step_and_a_column_for_each_quantile(tmp_path):
    values = np.array([[1.5, 2.0], [3.25, 4.0]], np.float32)
    quantiles = values[..., None] + np.array([-1, 0, 1], np.float32)
    found = [
        Forecast(
            name,
            ["2020-01-01", "2020-01-02"],
            np.array(["2020-01-01", "2020-01-02"], "datetime64[s]"),
            values,
            quantiles,
        )
        for name in ("x", "y")
    ]
    write_csv(found, ["a", "b"], [0.1, 0.5, 0.9], tmp_path / "f.csv", Keys("store", "day"))
    rows = list(csv.DictReader((tmp_path / "f.csv").open()))
    assert list(rows[0]) == ["store", "day", "a", "a_q0.1", "a_q0.5", "a_q0.9", "b", "b_q0.1", "b_q0.5", "b_q0.9"]
    assert [row["store"] for row in rows] == ["x", "x", "y", "y"]
    assert (rows[1]["day"], rows[1]["a"], rows[1]["b_q0.9"]) == ("2020-01-02", "3.25", "5.0")


@pytest.fixture(scope="module")
def served():
    config = configured()
    made = splits(waves(rows=420), config)
    preprocessor = adapted(config, made.train)
    windows = Windows(made.validation, preprocessor, 48, 12, 16)
    model = with_fitted_quantiles(build_model(config, preprocessor), config.model, windows)
    function, signature = endpoints(model, preprocessor)["serving_default"]
    names = [spec.name for spec in signature]
    traced = tf.function(function, input_signature=signature, autograph=False)
    raw = windows.raw(np.arange(2))
    given = {**raw, "future": raw["future"][..., 3:]}
    return lambda **changed: traced(*(tf.constant({**given, **changed}[name]) for name in names)), given


def test_more_history_than_the_look_back_changes_nothing(served):
    ask, given = served
    longer = {name: np.concatenate([given[name][:, :5], given[name]], axis=1) for name in ("history", "history_time")}
    np.testing.assert_array_equal(ask()["quantiles"], ask(**longer)["quantiles"])


@pytest.mark.parametrize("name", ["history", "future"])
def test_what_is_no_number_is_refused(served, name):
    ask, given = served
    broken = given[name].copy()
    broken[0, -1, 0] = np.nan
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name} must hold numbers"):
        ask(**{name: broken})


def test_short_histories_and_times_that_do_not_fit_are_refused(served):
    ask, given = served
    with pytest.raises(tf.errors.InvalidArgumentError, match="history must have at least 48 steps"):
        ask(history=given["history"][:, 1:], history_time=given["history_time"][:, 1:])
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many steps as history"):
        ask(history_time=given["history_time"][:, 1:])
