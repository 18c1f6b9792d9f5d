"""If these fail, a forecast starts from the wrong rows or columns, or is made with covariates of other times."""

import re

import numpy as np
import pandas as pd
import pytest

from apps.forecasting.forecast_files import write_csv
from apps.forecasting.forecasts import Forecast
from apps.forecasting.histories import read_future, read_history
from apps.forecasting.predict import FLAGS
from apps.forecasting.series import Columns, Keys
from common.errors import UserError

COLUMNS = Columns(("units",), ("visits",), ("price",))


def write(tmp_path, columns, name="history.csv"):
    path = tmp_path / name
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def rows(start, count, freq="D", **columns):
    return {"ds": pd.date_range(start, periods=count, freq=freq).astype(str), **columns}


def history(tmp_path, count=10, **changes):
    columns = rows("2024-01-01", count, units=np.arange(count), visits=np.ones(count), price=np.full(count, 2.0))
    return write(tmp_path, columns | changes)


def error(function, *arguments, **keywords):
    with pytest.raises(UserError) as caught:
        function(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_columns_are_put_in_the_order_of_training_and_others_left_aside(tmp_path):
    path = write(
        tmp_path, rows("2024-01-01", 3, remark=list("abc"), price=[7, 8, 9], visits=[4, 5, 6], units=[1, 2, 3])
    )
    whole, notes = read_history(path, COLUMNS, "D")
    np.testing.assert_array_equal(whole.series[0].values, [[1, 4, 7], [2, 5, 8], [3, 6, 9]])
    assert whole.columns == COLUMNS and whole.frequency == "D" and notes == ()
    path = write(tmp_path, {"units": [1], "visits": [2], "price": [3]})
    assert read_history(path, COLUMNS, None)[0].series[0].times is None


def test_columns_that_differ_from_those_of_training(tmp_path):
    message = error(
        read_history, write(tmp_path, rows("2024-01-01", 3, units=[1, 2, 3], visit=[1, 2, 3])), COLUMNS, "D"
    )
    assert "'visits' and 'price'" in message and "trained with" in message and "did you mean visit?" in message
    path = write(tmp_path, {"units": [1], "visits": [2], "price": [3]})
    assert "no column of times" in error(read_history, path, COLUMNS, "D")


def test_columns_are_called_as_in_training_unless_the_person_says_otherwise(tmp_path):
    """A model that was trained with --data.id store --data.time day needs no flags."""
    columns = Columns(("y",), (), ("price",))
    past = {"store": ["a", "b"], "day": ["2024-01-01"] * 2, "y": [1, 2], "price": [3, 4]}
    path = write(tmp_path, past)
    trained = Keys("store", "day")
    whole, notes = read_history(path, columns, "D", trained=trained)
    assert whole.keys == trained and [each.name for each in whole.series] == ["a", "b"] and notes == ()
    ahead = {"store": ["b", "a"], "day": ["2024-01-02"] * 2, "price": [5, 6]}
    assert [each.item() for each in read_future(write(tmp_path, ahead, "f.csv"), whole, 1)[0]] == [6, 5]
    other = write(tmp_path, {"shop": ["a"], "date": ["2024-01-01"], "y": [1], "price": [3]}, "o.csv")
    whole, notes = read_history(other, columns, "D", Keys(identifiers="shop"), trained)
    assert whole.keys == Keys("shop", "date") and len(notes) == 1 and "'date'" in notes[0]
    assert "--id names" in error(read_history, other, columns, "D", Keys(identifiers="sohp"), trained)


@pytest.mark.parametrize(
    "changes",
    [
        {"ds": ["2024-01-01", "2024-01-02", "2024-01-05"]},
        {"ds": ["2024-01-01", "2024-01-02", "2024-01-02"]},
        {"ds": ["2024-01-01", "2024-01-02", "2024-01-02 07:13"]},
        {"ds": ["2024-01-01 00:00:00.5", "2024-01-02", "2024-01-03"]},
        {"ds": ["0.5", "1.5", "2.5"]},
        {"units": [1, np.nan, 3]},
        {"units": [1, "", 3], "missing": "forward"},
    ],
)
def test_advice_is_what_predict_takes(tmp_path, changes):
    """`predict` refuses --data.time, --data.missing and the like, whose names training gives."""
    missing = changes.pop("missing", "error")
    path = history(tmp_path, 3, **changes)
    try:
        said = " ".join(read_history(path, COLUMNS, "D", missing=missing)[1])
    except UserError as found:
        said = str(found)
    assert said and "data." not in said
    flags = {f"--{flag.name}" for flag in FLAGS}
    assert set(re.findall(r"--[\w.]*\w", said)) <= flags


def test_no_column_of_times_names_the_flag_of_predict(tmp_path):
    message = error(read_history, write(tmp_path, {"units": [1], "visits": [2], "price": [3]}), COLUMNS, "D")
    assert "with --time or call it ds" in message


def test_the_forecast_has_the_names_of_the_history(tmp_path):
    times = np.array(["2024-01-03"], "datetime64[s]")
    forecast = Forecast("a", ["2024-01-03"], times, np.ones((1, 1)), np.ones((1, 1, 1)))
    for keys, header in ((Keys("store", "day"), "store,day,y,y_q0.5"), (Keys(), "unique_id,ds,y,y_q0.5")):
        write_csv([forecast], ["y"], [0.5], tmp_path / "f.csv", keys)
        assert (tmp_path / "f.csv").read_text().splitlines()[0] == header


def test_another_frequency_than_that_of_training(tmp_path):
    assert "steps of D, but the model was trained on steps of h" in error(read_history, history(tmp_path), COLUMNS, "h")
    assert read_history(history(tmp_path, 5), COLUMNS, "B")  # Monday to Friday may be either


def test_missing_values_of_a_history(tmp_path):
    path = history(tmp_path, units=[np.nan, 1, 2, np.nan, 4, 5, 6, 7, 8, np.nan])
    assert "line 2" in error(read_history, path, COLUMNS, "D")
    whole, notes = read_history(path, COLUMNS, "D", missing="interpolate")
    assert whole.series[0].values[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 8]
    assert any("3 missing values" in note for note in notes)
    path = history(tmp_path, visits=np.full(10, np.nan))
    assert "'visits' has no value" in error(read_history, path, COLUMNS, "D", missing="forward")


def test_future_covariates_are_those_of_the_steps_that_are_forecast(tmp_path):
    whole, _ = read_history(history(tmp_path), COLUMNS, "D")
    future = write(tmp_path, rows("2024-01-05", 20, price=np.arange(5, 25)), "future.csv")
    (values,), _ = read_future(future, whole, 3)
    np.testing.assert_array_equal(values, [[11], [12], [13]])
    message = error(read_future, future, whole, 30)
    assert "no row for 2024-01-25" in message and "step 15" in message and "2024-02-09" in message
    message = error(read_future, history(tmp_path), whole, 3)  # only the past
    assert "no row for 2024-01-11" in message and "step 1 " in message
    assert "'price'" in error(read_future, write(tmp_path, rows("2024-01-11", 3, cost=[1, 2, 3]), "f.csv"), whole, 3)
    holes = write(tmp_path, rows("2024-01-11", 3, price=[1, np.nan, 3]), "f.csv")
    assert "line 3" in error(read_future, holes, whole, 3)
    assert "'dear'" in error(
        read_future, write(tmp_path, rows("2024-01-11", 3, price=[1, "dear", 3]), "f.csv"), whole, 3
    )


def test_future_covariates_of_several_series(tmp_path):
    lines = [(name, day, value) for day in (1, 2) for name, value in (("b", 1), ("a", 5))]
    columns = Columns(("y",), (), ("price",))
    past = {"unique_id": [name for name, _, _ in lines], "ds": [f"2024-01-0{day}" for _, day, _ in lines]}
    numbers = [value for _, _, value in lines]
    whole, _ = read_history(write(tmp_path, past | {"y": numbers, "price": numbers}), columns, "D")
    ahead = {"unique_id": ["a", "a", "b", "b"], "ds": ["2024-01-03", "2024-01-04"] * 2, "price": [1, 2, 3, 4]}
    values, _ = read_future(write(tmp_path, ahead, "future.csv"), whole, 2)
    assert [each.ravel().tolist() for each in values] == [[3, 4], [1, 2]]
    ahead["unique_id"] = ["a", "a", "c", "c"]
    assert "no rows of the series 'b'" in error(read_future, write(tmp_path, ahead, "future.csv"), whole, 2)


def test_future_without_times(tmp_path):
    whole, _ = read_history(write(tmp_path, {"units": [1], "visits": [2], "price": [3]}), COLUMNS, None)
    path = write(tmp_path, {"price": [4, 5]}, "future.csv")
    np.testing.assert_array_equal(read_future(path, whole, 2)[0][0], [[4], [5]])
    assert "step 3" in error(read_future, path, whole, 3)
