"""From a sequence to one vector. If these fail, padding leaks into the answer, or a text without words gives NaN."""

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import SequencePooling
from common.layers.pooling import POOLING_MODES
from tests.conformance.differentiation import gradients

MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)
FEATURES = 3
each_mode = pytest.mark.parametrize("mode", POOLING_MODES)


def randoms(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32")


def make(mode, dtype=None):
    layer = SequencePooling(mode, dtype=dtype)
    layer.build((None, None, FEATURES))
    layer.set_weights([randoms(*weight.shape) for weight in layer.get_weights()])
    return layer


def brute_force(mode, steps, weights):
    """One row, real steps only: float `[real, features]` to `[features]`."""
    if mode == "max_mean":
        return np.concatenate([brute_force("max", steps, weights), brute_force("mean", steps, weights)])
    if len(steps) == 0:
        return np.zeros(FEATURES)
    if mode == "attention":
        kernel, bias, query = weights
        scores = np.exp(np.tanh(steps @ kernel + bias) @ query)  # [real, 1]
        return (steps * scores / scores.sum()).sum(axis=0)
    return {
        "max": lambda: steps.max(axis=0),
        "mean": lambda: steps.mean(axis=0),
        "sqrtn": lambda: steps.sum(axis=0) / np.sqrt(len(steps)),
        "last": lambda: steps[-1],
    }[mode]()


@each_mode
def test_equals_brute_force_over_the_real_steps(mode):
    layer, sequence = make(mode), randoms(4, 5, FEATURES) - 2  # mostly negative, so that a padded 0 would win a maximum
    expected = [brute_force(mode, row[real], layer.get_weights()) for row, real in zip(sequence, MASK, strict=True)]
    np.testing.assert_allclose(np.asarray(layer(sequence, mask=MASK)), expected, rtol=1e-5, atol=1e-6)
    whole = [brute_force(mode, row, layer.get_weights()) for row in sequence]
    np.testing.assert_allclose(np.asarray(layer(sequence)), whole, rtol=1e-5, atol=1e-6)


@each_mode
def test_padding_neither_counts_nor_learns(mode):
    layer, sequence = make(mode), randoms(4, 5, FEATURES)
    other = np.where(MASK[:, :, None], sequence, 1e6).astype("float32")
    np.testing.assert_allclose(np.asarray(layer(other, mask=MASK)), np.asarray(layer(sequence, mask=MASK)))
    *_, gradient = gradients(lambda x: ops.sum(layer(x, mask=MASK) ** 2), layer.trainable_variables, [sequence])
    assert np.all(np.isfinite(gradient))
    assert not np.any(gradient[~MASK])
    assert np.any(gradient[MASK])


def test_the_maximum_may_be_far_below_zero():
    assert np.asarray(make("max")(np.full((1, 2, FEATURES), -1e6, "float32"), mask=MASK[:1, :2])).tolist() == [
        [-1e6] * FEATURES
    ]


@pytest.mark.parametrize("mode", ["mean", "sqrtn", "max_mean"])
def test_half_precision_counts_long_texts(mode):
    sequence = np.ones((1, 1000, FEATURES), "float32")
    actual = ops.cast(make(mode, "mixed_bfloat16")(sequence), "float32")
    np.testing.assert_allclose(np.asarray(actual), np.asarray(make(mode)(sequence)), rtol=0.005)


@each_mode
def test_saved_and_loaded_it_answers_the_same(mode, tmp_path):
    inputs, masks = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    pooled = SequencePooling(mode, name="pooling")(inputs, mask=masks)
    model = keras.Model([inputs, masks], pooled)
    sequence = randoms(4, 5, FEATURES)
    output = np.asarray(model([sequence, MASK]))
    assert output.shape[1:] == pooled.shape[1:]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded([sequence, MASK])), output)


def test_an_unknown_mode_is_named():
    with pytest.raises(ValueError, match="mode.*'median'"):
        SequencePooling("median")
