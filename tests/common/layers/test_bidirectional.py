"""Reading in both directions. If these fail, the backward half reads padding first, or stands at the wrong steps."""

import keras
import numpy as np
import pytest

from common.layers import GRU, LSTM, Bidirectional, MinGRU

BATCH, TIME, FEATURES, UNITS = 3, 6, 3, 4
MASK = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], bool)
MODES = ("concat", "sum", "mul", "ave")
STATES = {LSTM: 2, GRU: 1}
TWINS = {LSTM: keras.layers.LSTM, GRU: keras.layers.GRU}


def randoms(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32")


def make(cls=GRU, merge_mode="concat", **arguments):
    layer = Bidirectional(cls(UNITS, **arguments), merge_mode=merge_mode)
    layer.build((None, None, FEATURES))
    layer.set_weights([randoms(*weight.shape, seed=index) for index, weight in enumerate(layer.get_weights())])
    return layer


def make_twin(layer, cls, **arguments):
    twin = keras.layers.Bidirectional(TWINS[cls](UNITS, **arguments), merge_mode=layer.merge_mode)
    twin.build((None, None, FEATURES))
    twin.set_weights(layer.get_weights())
    return twin


def assert_close(actual, expected):
    actual, expected = ([each] if not isinstance(each, (list, tuple)) else each for each in (actual, expected))
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("merge_mode", MODES)
@pytest.mark.parametrize("return_sequences", [True, False])
def test_equals_keras_without_padding(merge_mode, return_sequences):
    arguments = {"return_sequences": return_sequences, "return_state": True}
    layer, sequence = make(LSTM, merge_mode, **arguments), randoms(BATCH, TIME, FEATURES)
    assert_close(layer(sequence), make_twin(layer, LSTM, **arguments)(sequence))


@pytest.mark.parametrize("cls", [LSTM, GRU])
def test_equals_keras_at_real_steps_with_padding_and_from_given_states(cls):
    layer = make(cls, return_sequences=True, return_state=True)
    twin = make_twin(layer, cls, return_sequences=True, return_state=True)
    sequence = randoms(BATCH, TIME, FEATURES)
    states = [randoms(BATCH, UNITS, seed=index) for index in range(2 * STATES[cls])]
    assert_close(layer(sequence, initial_state=states), twin(sequence, initial_state=states))
    actual, expected = layer(sequence, mask=MASK), twin(sequence, mask=MASK)
    assert_close(np.asarray(actual[0])[MASK], np.asarray(expected[0])[MASK])
    assert_close(actual[1:], expected[1:])


@pytest.mark.parametrize("cls", [LSTM, GRU, MinGRU])
def test_a_padded_row_gives_what_it_gives_alone(cls):
    layer, sequence = make(cls, return_sequences=True, return_state=True), randoms(BATCH, TIME, FEATURES)
    output, *states = layer(sequence, mask=MASK)
    alone, *states_alone = layer(sequence[:1, :3])
    assert_close(output[:1, :3], alone)
    assert_close([state[:1] for state in states], states_alone)
    assert_close(layer(sequence, lengths=MASK.sum(axis=1)), [output, *states])


def test_the_copy_has_its_own_weights_and_its_own_dropout():
    layer = Bidirectional(GRU(UNITS, dropout=0.5, seed=3))
    layer.build((None, None, FEATURES))
    forward, backward = layer.forward_layer, layer.backward_layer
    assert np.abs(forward.get_weights()[0] - backward.get_weights()[0]).max() > 1e-3
    assert forward.seed != backward.seed
    assert len(layer.trainable_variables) == 6


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    inputs = keras.Input((None, FEATURES))
    layer = Bidirectional(LSTM(UNITS, return_sequences=True, dropout=0.1, seed=2), merge_mode="ave", name="both")
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    sequence = randoms(BATCH, TIME, FEATURES)
    np.testing.assert_array_equal(np.asarray(loaded(sequence)), np.asarray(model(sequence)))
    again = loaded.get_layer("both")
    assert again.merge_mode == "ave"
    assert again.forward_layer.get_config() == layer.forward_layer.get_config()
    assert again.backward_layer.get_config() == layer.backward_layer.get_config()


@pytest.mark.parametrize("merge_mode", MODES)
@pytest.mark.parametrize("return_sequences", [True, False])
def test_the_shape_announced_is_the_shape_returned(merge_mode, return_sequences):
    layer = make(LSTM, merge_mode, return_sequences=return_sequences, return_state=True)
    announced = layer.compute_output_shape((BATCH, TIME, FEATURES))
    assert [tuple(part.shape) for part in layer(randoms(BATCH, TIME, FEATURES))] == list(announced)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="recurrent layer of common.layers.*Dense"):
        Bidirectional(keras.layers.Dense(3))
    with pytest.raises(ValueError, match="merge_mode.*'max'"):
        Bidirectional(GRU(UNITS), merge_mode="max")
    with pytest.raises(ValueError, match="go_backwards"):
        Bidirectional(GRU(UNITS, go_backwards=True))
    with pytest.raises(ValueError, match="initial_state must be a list of 4"):
        make(LSTM)(randoms(BATCH, TIME, FEATURES), initial_state=[randoms(BATCH, UNITS)] * 2)
