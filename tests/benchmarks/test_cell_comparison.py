"""If these fail, the table cells × applications takes a night and then lacks a cell, or marks the wrong one as the best."""

import importlib
import json

import pytest

from benchmarks import cell_comparison
from common.config import resolve_config

CELLS = cell_comparison.CELLS


@pytest.mark.parametrize("app", cell_comparison.BUDGETS)
def test_the_budgets_are_valid_for_all_cells_but_those_that_an_application_refuses(app):
    settings = cell_comparison.BUDGETS[app]
    without = set() if app in ("sentiment", "forecasting") else {"qrnn"}
    assert set(CELLS) - set(cell_comparison.cells_of(app, CELLS, settings)) == without
    module = importlib.import_module(f"apps.{app}.config")
    overrides = dict(zip((word.removeprefix("--") for word in settings[::2]), settings[1::2], strict=True))
    assert resolve_config(module.Config, overrides=overrides) != module.Config(), "no budget at all"


def row(variant, accuracy, deviation):
    value = {"mean": accuracy, "deviation": deviation, "values": [accuracy]}
    cost = {"mean": 2.0, "deviation": None, "values": [1.0, 9.0, 2.0]}
    costs = {"train_seconds": cost, "cpu_seconds": None, "inference_ms": cost}
    return {"variant": variant, "validation": {"accuracy": value}, "test": {"accuracy": value}, **costs}


@pytest.fixture
def runs(tmp_path):
    """A comparison of sentiment that is half done."""
    folder = tmp_path / "sentiment" / cell_comparison.NAME
    folder.mkdir(parents=True)
    rows = [row("gru", 0.90, 0.01), row("lstm", 0.895, 0.02), row("sru", 0.88, 0.001)]
    baseline = {"accuracy": {"mean": 0.5, "deviation": None, "values": [0.5]}}
    baselines = {"majority": {"validation": baseline, "test": baseline}}
    (folder / "comparison.json").write_text(json.dumps({"quality": {}, "rows": rows, "baselines": baselines}))
    return tmp_path


def test_the_best_and_those_within_its_deviation_are_bold(runs, tmp_path):
    output = tmp_path / "out" / "cells.json"
    cell_comparison.write(output, runs, ["sentiment", "music"], ["gru", "lstm", "sru", "lru"], [])
    text = output.with_suffix(".md").read_text()
    for line in (
        "| cell | sentiment: accuracy, more is better |",
        "| `gru` | **0.900 ± 0.010** |",
        "| `lstm` | **0.895 ± 0.020** |",
        "| `sru` | 0.880 ± 0.001 |",
        "| `lru` | - |",
        "| best baseline | 0.500 (majority) |",
        "| `sru` | 2.00 |",  # the median
    ):
        assert line in text, line
    assert list(json.loads(output.read_text())["apps"]) == ["sentiment"]


def test_nothing_is_written_before_there_is_something(tmp_path):
    cell_comparison.write(tmp_path / "cells.json", tmp_path, ["sentiment"], ["gru"], [])
    assert not list(tmp_path.iterdir())


def test_every_seed_of_everything_comes_before_the_next(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(cell_comparison, "compare", lambda app, cells, s, seeds, runs: asked.append((app, seeds)) or 0)
    words = ["x", "--apps", "sentiment,music", "--cells", "gru,qrnn", "--seeds", "2", "--runs", str(tmp_path)]
    monkeypatch.setattr(cell_comparison.sys, "argv", words)
    assert cell_comparison.main() == 0
    assert asked == [("sentiment", 1), ("music", 1), ("sentiment", 2), ("music", 2)]
