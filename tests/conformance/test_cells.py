"""Every recurrent layer keeps the same promises. If one fails, a model learns from wrong gradients, reads its padding, cannot
take over Keras's weights, or answers differently after it was saved.

The same on the other backend, in an environment with JAX: `KERAS_BACKEND=jax python -m pytest tests/conformance
tests/common/layers`.
"""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tests.conformance.cells import CELLS
from tests.conformance.differentiation import compiled, gradient_function, gradients

REPOSITORY = Path(__file__).parents[2]
BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 5
WITH_TWIN = [row for row in CELLS if row.twin]
MASKS = {
    "right": [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    "left": [[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]],
    "holes": [[1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0], [1, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0]],
}
MASKS = {name: np.array(rows, bool) for name, rows in MASKS.items()}

each_cell = pytest.mark.parametrize("row", CELLS, ids=lambda row: row.name)
each_twin = pytest.mark.parametrize("row", WITH_TWIN, ids=lambda row: row.name)
each_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)


def randoms(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32")


def make(row, **arguments):
    """A layer whose weights are all different from each other and from zero, biases too."""
    layer = row.layer(UNITS, **row.arguments, **arguments)
    layer.build((None, None, FEATURES))
    layer.set_weights([0.5 * randoms(*weight.shape, seed=1) for weight in layer.get_weights()])
    return layer


def make_twin(row, layer, **arguments):
    twin = row.twin(UNITS, **row.twin_arguments, **arguments)
    twin.build((None, None, FEATURES))
    twin.set_weights(layer.get_weights())
    return twin


def states_of(row, seed=5):
    return [randoms(BATCH, UNITS, seed=seed + index) for index in range(row.states)]


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


def assert_close(actual, expected, tolerance=1e-5):
    """Compares one array, or the arrays of two lists."""
    if not isinstance(actual, (list, tuple)):
        actual, expected = [actual], [expected]
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=tolerance, atol=tolerance)


# --- the equations


@each_cell
@pytest.mark.parametrize("mask", [None, *MASKS.values()], ids=["none", *MASKS])
def test_outputs_and_states_are_those_of_the_equations(row, mask):
    layer = make(row, return_sequences=True, return_state=True)
    sequence, states = randoms(BATCH, TIME, FEATURES), states_of(row)
    output, *last = layer(sequence, initial_state=states, mask=mask)
    expected, expected_last = reference(row, layer.get_weights(), sequence, states, mask)
    assert_close([output, *last], [expected, *expected_last])


@each_cell
def test_the_cell_is_one_step_of_the_equations(row):
    layer, x, states = make(row), randoms(BATCH, FEATURES), states_of(row)
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
    layer, sequence, states = make(row), randoms(BATCH, TIME, FEATURES), states_of(row)
    twin = make_twin(row, layer)
    given = states if row.states > 1 else states[0]
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


def plain_loop(cell, sequence, states, mask, dropout_mask=None):
    """The same cell, one step after the other, without the layer and without its own gradient."""
    outputs = []
    for step in range(sequence.shape[1]):
        recurrent = None
        if cell.has_recurrent_kernel:
            hidden = states[0]
            if dropout_mask is not None:
                hidden = hidden * dropout_mask[min(step, len(dropout_mask) - 1)]
            recurrent = ops.matmul(hidden, ops.convert_to_tensor(cell.recurrent_kernel)) + cell.recurrent_bias()
        new = cell.gates(cell.project(sequence[:, step]), recurrent, tuple(states))
        real = mask[:, step, None]
        states = [ops.where(real, after, before) for after, before in zip(new, states, strict=True)]
        outputs.append(states)
    return [ops.stack([step[index] for step in outputs]) for index in range(len(states))]  # each [time, batch, units]


def layer_loop(layer, sequence, states, mask, dropout_mask=None):
    time_major = ops.transpose(sequence, (1, 0, 2))
    mask = ops.convert_to_tensor(mask.T[:, :, None])
    return layer.run(layer.cell.project(time_major), tuple(states), mask, dropout_mask)


