"""Reading in both directions. If these fail, the backward half reads padding first, or stands at the wrong steps."""

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import GRU, LSTM, Bidirectional, MinGRU, StackedRNN, StateBridge
from tests.conformance.differentiation import compiled

BATCH, TIME, FEATURES, UNITS = 3, 6, 3, 4
MASK = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], bool)
MODES = ("concat", "sum", "mul", "ave", None)
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
    with pytest.raises(ValueError, match="initial_state must be a list of 4.*got 2"):
        make(LSTM)(randoms(BATCH, TIME, FEATURES), initial_state=[randoms(BATCH, UNITS)] * 2)
    with pytest.raises(ValueError, match="no argument weights.*it takes layer, merge_mode, backward_layer"):
        Bidirectional(GRU(UNITS), weights=[])


@pytest.mark.parametrize(
    ("backward", "merge_mode", "message"),
    [
        (GRU(UNITS), "concat", "backward_layer.*go_backwards=False"),
        (GRU(UNITS, go_backwards=True, return_sequences=True), "concat", "backward_layer.*return_sequences=False"),
        (GRU(UNITS, go_backwards=True, return_state=True), "concat", "backward_layer.*return_state=False"),
        (GRU(3, go_backwards=True), "sum", "output size of backward_layer must be 4.*'sum'.*got 3"),
        (keras.layers.GRU(UNITS, go_backwards=True), "concat", "backward_layer must be a recurrent layer of common"),
    ],
)
def test_a_backward_layer_that_does_not_fit_is_named(backward, merge_mode, message):
    with pytest.raises(ValueError, match=message):
        Bidirectional(GRU(UNITS), merge_mode=merge_mode, backward_layer=backward)


# --- a backward layer of its own


def unlike(merge_mode, **arguments):
    arguments = {"return_sequences": True, "return_state": True, **arguments}
    backward = GRU(3, go_backwards=True, name="other", **arguments)
    return Bidirectional(LSTM(UNITS, **arguments), merge_mode=merge_mode, backward_layer=backward)


@pytest.mark.parametrize("merge_mode", ["concat", None])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_the_backward_layer_may_have_another_cell_and_size(merge_mode, return_sequences):
    layer, sequence = unlike(merge_mode, return_sequences=return_sequences), randoms(BATCH, TIME, FEATURES)
    states = [randoms(BATCH, size, seed=3) for size in (UNITS, UNITS, 3)]
    results = layer(sequence, initial_state=states, mask=MASK)
    outputs, after = results[:-3], results[-3:]
    if merge_mode == "concat":
        outputs = np.split(np.asarray(outputs[0]), [UNITS], axis=-1)
    forward, *forward_states = layer.forward_layer(sequence, initial_state=states[:2], mask=MASK)
    backward, *backward_states = layer.backward_layer(sequence, initial_state=states[2:], mask=MASK)
    backward = np.asarray(backward)[:, ::-1] if return_sequences else backward
    assert_close([*outputs, *after], [forward, backward, *forward_states, *backward_states])
    announced = layer.compute_output_shape((BATCH, TIME, FEATURES))
    assert [tuple(part.shape) for part in results] == list(announced)


@pytest.mark.parametrize("merge_mode", ["concat", None])
def test_saved_and_loaded_with_its_own_backward_layer_it_answers_the_same(merge_mode, tmp_path):
    inputs, masks = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    model = keras.Model([inputs, masks], unlike(merge_mode)(inputs, mask=masks))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    arrays = [randoms(BATCH, TIME, FEATURES), MASK]
    assert_close(loaded(arrays), model(arrays))
    assert {type(each).__name__ for each in loaded.layers} >= {"Bidirectional"}


def test_a_configuration_from_before_there_were_backward_layers_is_read():
    config = make(LSTM, "ave").get_config()
    assert set(config) == {"name", "trainable", "dtype", "layer", "merge_mode"}
    assert Bidirectional.from_config(config).get_config() == config


def test_an_activity_regularizer_counts_in_both_directions_as_in_keras():
    arguments = {"return_sequences": True, "activity_regularizer": "l2"}
    layer = make(LSTM, **arguments)
    twin, sequence = make_twin(layer, LSTM, **arguments), randoms(BATCH, TIME, FEATURES)
    layer(sequence)
    twin(sequence)
    assert len(layer.losses) == 2
    assert_close(layer.losses, twin.losses)


