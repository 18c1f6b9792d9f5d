"""docs/new_cell.md, executed as a reader would. If these fail, the first cell that somebody writes does not work."""

import re
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from tests.conformance.cell_battery import (
    BATCH,
    FEATURES,
    MASKS,
    TIME,
    assert_close,
    each_mask,
    make,
    randoms,
    states_of,
)
from tests.conformance.differentiation import compiled, gradients

REPOSITORY = Path(__file__).parents[1]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", (REPOSITORY / "docs/new_cell.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def page():
    """The names that the blocks of the page define, in the order of the page."""
    names = {"__name__": "new_cell"}
    for block in BLOCKS:
        exec(compile(block, "docs/new_cell.md", "exec"), names)
    return names


def test_the_cell_of_the_page_is_the_one_that_is_measured_and_short():
    assert BLOCKS[0] == (REPOSITORY / "benchmarks/janet.py").read_text("utf-8")
    assert len(BLOCKS[0].splitlines()) < 60


def test_the_first_call_of_the_page_works(page):
    assert page["outputs"].shape == (4, 10, 32)


@each_mask
def test_values_are_those_of_the_equations(page, mask):
    row = page["ROW"]
    layer = make(row, return_sequences=True, return_state=True)
    sequence, (state,) = randoms(BATCH, TIME, FEATURES), states_of(layer)
    outputs, last = compiled(lambda x: layer(x, initial_state=[state], mask=mask))(sequence)
    for step in range(TIME):
        (new,) = row.step(sequence[:, step], (state,), layer.get_weights())
        state = np.where(mask[:, step, None], new, state)
        assert_close(outputs[:, step], state)
    assert_close(last, state)


@each_mask
def test_gradients_are_those_of_a_plain_loop_over_the_cell(page, mask):
    layer = make(page["ROW"], return_sequences=True)
    sequence, cotangent = randoms(BATCH, TIME, FEATURES), randoms(BATCH, TIME, layer.units, seed=9)

    def loop(sequence):
        state, outputs = ops.zeros((BATCH, layer.units)), []
        for step in range(TIME):
            new, _ = layer.cell(sequence[:, step], [state])
            state = ops.where(mask[:, step, None], new, state)
            outputs.append(state)
        return ops.sum(ops.stack(outputs, axis=1) * cotangent)

    found = gradients(lambda x: ops.sum(layer(x, mask=mask) * cotangent), layer.trainable_variables, [sequence])
    assert_close(found, gradients(loop, layer.trainable_variables, [sequence]), 1e-4)


def test_padding_is_not_read(page):
    layer, mask = make(page["ROW"]), MASKS["right"]
    sequence = randoms(BATCH, TIME, FEATURES)
    assert_close(
        layer(np.where(mask[..., None], sequence, 99.0).astype("float32"), mask=mask), layer(sequence, mask=mask)
    )
