"""The scan for cells that are linear in their state: `h_t = keep_t * h_(t-1) + write_t`, elementwise.

Both `keep` and `write` are known for all steps before the loop, so that the loop is one multiply-add and its gradient is
the same loop run backwards: no matrix product is sequential. Used by `common.layers.linear_cell` and what is built on it.
"""

import keras
from keras import ops

from common.layers.backend import has_accelerator, scan, with_gradient

FORMS = ("loop", "associative")


def linear_scan(keep, write, initial_state, mask=None, zoneout=None, reverse=False, resets=None, form=None):
    """Runs `h_t = keep_t * h_(t-1) + write_t`.

    On a CPU it is one loop over the steps. The chunked form (within chunks, all chunks at once, then over their ends) and the
    associative form read and write the sequence several times, and on a CPU this scan is bound by memory, not by
    arithmetic. Measured on two busy cores under XLA, values and gradients of `keep` and `write`, shortest and median ms of
    15 interleaved rounds:

        time, batch, units      loop         chunks of 64    associative
        1024, 1, 64             0.57, 0.69   0.57, 0.71      0.99, 1.19
        1024, 16, 128           8.0, 13      11, 24          20, 35
        128, 64, 512            25, 34       40, 48          52, 62
        16384, 1, 512           119, 233     99, 293         456, 764

    No shape gave a clear reason to leave the loop; the last is within the noise. On an accelerator the loop is bound by
    the start of its steps, and the associative form (Blelloch 1990, "Prefix sums and their applications"), which has
    `2·log2(time)` of them, is taken wherever the length is known when the graph is built. On one H100, JAX 0.11, a training
    step of a layer of 128 units, batch 8, median ms of 3 rounds beside the LSTM of cuDNN (`python -m benchmarks.gpu_layers
    --sections scans` measures the form that is taken):

        time    MinGRU, loop    MinGRU    LRU     MLSTM    LSTM of cuDNN
        1024    26              0.18      0.36    0.48     4.2
        4096    121             0.40      0.76    1.5      16.9

    Args:
        keep: float `[time, batch, units]`, or `[1, batch or 1, units]` if every step keeps the same: the loop then reads it
            once. For complex numbers a pair of such arrays, real and imaginary part, and so are `write`, `initial_state`
            and what is returned.
        write: float `[time, batch, units]`.
        initial_state: float `[batch, units]`.
        mask: bool `[time, batch, 1]`; where it is False the state is carried over unchanged. None when all steps are real.
        zoneout: float `[time or 1, batch or 1, units or 1]`, 0 to 1, the share of the old state that stays; or None.
        reverse: from the last step to the first; the states stay in the order of time.
        resets: bool `[time, batch, 1]`; where it is True the state before that step (in the order of running) is
            forgotten, whether the step is real or not, as at the start of each of several sequences packed into one.
        form: "loop" or "associative", which needs a length that is known; None takes what is faster on the device at hand.

    Returns:
        The states of all steps, float `[time, batch, units]`, and the last one.

    Raises:
        ValueError: if there is no such form, or it is "associative" and the length is unknown.
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
    if form is None:
        form = "associative" if has_accelerator() and write[0].shape[0] is not None else "loop"
    if form not in FORMS or (form == "associative" and write[0].shape[0] is None):
        raise ValueError(
            f"linear_scan: form must be one of {FORMS} or None, and associative needs a known length; got {form!r} for a "
            f"sequence of shape {tuple(write[0].shape)}"
        )
    if form == "associative" or keep[0].shape[0] != 1:
        # Without XLA this would copy the sequence, so only where it is needed.
        pairs = tuple(zip(keep, write))
        keep = tuple(k if k.shape == w.shape else ops.broadcast_to(k, ops.shape(w)) for k, w in pairs)
    passes = (_LoopPasses if form == "loop" else _AssociativePasses)(reverse)
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


class _LoopPasses:
    """Forward and backward pass; numbers are tuples of one real array, or of real and imaginary part."""

    def __init__(self, reverse):
        self.reverse = reverse

    def forward(self, operands):
        states, last = self.run(operands["keep"], operands["write"], operands["initial_state"])
        return (*states, *last), states

    def run(self, keep, write, state):
        """The states of all steps, and the last one."""

        always = _first_of(keep) if keep[0].shape[0] == 1 else None

        def step(state, x):
            new = multiply_add(always or x[0], state, x[-1])
            return new, new

        xs = (write,) if always else (keep, write)
        last, states = scan(step, state, xs, ops.shape(write[0])[0], _like(state), self.reverse)
        return states, last

    def backward(self, operands, states, cotangents):
        previous = self.previous(states, operands["initial_state"])
        d_initial, d_write = self.carry_back(operands["keep"], cotangents)
        d_keep = _summed_like(operands["keep"], _times(d_write, _conjugate(previous)))
        return {"keep": d_keep, "write": d_write, "initial_state": d_initial}

    def carry_back(self, keep, cotangents):
        """The cotangents of the initial state, and those behind each step with all that comes from later ones."""
        d_states, d_last = tuple(cotangents[: len(keep)]), tuple(cotangents[len(keep) :])
        always = _first_of(keep) if keep[0].shape[0] == 1 else None

        def step(carried, x):
            total = tuple(one + other for one, other in zip(carried, x[-1]))
            return _times(_conjugate(always or x[0]), total), total

        xs = (d_states,) if always else (keep, d_states)
        return scan(step, d_last, xs, ops.shape(d_states[0])[0], _like(d_last), not self.reverse)

    def previous(self, states, initial_state):
        """The state before each step."""
        return _shifted(states, initial_state, self.reverse)


class _AssociativePasses(_LoopPasses):
    """The same, in a number of steps that grows with the logarithm of the length: two steps together are a step again.

    `h' = k₂·(k₁·h + w₁) + w₂ = (k₁·k₂)·h + (k₂·w₁ + w₂)`.
    """

    def run(self, keep, write, state):
        first = -1 if self.reverse else 0
        begun = multiply_add(tuple(each[first] for each in keep), state, tuple(each[first] for each in write))
        if self.reverse:
            write = tuple(ops.concatenate([each[:-1], new[None]]) for each, new in zip(write, begun))
        else:
            write = tuple(ops.concatenate([new[None], each[1:]]) for each, new in zip(write, begun))

        if self.reverse:
            states = _flipped(_prefixes(_flipped(keep), _flipped(write))[1])
        else:
            states = _prefixes(keep, write)[1]
        return states, tuple(each[0 if self.reverse else -1] for each in states)

    def carry_back(self, keep, cotangents):
        d_states, d_last = cotangents[: len(keep)], cotangents[len(keep) :]
        # What comes back to a step was multiplied with what the step after it keeps.
        one = tuple(ops.full_like(each[0], unit) for each, unit in zip(keep, (1.0, 0.0)))
        later = _shifted(_conjugate(keep), one, not self.reverse)
        total, _ = _AssociativePasses(not self.reverse).run(later, tuple(d_states), tuple(d_last))
        first = -1 if self.reverse else 0
        d_initial = _times(_conjugate(tuple(each[first] for each in keep)), tuple(each[first] for each in total))
        return d_initial, total


def _prefixes(keep, write):
    """All steps up to each one, taken together: what they keep and what they write.

    `keras.ops.associative_scan` does the same, but on TensorFlow XLA cannot compile it (Keras 3.15).
    """
    length = keep[0].shape[0]
    if length == 1:
        return keep, write
    every_second = _together(_every(keep, write, 0, length // 2), _every(keep, write, 1, length // 2))
    odd = _prefixes(*every_second)
    rest = (length - 1) // 2  # even places but the first one
    even = _together(tuple(tuple(each[:rest] for each in part) for part in odd), _every(keep, write, 2, rest))
    even = tuple(
        tuple(ops.concatenate([each[:1], others]) for each, others in zip(part, found))
        for part, found in zip((keep, write), even)
    )
    return tuple(tuple(map(_interleaved, *parts)) for parts in zip(even, odd))


def _every(keep, write, first, count):
    """`count` steps, every second one, from the step `first`."""
    return tuple(tuple(each[first : first + 2 * count : 2] for each in part) for part in (keep, write))


def _together(earlier, later):
    """Two steps as one."""
    return _times(earlier[0], later[0]), multiply_add(later[0], earlier[1], later[1])


def _interleaved(even, odd):
    """even[0], odd[0], even[1], ...; `even` has as many or one more."""
    length, (_, *rest) = odd.shape[0], ops.shape(odd)
    pairs = ops.reshape(ops.stack([even[:length], odd], axis=1), (2 * length, *rest))
    return ops.concatenate([pairs, even[length:]]) if even.shape[0] > length else pairs


def _flipped(number):
    return tuple(ops.flip(each, 0) for each in number)


def _shifted(values, first, reverse):
    """Of each step what the step before it has, in the order of running, and `first` at the first one."""
    parts = ((each, one[None]) for each, one in zip(values, first))
    if reverse:
        return tuple(ops.concatenate([each[1:], one]) for each, one in parts)
    return tuple(ops.concatenate([one, each[:-1]]) for each, one in parts)


def _times(one, other):
    if len(one) == 1:
        return (one[0] * other[0],)
    return one[0] * other[0] - one[1] * other[1], one[0] * other[1] + one[1] * other[0]


def _conjugate(number):
    return number if len(number) == 1 else (number[0], -number[1])


def _first_of(number):
    return tuple(each[0] for each in number)


def _summed_like(number, values):
    """`values`, summed over the axes in which `number` has 1 element: the gradient of what was the same along them."""
    axes = [axis for axis in (0, 1) if number[0].shape[axis] == 1]
    return tuple(ops.sum(each, axis=axes, keepdims=True) for each in values) if axes else values


def _like(state):
    return tuple(keras.KerasTensor(each.shape, dtype=each.dtype) for each in state)
