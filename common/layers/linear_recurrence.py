"""The scan for cells that are linear in their state: `h' = keep * h + write`, elementwise.

Both `keep` and `write` are known for all steps before the loop, so that the loop is one multiply-add and its
gradient is the same loop run backwards: no matrix product is sequential.
"""

from keras import ops

from common.layers.backend import scan, with_gradient


def linear_recurrence(keep, write, initial_state, mask):
    """Runs `h_t = keep_t * h_(t-1) + write_t`.

    Args:
        keep: float32 `[time, batch, units]`.
        write: float32 `[time, batch, units]`.
        initial_state: float32 `[batch, units]`.
        mask: bool or float `[time, batch, 1]`; where it is 0 the state is carried over unchanged.

    Returns:
        The states of all steps, float32 `[time, batch, units]`.
    """
    real = mask > 0 if mask.dtype != "bool" else mask
    keep = ops.where(real, keep, 1.0)
    write = ops.where(real, write, 0.0)

    def forward(keep, write, initial_state):
        def step(state, x):
            state = x[0] * state[0] + x[1]
            return (state,), (state,)

        return scan(step, (initial_state,), (keep, write), outputs_like=(initial_state,))[1]

    def backward(operands, outputs, cotangents):
        keep, _, initial_state = operands

        def step(carried, x):
            total = carried[0] + x[1]
            return (x[0] * total,), (total,)

        zero = (ops.zeros_like(initial_state),)
        (d_initial,), (d_write,) = scan(step, zero, (keep, cotangents[0]), outputs_like=(initial_state,), reverse=True)
        previous = ops.concatenate([initial_state[None], outputs[0][:-1]], axis=0)
        return d_write * previous, d_write, d_initial

    return with_gradient(forward, backward, (keep, write, initial_state))[0]
