"""The scan for cells that are linear in their state: `h' = keep * h + write`, elementwise.

Both `keep` and `write` are known for all steps before the loop, so that the loop is one multiply-add and its
gradient is the same loop run backwards: no matrix product is sequential.
"""

import keras
from keras import ops

from common.layers.backend import scan, with_gradient


def linear_recurrence(keep, write, initial_state, mask=None, zoneout=None, reverse=False):
    """Runs `h_t = keep_t * h_(t-1) + write_t`.

    Args:
        keep: float `[time, batch, units]`.
        write: float `[time, batch, units]`.
        initial_state: float `[batch, units]`.
        mask: bool `[time, batch, 1]`; where it is False the state is carried over unchanged. None when all steps are real.
        zoneout: tuple of one float `[time or 1, batch or 1, units or 1]`, the share of the old state that stays; or None.
        reverse: from the last step to the first; the states stay in the order of time.

    Returns:
        The states of all steps, float `[time, batch, units]`, and the last one.
    """
    if zoneout is not None:
        keep, write = keep + zoneout[0] * (1 - keep), (1 - zoneout[0]) * write
    if mask is not None:
        keep, write = ops.where(mask, keep, 1.0), ops.where(mask, write, 0.0)
    like = keras.KerasTensor(initial_state.shape, dtype=initial_state.dtype)

    def forward(operands):
        def step(state, x):
            state = x[0] * state + x[1]
            return state, state

        xs = (operands["keep"], operands["write"])
        last, states = scan(step, operands["initial_state"], xs, ops.shape(xs[0])[0], like, reverse)
        return (states, last), states

    def backward(operands, states, cotangents):
        def step(carried, x):
            total = carried + x[1]
            return x[0] * total, total

        xs = (operands["keep"], cotangents[0])
        d_initial, d_write = scan(step, cotangents[1], xs, ops.shape(xs[0])[0], like, not reverse)
        first = operands["initial_state"][None]
        previous = ops.concatenate([states[1:], first] if reverse else [first, states[:-1]], axis=0)
        return {"keep": d_write * previous, "write": d_write, "initial_state": d_initial}

    return with_gradient(forward, backward, {"keep": keep, "write": write, "initial_state": initial_state})
