"""The program that measures the layers, and the table of cells in README.md. If one of these fails, the table shows numbers
that nobody measured, or a run throws away what another one took an hour to measure."""

import inspect
import json

import pytest

from benchmarks import cell_page, cell_table, layer_memory, layer_sections, results
from benchmarks.layer_shapes import Shape, roofline_seconds
from benchmarks.layer_steps import operations_of_products
from common.layers import GRUCell, LSTMCell
from common.layers.attention_cell import FORMS


def test_the_table_of_cells_is_that_of_the_measured_results():
    page = cell_table.PAGE.read_text("utf-8")
    assert page == cell_table.rewritten(page)


def test_what_and_paper_come_from_the_docstring():
    assert cell_table.what(inspect.getdoc(LSTMCell)) == "long short-term memory"
    assert cell_table.paper(inspect.getdoc(LSTMCell)) == "Hochreiter and Schmidhuber 1997"
    assert cell_table.paper(inspect.getdoc(GRUCell)).startswith("Cho et al. 2014, [arXiv:1406.1078](https://")


def test_a_run_leaves_the_sections_that_it_did_not_measure(tmp_path):
    output = tmp_path / "layers.json"
    results.save_section(output, "layers", "gated", {"rows": [1]})
    results.save_section(output, "layers", "cells", {"rows": [2]})
    results.save_section(output, "layers", "gated", {"rows": [3]})
    assert json.loads(output.read_text("utf-8"))["sections"] == {"gated": {"rows": [3]}, "cells": {"rows": [2]}}


def test_every_cell_has_its_row_with_parameters_and_time(tmp_path):
    rows, _ = layer_sections.cells([Shape(2, 3, 4, 4)], ["LSTM", "MinGRU"], 1, [])
    assert [row["cell"] for row in rows] == ["LSTM", "MinGRU"]
    assert [row["parameters_per_unit"] for row in rows] == [4 * 257, 2 * 129]
    results.save_section(tmp_path / "layers.json", "layers", "cells", {"rows": rows})
    assert "| `MinGRU` | " in cell_table.table(tmp_path / "layers.json")


def test_a_length_that_was_seen_is_not_compiled_again():
    _, goals = layer_sections.growth([Shape(2, 3, 4, 4), Shape(2, 5, 4, 4)], [], 2, [])
    assert goals[-1] == ("2 traces for 2 lengths, each met again", True)


def test_the_operations_of_the_products_of_a_layer_are_counted_from_its_kernels():
    shape = Shape(2, 70, 6, 4)
    assert operations_of_products("LSTM", shape) == shape.operations(4)
    steps = 3 * 2 * 2 * 70
    assert operations_of_products("MinGRU", shape) == steps * (6 * 2 * 4)
    assert operations_of_products("QRNN", shape) == steps * (2 * 6 * 3 * 4)
    within_chunks = 2 * 64 * 4 + 2 * 4 * 4  # 64 steps of a chunk, and a memory of 4 x 4
    assert operations_of_products("MLSTM", shape) == steps * (6 * (4 * 4 + 2) + within_chunks)


def test_a_scan_says_beside_its_speed_how_many_operations_it_has():
    rows, goals = layer_sections.scans([Shape(2, 3, 4, 4)], ["MinGRU"], 1, [])
    assert [row["cell"] for row in rows] == ["LSTM", "MinGRU"]
    assert [row["lstm_operations_ratio"] for row in rows] == [1, (4 + 4) * 4 / (4 * 2)]
    assert all(row["roofline_share"] > 0 for row in rows) and "product_ms" not in rows[0]
    assert "goal 3; it has 4.0 times fewer operations in products" in goals[0][0]


def test_the_benchmark_of_a_gpu_says_what_it_needs(monkeypatch, capsys):
    from benchmarks import gpu_layers

    monkeypatch.setattr("sys.argv", ["gpu_layers", "--sections", "scans", "--shapes", "2x8x3x4"])
    monkeypatch.setattr("keras.backend.backend", lambda: "tensorflow")
    assert gpu_layers.main() == 2
    assert "set KERAS_BACKEND=jax" in capsys.readouterr().err


def test_the_roofline_of_one_large_product_is_its_own_time():
    assert roofline_seconds(2 * 2048**3, 2048, 0.25) == 0.25


def test_memory_is_what_a_compiled_step_allocates_and_not_what_it_is_given():
    text = """
allocation 0: size 100, maybe-live-out:
allocation 1: size 1000, parameter 0, shape |f32[64,128,128]| at ShapeIndex {}:
allocation 2: size 20, output shape is |(f32[64,128,128], f32[128])|, maybe-live-out:
allocation 3: size 5000, constant:
allocation 4: size 3, preallocated-temp:
"""
    assert layer_memory.allocated_bytes(text) == 123


def test_the_memory_of_a_step_is_at_least_what_its_backward_pass_cannot_do_without():
    shape = Shape(8, 64, 4, 32)
    (row,), _ = layer_memory.memory([shape], ["LSTM"], 1, [])
    states_and_gates = 4 * 8 * 64 * 32 * (2 + 4)
    assert states_and_gates < row["mib"] * 2**20 < 10 * states_and_gates


@pytest.mark.slow
def test_inference_and_layers_with_attention_are_timed():
    rows, _ = layer_sections.inference([Shape(2, 3, 4, 4)], ["LSTM", "GRU"], 1, ["keras"])
    assert [row["cell"] for row in rows] == ["LSTM", "GRU"]
    assert all(row["ms"] > 0 and row["keras_ratio"] > 0 for row in rows)
    rows, _ = layer_sections.attention([Shape(2, 3, 4, 4)], [], 1, [])
    assert [row["form"] for row in rows] == list(FORMS)
    assert all(row["ms"] > 0 and row["inference_ms"] > 0 for row in rows)


def test_the_page_of_cells_has_every_cell_with_the_equations_of_its_docstring():
    """A name of --model.cell that a reader cannot look up, or equations that are no longer those of the code."""
    page = cell_page.PAGE.read_text("utf-8")
    assert page == cell_page.rewritten(page)
    for name, layer in cell_page.described().items():
        assert f"### {layer.__name__}: `{name}`" in page
        equations = cell_page.equations(inspect.getdoc(layer.cell_class))
        assert equations in page and "' = " in equations
