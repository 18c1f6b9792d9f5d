"""What the cells without a product in their loop start from, and what they do at the ends of their range. If one of these fails, a
model forgets at its first step what it should remember, or one large input turns all its weights into NaN."""

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import LRU, MLSTM, QRNN, RGLRU, IndRNN, MinGRU, MinLSTM
from tests.conformance.cell_battery import MASKS, assert_close, make, randoms, states_of
from tests.conformance.cells import CELLS
from tests.conformance.differentiation import gradients

SCANNED = [row for row in CELLS if not row.layer.cell_class.has_recurrent_kernel]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def built(layer, features=3):
    layer.build((None, None, features))
    return layer


# --- what they start from


@pytest.mark.parametrize(
    ("layer", "keeps"), [(MinGRU, lambda f, n: 1 - sigmoid(f)), (MinLSTM, lambda f, i: sigmoid(f))]
)
def test_the_units_of_minimal_cells_start_with_time_scales_from_one_step_to_exp_slowest(layer, keeps):
    bias = np.asarray(built(layer(9, slowest=4.0)).cell.bias)
    keep = keeps(bias[:9], bias[9:18])
    np.testing.assert_allclose(keep[[0, -1]], [sigmoid(4.0), 0.5], rtol=1e-5)
    assert np.all(np.diff(keep) < 0)
    assert not np.any(bias[9:])


def test_an_open_recurrence_gate_of_the_rglru_starts_between_fastest_and_slowest():
    cell = built(RGLRU(9, fastest=0.8, slowest=0.99)).cell
    keep = np.exp(-8 * np.log1p(np.exp(np.asarray(cell.decay, "float64"))))
    np.testing.assert_allclose(keep, np.linspace(0.8, 0.99, 9), rtol=1e-5)


def test_the_eigenvalues_of_the_lru_start_on_their_ring_and_all_units_with_the_same_variance():
    cell = built(LRU(500, min_radius=0.5, max_radius=0.9, max_phase=1.0)).cell
    decay, frequency, scale = (np.asarray(weight, "float64") for weight in (cell.decay, cell.frequency, cell.scale))
    radius = np.exp(-np.exp(decay))
    assert 0.5 <= radius.min() < 0.52 < 0.88 < radius.max() <= 0.9
    assert np.mean(radius**2) == pytest.approx((0.25 + 0.81) / 2, abs=0.03)  # uniform in area
    assert 0 < np.exp(frequency).min() < np.exp(frequency).max() <= 1.0
    np.testing.assert_allclose(np.exp(scale) ** 2, 1 - radius**2, rtol=1e-4)


def test_the_weight_of_the_indrnn_starts_between_0_and_1_and_never_leaves_its_bound():
    weight = np.asarray(built(IndRNN(500)).cell.recurrent_weight)
    assert 0 <= weight.min() < 0.05 < 0.95 < weight.max() <= 1
    layer = built(IndRNN(4, bound=1.0, return_sequences=True))
    layer.cell.recurrent_weight.assign([3.0, 1.0, 0.5, -2.0])
    outputs = layer(np.zeros((1, 200, 3), "float32"), initial_state=[np.ones((1, 4), "float32")])
    assert np.abs(np.asarray(outputs)).max() <= 1


# --- the ends of their range


@pytest.mark.parametrize("scale", [1e-30, 1e2, 1e5])
@pytest.mark.parametrize("sign", [1, -1, 0], ids=["all_positive", "all_negative", "both"])
@pytest.mark.parametrize("row", SCANNED, ids=lambda row: row.name)
def test_extreme_inputs_give_finite_values_and_gradients(row, scale, sign):
    layer = make(row, return_sequences=True, return_state=True)
    sequence = randoms(4, 6, 3)
    if sign:  # every gate at the same end
        layer.set_weights([np.abs(weight) for weight in layer.get_weights()])
        sequence = sign * np.abs(sequence)

    def value(sequence, *states):
        return sum(ops.mean(part) for part in layer(sequence, initial_state=list(states), mask=MASKS["holes"]))

    arrays = [(scale * sequence).astype("float32"), *states_of(layer)]
    assert all(np.all(np.isfinite(part)) for part in layer(arrays[0], initial_state=arrays[1:], mask=MASKS["holes"]))
    assert all(np.all(np.isfinite(found)) for found in gradients(value, layer.trainable_variables, arrays))


