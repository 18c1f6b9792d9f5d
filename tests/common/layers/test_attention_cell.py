"""Recurrent layers that look at a memory. If these fail, a decoder trains on something else than what it later decodes with,
reads padding, or learns from wrong gradients.

The same on the other backend: `make test-jax`.
"""

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import AdditiveAttention, AttentionCell, AttentionRNN, GRUCell
from tests.common.layers.attention_forms import (
    ALL,
    BATCH,
    MASK,
    MEMORY_MASK,
    PLACES,
    TIME,
    UNITS,
    cell_states,
    data,
    each_form,
    each_of_a_few,
    loss_of,
    make,
)
from tests.conformance.cell_battery import assert_close, randoms
from tests.conformance.cells import gru_step, lstm_step
from tests.conformance.differentiation import ON_TENSORFLOW, compiled, gradient_function, gradients

# --- the equations


def additive(weights, query, memory, mask):
    query_kernel, memory_kernel, bias, score_kernel = weights
    scores = np.tanh((query @ query_kernel)[:, None] + memory @ memory_kernel + bias) @ score_kernel
    exponentials = np.where(mask, np.exp(scores), 0)
    attention = exponentials / np.maximum(exponentials.sum(axis=1, keepdims=True), 1e-30)
    return np.einsum("bm,bmf->bf", attention, memory), attention


def general(weights, query, memory, mask):
    scores = np.einsum("bu,bmu->bm", query, memory @ weights[0])
    exponentials = np.where(mask, np.exp(scores), 0)
    attention = exponentials / np.maximum(exponentials.sum(axis=1, keepdims=True), 1e-30)
    return np.einsum("bm,bmf->bf", attention, memory), attention


def arrays_of(part):
    return [np.asarray(weight, "float64") for weight in part.weights]


def bahdanau_step(cell, x, states, memory, mask):
    context, attention = additive(arrays_of(cell.attention), states[0], memory, mask)
    states = gru_step(np.concatenate([x, context], axis=1), states, arrays_of(cell.cell))
    return np.concatenate([states[0], context], axis=1), states, attention


def input_feeding_step(cell, x, states, memory, mask):
    *inner, fed = states
    hidden, inner_cell = lstm_step(np.concatenate([x, fed], axis=1), inner, arrays_of(cell.cell))
    context, attention = general(arrays_of(cell.attention), hidden, memory, mask)
    fed = np.tanh(np.concatenate([hidden, context], axis=1) @ np.asarray(cell.attention_kernel))
    return fed, (hidden, inner_cell, fed), attention


def conditional_step(cell, x, states, memory, mask):
    states = gru_step(x, states, arrays_of(cell.cell))
    context, attention = additive(arrays_of(cell.attention), states[0], memory, mask)
    states = gru_step(context, states, arrays_of(cell.context_cell))
    return np.concatenate([states[0], context], axis=1), states, attention


def bahdanau_gate_step(cell, x, states, memory, mask):
    context, attention = additive(arrays_of(cell.attention), states[0], memory, mask)
    context = context / (1 + np.exp(-(states[0] @ np.asarray(cell.gate_kernel) + np.asarray(cell.gate_bias))))
    states = lstm_step(np.concatenate([x, context], axis=1), states, arrays_of(cell.cell))
    return np.concatenate([states[0], context], axis=1), states, attention


def up_down_step(cell, x, states, memory, mask):
    first = gru_step(np.concatenate([x, states[1]], axis=1), states[:1], arrays_of(cell.cell))
    context, attention = additive(arrays_of(cell.attention), first[0], memory, mask)
    second = gru_step(np.concatenate([context, first[0]], axis=1), states[1:], arrays_of(cell.context_cell))
    return np.concatenate([second[0], context], axis=1), (*first, *second), attention


@pytest.mark.parametrize(
    "step", [bahdanau_step, input_feeding_step, conditional_step, bahdanau_gate_step, up_down_step]
)
def test_outputs_states_and_weights_are_those_of_the_equations(step):
    layer = make(step.__name__.removesuffix("_step"), **ALL)
    sequence, memory = data()
    initial = cell_states(layer)
    states, outputs, attentions = layer.cell.initial_state(memory, initial), [], []
    states = tuple(np.asarray(state, "float64") for state in states)
    for each in range(TIME):
        output, new, attention = step(layer.cell, sequence[:, each], states, memory, MEMORY_MASK)
        real = MASK[:, each, None]
        states = tuple(np.where(real, after, before) for after, before in zip(new, states, strict=True))
        outputs.append(np.where(real, output, 0))
        attentions.append(np.where(real, attention, 0))
    found = layer(sequence, memory, initial_state=initial, memory_mask=MEMORY_MASK, mask=MASK)
    assert_close(list(found), [np.stack(outputs, axis=1), *states, np.stack(attentions, axis=1)])


