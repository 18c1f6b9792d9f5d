"""Every recurrent layer keeps the same promises. If one fails, a model learns from wrong gradients, reads its padding, cannot
take over Keras's weights, or answers differently after it was saved.

The same on the other backend: `make test-jax`.
"""

import keras
import numpy as np
import pytest
from keras import ops

from tests.conformance.cell_battery import (
    BATCH,
    FEATURES,
    MASKS,
    TIME,
    UNITS,
    assert_close,
    each_cell,
    each_mask,
    make,
    randoms,
    states_of,
)
from tests.conformance.cells import CELLS
from tests.conformance.differentiation import compiled, gradient_function, gradients

each_twin = pytest.mark.parametrize("row", [row for row in CELLS if row.twin], ids=lambda row: row.name)


def make_twin(row, layer, **arguments):
    twin = row.twin(UNITS, **row.twin_arguments, **arguments)
    twin.build((None, None, FEATURES))
    twin.set_weights(layer.get_weights())
    return twin


def reference(row, weights, sequence, states, mask=None):
    """Outputs of all steps and last states by the NumPy equations; float64."""
    weights = [weight.astype("float64") for weight in weights]
    states, outputs = tuple(state.astype("float64") for state in states), []
    for step in range(sequence.shape[1]):
        new = row.step(sequence[:, step].astype("float64"), states, weights)
        real = np.ones((len(sequence), 1), bool) if mask is None else mask[:, step, None]
        states = tuple(np.where(real, after, before) for after, before in zip(new, states, strict=True))
        outputs.append(row.output(states))
    return np.stack(outputs, axis=1), states


# --- the equations


@each_cell
@pytest.mark.parametrize("mask", [None, *MASKS.values()], ids=["none", *MASKS])
def test_outputs_and_states_are_those_of_the_equations(row, mask):
    layer = make(row, return_sequences=True, return_state=True)
    sequence, states = randoms(BATCH, TIME, FEATURES), states_of(layer)
    output, *last = layer(sequence, initial_state=states, mask=mask)
    expected, expected_last = reference(row, layer.get_weights(), sequence, states, mask)
    assert_close([output, *last], [expected, *expected_last])


@each_cell
def test_the_cell_is_one_step_of_the_equations(row):
    layer, x = make(row), randoms(BATCH, FEATURES)
    states = states_of(layer)
    output, new = layer.cell(x, states)
    expected = row.step(x, states, layer.get_weights())
    assert_close([output, *new], [row.output(expected), *expected])


@each_cell
def test_going_backwards_is_going_forwards_over_the_mirror_image(row):
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["holes"]
    arguments = {"return_sequences": True, "return_state": True}
    layer, mirrored = make(row, **arguments), make(row, go_backwards=True, **arguments)
    assert_close(mirrored(sequence, mask=mask), layer(sequence[:, ::-1], mask=mask[:, ::-1]))


# --- Keras's own layers


@each_twin
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("mask", [None, *MASKS.values()], ids=["none", *MASKS])
def test_equals_the_layer_of_keras_with_the_same_weights(row, go_backwards, mask):
    arguments = {"return_sequences": True, "return_state": True, "go_backwards": go_backwards}
    layer = make(row, **arguments)
    sequence = randoms(BATCH, TIME, FEATURES)
    assert_close(layer(sequence, mask=mask), make_twin(row, layer, **arguments)(sequence, mask=mask))


@each_twin
def test_equals_the_layer_of_keras_from_a_given_state_and_without_sequences(row):
    layer, sequence = make(row), randoms(BATCH, TIME, FEATURES)
    states = states_of(layer)
    twin = make_twin(row, layer)
    given = states if len(states) > 1 else states[0]
    assert_close(layer(sequence, initial_state=states), twin(sequence, initial_state=given))


@each_twin
def test_weights_have_the_names_and_shapes_of_keras(row):
    layer = make(row)
    twin = make_twin(row, layer)
    described = [[(weight.path.split("/")[-1], weight.shape) for weight in each.weights] for each in (layer, twin)]
    assert described[0] == described[1]


@each_twin
@each_mask
def test_gradients_equal_those_of_the_layer_of_keras(row, mask):
    layer = make(row, return_sequences=True)
    twin = make_twin(row, layer, return_sequences=True)
    sequence, cotangent = randoms(BATCH, TIME, FEATURES), randoms(BATCH, TIME, UNITS, seed=9)
    results = [
        gradients(lambda x, each=each: ops.sum(each(x, mask=mask) * cotangent), each.trainable_variables, [sequence])
        for each in (layer, twin)
    ]
    assert_close(*results, tolerance=2e-5)


# --- gradients


def plain_loop(layer, sequence, states, mask, dropout_mask=None):
    """The same cell, one step after the other, without the layer and without its own gradient."""
    cell, outputs = layer.cell, []
    for step in range(sequence.shape[1]):
        before = list(states)
        if dropout_mask is not None:
            before[0] = before[0] * dropout_mask[min(step, len(dropout_mask) - 1)]
            recurrent = ops.matmul(before[0], ops.convert_to_tensor(cell.recurrent_matrix()))
            if cell.recurrent_bias() is not None:
                recurrent = recurrent + cell.recurrent_bias()
            new = cell.gates(cell.project(sequence[:, step]), recurrent, tuple(states))
        else:
            new = cell.call(sequence[:, step], before)[1]
        real = mask[:, step, None]
        states = [ops.where(real, after, before) for after, before in zip(new, states, strict=True)]
        outputs.append(cell.output(states))
    return [ops.stack(outputs), *states]


