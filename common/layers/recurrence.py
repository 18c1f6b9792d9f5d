"""The scan that runs every gated cell: state in, states of all steps out, with its own gradient.

A gated cell is a row-wise function of an input projection, a recurrent projection and its state:

    new_state = gates(x·W + b,  h·U + b_r,  state)

The layer has computed `x·W + b` for all steps in one matrix product before this file starts. Here only what must be
sequential is: `h·U` and the gates. The gradient follows the same rule, as vendor kernels do it: the backward scan
carries the cotangents of the state, and the gradients of `U` and `b_r` are one product over all steps after it.

Reference: the hoisting of products out of the loop is that of Appleyard et al. 2016, arXiv:1604.01946.
"""

from keras import ops

from common.layers.backend import scan, vjp, with_gradient


def recurrence(gates, projected, recurrent_kernel, recurrent_bias, initial_state, mask, recurrent_dropout_mask=None):
    """Runs a gated cell over a sequence.

    Args:
        gates: function `(projected, recurrent, state) -> new state`, row-wise: float32 `[batch, gates·units]` twice
            and a tuple of float32 `[batch, units]`, of which the first is the hidden state that meets `U`.
        projected: float `[time, batch, gates·units]`, the input projection of all steps, bias included.
        recurrent_kernel: float `[units, gates·units]`, `U`.
        recurrent_bias: float `[gates·units]`, `b_r`; zeros for a cell without one.
        initial_state: tuple of float32 `[batch, units]`.
        mask: bool or float `[time, batch, 1]`; where it is 0 the state is carried over unchanged.
        recurrent_dropout_mask: float `[time or 1, batch, units]`, multiplied with `h` before it meets `U`; or None. Neither
            mask gets a gradient.

    Returns:
        A tuple with the states of all steps, each float32 `[time, batch, units]`, in the order of the state.
    """
    state_count = len(initial_state)
    has_dropout = recurrent_dropout_mask is not None
    compute_dtype = projected.dtype

    def recurrent_projection(hidden, kernel, bias):
        return ops.cast(ops.matmul(ops.cast(hidden, compute_dtype), ops.cast(kernel, compute_dtype)), "float32") + bias

    def forward(projected, kernel, bias, mask, dropout_mask, *initial_state):
        def step(state, x):
            step_projected, step_mask, step_dropout = _unpack(x, has_dropout, dropout_mask)
            hidden = state[0] if step_dropout is None else state[0] * step_dropout
            new_state = gates(_float32(step_projected), recurrent_projection(hidden, kernel, bias), state)
            new_state = tuple(ops.where(step_mask > 0, new, old) for new, old in zip(new_state, state))
            return new_state, new_state

        xs = _pack(projected, mask, dropout_mask, has_dropout)
        return scan(step, initial_state, xs, outputs_like=initial_state)[1]

    def backward(operands, outputs, cotangents):
        projected, kernel, bias, mask, dropout_mask, *initial_state = operands
        units = kernel.shape[0]
        previous = tuple(
            ops.concatenate([first[None], states[:-1]], axis=0) for first, states in zip(initial_state, outputs)
        )  # [time, batch, units] each
        hidden = previous[0] * dropout_mask if has_dropout else previous[0]
        recurrent = recurrent_projection(hidden, kernel, bias)  # [time, batch, gates·units], one product
        transposed_kernel = ops.transpose(ops.cast(kernel, compute_dtype))

        def step(state_cotangents, x):
            step_projected, step_mask, step_recurrent = x[:3]
            state, arriving = x[3 : 3 + state_count], x[3 + state_count : 3 + 2 * state_count]
            total = tuple(carried + new for carried, new in zip(state_cotangents, arriving))
            kept = step_mask > 0
            through_gates = tuple(ops.where(kept, value, 0.0) for value in total)
            past_gates = tuple(ops.where(kept, 0.0, value) for value in total)

            def step_gates(projected, recurrent, *state):
                return tuple(gates(_float32(projected), recurrent, state))

            _, pullback = vjp(step_gates, (step_projected, step_recurrent, *state))
            d_projected, d_recurrent, *d_state = pullback(through_gates)
            d_hidden = ops.cast(ops.matmul(ops.cast(d_recurrent, compute_dtype), transposed_kernel), "float32")
            if has_dropout:
                d_hidden = d_hidden * (x[-1] if _per_step(dropout_mask) else dropout_mask[0])
            d_state[0] = d_state[0] + d_hidden
            carried = tuple(value + past for value, past in zip(d_state, past_gates))
            return carried, (d_projected, d_recurrent)

        xs = (projected, mask, recurrent, *previous, *cotangents)
        if has_dropout and _per_step(dropout_mask):
            xs = (*xs, dropout_mask)
        zeros = tuple(ops.zeros_like(first) for first in initial_state)
        d_initial, (d_projected, d_recurrent) = scan(
            step, zeros, xs, outputs_like=(projected[0], recurrent[0]), reverse=True
        )
        rows = ops.reshape(hidden, (-1, units))  # [time·batch, units]
        d_rows = ops.reshape(d_recurrent, (-1, kernel.shape[1]))  # [time·batch, gates·units]
        d_kernel = ops.matmul(ops.transpose(ops.cast(rows, compute_dtype)), ops.cast(d_rows, compute_dtype))
        return (
            d_projected,
            ops.cast(d_kernel, kernel.dtype),
            ops.sum(d_rows, axis=0),
            ops.zeros_like(mask),
            ops.zeros_like(dropout_mask),
            *d_initial,
        )

    if not has_dropout:  # operands are tensors; this one is never read
        recurrent_dropout_mask = ops.ones((1, 1, 1), "float32")
    operands = (projected, recurrent_kernel, recurrent_bias, ops.cast(mask, "float32"), recurrent_dropout_mask)
    return with_gradient(forward, backward, (*operands, *initial_state))


def _float32(x):
    return ops.cast(x, "float32")


def _per_step(dropout_mask):
    return dropout_mask.shape[0] != 1


def _pack(projected, mask, dropout_mask, has_dropout):
    """What the loop slices at each step; a mask that is constant over time is not copied."""
    return (projected, mask, dropout_mask) if has_dropout and _per_step(dropout_mask) else (projected, mask)


def _unpack(x, has_dropout, dropout_mask):
    if not has_dropout:
        return x[0], x[1], None
    return x[0], x[1], x[2] if _per_step(dropout_mask) else dropout_mask[0]