def by_steps(layer, sequence, memory, initial_state=None, memory_mask=None, mask=None):
    """What the layer does, by the cell alone, one step after the other: outputs, states and weights."""
    cell = layer.cell
    keys, states, outputs, attentions = cell.attention.project_memory(memory), None, [], []
    states = cell.initial_state(memory, initial_state)
    for step in range(sequence.shape[1]):
        output, new, attention = cell(
            sequence[:, step], states, memory, keys=keys, memory_mask=memory_mask, return_attention=True
        )
        real = ops.ones((BATCH, 1), "bool") if mask is None else ops.convert_to_tensor(mask[:, step, None])
        states = [ops.where(real, after, before) for after, before in zip(new, states, strict=True)]
        outputs.append(ops.where(real, output, 0.0))
        attentions.append(ops.where(real, attention, 0.0))
    return [ops.stack(outputs, axis=1), *states, ops.stack(attentions, axis=1)]


@each_form
def test_values_and_gradients_are_those_of_a_loop_over_the_cell(name):
    layer = make(name, **ALL)
    arrays, masks = [*data(), *cell_states(layer)], {"memory_mask": MEMORY_MASK, "mask": MASK}
    sequence, memory, *initial_state = arrays
    expected = by_steps(layer, sequence, memory, initial_state, **masks)
    assert_close(list(layer(sequence, memory, initial_state=initial_state, **masks)), expected)
    loops = [layer, lambda *given, **named: by_steps(layer, *given, **named)]
    found = [gradients(loss_of(run, layer, **masks), layer.trainable_variables, arrays) for run in loops]
    assert_close(*found, tolerance=2e-5)
    assert all(np.any(gradient) and np.all(np.isfinite(gradient)) for gradient in found[0])


@each_form
def test_compiled_by_xla_it_computes_the_same_gradients(name):
    layer = make(name, **ALL)
    arrays = [*data(), *cell_states(layer)]
    loss = loss_of(layer, layer, memory_mask=MEMORY_MASK, mask=MASK)
    differentiate = gradient_function(loss, layer.trainable_variables)
    assert_close(list(compiled(differentiate)(*arrays)), list(differentiate(*arrays)), tolerance=2e-5)


def test_the_gradient_is_that_of_finite_differences():
    attention = AdditiveAttention(5, coverage=True, dtype="float64")
    layer = AttentionRNN(
        AttentionCell(GRUCell(UNITS, dtype="float64"), attention, "conditional", dtype="float64"),
        **ALL,
        dtype="float64",
    )
    if not ON_TENSORFLOW:
        pytest.skip("JAX computes in float32 unless told otherwise for the whole process")
    arrays = [array.astype("float64") for array in data()]
    loss = loss_of(layer, layer, memory_mask=MEMORY_MASK, mask=MASK)
    layer(*arrays)
    directions = [randoms(*array.shape, seed=7).astype("float64") for array in arrays]
    found = gradients(loss, [], arrays)
    step = 1e-6
    ahead, behind = (
        float(loss(*[array + sign * step * one for array, one in zip(arrays, directions, strict=True)]))
        for sign in (1, -1)
    )
    slope = sum(np.sum(one * each) for one, each in zip(found, directions, strict=True))
    np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=1e-6)


@each_form
def test_the_gradient_can_be_differentiated_again(name):
    """What gradient penalties and adversarial training need; against a loop over the cell, differentiated twice."""
    layer, arrays = make(name, **ALL), list(data())
    masks, found = {"memory_mask": MEMORY_MASK, "mask": MASK}, []
    for run in (layer, lambda *given, **named: by_steps(layer, *given, **named)):
        differentiate = gradient_function(loss_of(run, layer, **masks), layer.trainable_variables)

        def penalty(*given, differentiate=differentiate):
            return sum(ops.mean(ops.square(gradient)) for gradient in differentiate(*given))

        found.append(gradients(penalty, layer.trainable_variables, arrays))
    assert_close(*found, tolerance=1e-4)


def test_the_memory_is_projected_once(monkeypatch):
    layer, calls = make("bahdanau", **ALL), []
    project = layer.cell.attention.project_memory
    monkeypatch.setattr(layer.cell.attention, "project_memory", lambda memory: calls.append(1) or project(memory))
    gradients(loss_of(layer, layer), layer.trainable_variables, list(data()))
    assert len(calls) == 1


def test_coverage_is_the_sum_of_the_weights_and_changes_the_next_ones():
    layer, without = make("bahdanau_coverage", **ALL), make("bahdanau_coverage", **ALL)
    found = layer(*data(), mask=MASK)
    assert_close(found[-2], ops.sum(found[-1], axis=1))
    without.cell.attention.coverage_kernel.assign(np.zeros(5))
    other = without(*data(), mask=MASK)[-1]
    assert_close(found[-1][:, 0], other[:, 0])
    assert np.abs(np.asarray(found[-1][:, 1] - other[:, 1])).max() > 1e-3


# --- padding and state


