"""The functions of the tab, without a browser. If these fail, a table has no forecast, or the example cannot be read."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from apps.forecasting import demo
from common.demo.workspace import Workspace
from common.errors import UserError
from tests.demo import stand_ins


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.mark.parametrize("known", [(), ("holiday",)])
def test_the_example_gets_a_forecast_as_picture_and_table(workspace, known):
    model = stand_ins.forecasting(known)
    tables = demo.example_tables(model, workspace)
    assert len(tables) == 1 + len(known)
    picture, table, told = demo.shown(model, workspace, *map(str, tables))
    assert Image.open(picture).format == "PNG" and told == ""
    rows = list(csv.reader(Path(table).read_text().splitlines()))
    assert rows[0] == ["ds", "load", "load_q0.1", "load_q0.5", "load_q0.9"]
    assert [row[0] for row in rows[1:]] == [f"2024-06-03 {hour}:00:00" for hour in (16, 17, 18, 19)]


def test_the_example_is_what_the_evaluation_left_if_it_is_still_there(workspace, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "example-history.csv").write_text("ds,load,wind\n")
    model = stand_ins.forecasting()
    model.metadata["run"] = str(tmp_path / "run")
    (path,) = demo.example_tables(model, workspace)
    assert path.name == "example-history.csv" and path.read_text() == "ds,load,wind\n"


def test_a_model_without_an_example_has_none(workspace):
    model = stand_ins.forecasting()
    model._example = None
    assert demo.example_tables(model, workspace) == []


def test_gaps_are_filled_as_the_person_asked_for_and_said(workspace):
    path = workspace.new_folder() / "gaps.csv"
    hours = [hour for hour in range(12) if hour != 5]
    path.write_text("when,load,wind\n" + "".join(f"2024-01-01 {hour:02d}:00,{hour},1\n" for hour in hours))
    model = stand_ins.forecasting()
    with pytest.raises(UserError, match=r"gaps\.csv"):
        demo.shown(model, workspace, str(path), time="when")
    _, table, told = demo.shown(model, workspace, str(path), None, "interpolate", "when")
    assert "filled" in told and str(workspace.folder) not in told and "--" not in told
    assert Path(table).read_text().splitlines()[1].startswith("2024-01-01 12:00:00,11.0")


def test_no_table_and_a_wrong_one_are_sentences(workspace):
    model = stand_ins.forecasting()
    with pytest.raises(UserError, match="there is no table yet"):
        demo.shown(model, workspace, None)
    path = workspace.new_folder() / "wrong.csv"
    path.write_text("ds,load\n2024-01-01,1\n")
    with pytest.raises(UserError) as caught:
        demo.shown(model, workspace, str(path))
    assert workspace.sentence(caught.value).startswith(
        "wrong.csv has no column 'wind', which the model was trained with"
    )


def test_the_description_names_every_column_and_the_steps():
    said = demo.description(stand_ins.forecasting(("holiday",)))
    assert "columns `load`, `wind` and `holiday` and a column of times, `ds`" in said
    assert "last 8 rows, at steps of `h`, the model forecasts the next 4 of load" in said
