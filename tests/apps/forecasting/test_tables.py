"""If these fail, a person's table is read wrongly, or a mistake in it ends in a traceback or goes unnoticed."""

import gzip

import numpy as np
import pandas as pd
import pytest

from apps.forecasting.config import TIME_COLUMNS, Config
from apps.forecasting.series import Keys
from apps.forecasting.tables import read_series
from common.errors import UserError


def write(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def read(path, **data):
    return read_series(path, Config(data={"source": "files", "path": path, **data}).data)


def error(path, **data):
    with pytest.raises(UserError) as caught:
        read(path, **data)
    message = str(caught.value)
    assert "\n" not in message
    return message


def hourly(rows, start="2024-01-01", step="h"):
    return [str(time) for time in pd.date_range(start, periods=rows, freq=step)]


def table(times, *columns, header=None, delimiter=","):
    names = header or ["date", *(f"c{place}" for place in range(len(columns)))]
    lines = [delimiter.join(map(str, fields)) for fields in zip(times, *columns, strict=True)]
    return "\n".join([delimiter.join(names), *lines]) + "\n"


def test_wide(tmp_path):
    path = write(tmp_path, table(hourly(4), [1, 2, 3, 4], [0.5, 1.5, 2.5, 3.5]))
    whole, notes = read(path, time="date")
    assert whole.columns.targets == ("c0", "c1")
    assert whole.frequency == "h" and whole.origin == path and notes == ()
    series = whole.series[0]
    assert series.name == "" and series.values.dtype == np.float64 and series.times.dtype == "datetime64[s]"
    np.testing.assert_array_equal(series.values, [[1, 0.5], [2, 1.5], [3, 2.5], [4, 3.5]])


def test_long_is_recognised_and_series_keep_their_names_and_order(tmp_path):
    text = "unique_id,ds,y,price\n" + "".join(
        f"{name},2024-01-0{day},{value + day},{day}\n" for day in (1, 2, 3) for name, value in (("NA", 10), ("007", 20))
    )
    whole, notes = read(write(tmp_path, text))
    assert [series.name for series in whole.series] == ["NA", "007"]
    assert whole.columns.targets == ("y",) and whole.frequency == "D"
    assert len(notes) == 1 and "not used" in notes[0] and "'price'" in notes[0]
    np.testing.assert_array_equal(whole.series[1].values[:, 0], [21, 22, 23])
    whole, _ = read(write(tmp_path, text), known=["price"])
    assert whole.columns.known == ("price",) and whole.series[0].values.shape == (3, 2)


def test_many_series_in_columns_of_other_names(tmp_path):
    text = "shop,day,units\nb,2024-01-01,1\nb,2024-01-02,2\na,2024-01-01,3\na,2024-01-02,4\n"
    whole, _ = read(write(tmp_path, text), id="shop", time="day", targets=["units"])
    assert [(series.name, series.values[:, 0].tolist()) for series in whole.series] == [("b", [1, 2]), ("a", [3, 4])]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv", "t.parquet", "semicolon.csv", "bom.csv", "crlf.csv"])
def test_forms_of_files(tmp_path, name):
    plain = table(hourly(3), [1, 2, 3])
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(plain.encode()))
    elif name.endswith(".parquet"):
        times = pd.to_datetime(hourly(3))
        pd.DataFrame({"c0": [1, 2, 3]}, index=pd.Index(times, name="date")).to_parquet(path)
    elif name == "bom.csv":
        path.write_bytes(b"\xef\xbb\xbf" + plain.encode())
    else:
        swap = {"t.tsv": (",", "\t"), "semicolon.csv": (",", ";"), "crlf.csv": ("\n", "\r\n")}[name]
        path.write_bytes(plain.replace(*swap).encode())
    whole, _ = read(str(path), time="date")
    np.testing.assert_array_equal(whole.series[0].values, [[1], [2], [3]])
    assert whole.frequency == "h"


