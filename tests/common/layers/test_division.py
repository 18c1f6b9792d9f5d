"""How a recurrence is divided into parts of the rows and chunks of steps. If these fail, a layer says or learns something else for
a large batch than for a small one."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.janet import JANET
from common.layers import GRU, LSTM, Bidirectional, SimpleRNN, division, recurrence
from common.layers.by_name import LAYERS as NAMED
from tests.conformance.differentiation import compiled, gradient_function

ROWS, TIME, FEATURES, UNITS = 12, 11, 5, 4
LAYERS = {
    "one state": lambda: GRU(UNITS, return_sequences=True, return_state=True),
    "two states": lambda: LSTM(UNITS, return_sequences=True, return_state=True),
    "backwards": lambda: LSTM(UNITS, go_backwards=True, return_sequences=True, return_state=True),
    "both directions": lambda: Bidirectional(GRU(UNITS, return_sequences=True, return_state=True)),
    "a cell of one's own": lambda: JANET(UNITS, return_sequences=True, return_state=True),
    "no gates": lambda: SimpleRNN(UNITS, return_sequences=True, return_state=True),
    "a start that is learned": lambda: GRU(UNITS, learn_initial_state=True, return_sequences=True, return_state=True),
    "zoneout": lambda: LSTM(UNITS, zoneout=0.2, seed=0, return_sequences=True, return_state=True),
    "dropout of each step": lambda: GRU(
        UNITS, recurrent_dropout=0.3, dropout_mode="per_step", seed=0, return_sequences=True, return_state=True
    ),
    "dropout of a sequence": lambda: LSTM(
        UNITS, recurrent_dropout=0.3, dropout_mode="variational", seed=0, return_sequences=True, return_state=True
    ),
}


def divide_always(monkeypatch, parts):
    """Returns a list to which each division of operands adds the number of parts."""
    seen = []

    def in_parts(operands, count):
        seen.append(count)
        return division.in_parts(operands, count)

    for name, value in (("LEAST_WORK", 0), ("LEAST_ROWS", 1), ("PARTS", parts), ("cores", lambda: parts)):
        monkeypatch.setattr(division, name, value)
    monkeypatch.setattr(recurrence, "in_parts", in_parts)
    return seen


@pytest.mark.parametrize(
    ("parts", "lengths"),
    [(2, None), (2, [TIME, 1, 0, 3] * 3), (3, [TIME, 1, 0, 3] * 3)],
    ids=["full", "padded", "in three"],
)
@pytest.mark.parametrize("name", LAYERS)
def test_parts_of_the_rows_say_and_learn_what_all_rows_do(name, lengths, parts, monkeypatch):
    x = np.random.default_rng(0).normal(size=(ROWS, TIME, FEATURES)).astype("float32")
    weigh = np.random.default_rng(1).normal(size=(ROWS, 1, 1)).astype("float32")
    monkeypatch.setattr(division, "ROWS", 4 * ROWS)  # chunks of four steps, the last one padded

    def found():
        keras.utils.set_random_seed(0)
        layer = LAYERS[name]()
        layer.build(x.shape)
        given = {} if lengths is None else {"lengths": ops.convert_to_tensor(lengths)}

        def loss(x):
            outputs, *states = layer(x, training=True, **given)
            return ops.sum(outputs**2 * weigh) + sum(ops.sum(state**3) for state in states)

        return [np.asarray(each) for each in compiled(gradient_function(loss, layer.trainable_variables))(x)]

    monkeypatch.setattr(division, "PARTS", 1)
    whole = found()
    divided = divide_always(monkeypatch, parts)
    for one, other in zip(found(), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert set(divided) == {parts}


@pytest.mark.parametrize(
    ("layer", "rows", "features", "units", "cores", "parts"),
    [
        ("lstm", 64, 128, 128, 2, 2),
        ("lstm", 64, 128, 128, 1, 1),
        ("lstm", 64, 128, 128, 16, 2),
        ("lstm", 63, 128, 128, 2, 1),  # no two equal parts
        ("lstm", 8, 128, 256, 2, 1),  # too few rows
        ("lstm", 32, 8, 8, 2, 1),  # too little work
        ("lstm", 128, 256, 512, 2, 1),  # so much that its product is shared among cores
        ("ind_rnn", 64, 128, 128, 2, 1),  # no product
        ("layer_norm_gru", 64, 128, 128, 2, 1),  # gates with weights of their own
        ("lstm", None, 128, 128, 2, 1),
    ],
)
def test_a_step_is_divided_where_it_pays(layer, rows, features, units, cores, parts, monkeypatch):
    monkeypatch.setattr(division, "cores", lambda: cores)
    cell = NAMED[layer](units).cell
    cell.build((None, features))
    weights = {"gate_weights": tuple(cell.gate_weights())}
    if cell.recurrent_matrix() is not None:
        weights["recurrent_kernel"] = cell.recurrent_matrix()
    assert division.row_parts(rows, weights) == parts


def test_an_accelerator_gets_all_rows_and_steps_at_once(monkeypatch):
    monkeypatch.setattr(division, "has_accelerator", lambda: True)
    assert division.row_parts(64, {"recurrent_kernel": np.zeros((128, 512)), "gate_weights": ()}) == 1
    assert division.chunk_length(400, 64) == 400


@pytest.mark.parametrize(
    ("time", "batch", "chunk"),
    [(400, 64, 25), (7, 64, 7), (1, 64, 1), (37, 64, 32), (400, 4096, 1), (None, 64, 16), (400, None, 16)],
)
def test_a_chunk_divides_the_sequence_or_nearly_fills_the_cache(time, batch, chunk):
    assert division.chunk_length(time, batch) == chunk


def test_a_mask_of_unknown_length_counts(monkeypatch):
    """The length of the sequence is known when the graph is built, that of its mask is not."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("JAX knows all lengths")
    import tensorflow as tf

    monkeypatch.setattr(division, "ROWS", 4 * ROWS)
    layer = LSTM(UNITS, return_state=True)
    x = np.random.default_rng(0).normal(size=(ROWS, TIME, FEATURES)).astype("float32")
    mask = np.arange(TIME) < np.arange(ROWS)[:, None]
    expected = layer(x, mask=mask)
    run = tf.function(
        lambda x, mask: layer(x, mask=mask),
        input_signature=[tf.TensorSpec([None, TIME, FEATURES]), tf.TensorSpec([None, None], tf.bool)],
    )
    for one, other in zip(run(x, mask), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_shares_of_zoneout_may_be_constant_or_of_each_step():
    rng = np.random.default_rng(0)
    cell = LSTM(UNITS).cell
    cell.build((None, FEATURES))
    weights = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "gate_weights": ()}
    weights = {name: ops.convert_to_tensor(value) if name != "gate_weights" else () for name, value in weights.items()}
    of_steps = ops.convert_to_tensor(rng.uniform(size=(TIME, ROWS, UNITS)).astype("float32"))
    sequence = ops.convert_to_tensor(rng.normal(size=(TIME, ROWS, FEATURES)).astype("float32"))
    state = (ops.zeros((ROWS, UNITS)),) * 2

    def gates(projected, recurrent, state, _):
        return cell.gates(projected, recurrent, state)

    constant = ops.full((1, 1, 1), 0.3)
    results = [
        recurrence.recurrence(gates, sequence, weights, state, zoneout=(share, of_steps), additive=True)[0]
        for share in (constant, ops.repeat(constant, TIME, axis=0))
    ]
    np.testing.assert_allclose(*results, rtol=1e-6)
