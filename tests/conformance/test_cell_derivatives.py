"""The hand-written gradient of every cell against differences of its values, and what is differentiated twice. If one of these
fails, a model learns from wrong gradients, most likely in a new cell's backward pass."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tests.conformance.cell_battery import BATCH, FEATURES, MASKS, TIME, UNITS, assert_close, each_cell, randoms
from tests.conformance.cells import CELLS
from tests.conformance.differentiation import compiled, gradient_function, gradients

needs_float64 = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX has no float64 unless told at its start"
)


def make64(row, **arguments):
    layer = row.layer(UNITS, dtype="float64", return_sequences=True, **row.arguments, **arguments)
    layer.build((None, None, FEATURES))
    layer.set_weights([0.5 * randoms(*weight.shape, seed=1) for weight in layer.get_weights()])
    return layer


def objective(layer, mask, count=BATCH, time=TIME):
    cotangent = ops.convert_to_tensor(randoms(count, time, layer.cell.output_size, seed=9).astype("float64"))
    return lambda sequence: ops.sum(layer(sequence, mask=mask) * cotangent)


@needs_float64
@each_cell
def test_the_gradient_is_the_limit_of_differences(row):
    layer, mask = make64(row, learn_initial_state=True), MASKS["holes"]
    sequence, step = randoms(BATCH, TIME, FEATURES).astype("float64"), 1e-6
    value = objective(layer, mask)
    found = gradients(value, layer.trainable_variables, [sequence])
    for index, gradient in enumerate(found):
        direction = randoms(*gradient.shape, seed=30 + index).astype("float64")
        ends = []
        for sign in (1, -1):
            if index == len(layer.trainable_variables):
                ends.append(float(value(ops.convert_to_tensor(sequence + sign * step * direction))))
            else:
                variable = layer.trainable_variables[index]
                before = np.array(variable)
                variable.assign(before + sign * step * direction)
                ends.append(float(value(ops.convert_to_tensor(sequence))))
                variable.assign(before)
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-8)


@needs_float64
@each_cell
def test_the_gradient_can_be_differentiated_again(row):
    """What gradient penalties and adversarial training need; against differences of the first gradient."""
    layer, mask = make64(row), MASKS["right"]
    arrays = [*layer.get_weights(), randoms(BATCH, TIME, FEATURES).astype("float64")]
    differentiate = gradient_function(objective(layer, mask), layer.trainable_variables)

    def penalty(sequence):
        return sum(ops.sum(ops.square(gradient)) for gradient in differentiate(sequence))

    second = gradients(penalty, layer.trainable_variables, arrays[-1:])
    directions = [randoms(*array.shape, seed=3 + index).astype("float64") for index, array in enumerate(arrays)]
    step, ends = 1e-6, []
    for sign in (1, -1):
        *weights, sequence = (array + sign * step * one for array, one in zip(arrays, directions, strict=True))
        layer.set_weights(weights)
        ends.append(float(penalty(ops.convert_to_tensor(sequence))))
    slope = sum(np.sum(gradient * one) for gradient, one in zip(second, directions, strict=True))
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)


@each_cell
def test_one_step_of_training_changes_every_weight(row):
    keras.utils.set_random_seed(2)  # with some weights every unit of a rectifier is shut, and nothing learns
    layer = row.layer(UNITS, learn_initial_state=True, **row.arguments)
    model = keras.Sequential([keras.Input((TIME, FEATURES)), layer, keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    before = layer.get_weights()
    model.fit(randoms(BATCH, TIME, FEATURES), randoms(BATCH, 2), verbose=0)
    changed = {
        variable.path.split("/")[-1]: np.abs(new - old).max() > 0
        for variable, old, new in zip(layer.weights, before, layer.get_weights(), strict=True)
    }
    # Not every state is read by the step after: an output that is only shown, a stabilizer that cancels out.
    initial = [value for name, value in changed.items() if name.startswith("initial_")]
    assert any(initial)
    assert all(value for name, value in changed.items() if not name.startswith("initial_")), changed


@pytest.mark.parametrize("row", [row for row in CELLS if row.twin], ids=lambda row: row.name)
@settings(max_examples=4, deadline=None, database=None, derandomize=True)
@given(
    batch=st.integers(1, 5),
    time=st.integers(1, 40),
    features=st.integers(1, 6),
    units=st.integers(1, 7),
    data=st.data(),
)
def test_any_shape_and_any_mask_give_what_keras_gives(row, batch, time, features, units, data):
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=batch * time, max_size=batch * time))).reshape(
        batch, time
    )
    layer = row.layer(units, return_sequences=True, **row.arguments)
    twin = row.twin(units, return_sequences=True, **row.twin_arguments)
    for each in (layer, twin):
        each.build((None, None, features))
    twin.set_weights(layer.get_weights())
    sequence, cotangent = randoms(batch, time, features), randoms(batch, time, units, seed=2)
    results = [
        gradients(lambda x, each=each: ops.sum(each(x, mask=mask) * cotangent), each.trainable_variables, [sequence])
        for each in (layer, twin)
    ]
    assert_close(*results, tolerance=5e-5)


@each_cell
@pytest.mark.parametrize("time", [35, 37], ids=["divisible", "prime"])
def test_long_sequences_go_through_in_chunks(row, time, monkeypatch):
    """Chunks of some steps give what one step after the other gives, also where their length does not divide the sequence's."""
    monkeypatch.setattr("common.layers.division.ROWS", 8 * BATCH)
    keras.utils.set_random_seed(0)
    layer = row.layer(UNITS, return_sequences=True, return_state=True, **row.arguments)
    layer.build((None, None, FEATURES))
    sequence = randoms(BATCH, time, FEATURES)
    output, *states = compiled(layer)(sequence)
    stepwise, state = [], [np.zeros((BATCH, size), "float32") for size in layer.cell.state_sizes]
    for step in range(time):
        one, state = layer.cell(sequence[:, step], state)
        stepwise.append(one)
    assert_close([output, *states], [np.stack(stepwise, axis=1), *state], tolerance=1e-4)  # rounding grows step by step
