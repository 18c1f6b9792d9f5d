"""The scan of cells that are linear in their state. If it fails, they forget the wrong things or learn from wrong gradients."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from common.layers.linear_scan import FORMS, linear_scan
from tests.conformance.cell_battery import randoms
from tests.conformance.differentiation import ON_TENSORFLOW, compiled, gradient_function, gradients

BATCH, UNITS = 3, 4
LENGTHS = (1, 2, 3, 7, 64)


def arrays(time, seed=0):
    """keep, write and initial state, float32."""
    random = np.random.default_rng(seed)
    keep = random.uniform(0, 1, (time, BATCH, UNITS))
    found = (keep, random.normal(size=keep.shape), random.normal(size=(BATCH, UNITS)))
    return [values.astype("float32") for values in found]


def bools(time, share, seed=1):
    return np.random.default_rng(seed).random((time, BATCH, 1)) < share


def numpy_loop(keep, write, state, mask=None, resets=None, reverse=False):
    """States by the equation, float64 or complex128."""
    states, state = np.zeros(write.shape, np.result_type(write, "float64")), state + 0.0
    for step in range(len(keep))[:: -1 if reverse else 1]:
        if resets is not None:
            state = np.where(resets[step], 0, state)
        new = keep[step] * state + write[step]
        state = new if mask is None else np.where(mask[step], new, state)
        states[step] = state
    return states, state


def numpy_gradients(keep, write, state, d_states, mask=None, resets=None, reverse=False):
    """Of `sum(states * d_states)`, by going back through the same loop."""
    states, _ = numpy_loop(keep, write, state, mask, resets, reverse)
    order = list(range(len(keep)))[:: -1 if reverse else 1]
    d_keep, d_write, carried = np.zeros_like(states), np.zeros_like(states), np.zeros(state.shape)
    for position in reversed(range(len(order))):
        step = order[position]
        total = carried + d_states[step]
        real = np.ones((BATCH, 1), bool) if mask is None else mask[step]
        kept = np.ones((BATCH, 1), bool) if resets is None else ~resets[step]
        before = np.where(kept, states[order[position - 1]] if position else state, 0)
        d_keep[step], d_write[step] = np.where(real, total * before, 0), np.where(real, total, 0)
        carried = np.where(kept, np.where(real, keep[step], 1) * total, 0)
    return [d_keep, d_write, carried]


def assert_close(actual, expected, tolerance=1e-5):
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("special", ["plain", "mask", "resets", "both"])
@pytest.mark.parametrize("time", LENGTHS)
def test_states_and_gradients_are_those_of_a_numpy_loop(time, special, reverse, form):
    mask = bools(time, 0.6) if special in ("mask", "both") else None
    resets = bools(time, 0.2, seed=2) if special in ("resets", "both") else None
    given, d_states = arrays(time), arrays(time, seed=3)[1]
    options = {"mask": mask, "resets": resets, "reverse": reverse}
    ours = functools.partial(linear_scan, **options, form=form)
    assert_close(ours(*map(ops.convert_to_tensor, given)), numpy_loop(*given, **options))
    found = gradients(lambda *operands: ops.sum(ours(*operands)[0] * d_states), [], given)
    assert_close(found, numpy_gradients(*given, d_states, **options))


def test_a_form_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="form must be one of .* got 'chunked'"):
        linear_scan(*map(ops.convert_to_tensor, arrays(3)), form="chunked")


@pytest.mark.parametrize("form", FORMS)
def test_a_long_sequence_compiled_by_xla_gives_the_states_and_gradients_of_a_numpy_loop(form):
    given, d_states = arrays(16_384), arrays(16_384, seed=3)[1]
    ours = functools.partial(linear_scan, form=form)
    differentiate = gradient_function(lambda *operands: ops.sum(ours(*operands)[0] * d_states), [])
    assert_close(compiled(ours)(*given), numpy_loop(*given))
    assert_close(compiled(differentiate)(*given), numpy_gradients(*given, d_states))


@pytest.mark.parametrize("form", FORMS)
def test_pairs_are_complex_numbers(form):
    (keep, write, state), (angle, other, first) = arrays(7), arrays(7, seed=4)
    keep = keep * np.exp(1j * angle)
    write, state, cotangent = write + 1j * other, state + 1j * first, arrays(7, seed=5)[1]
    expected = numpy_loop(keep, write, state)
    parts = [part.astype("float32") for each in (keep, write, state) for part in (each.real, each.imag)]

    def scanned(*parts):
        return linear_scan(parts[:2], parts[2:4], parts[4:], form=form)

    for actual, whole in zip(scanned(*map(ops.convert_to_tensor, parts)), expected, strict=True):
        assert_close(actual, (whole.real, whole.imag))
    found = gradients(lambda *parts: ops.sum(scanned(*parts)[0][1] * cotangent), [], parts)
    step = 1e-6  # finite differences in double precision
    for index, array in enumerate(parts):
        direction = np.random.default_rng(index).normal(size=array.shape)
        values = []
        for sign in (1, -1):
            moved = [each.astype("float64") for each in parts]
            moved[index] += sign * step * direction
            numbers = [moved[at] + 1j * moved[at + 1] for at in (0, 2, 4)]
            values.append(np.sum(numpy_loop(*numbers)[0].imag * cotangent))
        np.testing.assert_allclose(np.sum(found[index] * direction), (values[0] - values[1]) / (2 * step), rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("special", ["plain", "mask", "zoneout"])
@pytest.mark.parametrize("batch", [1, BATCH])
@pytest.mark.parametrize("pair", [False, True])
def test_what_every_step_keeps_may_be_given_once(pair, batch, special, reverse, form):
    """The same states, and a gradient that is the sum over all steps and rows for which it stood."""
    time, parts = 7, 2 if pair else 1
    drawn = [arrays(time, seed=part) for part in range(parts)]
    given = [keep[:1, :batch] / parts for keep, _, _ in drawn]
    given += [each for at in (1, 2) for each in (of_part[at] for of_part in drawn)]
    options = {"mask": bools(time, 0.6)} if special == "mask" else {}
    options |= {"zoneout": np.full((time, 1, 1), 0.3, "float32")} if special == "zoneout" else {}
    cotangent = randoms(time, BATCH, UNITS, seed=9)

    def scanned(*given, written_out=False):
        keep, write, state = given[:parts], given[parts : 2 * parts], given[2 * parts :]
        if written_out:
            keep = tuple(ops.broadcast_to(each, (time, BATCH, UNITS)) for each in keep)
        number = (keep, write, state) if pair else (keep[0], write[0], state[0])
        states, last = linear_scan(*number, **options, reverse=reverse, form=form)
        return (*states, *last) if pair else (states, last)

    written_out = functools.partial(scanned, written_out=True)
    assert_close(scanned(*map(ops.convert_to_tensor, given)), written_out(*map(ops.convert_to_tensor, given)))
    found, expected = (
        gradients(lambda *given, run=run: ops.sum(run(*given)[0] * cotangent), [], given)
        for run in (scanned, written_out)
    )
    assert_close(found, expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_packed_sequences_give_what_each_gives_alone(reverse):
    """Several sequences in one row, the state forgotten where one begins; nothing of one reaches another."""
    pieces = [arrays(time, seed=time) for time in (3, 1, 5)]
    cotangents = [randoms(time, BATCH, UNITS, seed=9) for time in (3, 1, 5)]
    zero, starts = np.zeros((BATCH, UNITS), "float32"), np.zeros((9, BATCH, 1), bool)
    starts[[2, 3, 8] if reverse else [0, 3, 4]] = True  # in the order of running

    def packed(keep, write):
        return linear_scan(keep, write, zero + 7, resets=starts, reverse=reverse)[0]

    keep, write, cotangent = (np.concatenate(each) for each in (*list(zip(*pieces))[:2], cotangents))
    alone = [linear_scan(keep, write, zero, reverse=reverse)[0] for keep, write, _ in pieces]
    assert_close([packed(keep, write)], [np.concatenate(alone)])
    found = gradients(lambda *operands: ops.sum(packed(*operands) * cotangent), [], [keep, write])
    apart = [
        gradients(lambda k, w, d=d: ops.sum(linear_scan(k, w, zero, reverse=reverse)[0] * d), [], piece[:2])
        for piece, d in zip(pieces, cotangents)
    ]
    assert_close(found, [np.concatenate(each) for each in zip(*apart)])


@pytest.mark.skipif(not ON_TENSORFLOW, reason="a graph of TensorFlow")
def test_time_and_batch_may_be_unknown_in_a_graph():
    import tensorflow as tf

    shapes = [tf.TensorSpec((None, None, UNITS))] * 2 + [tf.TensorSpec((None, UNITS))]
    scanned = tf.function(lambda *operands: linear_scan(*operands), input_signature=shapes)
    for time in (1, 7):
        assert_close(scanned(*map(keras.ops.convert_to_tensor, arrays(time))), numpy_loop(*arrays(time)))