def test_decimal_comma_behind_semicolons(tmp_path):
    whole, notes = read(write(tmp_path, "tag;wert\n01.02.2024;1,5\n02.02.2024;1.002,5\n"), time="tag")
    np.testing.assert_array_equal(whole.series[0].values, [[1.5], [1002.5]])
    assert whole.series[0].times[0] == np.datetime64("2024-02-01")
    assert any("comma" in note for note in notes) and any("%d.%m.%Y" in note for note in notes)


@pytest.mark.parametrize(
    "frequency",
    ["s", "15min", "h", "6h", "D", "W-SUN", "W-TUE", "B", "MS", "ME", "2MS", "QS-JAN", "QE-DEC", "YS-JAN", "YE-DEC"],
)
def test_every_frequency_is_found_also_with_rows_missing(tmp_path, frequency):
    times = pd.date_range("2020-02-03", periods=30, freq=frequency)
    kept = [place for place in range(30) if place not in (5, 6, 17)]
    path = write(tmp_path, table([str(times[place]) for place in kept], kept))
    whole, notes = read(path, time="date", missing="interpolate")
    assert whole.frequency == frequency
    np.testing.assert_array_equal(whole.series[0].times, times.to_numpy().astype("datetime64[s]"))
    assert np.isnan(whole.series[0].values[:, 0]).nonzero()[0].tolist() == [5, 6, 17]
    assert any("3 rows are missing" in note for note in notes)


@pytest.mark.parametrize(
    ("texts", "expected", "note"),
    [
        (["2024-01-31T23:00:00Z", "2024-02-01T00:00:00Z"], "2024-01-31T23:00", "UTC"),
        (["2024-01-31 23:00+02:00", "2024-02-01 00:00+02:00"], "2024-01-31T21:00", "UTC"),
        (["31/01/2024 10:00", "31/01/2024 11:00"], "2024-01-31T10:00", "%d/%m/%Y"),
        (["1/31/2024 1:00 PM", "1/31/2024 2:00 PM"], "2024-01-31T13:00", "%m/%d/%Y"),
        (["31.01.2024 10:00:00", "31.01.2024 11:00:00"], "2024-01-31T10:00", "%d.%m.%Y"),
        (["1706695200", "1706698800"], "2024-01-31T10:00", "seconds since 1970"),
        (["1706695200000", "1706698800000"], "2024-01-31T10:00", "milliseconds since 1970"),
        (["20240131", "20240201"], "2024-01-31", "days"),
        (["202401", "202402"], "2024-01", "months"),
        (["2023", "2024"], "2023-01-01", "years"),
        (["2024-01", "2024-02"], "2024-01-01", None),
    ],
)
def test_times_however_they_are_written(tmp_path, texts, expected, note):
    whole, notes = read(write(tmp_path, table(texts, [1, 2])), time="date")
    assert whole.series[0].times[0] == np.datetime64(expected)
    assert any(note in each for each in notes) if note else notes == ()


def test_without_times_rows_are_steps(tmp_path):
    whole, _ = read(write(tmp_path, "a,b\n1,2\n3,4\n"))
    assert whole.frequency is None and whole.series[0].times is None and whole.columns.targets == ("a", "b")
    whole, notes = read(write(tmp_path, table([1, 2, 3], [5, 6, 7])), time="date")
    assert whole.frequency is None and whole.series[0].times is None
    assert any("numbers of steps" in note for note in notes)


def test_unsorted_rows_are_sorted_with_a_word(tmp_path):
    times = hourly(4)
    path = write(tmp_path, table([times[2], times[0], times[3], times[1]], [2, 0, 3, 1]))
    whole, notes = read(path, time="date")
    assert whole.series[0].values[:, 0].tolist() == [0, 1, 2, 3]
    assert any("sorted" in note for note in notes)


def test_columns_of_text_are_told(tmp_path):
    _, notes = read(write(tmp_path, "remark,a\nx,1\ny,2\n"))
    assert len(notes) == 1 and "not used: 'remark'" in notes[0]


