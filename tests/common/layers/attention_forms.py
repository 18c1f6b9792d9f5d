"""What the tests of `AttentionCell` and `AttentionRNN` share: every form of cell, sizes, masks, and a loss."""

import numpy as np
import pytest
from keras import ops

from common import layers
from common.layers import AdditiveAttention, AttentionCell, AttentionRNN, GRUCell, LSTMCell, MultiplicativeAttention
from tests.conformance.cell_battery import randoms

BATCH, TIME, PLACES, FEATURES, UNITS, WIDTH = 3, 4, 5, 2, 4, 3
MEMORY_MASK = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
ALL = {"return_sequences": True, "return_state": True, "return_attention": True}
# Each form with another cell, attention and option, so that all meet in few compilations.
MAKERS = {
    "bahdanau": lambda: AttentionCell(GRUCell(UNITS), AdditiveAttention(5), "bahdanau"),
    "bahdanau_coverage": lambda: AttentionCell(LSTMCell(UNITS), AdditiveAttention(5, coverage=True), "bahdanau"),
    "input_feeding": lambda: AttentionCell(LSTMCell(UNITS), MultiplicativeAttention(), "input_feeding", 6),
    "input_feeding_context": lambda: AttentionCell(
        layers.LayerNormGRUCell(UNITS), MultiplicativeAttention(coverage=True), "input_feeding"
    ),
    "conditional": lambda: AttentionCell(GRUCell(UNITS), AdditiveAttention(5), "conditional"),
    "conditional_lstm": lambda: AttentionCell(
        LSTMCell(UNITS, peephole=True), AdditiveAttention(5, coverage=True), "conditional", context_cell=LSTMCell(UNITS)
    ),
    "conditional_min_gru": lambda: AttentionCell(
        layers.MinGRUCell(UNITS),
        MultiplicativeAttention("general"),
        "conditional",
        context_cell=GRUCell(UNITS, reset_after=False),
    ),
    "bahdanau_gate": lambda: AttentionCell(LSTMCell(UNITS), AdditiveAttention(5), "bahdanau", context_gate=True),
    "up_down": lambda: AttentionCell(GRUCell(UNITS), AdditiveAttention(5), "up_down"),
    "up_down_lstm": lambda: AttentionCell(
        LSTMCell(UNITS),
        AdditiveAttention(5, coverage=True),
        "up_down",
        context_cell=LSTMCell(UNITS + 1),
        context_gate=True,
    ),
}
each_form = pytest.mark.parametrize("name", MAKERS)
each_of_a_few = pytest.mark.parametrize("name", ["bahdanau_coverage", "input_feeding", "conditional"])


def make(kind, **arguments):
    layer = AttentionRNN(MAKERS[kind](), **arguments)
    layer.build((None, None, FEATURES), (None, PLACES, WIDTH))
    layer.set_weights([0.7 * randoms(*weight.shape, seed=index) for index, weight in enumerate(layer.get_weights())])
    return layer


def data():
    return randoms(BATCH, TIME, FEATURES), randoms(BATCH, PLACES, WIDTH)


def cell_states(layer):
    return [randoms(BATCH, UNITS, seed=50 + index) for index in range(len(layer.cell.cell.state_names))]


def loss_of(run, layer, **arguments):
    def loss(sequence, memory, *initial_state):
        results = run(sequence, memory, initial_state=list(initial_state), **arguments)
        return sum(ops.sum(result * randoms(*result.shape, seed=9)) for result in results)

    return loss