def layer_loop(layer, sequence, states, mask, dropout_mask=None):
    time_major = ops.transpose(sequence, (1, 0, 2))
    mask = ops.convert_to_tensor(mask.T[:, :, None])
    dropout_mask = None if dropout_mask is None else ops.convert_to_tensor(dropout_mask)
    outputs, last = layer.run(time_major, tuple(states), mask, dropout_mask)
    return [outputs, *last]


@each_cell
@pytest.mark.parametrize("dropout_steps", [0, 1, TIME], ids=["no_dropout", "variational", "per_step"])
@each_mask
def test_gradients_are_those_of_a_plain_loop(row, mask, dropout_steps):
    layer = make(row)
    if dropout_steps and not layer.cell.has_recurrent_kernel:
        pytest.skip("no recurrent product to drop from")
    dropped = np.random.default_rng(3).random((dropout_steps, BATCH, layer.cell.state_sizes[0])) < 0.4
    dropout_mask = np.where(dropped, 0, 1 / 0.6).astype("float32") if dropout_steps else None
    arrays = [randoms(BATCH, TIME, FEATURES), *states_of(layer)]
    cotangents = [randoms(TIME, BATCH, layer.cell.output_size, seed=20)]
    cotangents += [randoms(*state.shape, seed=21 + index) for index, state in enumerate(arrays[1:])]

    def loss(run, of):
        def value(sequence, *states):
            results = run(of, sequence, states, mask, dropout_mask)
            return sum(ops.sum(result * cotangent) for result, cotangent in zip(results, cotangents, strict=True))

        return value

    actual = gradients(loss(layer_loop, layer), layer.trainable_variables, arrays)
    expected = gradients(loss(plain_loop, layer), layer.trainable_variables, arrays)
    assert len(actual) == len(layer.trainable_variables) + len(arrays)
    assert all(np.any(gradient) for gradient in expected)
    assert_close(actual, expected, tolerance=2e-5)


@each_cell
def test_compiled_by_xla_it_computes_the_same_values_and_gradients(row):
    layer, mask = make(row, return_sequences=True), MASKS["holes"]
    arrays = [randoms(BATCH, TIME, FEATURES), *states_of(layer)]

    def loss(sequence, *states):
        return ops.sum(layer(sequence, initial_state=list(states), mask=mask) ** 2)

    differentiate = gradient_function(loss, layer.trainable_variables)
    assert_close(list(compiled(differentiate)(*arrays)), list(differentiate(*arrays)), tolerance=2e-5)


# --- padding and state


@each_cell
@pytest.mark.parametrize("go_backwards", [False, True])
def test_padding_never_changes_a_result(row, go_backwards):
    layer = make(row, return_state=True, go_backwards=go_backwards)
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["right"]
    longer = np.concatenate([np.where(mask[:, :, None], sequence, 7), randoms(BATCH, 3, FEATURES)], axis=1)
    longer_mask = np.pad(mask, [[0, 0], [0, 3]])
    assert_close(layer(longer, mask=longer_mask), layer(sequence, mask=mask))
    row_length = int(mask[0].sum())
    alone = layer(sequence[:1, :row_length])
    assert_close([part[:1] for part in layer(longer, mask=longer_mask)], list(alone))


@each_cell
def test_padding_has_no_gradient(row):
    layer, mask = make(row, return_sequences=True), MASKS["right"]
    *_, of_sequence = gradients(
        lambda x: ops.sum(layer(x, mask=mask) ** 2), layer.trainable_variables, [randoms(BATCH, TIME, FEATURES)]
    )
    assert not np.any(of_sequence[~mask])
    assert np.any(of_sequence[mask])


@each_cell
def test_steps_that_are_not_real_repeat_the_last_output(row):
    layer = make(row, return_sequences=True)
    sequence, states = randoms(BATCH, TIME, FEATURES), states_of(layer)
    output = np.asarray(layer(sequence, initial_state=states, mask=MASKS["right"]))
    assert_close(output[0, 4:], output[0, [3, 3]])
    assert_close(output[3], np.tile(row.output(states)[3], (TIME, 1)))


@each_cell
@pytest.mark.parametrize("cut", [1, 3, TIME - 1])
def test_a_sequence_may_be_cut_anywhere_if_the_state_is_passed_on(row, cut):
    layer = make(row, return_sequences=True, return_state=True)
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["holes"]
    whole, *last = layer(sequence, mask=mask)
    first, *between = layer(sequence[:, :cut], mask=mask[:, :cut])
    second, *end = layer(sequence[:, cut:], mask=mask[:, cut:], initial_state=between)
    assert_close([np.concatenate([first, second], axis=1), *end], [whole, *last])


@each_cell
def test_lengths_say_the_same_as_a_mask(row):
    layer, sequence = make(row, return_sequences=True), randoms(BATCH, TIME, FEATURES)
    lengths = MASKS["right"].sum(axis=1)
    assert_close(layer(sequence, lengths=lengths), layer(sequence, mask=MASKS["right"]))


@each_cell
def test_the_mask_of_an_embedding_arrives(row):
    embedding, layer = keras.layers.Embedding(9, FEATURES, mask_zero=True), make(row)
    ids = np.array([[3, 4, 0, 0], [5, 6, 7, 8]])
    assert_close(layer(embedding(ids))[:1], layer(embedding(ids[:1, :2])))


@each_cell
def test_works_on_one_step_and_on_no_rows(row):
    layer = make(row, return_sequences=True)
    size = layer.cell.output_size
    assert layer(randoms(BATCH, 1, FEATURES)).shape == (BATCH, 1, size)
    assert layer(np.zeros((0, TIME, FEATURES), "float32")).shape == (0, TIME, size)