@pytest.mark.parametrize("name", TIME_COLUMNS)
def test_times_are_found_by_name_with_a_word(tmp_path, name):
    path = write(tmp_path, table(hourly(3), [1, 2, 3], header=[name, "a"]))
    whole, notes = read(path)
    assert whole.frequency == "h" and whole.columns.targets == ("a",) and whole.keys == Keys(None, name)
    assert len(notes) == (name != "ds") and all(f"'{name}'" in note and "--data.time" in note for note in notes)
    assert read(path, time=name)[1] == ()
    whole, notes = read(path, frequency="rows")
    assert whole.frequency is None and whole.series[0].times is None and whole.keys == Keys() and notes == ()


def test_the_first_of_the_names_is_taken_and_no_column_with_another_role(tmp_path):
    path = write(tmp_path, table([5, 7, 6], hourly(3), [1, 2, 3], header=["time", "date", "a"]))
    assert read(path, targets=["a"], past=["time"])[0].keys.time == "date"
    path = write(tmp_path, table(hourly(3), hourly(3), [1, 2, 3], header=["date", "ds", "a"]))
    assert read(path)[0].keys.time == "ds"


@pytest.mark.parametrize(
    "times", [hourly(3), ["01/02/2024", "02/02/2024", "03/02/2024"], [20240131, 20240201, 20240202]]
)
def test_times_under_another_name_do_not_go_unnoticed(tmp_path, times):
    """Else a model without a calendar is trained, and its forecast has no dates."""
    path = write(tmp_path, table(times, [1, 2, 3], header=["when", "y"]))
    whole, notes = read(path)
    assert whole.frequency is None
    assert any("counted as steps" in note and "'when'" in note and "--data.time" in note for note in notes)
    assert not any("'when' looks" in note for note in read(path, frequency="rows")[1])
    numbers = write(tmp_path, table([7, 9, 8], [1, 2, 3], header=["visits", "y"]))
    assert not any("steps" in note for note in read(numbers)[1])


def test_text_in_a_numeric_column(tmp_path):
    path = write(tmp_path, table(hourly(5), [1, 2, "broken", 4, 5]))
    message = error(path, time="date")
    assert f"{path}, line 4" in message and "'c0'" in message and "'broken'" in message
    assert "decimal sign" in error(write(tmp_path, 'date,a\n2024-01-01,"1,5"\n2024-01-02,"2,5"\n'), targets=["a"])


def test_line_numbers_count_blank_lines_and_lines_within_quotes(tmp_path):
    path = write(tmp_path, 'remark,a\n"two\nlines",1\n\nx,2\ny,bad\n')
    assert "line 6" in error(path, targets=["a"])


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e999"])
def test_infinity(tmp_path, value):
    message = error(write(tmp_path, table(hourly(3), [1, value, 3])), time="date")
    assert "line 3" in message and "'c0'" in message and "infinity" in message


@pytest.mark.parametrize("value", ["", "NaN", "NA", "null"])
def test_a_missing_value_is_an_error_by_default(tmp_path, value):
    path = write(tmp_path, table(hourly(5), [1, 2, value, 4, value], [1, 2, 3, 4, 5]))
    message = error(path, time="date")
    assert "line 4" in message and "'c0'" in message and "2 in all" in message and "--data.missing" in message
    whole, _ = read(path, time="date", missing="forward")
    assert np.isnan(whole.series[0].values[2, 0])


def test_a_missing_row_is_an_error_by_default(tmp_path):
    times = hourly(6)
    message = error(write(tmp_path, table(times[:2] + times[3:], range(5))), time="date")
    assert "line 3" in message and "1 row is missing" in message and "steps of h" in message


def test_doubled_times(tmp_path):
    times = hourly(4)
    message = error(write(tmp_path, table([times[0], times[1], times[1], times[2]], range(4))), time="date")
    assert "line 3 and line 4" in message and "--data.id" in message