@each_cell
@pytest.mark.parametrize("dropout_steps", [0, 1, TIME], ids=["no_dropout", "variational", "per_step"])
@each_mask
def test_gradients_are_those_of_a_plain_loop(row, mask, dropout_steps):
    layer = make(row)
    if dropout_steps and not layer.cell.has_recurrent_kernel:
        pytest.skip("no recurrent product to drop from")
    dropped = np.random.default_rng(3).random((dropout_steps, BATCH, UNITS)) < 0.4
    dropout_mask = np.where(dropped, 0, 1 / 0.6).astype("float32") if dropout_steps else None
    cotangents = [randoms(TIME, BATCH, UNITS, seed=20 + index) for index in range(row.states)]
    arrays = [randoms(BATCH, TIME, FEATURES), *states_of(row)]

    def loss(run, of):
        def value(sequence, *states):
            results = run(of, sequence, states, mask, dropout_mask)
            return sum(ops.sum(result * cotangent) for result, cotangent in zip(results, cotangents, strict=True))

        return value

    actual = gradients(loss(layer_loop, layer), layer.trainable_variables, arrays)
    expected = gradients(loss(plain_loop, layer.cell), layer.trainable_variables, arrays)
    assert len(actual) == len(layer.trainable_variables) + 1 + row.states
    assert all(np.any(gradient) for gradient in expected)
    assert_close(actual, expected, tolerance=2e-5)


@each_cell
def test_compiled_by_xla_it_computes_the_same_values_and_gradients(row):
    layer, mask = make(row, return_sequences=True), MASKS["holes"]
    arrays = [randoms(BATCH, TIME, FEATURES), *states_of(row)]

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
    sequence, states = randoms(BATCH, TIME, FEATURES), states_of(row)
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
    assert layer(randoms(BATCH, 1, FEATURES)).shape == (BATCH, 1, UNITS)
    assert layer(np.zeros((0, TIME, FEATURES), "float32")).shape == (0, TIME, UNITS)


# --- as part of Keras


@each_cell
def test_the_cell_inside_the_rnn_layer_of_keras_gives_what_the_layer_gives(row):
    layer = make(row, return_sequences=True)
    around = keras.layers.RNN(layer.cell, return_sequences=True)
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["right"]
    assert_close(around(sequence), layer(sequence))
    assert_close(np.asarray(around(sequence, mask=mask))[mask], np.asarray(layer(sequence, mask=mask))[mask])


@each_cell
def test_configuration_makes_the_same_layer_again(row):
    layer = make(
        row,
        return_sequences=True,
        return_state=True,
        go_backwards=True,
        dropout=0.1,
        dropout_mode="per_step",
        seed=4,
        kernel_regularizer="l2",
        name="mine",
    )
    config = layer.get_config()
    again = row.layer.from_config(config)
    assert again.get_config() == config
    again.build((None, None, FEATURES))
    again.set_weights(layer.get_weights())
    sequence = randoms(BATCH, TIME, FEATURES)
    assert_close(again(sequence), layer(sequence))
    assert len(layer.losses) == len(again.losses) == 1
    cell_config = layer.cell.get_config()
    assert row.cell.from_config(cell_config).get_config() == cell_config


def saved_model(row):
    inputs = keras.Input((None, FEATURES))
    masks = keras.Input((None,), dtype="bool")
    layer = row.layer(UNITS, return_sequences=True, dropout=0.2, **row.arguments, name="layer")
    return keras.Model([inputs, masks], layer(inputs, mask=masks))


LOAD_AND_ANSWER = """
import sys, keras, numpy as np
import common.layers  # registers the classes
data = np.load(sys.argv[1] + "/data.npz")
answers = {}
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{sys.argv[1]}/{name}.keras")
    answers[name] = model([data["sequence"], data["mask"]])
np.savez(sys.argv[1] + "/answers.npz", **answers)
"""


