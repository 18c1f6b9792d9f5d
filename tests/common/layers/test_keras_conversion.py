"""Layers that move in from Keras, and back. If these fail, somebody's trained model answers something else here."""

import inspect

import keras
import numpy as np
import pytest

from common import layers
from common.layers import GRU, LSTM, Bidirectional, LayerNormLSTM, SimpleRNN, StackedRNN, from_keras, to_keras
from tests.conformance.cell_battery import BATCH, FEATURES, MASKS, TIME, UNITS, assert_close, randoms

KERAS_LAYERS = {
    "simple_rnn": lambda **options: keras.layers.SimpleRNN(UNITS, **options),
    "simple_rnn_relu": lambda **options: keras.layers.SimpleRNN(UNITS, activation="relu", **options),
    "gru": lambda **options: keras.layers.GRU(UNITS, **options),
    "gru_reset_before": lambda **options: keras.layers.GRU(UNITS, reset_after=False, **options),
    "gru_without_bias": lambda **options: keras.layers.GRU(UNITS, use_bias=False, **options),
    "lstm": lambda **options: keras.layers.LSTM(UNITS, **options),
    "lstm_activations": lambda **options: keras.layers.LSTM(
        UNITS, activation=None, recurrent_activation="hard_sigmoid", unit_forget_bias=False, **options
    ),
}
each_keras_layer = pytest.mark.parametrize("make", KERAS_LAYERS.values(), ids=KERAS_LAYERS)
BOTH = {"return_sequences": True, "return_state": True}


def filled(layer):
    layer.build((None, None, FEATURES))
    layer.set_weights([0.5 * randoms(*weight.shape, seed=seed) for seed, weight in enumerate(layer.get_weights())])
    return layer


@each_keras_layer
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("mask", [None, *MASKS.values()], ids=["none", *MASKS])
def test_a_layer_of_keras_moves_in_and_back(make, go_backwards, mask):
    original = filled(make(go_backwards=go_backwards, name="mine", **BOTH))
    converted = from_keras(original)
    returned = to_keras(converted)
    sequence = randoms(BATCH, TIME, FEATURES)
    states = [randoms(BATCH, UNITS, seed=seed) for seed in range(len(converted.state_sizes))]
    given = states if len(states) > 1 else states[0]
    expected = original(sequence, initial_state=given, mask=mask)
    assert_close(returned(sequence, initial_state=given, mask=mask), expected)
    # Before any real step the output is zero in Keras and the initial state here.
    begun = (
        np.ones((BATCH, TIME), bool) if mask is None else np.cumsum(mask[:, :: -1 if go_backwards else 1], axis=1) > 0
    )
    output, *last = converted(sequence, initial_state=states, mask=mask)
    assert_close([np.asarray(output)[begun], *last], [np.asarray(expected[0])[begun], *expected[1:]])
    assert_close(converted(sequence, mask=mask), original(sequence, mask=mask))
    assert converted.name == "mine"
    assert type(returned) is type(original)
    assert returned.get_config() == original.get_config()


@each_keras_layer
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
def test_a_bidirectional_layer_of_keras_moves_in_and_back(make, merge_mode):
    original = filled(keras.layers.Bidirectional(make(**BOTH), merge_mode=merge_mode, name="both"))
    converted = from_keras(original)
    returned = to_keras(converted)
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["right"]
    assert_close(converted(sequence), original(sequence))
    assert_close(returned(sequence, mask=mask), original(sequence, mask=mask))
    # Keras has zeros at the steps that are not real.
    for ours, theirs in zip(converted(sequence, mask=mask), original(sequence, mask=mask), strict=True):
        real = mask if len(ours.shape) == 3 else np.ones(BATCH, bool)
        assert_close(np.asarray(ours)[real], np.asarray(theirs)[real])
    assert converted.name == returned.name == "both"
    assert again_is_the_same(converted)


def again_is_the_same(layer):
    return type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_a_bidirectional_layer_of_two_kinds_moves_in_and_back():
    backward = keras.layers.GRU(3, go_backwards=True)
    original = filled(keras.layers.Bidirectional(keras.layers.LSTM(UNITS), backward_layer=backward))
    converted, sequence = from_keras(original), randoms(BATCH, TIME, FEATURES)
    for mask in (None, *MASKS.values()):
        assert_close(converted(sequence, mask=mask), original(sequence, mask=mask))
        assert_close(to_keras(converted)(sequence, mask=mask), original(sequence, mask=mask))


def test_options_of_training_move_in_and_back():
    options = {
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "seed": 3,
        "kernel_regularizer": "l2",
        "recurrent_regularizer": "l1",
        "bias_regularizer": "l2",
        "activity_regularizer": "l2",
        "kernel_constraint": "non_neg",
        "recurrent_constraint": "unit_norm",
        "bias_constraint": "max_norm",
        "kernel_initializer": "he_normal",
        "recurrent_initializer": "identity",
        "bias_initializer": "ones",
        "trainable": False,
        "dtype": "mixed_bfloat16",
    }
    original = keras.layers.GRU(UNITS, **options)
    converted = from_keras(original)
    assert not converted.built
    config = converted.get_config()
    serialized = original.get_config()
    for option in options:
        assert config[option] == serialized[option], option
    assert converted.dropout_mode == "variational"
    assert to_keras(converted).get_config() == serialized