def test_daylight_saving_is_named(tmp_path):
    autumn = ["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00", "2024-10-27 04:00"]
    message = error(write(tmp_path, table(autumn, range(5))), time="date")
    assert "end of daylight saving" in message and "UTC" in message
    spring = ["2024-03-31 00:00", "2024-03-31 01:00", "2024-03-31 03:00", "2024-03-31 04:00"]
    message = error(write(tmp_path, table(spring, range(4))), time="date")
    assert "beginning of daylight saving" in message and "UTC" in message
    whole, _ = read(
        write(
            tmp_path,
            table(
                [
                    f"{time}:00+0{2 if place else 1}:00"
                    for place, time in enumerate(["2024-03-31 01:00", "2024-03-31 03:00", "2024-03-31 04:00"])
                ],
                range(3),
            ),
        ),
        time="date",
    )
    assert len(whole.series[0]) == 3


def test_mixed_frequencies(tmp_path):
    lines = [f"north,{time},1" for time in hourly(5)] + [f"south,{time},1" for time in hourly(5, step="D")]
    message = error(write(tmp_path, "unique_id,ds,y\n" + "\n".join(lines)))
    assert "'north'" in message and "steps of h" in message and "'south'" in message and "steps of D" in message


def test_irregular_times(tmp_path):
    message = error(
        write(
            tmp_path, table(["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 02:37"], range(4))
        ),
        time="date",
    )
    assert "line 5" in message and "02:37" in message


@pytest.mark.parametrize(
    ("text", "data", "parts"),
    [
        ("", {}, ["empty", "names of the columns"]),
        ("a,b\n", {}, ["no rows"]),
        ("1,2\n3,4\n", {}, ["line 1", "look like values"]),
        ("2024-01-01,2\n2024-01-02,4\n", {}, ["line 1", "look like values"]),
        ("a,a\n1,2\n", {}, ["2 columns named 'a'"]),
        ("a,b\n1,2\n3\n4,5\n", {}, ["line 3", "1 fields", "2 columns"]),
        ("a,b\n1,2\n3,4,5\n", {}, ["line 3", "3 fields", "2 columns"]),
        ("a,b\n1,2,3\n3,4,5\n", {}, ["line 2", "3 fields", "2 columns"]),
        ("date,a\n2024-01-01,1,5\n", {}, ["line 2", "3 fields", "decimal comma"]),
        ("date,a\n2024-01-01,1\n", {"time": "date"}, ["only one row"]),
        ("a,b\n1,2\n", {"targets": ["aa"]}, ["no column 'aa'", "'a' and 'b'"]),
        ("units,b\n1,2\n", {"targets": ["unit"]}, ["did you mean units?"]),
        ("a,b\n1,2\n", {"time": "date"}, ["no column 'date'", "data.time"]),
        ("a,b\nx,y\nz,w\n", {}, ["no column left to forecast", "--data.targets"]),
        ("ds,y\n2024-01-01,1\n,2\n", {}, ["line 3", "time is missing"]),
        ("ds,y\n2024-01-01,1\nsoon,2\n", {}, ["line 3", "'soon'", "'2024-01-01'"]),
        ("ds,y\nsoon,1\nlater,2\n", {}, ["line 2", "'soon'", "2024-01-31 14:00"]),
        ("ds,y\n01/02/2024,1\n02/02/2024,2\n", {}, ["day first and month first"]),
        ("ds,y\n2024-01-01 10:00Z,1\n2024-01-01 11:00,2\n", {}, ["line 3", "time zone"]),
        ("ds,y\n2024-01-01 10:00:00.5,1\n2024-01-01 10:00:01,2\n", {}, ["line 2", "fraction of a second"]),
        ("ds,y\n2024-01-01,1\nnow,2\n", {}, ["line 3", "'now'"]),
        ("ds,y\n1700000000,1\n99999999999999999999,2\n", {}, ["line 3", "99999999999999999999"]),
        ("ds,y\n1700000000,1\n1e400,2\n", {}, ["line 3", "1e400"]),
        ("ds,y\n2024-01-01 10:00,1\n2024-01-01 11:00-5,2\n", {}, ["line 3", "time zone"]),
        ("ds,y\n0.5,1\n1.5,2\n", {}, ["line 2", "whole number"]),
        ("unique_id,ds,y\na,2024-01-01,1\n,2024-01-02,2\n", {}, ["line 3", "name of the series is missing"]),
        ("ds,y\n2024-01-01,1\n2024-01-02,2\n", {"frequency": "fortnight"}, ["data.frequency", "'fortnight'"]),
        ("ds,y\n2024-01-01,1\n2024-01-02,2\n", {"frequency": "W-SUN"}, ["line 2", "steps of W-SUN"]),
        ('a,b\n1,"2\n', {}, ["line 2"]),
    ],
)  # fmt: skip
def test_bad_tables_get_one_sentence(tmp_path, text, data, parts):
    message = error(write(tmp_path, text), **data)
    assert "t.csv" in message or "data.frequency" in message
    for part in parts:
        assert part in message, message