# --- the bridge to a decoder


def encoded(cls=LSTM, depth=1):
    layer = StackedRNN.of(cls, UNITS, depth, bidirectional=True, return_sequences=True, return_state=True, seed=1)
    _, *states = layer(randoms(BATCH, TIME, FEATURES), mask=MASK)
    return [np.asarray(state) for state in states]


def test_a_learned_bridge_is_a_dense_layer_over_all_states():
    decoder, states = GRU(7), encoded()
    bridge = StateBridge(decoder.state_sizes)
    (state,) = bridge(states)
    kernel, bias = bridge.get_weights()
    assert_close(state, np.tanh(np.concatenate(states, axis=-1) @ kernel + bias))
    decoder(randoms(BATCH, 2, FEATURES), initial_state=[state])


def test_a_bridge_between_stacks_goes_layer_by_layer():
    states, decoder = encoded(GRU, depth=2), StackedRNN.of(LSTM, 3, depth=2)
    bridge = StateBridge(decoder.state_sizes, layers=2)
    made = bridge(states)
    first, first_bias, second, second_bias = bridge.get_weights()
    expected = [np.tanh(np.concatenate(states[:2], -1) @ first + first_bias)]
    expected += [np.tanh(np.concatenate(states[2:], -1) @ second + second_bias)]
    assert_close(made, [half for each in expected for half in np.split(each, 2, axis=-1)])
    assert_close(bridge([states[:2], states[2:]]), made)
    decoder(randoms(BATCH, 2, FEATURES), initial_state=made)
    unequal = StateBridge(decoder.state_sizes, layers=2)([encoded(LSTM), encoded(GRU)[:1]])
    assert [each.shape for each in unequal] == [(BATCH, 3)] * 4


def test_bridges_without_weights_add_or_take_the_forward_states():
    states, sizes = encoded(depth=2), [UNITS] * 4
    assert_close(StateBridge(sizes, "forward", layers=2)(states), [*states[:2], *states[4:6]])
    added = [one + other for one, other in zip(states, states[2:])]
    assert_close(StateBridge(sizes, "sum", layers=2)(states), [*added[:2], *added[4:6]])


def test_a_bridge_keeps_full_precision_and_is_saved(tmp_path):
    inputs = [keras.Input((UNITS,)) for _ in range(4)]
    bridge = StateBridge([3, 3], activation="relu", dtype="mixed_bfloat16", name="bridge")
    model = keras.Model(inputs, bridge(inputs))
    states = encoded()
    assert {keras.backend.standardize_dtype(each.dtype) for each in bridge(states)} == {"float32"}
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("bridge").get_config() == bridge.get_config()
    assert_close([np.asarray(each) for each in loaded(states)], [np.asarray(each) for each in model(states)])


@pytest.mark.parametrize(
    ("arguments", "states", "message"),
    [
        ({"state_sizes": []}, None, r"state_sizes must be.*got \[\]"),
        ({"state_sizes": [0]}, None, r"state_sizes must be.*got \[0\]"),
        ({"state_sizes": [4], "mode": "mean"}, None, "mode must be one of.*'mean'"),
        ({"state_sizes": [4, 4], "layers": 3}, None, "layers must be.*divides.*2, got 3"),
        ({"state_sizes": [3, 3], "mode": "sum"}, 4, r"sizes of states must be.*\[3, 3\].*'sum', got \[4, 4, 4, 4\]"),
        ({"state_sizes": [4, 4], "mode": "sum"}, 2, "sizes of states"),
        ({"state_sizes": [4, 4], "layers": 2}, 3, "number of states must be a multiple of layers=2, got 3"),
    ],
)
def test_mistakes_with_a_bridge_are_named(arguments, states, message):
    with pytest.raises(ValueError, match=message):
        StateBridge(**arguments)([randoms(BATCH, UNITS)] * states)


def test_compiled_it_computes_the_same():
    layer, sequence = unlike("concat"), randoms(BATCH, TIME, FEATURES)
    plain = layer(sequence, mask=MASK)
    assert_close(compiled(lambda x: layer(x, mask=ops.convert_to_tensor(MASK)))(sequence), plain)
