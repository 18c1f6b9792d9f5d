"""What a user loses without these: a picture of vanishing gradients that tells the truth."""

import json

import keras
import numpy as np
import pytest

from common.training.diagnose import (
    beside_simple_rnn,
    describe,
    factor_per_step,
    fresh_readout,
    linear_readout,
    norms_through_time,
    plot_norms,
)

BATCH, TIME, FEATURES, UNITS = 3, 12, 4, 5


def inputs(seed=0):
    return np.random.default_rng(seed).normal(size=(BATCH, TIME, FEATURES)).astype("float32")


def readout():
    return fresh_readout(np.array([0, 1, 2]), UNITS, classes=3)


def scaled_identity(factor):
    return keras.layers.SimpleRNNCell(
        UNITS,
        activation="linear",
        kernel_initializer="zeros",
        recurrent_initializer=keras.initializers.Identity(factor),
    )


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
def test_a_linear_recurrence_decays_exactly_by_its_factor(factor):
    norms = norms_through_time(scaled_identity(factor), inputs(), None, readout())
    assert norms[-1] > 0
    np.testing.assert_allclose(norms, norms[-1] * factor ** np.arange(TIME)[::-1], rtol=1e-4)
    assert factor_per_step(norms) == pytest.approx(factor, rel=1e-4)


def test_an_lstm_that_forgets_nothing_keeps_the_gradient_of_its_cell_state():
    cell = keras.layers.LSTMCell(
        UNITS, kernel_initializer="zeros", recurrent_initializer="zeros", unit_forget_bias=False
    )
    cell.build((BATCH, FEATURES))
    bias = np.zeros(4 * UNITS, "float32")
    bias[UNITS : 2 * UNITS] = 100.0  # the gates are in the order input, forget, cell, output
    cell.bias.assign(bias)
    norms = norms_through_time(cell, inputs(), None, readout(), state=1)
    # At the last step itself the loss sees the output only, so its cell state has no gradient.
    assert norms[-1] == 0
    np.testing.assert_allclose(norms[:-1], norms[0], rtol=1e-5)
    assert norms[0] > 0


@pytest.mark.parametrize("cell", [keras.layers.GRUCell, keras.layers.LSTMCell, keras.layers.SimpleRNNCell])
def test_the_norms_are_those_of_finite_differences(cell):
    # One example, one unit: a nudge of the state before the last two steps, by hand.
    keras.utils.set_random_seed(1)
    one = cell(1)
    x, read = inputs()[:1], linear_readout(np.array([1]), [[0.5, -1.0]], [0.0, 0.0])
    norms = norms_through_time(one, x, None, read, state=0)

    def loss(nudge):
        states = [np.zeros((1, 1), "float32")] * (2 if cell is keras.layers.LSTMCell else 1)
        for step in range(TIME):
            _, states = one(x[:, step], states)
            states = [keras.ops.convert_to_numpy(s) for s in (states if isinstance(states, list) else [states])]
            if step == TIME - 3:
                states[0] = states[0] + np.float32(nudge)
        return float(keras.ops.convert_to_numpy(read(keras.ops.convert_to_tensor(states[0])))[0])

    assert norms[-3] == pytest.approx(abs(loss(1e-2) - loss(-1e-2)) / 2e-2, rel=2e-2)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing_and_examples_are_aligned_at_their_ends(side):
    keras.utils.set_random_seed(1)
    cell, x, lengths = keras.layers.GRUCell(UNITS), inputs(), (12, 7, 1)
    labels = np.array([0, 1, 2])
    mask = np.zeros((BATCH, TIME), bool)
    padded = np.full_like(x, 9.0)
    expected = np.zeros((BATCH, TIME))
    for example, length in enumerate(lengths):
        where = slice(TIME - length, None) if side == "left" else slice(0, length)
        mask[example, where], padded[example, where] = True, x[example, :length]
        alone = norms_through_time(
            cell,
            x[example : example + 1, :length],
            None,
            fresh_readout(labels[example : example + 1], UNITS, 3),
        )
        expected[example, TIME - length :] = alone
    found = norms_through_time(cell, padded, mask, fresh_readout(labels, UNITS, 3))
    there = (expected > 0).sum(axis=0)
    np.testing.assert_allclose(found, expected.sum(axis=0) / np.maximum(there, 1), rtol=1e-4)
    with pytest.raises(ValueError, match="at least one real step"):
        norms_through_time(cell, padded, np.zeros_like(mask), readout())


def test_the_words_say_what_the_slope_says():
    assert describe(0.5) == "x 0.5 a step back: vanishes, halves in 1.0 steps"
    assert describe(2.0) == "x 2 a step back: explodes, doubles in 1.0 steps"
    assert describe(0.9999) == "x 1.000 a step back: steady"
    assert "no gradient" in describe(factor_per_step(np.array([0.0, 0.0, 1.0])))


def test_the_picture_and_its_numbers_are_written(tmp_path):
    norms = {"lstm": np.full(TIME, 0.5), "simple_rnn": np.r_[0.0, 0.5 ** np.arange(TIME - 1)[::-1]]}
    summary = plot_norms(norms, tmp_path / "pictures" / "gradient.png")
    assert (tmp_path / "pictures" / "gradient.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((tmp_path / "pictures" / "gradient.json").read_text())
    assert saved["simple_rnn"]["factor_per_step"] == pytest.approx(0.5)
    assert saved["lstm"]["description"].endswith("steady") and len(saved["lstm"]["norms"]) == TIME
    assert summary["lstm"]["factor_per_step"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "trained", "beside"), [("gru", False, 2), ("simple_rnn", False, 1), ("simple_rnn", True, 2)]
)
def test_a_cell_stands_beside_an_untrained_simple_rnn_unless_it_is_one(name, trained, beside, tmp_path):
    found = beside_simple_rnn(
        name, scaled_identity(0.5), UNITS, inputs(), None, readout(), tmp_path, trained=trained, of=", rows"
    )
    own = f"{name} ({'trained' if trained else 'untrained'}, rows)"
    assert set(found) == {own, "simple_rnn (untrained, rows)"} and len(found) == beside
    assert found[own]["factor_per_step"] == pytest.approx(0.5, rel=1e-4)
    assert {path.name for path in tmp_path.iterdir()} == {
        "gradient_through_time.png",
        "gradient_through_time.json",
    }
