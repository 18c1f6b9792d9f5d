"""A way around a layer. If these fail, deep stacks do not learn, or a decoder begins in another state than it was given."""

import keras
import numpy as np
import pytest

from common.layers import GRU, LSTM, Bidirectional, Residual, TimeReversed
from tests.conformance.cell_battery import BATCH, FEATURES, MASKS, TIME, UNITS, assert_close, each_mask, randoms


def recurrent(cls=LSTM, units=FEATURES, **arguments):
    return cls(units, **{"return_sequences": True, "return_state": True, **arguments})


@each_mask
def test_adds_its_input_and_hands_states_through(mask):
    layer, sequence = Residual(recurrent()), randoms(BATCH, TIME, FEATURES)
    states = [randoms(BATCH, FEATURES, seed=seed) for seed in (1, 2)]
    output, *last = layer.layer(sequence, initial_state=states, mask=mask)
    assert_close(layer(sequence, initial_state=states, mask=mask), [np.asarray(output) + sequence, *last])


def test_lengths_say_the_same_as_a_mask():
    layer, sequence, mask = Residual(recurrent()), randoms(BATCH, TIME, FEATURES), MASKS["right"]
    assert_close(layer(sequence, lengths=mask.sum(axis=1)), layer(sequence, mask=mask))


def test_projects_its_input_where_the_sizes_differ():
    layer, sequence = Residual(recurrent(units=UNITS), projection=True), randoms(BATCH, TIME, FEATURES)
    output, *_ = layer(sequence)
    (kernel,) = layer.projection_layer.get_weights()
    assert_close(output, np.asarray(layer.layer(sequence)[0]) + sequence @ kernel)
    assert kernel.shape == (FEATURES, UNITS)


@pytest.mark.parametrize(
    "inner",
    [
        keras.layers.LSTM(FEATURES, return_sequences=True),
        keras.layers.Dense(FEATURES),
        keras.layers.Conv1D(FEATURES, 3, padding="same"),
        Bidirectional(GRU(FEATURES, return_sequences=True), merge_mode="sum"),
        TimeReversed(GRU(FEATURES, return_sequences=True)),
    ],
    ids=lambda layer: f"{type(layer).__module__.split('.')[0]}.{type(layer).__name__}",
)
def test_goes_around_any_layer_over_a_sequence(inner):
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["right"]
    output = Residual(inner)(sequence, mask=mask)
    takes_mask = not isinstance(inner, (keras.layers.Dense, keras.layers.Conv1D))
    assert_close(output, np.asarray(inner(sequence, mask=mask) if takes_mask else inner(sequence)) + sequence)


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    inputs, masks = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    layer = Residual(recurrent(units=UNITS), projection=True, name="around")
    model = keras.Model([inputs, masks], layer(inputs, mask=masks))
    arrays = [randoms(BATCH, TIME, FEATURES), MASKS["holes"]]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(loaded(arrays), model(arrays))
    assert loaded.get_layer("around").layer.get_config() == layer.layer.get_config()
    assert loaded.get_layer("around").projection
    announced = layer.compute_output_shape((BATCH, TIME, FEATURES))
    assert [tuple(each.shape) for each in model(arrays)] == list(announced)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Residual("LSTM"), "layer must be a layer over a sequence, got 'LSTM'"),
        (lambda: Residual(LSTM(3)), "layer must be one that returns a sequence.*return_sequences=False"),
        (lambda: Residual(recurrent(go_backwards=True)), "layer must be one that runs forward.*go_backwards=True"),
        (lambda: Residual(Bidirectional(recurrent(), merge_mode=None)), "single output.*merge_mode=None"),
        (lambda: Residual(recurrent(), projection=1), "projection must be True or False, got 1"),
        (lambda: Residual(recurrent(), units=3), r"no argument units \(got 3\); it takes layer, projection, name"),
        (lambda: Residual(recurrent(units=UNITS))(randoms(1, 1, 3)), "projection must be True.*3 to 5.*False"),
        (lambda: Residual(keras.layers.Dense(3))(randoms(1, 1, 3), initial_state=[1]), "initial_state must be None"),
        (lambda: Residual(recurrent())(randoms(1, 1, 3), mask=np.ones((1, 1))), "mask must be bool.*float"),
        (lambda: Residual(recurrent())(randoms(1, 2, 3), mask=np.ones((1, 1), bool)), r"mask must be.*\(1, 2, 3\)"),
        (lambda: Residual(recurrent())(randoms(1, 2, 3), lengths=np.ones((1, 1))), r"lengths must be \[batch\]"),
        (
            lambda: Residual(recurrent())(randoms(1, 1, 3), mask=np.ones((1, 1), bool), lengths=np.ones(1)),
            "mask or lengths, not both",
        ),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