def test_an_activity_regularizer_costs_what_it_costs_in_keras():
    original = filled(keras.layers.LSTM(UNITS, activity_regularizer=keras.regularizers.L2(0.3), **BOTH))
    converted, sequence = from_keras(original), randoms(BATCH, TIME, FEATURES)
    converted(sequence)
    original(sequence)
    assert_close(sum(converted.losses), sum(original.losses))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.Dense(3), "layer must be one of SimpleRNN, GRU, LSTM or Bidirectional.*Dense"),
        (keras.layers.RNN(keras.layers.LSTMCell(3)), "layer must be one of"),
        (LSTM(3), "of keras.layers, got.*LSTM"),
        (keras.layers.LSTM(3, stateful=True), "stateful must be False, got True: pass the state yourself"),
        (
            keras.layers.GRU(3, return_sequences=True, zero_output_for_mask=True),
            "zero_output_for_mask must be False, got True.*multiply",
        ),
    ],
)
def test_what_cannot_move_in_is_named(layer, message):
    with pytest.raises(ValueError, match=message):
        from_keras(layer)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.LSTM(3), "of common.layers, got.*LSTM"),
        (LayerNormLSTM(3), "layer must be one of.*LayerNormLSTM"),
        (StackedRNN.of(LSTM, 3, 1), "layer must be one of.*StackedRNN"),
        (LSTM(3, peephole=True), "peephole must not be in use, got True: keras.layers.LSTM has no such option"),
        (LSTM(3, coupled=True), "coupled must not be in use"),
        (LSTM(3, projection=2), "projection must not be in use, got 2"),
        (GRU(3, zoneout=0.1), r"zoneout must not be in use, got \[0.1\]"),
        (SimpleRNN(3, learn_initial_state=True), "learn_initial_state must not be in use"),
        (GRU(3, dropout=0.1, dropout_mode="per_step"), "dropout_mode must be 'variational', got 'per_step'"),
        (Bidirectional(LSTM(3, peephole=True)), "peephole must not be in use"),
    ],
)
def test_what_cannot_move_back_is_named(layer, message):
    with pytest.raises(ValueError, match=message):
        to_keras(layer)


# --- the arguments of Keras's layers

# Another value than the default of every argument, and the part of the message if it is refused.
OTHER_VALUES = {
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": False,
    "kernel_initializer": "zeros",
    "recurrent_initializer": "zeros",
    "bias_initializer": "ones",
    "unit_forget_bias": False,
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l2",
    "bias_regularizer": "l2",
    "activity_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "recurrent_constraint": "non_neg",
    "bias_constraint": "non_neg",
    "dropout": 0.5,
    "recurrent_dropout": 0.5,
    "seed": 3,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "reset_after": False,
}
REFUSED = {
    "stateful": (True, "pass the state yourself"),
    "unroll": (True, "XLA"),
    "use_cudnn": (True, "no cuDNN"),
    "zero_output_for_mask": (True, "multiply the output with the mask"),
    "implementation": (3, "leave it out"),
    "time_major": (True, r"\[batch, time, features\]"),
    "weights": ([1], "set_weights"),
    "input_shape": ((4, 3), "keras.Input"),
}
NAMES = ("SimpleRNN", "GRU", "LSTM")
OF_KERAS = [
    (name, argument, parameter.default)
    for name in NAMES
    for argument, parameter in inspect.signature(getattr(keras.layers, name).__init__).parameters.items()
    if argument not in ("self", "units", "kwargs")
]


@pytest.mark.parametrize(("name", "argument", "default"), OF_KERAS)
def test_every_argument_of_keras_is_taken_with_its_default_and_another_value_means_the_same(name, argument, default):
    ours, theirs = getattr(layers, name), getattr(keras.layers, name)
    assert_same_option(ours(UNITS, **{argument: default}), theirs(UNITS, **{argument: default}), argument)
    if argument in REFUSED:
        value, message = REFUSED[argument]
        with pytest.raises(ValueError, match=f"{name}: {argument} must be .*, got {value!r}: .*{message}"):
            ours(UNITS, **{argument: value})
    else:
        value = OTHER_VALUES[argument]
        assert_same_option(ours(UNITS, **{argument: value}), theirs(UNITS, **{argument: value}), argument)


def assert_same_option(ours, theirs, argument):
    if argument == "seed":  # the configuration of Keras's SimpleRNN forgets it
        assert ours.seed == theirs.cell.seed
    elif argument == "activity_regularizer" and ours.activity_regularizer:
        # Keras's SimpleRNN takes it and forgets it.
        assert ours.get_config()[argument] == keras.regularizers.serialize(keras.regularizers.get("l2"))
    elif argument not in REFUSED:
        assert ours.get_config().get(argument) == theirs.get_config().get(argument)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("argument", REFUSED)
def test_what_keras_takes_beside_its_signature_is_refused_in_a_sentence(name, argument):
    value, message = REFUSED[argument]
    with pytest.raises(ValueError, match=message):
        getattr(layers, name)(UNITS, **{argument: value})


@pytest.mark.parametrize("name", NAMES)
def test_arguments_by_position_are_not_mistaken_for_others(name):
    """Keras has the activation in second place, where a layer here would read something else."""
    with pytest.raises(TypeError, match="positional"):
        getattr(layers, name)(UNITS, "relu")


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_of_keras_is_read(name):
    config = getattr(keras.layers, name)(UNITS, return_sequences=True, dropout=0.2).get_config()
    layer = getattr(layers, name).from_config(config)
    assert (layer.units, layer.return_sequences, layer.dropout) == (UNITS, True, 0.2)
