"""The scan for cells that are linear in their state: `h_t = keep_t * h_(t-1) + write_t`, elementwise.

Both `keep` and `write` are known for all steps before the loop, so that the loop is one multiply-add and its gradient is
the same loop run backwards: no matrix product is sequential. Used by `common.layers.linear_cell` and what is built on it.
"""

import keras
from keras import ops

from common.layers.backend import scan, with_gradient


def linear_scan(keep, write, initial_state, mask=None, zoneout=None, reverse=False, resets=None):
    """Runs `h_t = keep_t * h_(t-1) + write_t`.

    It is one loop over the steps. The chunked form (within chunks, all chunks at once, then over their ends) and the
    associative form read and write the sequence several times, and on a CPU this scan is bound by memory, not by
    arithmetic. Measured on two busy cores under XLA, values and gradients of `keep` and `write`, shortest and median ms of
    15 interleaved rounds:

        time, batch, units      loop         chunks of 64    associative
        1024, 1, 64             0.57, 0.69   0.57, 0.71      0.99, 1.19
        1024, 16, 128           8.0, 13      11, 24          20, 35
        128, 64, 512            25, 34       40, 48          52, 62
        16384, 1, 512           119, 233     99, 293         456, 764

    No shape gave a clear reason to leave the loop; the last is within the noise. An accelerator was not measured.

    Args:
        keep: float `[time, batch, units]`; for complex numbers a pair of such arrays, real and imaginary part, and so are
            `write`, `initial_state` and what is returned.
        write: float `[time, batch, units]`.
        initial_state: float `[batch, units]`.
        mask: bool `[time, batch, 1]`; where it is False the state is carried over unchanged. None when all steps are real.
        zoneout: float `[time or 1, batch or 1, units or 1]`, 0 to 1, the share of the old state that stays; or None.
        reverse: from the last step to the first; the states stay in the order of time.
        resets: bool `[time, batch, 1]`; where it is True the state before that step (in the order of running) is
            forgotten, whether the step is real or not, as at the start of each of several sequences packed into one.

    Returns:
        The states of all steps, float `[time, batch, units]`, and the last one.
    """
    is_pair = isinstance(keep, (list, tuple))
    keep, write, state = (tuple(each) if is_pair else (each,) for each in (keep, write, initial_state))
    one = (1.0, 0.0)[: len(keep)]
    if zoneout is not None:
        keep = tuple(each + zoneout * (unit - each) for each, unit in zip(keep, one))
        write = tuple((1 - zoneout) * each for each in write)
    if mask is not None:
        keep = tuple(ops.where(mask, each, unit) for each, unit in zip(keep, one))
        write = tuple(ops.where(mask, each, 0.0) for each in write)
    if resets is not None:
        keep = tuple(ops.where(resets, 0.0, each) for each in keep)
    passes = _Passes(reverse)
    operands = {"keep": keep, "write": write, "initial_state": state}
    results = with_gradient(passes.forward, passes.backward, operands)
    states, last = tuple(results[: len(state)]), tuple(results[len(state) :])
    return (states, last) if is_pair else (states[0], last[0])


def hold(values, initial, mask=None, zoneout=None, reverse=False):
    """Values of real steps; where a step is not real, the last real one, or `initial`; and the last of all.

    Args:
        values: float `[time, batch, units]`.
        initial: float `[batch, units]`.
        mask, zoneout, reverse: as in `linear_scan`.
    """
    if mask is None and zoneout is None:
        return values, values[0 if reverse else -1]
    return linear_scan(ops.zeros_like(values), values, initial, mask, zoneout, reverse)


def multiply_add(keep, state, write):
    """`keep * state + write` of tuples: of one real array each, or of real and imaginary part."""
    return tuple(product + each for product, each in zip(_times(keep, state), write))


class _Passes:
    """Forward and backward pass; numbers are tuples of one real array, or of real and imaginary part."""

    def __init__(self, reverse):
        self.reverse = reverse

    def forward(self, operands):
        def step(state, x):
            new = multiply_add(x[0], state, x[1])
            return new, new

        state = operands["initial_state"]
        xs = (operands["keep"], operands["write"])
        last, states = scan(step, state, xs, ops.shape(xs[0][0])[0], _like(state), self.reverse)
        return (*states, *last), states

    def backward(self, operands, states, cotangents):
        previous = self.previous(states, operands["initial_state"])
        d_initial, d_write = self.carry_back(operands["keep"], cotangents)
        return {"keep": _times(d_write, _conjugate(previous)), "write": d_write, "initial_state": d_initial}

    def carry_back(self, keep, cotangents):
        """The cotangents of the initial state, and those behind each step with all that comes from later ones."""
        d_states, d_last = cotangents[: len(keep)], cotangents[len(keep) :]

        def step(carried, x):
            total = tuple(one + other for one, other in zip(carried, x[1]))
            return _times(_conjugate(x[0]), total), total

        length = ops.shape(keep[0])[0]
        return scan(step, tuple(d_last), (keep, tuple(d_states)), length, _like(d_last), not self.reverse)

    def previous(self, states, initial_state):
        """The state before each step."""
        parts = ((each, first[None]) for each, first in zip(states, initial_state))
        if self.reverse:
            return tuple(ops.concatenate([each[1:], first]) for each, first in parts)
        return tuple(ops.concatenate([first, each[:-1]]) for each, first in parts)


def _times(one, other):
    if len(one) == 1:
        return (one[0] * other[0],)
    return one[0] * other[0] - one[1] * other[1], one[0] * other[1] + one[1] * other[0]


def _conjugate(number):
    return number if len(number) == 1 else (number[0], -number[1])


def _like(state):
    return tuple(keras.KerasTensor(each.shape, dtype=each.dtype) for each in state)
