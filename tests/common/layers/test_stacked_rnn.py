"""Layers above each other. If these fail, a stack reads padding, loses the states of a layer, or is another network than the
same layers one after the other."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import GRU, LSTM, Bidirectional, MinGRU, Residual, SimpleRNN, StackedRNN, StateBridge, TimeReversed
from tests.conformance.cell_battery import BATCH, FEATURES, MASKS, TIME, UNITS, assert_close, each_mask, randoms
from tests.conformance.differentiation import compiled, gradients

REPOSITORY = Path(__file__).parents[3]


def make(cls=LSTM, depth=3, **arguments):
    stack = StackedRNN.of(cls, UNITS, depth, **{"return_sequences": True, "return_state": True, **arguments})
    stack.build((None, None, FEATURES))
    stack.set_weights([0.5 * randoms(*weight.shape, seed=seed) for seed, weight in enumerate(stack.get_weights())])
    return stack


def states_of(stack):
    return [randoms(BATCH, size, seed=40 + index) for index, size in enumerate(stack.state_sizes)]


@each_mask
@pytest.mark.parametrize("bidirectional", [False, True])
def test_equals_the_same_layers_one_after_the_other(mask, bidirectional):
    stack = make(LSTM, bidirectional=bidirectional)
    output, states, last = randoms(BATCH, TIME, FEATURES), states_of(stack), []
    actual = stack(output, initial_state=states, mask=mask)
    each = 4 if bidirectional else 2
    for index, layer in enumerate(stack.layers):
        output, *after = layer(output, initial_state=states[each * index : each * (index + 1)], mask=mask)
        last += after
    assert_close(actual, [output, *last])
    nested = [states[each * index : each * (index + 1)] for index in range(3)]
    assert_close(stack(randoms(BATCH, TIME, FEATURES), initial_state=nested, mask=mask), actual)


@pytest.mark.parametrize("return_sequences", [True, False])
def test_equals_stacked_layers_of_keras(return_sequences):
    stack = make(GRU, depth=2, return_sequences=return_sequences)
    twins = [keras.layers.GRU(UNITS, return_sequences=True, return_state=True) for _ in stack.layers]
    twins[-1].return_sequences = return_sequences
    output, last, mask = randoms(BATCH, TIME, FEATURES), [], MASKS["right"]
    actual = stack(output, mask=mask)
    for twin, layer in zip(twins, stack.layers, strict=True):
        twin.build((None, None, output.shape[-1]))
        twin.set_weights(layer.get_weights())
        output, state = twin(output, mask=mask)
        last.append(state)
    assert_close(actual, [output, *last])


def normalized(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-3)


@pytest.mark.parametrize("layer_norm", [None, "pre", "post"])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_residual_connections_and_norms_are_those_of_the_equations(layer_norm, return_sequences):
    stack = StackedRNN.of(
        MinGRU, UNITS, 3, residual=True, layer_norm=layer_norm, return_sequences=return_sequences, return_state=True
    )
    x, mask, expected_last = randoms(BATCH, TIME, FEATURES), MASKS["left"], []
    actual = stack(x, mask=mask)
    for index, layer in enumerate(stack.layers):
        below = x
        x, state = layer(normalized(x) if layer_norm == "pre" else x, mask=mask)
        x = np.asarray(x)
        if index:
            x = x + (below if x.ndim == 3 else below[:, -1] * mask.any(axis=1)[:, None])
        x = normalized(x) if layer_norm == "post" else x
        expected_last.append(state)
    real = mask if return_sequences else mask.any(axis=1)
    assert_close(np.asarray(actual[0])[real], x[real])
    assert_close(actual[1:], expected_last)


@each_mask
@pytest.mark.parametrize("options", [{}, {"residual": True}, {"layer_norm": "pre", "residual": True}])
def test_padding_never_changes_a_result_nor_has_a_gradient(mask, options):
    stack, sequence = make(GRU, bidirectional=True, **options), randoms(BATCH, TIME, FEATURES)
    other = np.where(mask[:, :, None], sequence, 7).astype("float32")
    output, *states = (np.asarray(each) for each in stack(sequence, mask=mask))
    changed, *changed_states = (np.asarray(each) for each in stack(other, mask=mask))
    assert_close([changed[mask], *changed_states], [output[mask], *states])
    for row, real in zip(range(BATCH), mask, strict=True):
        if real.any():
            alone, *states_alone = stack(sequence[row : row + 1][:, real])
            assert_close(
                [output[row][real], *(each[row] for each in states)], [alone[0], *(s[0] for s in states_alone)]
            )
    cotangent = randoms(*output.shape, seed=8) * mask[:, :, None]
    (gradient,) = gradients(lambda x: ops.sum(stack(x, mask=mask)[0] * cotangent), [], [sequence])
    assert not np.any(gradient[~mask])
    assert np.any(gradient[mask])


def test_lengths_say_the_same_as_a_mask():
    stack, sequence, mask = make(bidirectional=True), randoms(BATCH, TIME, FEATURES), MASKS["right"]
    assert_close(stack(sequence, lengths=mask.sum(axis=1)), stack(sequence, mask=mask))


@pytest.mark.parametrize("cut", [1, 4])
def test_a_sequence_may_be_cut_if_the_states_are_passed_on(cut):
    stack, sequence, mask = make(residual=True), randoms(BATCH, TIME, FEATURES), MASKS["holes"]
    whole, *last = stack(sequence, mask=mask)
    first, *between = stack(sequence[:, :cut], mask=mask[:, :cut])
    second, *end = stack(sequence[:, cut:], mask=mask[:, cut:], initial_state=between)
    assert_close([np.concatenate([first, second], axis=1), *end], [whole, *last])


def test_takes_wrappers_of_unequal_sizes():
    arguments = {"return_sequences": True, "return_state": True}
    stack = StackedRNN(
        [
            Bidirectional(LSTM(UNITS, **arguments), merge_mode="sum"),
            TimeReversed(GRU(4, **arguments)),
            Residual(SimpleRNN(3, **arguments), projection=True),
        ]
    )
    assert stack.state_sizes == [UNITS] * 4 + [4, 3]
    results = stack(randoms(BATCH, TIME, FEATURES), mask=MASKS["right"], initial_state=states_of(stack))
    announced = stack.compute_output_shape((BATCH, TIME, FEATURES))
    assert [tuple(each.shape) for each in results] == list(announced)
    assert StackedRNN.of(GRU, [4, 3]).state_sizes == [4, 3]


@pytest.mark.parametrize(("mode", "constant"), [("variational", True), ("per_step", False)])
def test_dropout_is_between_the_layers_in_training_and_follows_its_seed(mode, constant):
    one, two = (make(GRU, depth=2, dropout=0.5, dropout_mode=mode, seed=3, return_state=False) for _ in range(2))
    sequence = randoms(16, TIME, FEATURES)
    assert_close(one(sequence), make(GRU, depth=2, return_state=False)(sequence))
    first = np.asarray(one(sequence, training=True))
    assert_close(first, two(sequence, training=True))
    assert np.abs(np.asarray(one(sequence, training=True)) - first).max() > 1e-3
    # A layer that hands its input on shows what was dropped.
    shown = SimpleRNN(UNITS, activation="linear", return_sequences=True, recurrent_initializer="zeros")
    shown.build((None, None, UNITS))
    shown.set_weights([np.eye(UNITS), np.zeros((UNITS, UNITS)), np.zeros(UNITS)])
    below = GRU(UNITS, return_sequences=True)
    stack = StackedRNN([below, shown], dropout=0.5, dropout_mode=mode, seed=1)
    dropped = np.asarray(stack(sequence, training=True)) == 0
    assert 0.2 < dropped.mean() < 0.8
    assert bool(np.all(dropped == dropped[:, :1])) == constant


def test_every_layer_of_a_seeded_stack_draws_for_itself():
    stack = make(GRU, depth=2, bidirectional=True, recurrent_dropout=0.5, seed=0)
    directions = [each for both in stack.layers for each in (both.forward_layer, both.backward_layer)]
    assert len({each.seed for each in directions}) == 4
    assert {each.recurrent_dropout for each in directions} == {0.5}


def test_compiled_it_computes_the_same():
    stack = make(bidirectional=True, residual=True, layer_norm="post")
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["holes"]
    run = compiled(lambda x: stack(x, mask=ops.convert_to_tensor(mask)))
    assert_close(run(sequence), stack(sequence, mask=mask), tolerance=2e-5)


def test_half_precision_keeps_states_in_full_precision():
    half = make(depth=2, dtype="mixed_bfloat16", layer_norm="pre", residual=True)
    full = make(depth=2, layer_norm="pre", residual=True)
    sequence = randoms(BATCH, TIME, FEATURES)
    output, *states = half(sequence, initial_state=states_of(half))
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert {keras.backend.standardize_dtype(state.dtype) for state in states} == {"float32"}
    expected = full(sequence, initial_state=states_of(full))
    assert_close([ops.cast(output, "float32"), *states], expected, tolerance=0.1)


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    inputs, masks = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    stack = StackedRNN.of(
        GRU,
        UNITS,
        2,
        bidirectional=True,
        residual=True,
        layer_norm="post",
        dropout=0.1,
        seed=4,
        return_sequences=True,
        return_state=True,
        name="stack",
    )
    model = keras.Model([inputs, masks], stack(inputs, mask=masks))
    stack.set_weights([0.5 * randoms(*weight.shape, seed=seed) for seed, weight in enumerate(stack.get_weights())])
    arrays = [randoms(BATCH, TIME, FEATURES), MASKS["holes"]]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_close([np.asarray(each) for each in loaded(arrays)], [np.asarray(each) for each in model(arrays)], 0)
    found, expected = (each.get_config() for each in (loaded.get_layer("stack"), stack))
    assert {**found, "layers": None} == {**expected, "layers": None}
    assert loaded.get_layer("stack").layers[1].forward_layer.get_config() == stack.layers[1].forward_layer.get_config()


LOAD_AND_ANSWER = """
import sys, keras, numpy as np
import common.layers  # registers the classes
data = np.load(sys.argv[1] + "/data.npz")
model = keras.saving.load_model(sys.argv[1] + "/model.keras")
np.savez(sys.argv[1] + "/answers.npz", *model([data["sequence"], data["mask"]]))
"""


def test_all_wrappers_answer_the_same_in_a_fresh_process(tmp_path):
    inputs, masks = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    both = {"return_sequences": True, "return_state": True}
    apart = Bidirectional(LSTM(4, **both), merge_mode=None, backward_layer=GRU(3, go_backwards=True, **both))
    forward, backward, *states = apart(inputs, mask=masks)
    joined = keras.layers.Concatenate()([forward, backward])
    decoder = StackedRNN([TimeReversed(GRU(7, **both)), Residual(LSTM(6, **both), projection=True)], layer_norm="pre")
    results = decoder(joined, mask=masks, initial_state=StateBridge(decoder.state_sizes)(states))
    model = keras.Model([inputs, masks], list(results))
    sequence, mask = randoms(BATCH, TIME, FEATURES), MASKS["right"]
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", sequence=sequence, mask=mask)
    subprocess.run(
        [sys.executable, "-c", LOAD_AND_ANSWER, str(tmp_path)],
        check=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    with np.load(tmp_path / "answers.npz") as answers:
        assert_close(list(answers.values()), model([sequence, mask]), tolerance=0)


def test_one_step_of_training_changes_every_weight():
    stack = StackedRNN.of(GRU, UNITS, 2, bidirectional=True, layer_norm="pre", dropout=0.1, seed=1)
    model = keras.Sequential([keras.Input((TIME, FEATURES)), stack, keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    before = stack.get_weights()
    model.fit(randoms(BATCH, TIME, FEATURES), randoms(BATCH, 2), verbose=0)
    for variable, old, new in zip(stack.weights, before, stack.get_weights(), strict=True):
        assert np.abs(new - old).max() > 0, variable.path


SEQUENCES = {"return_sequences": True}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: StackedRNN([]), r"layers must be a list of at least one.*got \[\]"),
        (lambda: StackedRNN(GRU(3)), "layers must be a list"),
        (lambda: StackedRNN([keras.layers.GRU(3)]), r"layers\[0\] must be a recurrent layer or a wrapper"),
        (lambda: StackedRNN([GRU(3), GRU(3)]), r"layers\[0\] must be one with return_sequences=True"),
        (lambda: StackedRNN([GRU(3, go_backwards=True)]), r"layers\[0\].*TimeReversed"),
        (lambda: StackedRNN([Bidirectional(GRU(3), merge_mode=None)]), r"layers\[0\].*merge_mode=None"),
        (lambda: StackedRNN([GRU(3, **SEQUENCES), GRU(3, return_state=True)]), r"layers\[0\].*return_state=True"),
        (lambda: StackedRNN.of(GRU, 3, 2, bidirectional=True, residual=True), r"layers\[1\].*return_sequences=True"),
        (lambda: StackedRNN.of(GRU, 3, 0), "depth must be a positive integer, got 0"),
        (lambda: StackedRNN.of(GRU, 3), "depth must be a positive integer, got None"),
        (lambda: StackedRNN.of(GRU, [3], 2), r"units must be.*depth=2, got \[3\]"),
        (lambda: StackedRNN.of(GRU, 3, 2, peephole=True), "no argument peephole"),
        (lambda: StackedRNN([GRU(3)], dropout=1), "dropout must be at least 0 and below 1, got 1"),
        (lambda: StackedRNN([GRU(3)], dropout_mode="all"), "dropout_mode must be one of.*'all'"),
        (lambda: StackedRNN([GRU(3)], layer_norm=True), "layer_norm must be one of.*True"),
        (lambda: StackedRNN([GRU(3)], residual="yes"), "residual must be True or False, got 'yes'"),
        (lambda: StackedRNN([GRU(3)], zoneout=0.1), r"no argument zoneout \(got 0.1\); it takes layers, residual"),
        (lambda: StackedRNN.of(GRU, [3, 4], residual=True)(randoms(1, 1, 3)), "residual must be False.*3 and 4"),
        (
            lambda: make(GRU)(randoms(1, 1, 3), initial_state=[randoms(1, 5)]),
            "initial_state must be a list of 3.*got 1",
        ),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