def test_bytes_that_are_not_utf8(tmp_path):
    path = write(tmp_path, "ort,a\nKöln,1\nBonn,2\n", encoding="latin-1")
    assert "line 2" in error(path) and "UTF-8" in error(path)
    assert "UTF-16" in error(write(tmp_path, "a,b\n1,2\n", encoding="utf-16"))
    far = write(tmp_path, "ort,a\n" + "Bonn,1\n" * 300_000 + "Köln,1\n", encoding="latin-1")
    assert "line 300002" in error(far)


@pytest.mark.parametrize("name", ["t.xlsx", "t.parquet", "t.csv.gz", "absent.csv"])
def test_files_that_are_none(tmp_path, name):
    path = tmp_path / name
    if name != "absent.csv":
        path.write_bytes(b"PK\x03\x04 nothing of the kind")
    assert str(path) in error(str(path))


def test_a_long_file_with_missing_values_in_a_parquet(tmp_path):
    frame = pd.DataFrame(
        {"unique_id": [1, 1, 2, 2], "ds": pd.date_range("2024-01-01", periods=2).tolist() * 2, "y": [1, None, 3, 4]}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    assert "row 2" in error(str(tmp_path / "t.parquet"))
    whole, _ = read(str(tmp_path / "t.parquet"), missing="forward")
    assert [series.name for series in whole.series] == ["1", "2"]


def test_the_index_of_a_parquet_is_a_column_if_it_says_something(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    frame.set_index(pd.date_range("2024-01-01", periods=3)).to_parquet(path)
    whole, _ = read(str(path), time="index")
    assert whole.frequency == "D" and whole.columns.targets == ("a",)
    frame.set_index(pd.Index([7, 3, 9])).to_parquet(path)
    assert read(str(path))[0].columns.targets == ("a",)


def test_columns_without_a_name_are_left_out(tmp_path):
    whole, _ = read(write(tmp_path, ",a,\n0,5,\n1,6,\n"))
    assert whole.columns.targets == ("a",) and whole.series[0].values.tolist() == [[5], [6]]


def test_text_far_down_among_numbers(tmp_path):
    path = write(tmp_path, "a,b\n" + "1,2\n" * 400_000 + "x,2\n")
    message = error(path)
    assert "line 400002" in message and "'x'" in message


def test_a_frequency_that_changes_within_a_series_is_named(tmp_path):
    hours, days = hourly(60), hourly(40, "2024-01-03 12:00", "D")
    message = error(write(tmp_path, table([*hours, *days[1:]], range(99))))
    assert (
        "line 61" in message
        and "1 days apart" in message
        and "38 times" in message
        and "make it one frequency" in message
    )