def test_a_saved_model_answers_the_same_in_a_fresh_process(tmp_path):
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["holes"]
    np.savez(tmp_path / "data.npz", sequence=sequence, mask=mask)
    expected = {}
    for row in CELLS:
        model = saved_model(row)
        model.save(tmp_path / f"{row.name}.keras")
        expected[row.name] = np.asarray(model([sequence, mask]))
    subprocess.run(
        [sys.executable, "-c", LOAD_AND_ANSWER, str(tmp_path), *expected],
        check=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    with np.load(tmp_path / "answers.npz") as answers:
        for name, output in expected.items():
            np.testing.assert_array_equal(answers[name], output, err_msg=name)


@each_cell
def test_the_shape_announced_is_the_shape_returned(row):
    for arguments in ({}, {"return_sequences": True}, {"return_sequences": True, "return_state": True}):
        layer = make(row, **arguments)
        announced = layer.compute_output_shape((BATCH, TIME, FEATURES))
        result = layer(randoms(BATCH, TIME, FEATURES))
        parts = result if isinstance(result, tuple) else (result,)
        announced = announced if isinstance(announced[0], tuple) else (announced,)
        assert [tuple(part.shape) for part in parts] == list(announced)
        symbolic = layer(keras.Input((None, FEATURES)))
        assert [part.shape[-1] for part in (symbolic if isinstance(symbolic, (list, tuple)) else [symbolic])] == [
            UNITS
        ] * len(parts)


@each_cell
def test_half_precision_is_close_to_full_precision(row):
    arguments = {"return_sequences": True, "return_state": True}
    full, half = make(row, **arguments), make(row, dtype="mixed_bfloat16", **arguments)
    sequence = randoms(BATCH, TIME, FEATURES)
    output, *states = half(sequence, mask=MASKS["holes"])
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert {keras.backend.standardize_dtype(state.dtype) for state in states} == {"float32"}
    expected = full(sequence, mask=MASKS["holes"])
    assert_close([ops.cast(output, "float32"), *states], list(expected), tolerance=0.05)
    found = [
        gradients(
            lambda x, layer=layer: ops.sum(ops.cast(layer(x, mask=MASKS["holes"])[0], "float32") ** 2),
            layer.trainable_variables,
            [sequence],
        )
        for layer in (half, full)
    ]
    for approximate, exact in zip(*found, strict=True):
        assert np.abs(approximate - exact).max() < 0.1 * np.abs(exact).max()


# --- dropout


@each_cell
@pytest.mark.parametrize(("mode", "constant"), [("variational", True), ("per_step", False)])
def test_input_dropout_is_constant_over_time_only_if_variational(row, mode, constant):
    """Seen through the gradient: where an input is dropped, it has none."""
    layer = make(row, dropout=0.5, dropout_mode=mode, seed=3)
    # Small and positive, so that nothing saturates and no unit is off: then the only zeros are those of the mask.
    layer.set_weights([0.1 * np.abs(weight) for weight in layer.get_weights()])
    *_, of_sequence = gradients(
        lambda x: ops.sum(layer(x, training=True)), layer.trainable_variables, [np.abs(randoms(16, TIME, FEATURES))]
    )
    dropped = of_sequence == 0
    assert 0.2 < dropped.mean() < 0.8
    assert bool(np.all(dropped == dropped[:, :1])) == constant


@each_cell
def test_dropout_works_in_training_only_and_follows_its_seed(row):
    dropout = {"dropout": 0.5}
    if row.layer.cell_class.has_recurrent_kernel:
        dropout["recurrent_dropout"] = 0.5
    for mode in ("variational", "per_step"):
        layers = [make(row, dropout_mode=mode, seed=7, **dropout) for _ in range(2)]
        sequence = randoms(BATCH, TIME, FEATURES)
        plain = make(row)(sequence)
        assert_close(layers[0](sequence), plain)
        first, second = (np.asarray(layer(sequence, training=True)) for layer in layers)
        assert_close(first, second)
        assert np.abs(first - np.asarray(plain)).max() > 1e-3
        assert np.abs(np.asarray(layers[0](sequence, training=True)) - first).max() > 1e-3  # drawn anew at each call


# --- mistakes


@each_cell
@pytest.mark.parametrize("units", [0, -1, 2.5, "8", None])
def test_units_must_be_a_positive_integer(row, units):
    for each in (row.layer, row.cell):
        with pytest.raises(ValueError, match=f"units.*{units!r}"):
            each(units)


@each_cell
@pytest.mark.parametrize(
    ("argument", "value"), [("dropout", 1.0), ("dropout", -0.1), ("recurrent_dropout", 2), ("dropout_mode", "none")]
)
def test_a_wrong_argument_is_named_with_its_value(row, argument, value):
    with pytest.raises(ValueError, match=f"{argument}.*{value!r}"):
        row.layer(UNITS, **{argument: value})


@each_cell
def test_wrong_calls_say_what_was_expected(row):
    layer, sequence = make(row), randoms(BATCH, TIME, FEATURES)
    with pytest.raises(ValueError, match="mask or lengths, not both"):
        layer(sequence, mask=MASKS["right"], lengths=np.ones(BATCH, "int32"))
    with pytest.raises(ValueError, match=rf"initial_state.*{row.states}.*{row.states + 1}"):
        layer(sequence, initial_state=[*states_of(row), randoms(BATCH, UNITS)])
    with pytest.raises(ValueError, match=r"mask.*\(4, 5\)"):
        layer(sequence, mask=MASKS["right"][:, :-1])
    with pytest.raises(ValueError, match=r"batch, time, features.*\(4, 3\)"):
        layer(sequence[:, 0])
    with pytest.raises(ValueError, match="time"):
        layer(sequence[:, :0])
