"""Reading from the end. If these fail, a reversed layer begins with the padding, or its outputs stand at the wrong steps."""

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import GRU, LSTM, Bidirectional, TimeReversed, reverse_sequence
from tests.conformance.cell_battery import BATCH, FEATURES, MASKS, TIME, UNITS, assert_close, each_mask, randoms
from tests.conformance.differentiation import compiled, gradients


def brute_force(sequence, mask):
    reversed_ = sequence.copy()
    for row, real in zip(reversed_, mask, strict=True):
        row[real] = row[real][::-1]
    return reversed_


@each_mask
def test_real_steps_change_places_and_padding_stays(mask):
    sequence = randoms(BATCH, TIME, FEATURES)
    expected = brute_force(sequence, mask)
    assert_close(reverse_sequence(sequence, ops.convert_to_tensor(mask)), expected)
    assert_close(TimeReversed()(sequence, mask=mask), expected)
    assert_close(TimeReversed()(expected, mask=mask), sequence)
    assert_close(TimeReversed()(sequence), sequence[:, ::-1])


def test_reverses_by_length():
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["right"]
    assert_close(TimeReversed()(sequence, lengths=mask.sum(axis=1)), brute_force(sequence, mask))


@each_mask
@pytest.mark.parametrize("return_sequences", [True, False])
def test_equals_a_layer_that_goes_backwards(mask, return_sequences):
    arguments = {"return_sequences": return_sequences, "return_state": True}
    layer, backwards = TimeReversed(LSTM(UNITS, **arguments)), LSTM(UNITS, go_backwards=True, **arguments)
    sequence, states = randoms(BATCH, TIME, FEATURES), [randoms(BATCH, UNITS, seed=seed) for seed in (1, 2)]
    for each in (layer, backwards):
        each.build((None, None, FEATURES))
    backwards.set_weights(layer.get_weights())
    output, *last = layer(sequence, initial_state=states, mask=mask)
    expected, *expected_last = backwards(sequence, initial_state=states, mask=mask)
    assert_close(last, expected_last)
    if return_sequences:
        assert_close(np.asarray(output)[mask], np.asarray(expected)[:, ::-1][mask])
    else:
        assert_close(output, expected)


def test_runs_layers_of_keras_and_layers_without_masks():
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["right"]
    for inner in (keras.layers.GRU(UNITS, return_sequences=True), Bidirectional(GRU(UNITS, return_sequences=True))):
        reversed_ = brute_force(sequence, mask)
        actual = np.asarray(TimeReversed(inner)(sequence, mask=mask))
        assert_close(actual[mask], brute_force(np.asarray(inner(reversed_, mask=mask)), mask)[mask])
    convolution = keras.layers.Conv1D(UNITS, 3, padding="causal")
    expected = np.asarray(convolution(sequence[:, ::-1]))[:, ::-1]
    assert_close(TimeReversed(convolution)(sequence), expected)


@each_mask
def test_gradients_go_to_the_steps_they_come_from_compiled_or_not(mask):
    sequence, cotangent = randoms(BATCH, TIME, FEATURES), randoms(BATCH, TIME, FEATURES, seed=4)
    real = ops.convert_to_tensor(mask)

    def value(x):
        return ops.sum(reverse_sequence(x, real) * cotangent)

    (gradient,) = gradients(value, [], [sequence])
    assert_close(gradient, brute_force(cotangent, mask))
    assert_close(compiled(value)(sequence), np.sum(brute_force(sequence, mask) * cotangent))


def test_the_mask_of_an_embedding_arrives_and_goes_on():
    embedding, layer = keras.layers.Embedding(9, FEATURES, mask_zero=True), TimeReversed(GRU(UNITS))
    ids = np.array([[3, 4, 0, 0], [5, 6, 7, 8]])
    assert_close(layer(embedding(ids))[:1], layer(embedding(ids[:1, :2])))
    assert TimeReversed().compute_mask(None, "mask") == "mask"
    assert layer.compute_mask(None, "mask") is None


@pytest.mark.parametrize("inner", [None, LSTM(UNITS, return_sequences=True, return_state=True)], ids=["alone", "lstm"])
def test_saved_and_loaded_it_answers_the_same(inner, tmp_path):
    inputs, masks = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    layer = TimeReversed(inner, name="reversed")
    model = keras.Model([inputs, masks], layer(inputs, mask=masks))
    arrays = [randoms(BATCH, TIME, FEATURES), MASKS["holes"]]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(loaded(arrays), model(arrays))
    again = loaded.get_layer("reversed").layer
    assert again is inner is None or again.get_config() == inner.get_config()
    announced = layer.compute_output_shape((BATCH, TIME, FEATURES))
    result = model(arrays)
    shapes = [tuple(each.shape) for each in result] if inner else tuple(result.shape)
    assert shapes == (list(announced) if inner else announced)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeReversed(3), "layer must be a layer over a sequence, got 3"),
        (lambda: TimeReversed(LSTM(3, go_backwards=True)), "layer must be one that runs forward.*go_backwards=True"),
        (lambda: TimeReversed(merge_mode="sum"), "no argument merge_mode.*it takes layer, name"),
        (lambda: TimeReversed()(randoms(2, 3)), r"sequence must be \[batch, time, features\], got shape \(2, 3\)"),
        (lambda: TimeReversed()(randoms(1, 2, 3), initial_state=[randoms(1, 3)]), "initial_state must be None"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
