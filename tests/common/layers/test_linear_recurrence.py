"""The scan of cells that are linear in their state. If it fails, they learn from wrong gradients."""

import numpy as np
import pytest
from keras import ops

from common.layers.linear_recurrence import linear_recurrence
from tests.conformance.differentiation import compiled, gradient_function, gradients

TIME, BATCH, UNITS = 7, 3, 4


def arrays():
    random = np.random.default_rng(0)
    keep = random.uniform(0, 1, (TIME, BATCH, UNITS))
    return [
        values.astype("float32")
        for values in (keep, random.normal(size=(TIME, BATCH, UNITS)), random.normal(size=(BATCH, UNITS)))
    ]


MASK = np.random.default_rng(1).random((TIME, BATCH, 1)) < 0.6


def plain_loop(keep, write, state, mask):
    states = []
    for step in range(TIME):
        state = ops.where(mask[step], keep[step] * state + write[step], state)
        states.append(state)
    return ops.stack(states)


def states_of_scan(keep, write, state, mask):
    return linear_recurrence(keep, write, state, mask)[0]


def loss(function, mask):
    cotangent = np.random.default_rng(2).normal(size=(TIME, BATCH, UNITS)).astype("float32")
    return lambda *operands: ops.sum(function(*operands, mask) * cotangent)


@pytest.mark.parametrize("mask", [MASK, np.ones_like(MASK)], ids=["holes", "all"])
def test_states_and_gradients_are_those_of_a_plain_loop(mask):
    mask = ops.convert_to_tensor(mask)
    expected = np.asarray(plain_loop(*arrays(), mask))
    operands = [ops.convert_to_tensor(array) for array in arrays()]
    np.testing.assert_allclose(np.asarray(states_of_scan(*operands, mask)), expected, rtol=1e-5, atol=1e-6)
    actual = gradients(loss(states_of_scan, mask), [], arrays())
    for one, other in zip(actual, gradients(loss(plain_loop, mask), [], arrays()), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_compiled_by_xla_the_gradients_are_the_same():
    differentiate = gradient_function(loss(states_of_scan, ops.convert_to_tensor(MASK)), [])
    for one, other in zip(compiled(differentiate)(*arrays()), differentiate(*arrays()), strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-6)
