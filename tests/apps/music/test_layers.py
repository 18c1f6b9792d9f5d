"""If these fail, the voices of a step are not said one after the other, or a slot says what it cannot say."""

import keras
import numpy as np
import pytest

from apps.music.layers import AcrossSlots, OnlyAllowed
from common.layers.by_name import LAYERS

BATCH, TIME, SLOTS, FEATURES, UNITS = 2, 3, 4, 5, 6


def parts(cell, **arguments):
    random = np.random.default_rng(0)
    layer = AcrossSlots(LAYERS[cell](UNITS, return_sequences=True, seed=0, **arguments))
    slots = random.normal(size=(BATCH, TIME, SLOTS, FEATURES)).astype(np.float32)
    layer.build(slots.shape)
    states = [random.normal(size=(BATCH, TIME, size)).astype(np.float32) for size in layer.layer.state_sizes]
    return layer, slots, states


@pytest.mark.parametrize("cell", ["gru", "lstm", "min_gru"])
def test_every_step_is_a_sequence_of_its_own(cell):
    layer, slots, states = parts(cell)
    found = np.asarray(layer(slots, states))
    assert found.shape == (BATCH, TIME, SLOTS, UNITS) == layer.compute_output_shape(slots.shape)
    for time in range(TIME):
        expected = layer.layer(slots[:, time], initial_state=[state[:, time] for state in states])
        np.testing.assert_allclose(found[:, time], expected, atol=1e-5)


def test_a_symbolic_length_of_time():
    layer, slots, states = parts("lstm")
    inputs = [keras.Input((None, *each.shape[2:])) for each in (slots, *states)]
    network = keras.Model(inputs, layer(inputs[0], initial_state=inputs[1:]))
    np.testing.assert_allclose(network([slots, *states]), layer(slots, states), atol=1e-6)


def test_layers_come_back_from_a_file(tmp_path):
    slots, state = keras.Input((None, SLOTS, FEATURES)), keras.Input((None, UNITS))
    hidden = AcrossSlots(LAYERS["gru"](UNITS, return_sequences=True, dropout=0.5))(slots, initial_state=[state])
    network = keras.Model([slots, state], OnlyAllowed(np.eye(SLOTS, UNITS) > 0)(hidden))
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    random = np.random.default_rng(0)
    values = [random.normal(size=(BATCH, TIME, *each.shape[2:])).astype(np.float32) for each in (slots, state)]
    np.testing.assert_array_equal(loaded(values), network(values))
    assert np.abs(np.asarray(network(values, training=True)) - np.asarray(network(values))).max() > 1e-3, "no dropout"


@pytest.mark.parametrize("wrong", [LAYERS["gru"](3), keras.layers.Dense(3)])
def test_another_layer_is_refused(wrong):
    with pytest.raises(ValueError, match="AcrossSlots: layer must be a recurrent layer that returns sequences"):
        AcrossSlots(wrong)


def test_only_what_is_allowed_can_be_said():
    allowed = np.random.default_rng(0).random((SLOTS, 7)) < 0.5
    allowed[:, 0] = True
    logits = np.random.default_rng(1).normal(size=(BATCH, TIME, SLOTS, 7)).astype(np.float32)
    found = np.asarray(OnlyAllowed(allowed)(logits))
    np.testing.assert_array_equal(found[..., allowed], logits[..., allowed])
    assert not np.asarray(keras.ops.softmax(found))[..., ~allowed].any()
    assert np.isfinite(found).all()


def test_half_precision_comes_out_as_single():
    layer = OnlyAllowed([[True, False]], dtype="float32")
    assert keras.backend.standardize_dtype(layer(np.zeros((1, 1, 1, 2), np.float16)).dtype) == "float32"