@pytest.mark.parametrize("level", [0.0, -40.0, -60.0, -100.0, -1000.0, 1000.0])
def test_the_gates_of_the_minlstm_share_correctly_where_both_are_too_small_for_a_float(level):
    f, i, candidate = level + randoms(7), level + randoms(7, seed=1), randoms(7, seed=2)
    log_f, log_i = (-np.logaddexp(0, -each.astype("float64")) for each in (f, i))
    keep = sigmoid(log_f - log_i)
    (found,), _ = built(MinLSTM(7)).cell.linear(ops.convert_to_tensor(np.concatenate([f, i, candidate])))
    np.testing.assert_allclose(np.asarray(found), keep, rtol=1e-4)
    cell = built(MinLSTM(7)).cell
    (gradient,) = gradients(
        lambda projected: ops.sum(cell.linear(projected)[0][0]), [], [np.concatenate([f, i, candidate])]
    )
    slope = keep * (1 - keep) * np.stack([1 - sigmoid(f), -(1 - sigmoid(i))])
    np.testing.assert_allclose(gradient[:14].reshape(2, 7), slope, rtol=1e-3, atol=1e-7)


# --- other ways to compute the same


@pytest.mark.parametrize("width", [1, 2, 4])
def test_qrnn_is_the_convolution_of_keras_and_a_loop(width):
    layer = QRNN(5, width=width, return_sequences=True)
    sequence = randoms(2, 9, 3)
    layer.build(sequence.shape)
    kernel, bias = 0.5 * randoms(width, 3, 15, seed=1), 0.5 * randoms(15, seed=2)
    layer.set_weights([kernel, bias])
    convolution = keras.layers.Conv1D(15, width, padding="causal")
    convolution.build(sequence.shape)
    convolution.set_weights([kernel, bias])
    z, f, o = np.split(np.asarray(convolution(sequence)), 3, axis=-1)
    cell, outputs = np.zeros((2, 5)), []
    for step in range(9):
        keep = sigmoid(f[:, step])
        cell = keep * cell + (1 - keep) * np.tanh(z[:, step])
        outputs.append(sigmoid(o[:, step]) * cell)
    assert_close(layer(sequence), np.stack(outputs, axis=1))


@pytest.mark.parametrize("masked", [False, True])
def test_mlstm_does_not_depend_on_the_size_of_its_chunks(masked, monkeypatch):
    layer = built(MLSTM(6, heads=2, return_sequences=True, return_state=True))
    layer.set_weights([randoms(*weight.shape, seed=1) for weight in layer.get_weights()])
    sequence, mask = randoms(3, 23, 3), np.random.default_rng(0).random((3, 23)) < 0.6 if masked else None
    cotangents = [randoms(3, 23, 6, seed=4), *(randoms(3, size, seed=5) for size in layer.cell.state_sizes)]

    def value(sequence):
        parts = layer(sequence, mask=mask)[:-1]  # no gradient goes through the stabilizer
        return sum(ops.sum(part * each) for part, each in zip(parts, cotangents))

    results = []
    for chunk in (1, 5, 23, 64):
        monkeypatch.setattr("common.layers.mlstm.CHUNK", chunk)
        results.append([*layer(sequence, mask=mask), *gradients(value, layer.trainable_variables, [sequence])])
    for result in results[1:]:
        for one, other in zip(map(np.asarray, result), map(np.asarray, results[0]), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * max(1, np.abs(other).max()))
