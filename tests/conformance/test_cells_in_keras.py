"""Recurrent layers are Keras layers: saved, shared, mixed in precision, regularized and misused like any other. If one of these
fails, a model answers differently after it was saved, or a mistake is noticed far from its cause."""

import os
import subprocess
import sys
from pathlib import Path

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
    make,
    randoms,
    states_of,
)
from tests.conformance.cells import CELLS
from tests.conformance.differentiation import gradients

REPOSITORY = Path(__file__).parents[2]

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
        symbolic = symbolic if isinstance(symbolic, (list, tuple)) else [symbolic]
        assert [part.shape[-1] for part in symbolic] == [part.shape[-1] for part in parts]


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
    states = states_of(layer)
    with pytest.raises(ValueError, match="mask or lengths, not both"):
        layer(sequence, mask=MASKS["right"], lengths=np.ones(BATCH, "int32"))
    with pytest.raises(ValueError, match=rf"initial_state.*{len(states)}.*{len(states) + 1}"):
        layer(sequence, initial_state=[*states, randoms(BATCH, UNITS)])
    with pytest.raises(ValueError, match=r"mask.*\(4, 5\)"):
        layer(sequence, mask=MASKS["right"][:, :-1])
    with pytest.raises(ValueError, match=r"batch, time, features.*\(4, 3\)"):
        layer(sequence[:, 0])
    with pytest.raises(ValueError, match="time"):
        layer(sequence[:, :0])