@each_form
def test_padding_never_changes_a_result_nor_a_gradient(name):
    layer = make(name, **ALL)
    sequence, memory = data()
    arguments = {"memory_mask": MEMORY_MASK, "mask": MASK}
    results = []
    for padding in (0.0, 30.0):
        arrays = [
            np.where(MASK[:, :, None], sequence, padding).astype("float32"),
            np.where(MEMORY_MASK[:, :, None], memory, padding).astype("float32"),
        ]
        found = gradients(loss_of(layer, layer, **arguments), layer.trainable_variables, arrays)
        assert not np.any(found[-2][~MASK])
        assert not np.any(found[-1][~MEMORY_MASK])
        results.append([*layer(*arrays, **arguments), *found])
    assert_close(*results)
    output, *states, attention = layer(sequence[:1, :2], memory[:1, :3])
    padded = [each[:1] for each in results[0][: len(layer.cell.state_names) + 2]]
    if layer.cell.attention.coverage:
        assert_close(padded.pop(-2)[:, :3], states.pop())
    assert_close([padded[0][:, :2], *padded[1:-1], padded[-1][:, :2, :3]], [output, *states, attention])
    assert not np.any(np.asarray(results[0][0])[~MASK])


@each_of_a_few
def test_lengths_say_the_same_as_masks_and_the_last_output_is_the_last_real_one(name):
    layer, last = make(name, **ALL), make(name)
    lengths, memory_lengths = np.array([2, 4, 0]), np.array([3, 5, 1])
    masks = {"mask": np.arange(TIME) < lengths[:, None], "memory_mask": np.arange(PLACES) < memory_lengths[:, None]}
    found = layer(*data(), lengths=lengths, memory_lengths=memory_lengths)
    assert_close(list(found), list(layer(*data(), **masks)))
    expected = [np.asarray(found[0])[0, 1], np.asarray(found[0])[1, 3], np.zeros(layer.cell.output_size)]
    assert_close(last(*data(), **masks), np.stack(expected))


@each_form
def test_a_sequence_may_be_cut_anywhere_if_the_states_are_passed_on(name):
    layer, (sequence, memory) = make(name, **ALL), data()
    output, *states, attention = layer(sequence, memory, memory_mask=MEMORY_MASK)
    first, *between, before = layer(sequence[:, :1], memory, memory_mask=MEMORY_MASK)
    second, *end, after = layer(sequence[:, 1:], memory, memory_mask=MEMORY_MASK, initial_state=between)
    joined = [np.concatenate(pair, axis=1) for pair in ([first, second], [before, after])]
    assert_close([joined[0], *end, joined[1]], [output, *states, attention])


# --- dropout and precision


@pytest.mark.parametrize(("mode", "constant"), [("variational", True), ("per_step", False)])
@pytest.mark.parametrize("place", ["dropout", "context_dropout"])
def test_dropout_is_constant_over_time_only_if_variational(place, mode, constant):
    """Seen through zeros in the output, which for the Bahdanau form has the context behind the state."""
    layer = make("bahdanau", return_sequences=True, dropout_mode=mode, seed=3, **{place: 0.5})
    if place == "dropout":
        sequence, memory = np.abs(data()[0]), data()[1]
        loss = lambda x: ops.sum(layer(x, memory, training=True)[:, :, :UNITS] ** 3)  # noqa: E731
        dropped = gradients(loss, [], [sequence])[0] == 0
    else:
        dropped = np.asarray(layer(*data(), training=True))[:, :, UNITS:] == 0
    assert 0.1 < dropped.mean() < 0.9
    assert bool(np.all(dropped == dropped[:, :1])) == constant
    assert_close(layer(*data()), make("bahdanau", return_sequences=True)(*data()))
    twin = make("bahdanau", return_sequences=True, dropout_mode=mode, seed=3, **{place: 0.5})
    again = make("bahdanau", return_sequences=True, dropout_mode=mode, seed=3, **{place: 0.5})
    assert_close(twin(*data(), training=True), again(*data(), training=True))


@each_of_a_few
def test_half_precision_is_close_to_full_precision(name):
    full = make(name, **ALL)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = make(name, **ALL)
    finally:
        keras.config.set_dtype_policy("float32")
    output, *rest = half(*data(), memory_mask=MEMORY_MASK, mask=MASK)
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
    assert {keras.backend.standardize_dtype(each.dtype) for each in rest} == {"float32"}
    expected = list(full(*data(), memory_mask=MEMORY_MASK, mask=MASK))
    assert_close([ops.cast(output, "float32"), *rest], expected, tolerance=0.1)
    found = [
        gradients(
            lambda x, m, layer=layer: ops.sum(ops.cast(layer(x, m, memory_mask=MEMORY_MASK)[0], "float32") ** 2),
            layer.trainable_variables,
            list(data()),
        )
        for layer in (half, full)
    ]
    for approximate, exact in zip(*found, strict=True):
        assert np.abs(approximate - exact).max() < 0.15 * np.abs(exact).max() + 1e-3
