"""Long short-term memory with a matrix for its memory, all steps of a chunk at once."""

import keras
from keras import ops

from common.layers.backend import scan
from common.layers.cell import GatedCell, check_positive
from common.layers.linear_cell import WithoutZoneout
from common.layers.linear_scan import hold, linear_scan
from common.layers.recurrent_layer import RecurrentLayer

CHUNK = 64  # steps; scores take CHUNK numbers a step and head. Not tuned by measurement.
NEVER = -1e30  # the logarithm of nothing; finite, since the difference of two infinities is not a number


@keras.saving.register_keras_serializable(package="unroll")
class MLSTMCell(GatedCell):
    """One step of the mLSTM: exponential gates, a matrix memory, a normalizer, and a stabilizer.

        q, k, v, o, i, f = x·W + b                        of each head; i and f are one number
        m' = max(log_sigmoid(f) + m, i)                   stabilizer
        keep = exp(log_sigmoid(f) + m - m'),  write = exp(i - m')
        C' = keep * C + write * v·kᵀ/sqrt(d)
        n' = keep * n + write * k/sqrt(d)
        h' = sigmoid(o) * C'·q / max(|n'·q|, exp(-m'))

    Each head has d = units/heads values and keys. `kernel` `[features, 4·units + 2·heads]`. The states are h, C
    `[batch, heads·d·d]` (head, value, key), n `[batch, units]` and m `[batch, heads]`. The result does not depend on the
    stabilizer, so no gradient goes through it.

    Args:
        heads: positive int that divides `units`.
        forget_bias: start of the bias of the forget gate, spread evenly between the two numbers over the heads.

    Raises:
        ValueError: if `heads` does not divide `units`.

    Reference:
        Beck et al. 2024, "xLSTM: Extended long short-term memory", arXiv:2405.04517, equations 19 to 27.
    """

    state_names = ("hidden", "memory", "normalizer", "stabilizer")
    has_recurrent_kernel = False

    def __init__(self, units, heads=1, forget_bias=(3.0, 6.0), **kwargs):
        super().__init__(units, **kwargs)
        self.heads = check_positive(self, "heads", heads)
        if units % heads:
            raise ValueError(f"MLSTMCell: heads must divide units {units}, got {heads}")
        self.forget_bias = tuple(forget_bias)

    @property
    def state_sizes(self):
        return [self.units, self.units * self.units // self.heads, self.units, self.heads]

    def build(self, input_shape):
        width = 4 * self.units + 2 * self.heads
        self.add_kernel((input_shape[-1], width))
        if self.use_bias:
            self.build_bias(width)

    def build_bias(self, width):
        def initializer(shape, dtype=None):
            values = self.bias_initializer(shape, dtype=dtype)
            forget = ops.cast(ops.linspace(*self.forget_bias, self.heads), values.dtype)
            return ops.concatenate([values[: -self.heads], forget])

        self.add_bias((width,), initializer)

    def parts(self, projected):
        """q, k, v, o `[..., heads, d]`, and i and the logarithm of f `[..., heads]`."""
        *leading, _ = ops.shape(projected)
        units, heads = self.units, self.heads
        shape = (*leading, heads, units // heads)
        wide = [ops.reshape(each, shape) for each in ops.split(projected[..., : 4 * units], 4, axis=-1)]
        write, keep = ops.split(projected[..., 4 * units :], 2, axis=-1)
        query, key, value, show = wide
        return query, key * (units // heads) ** -0.5, value, ops.sigmoid(show), write, ops.log_sigmoid(keep)

    def gates(self, projected, recurrent, state):
        query, key, value, show, write, log_keep = self.parts(projected)
        _, memory, normalizer, before = state
        size = self.units // self.heads
        memory = ops.reshape(memory, (-1, self.heads, size, size))
        normalizer = ops.reshape(normalizer, (-1, self.heads, size))
        after = ops.stop_gradient(ops.maximum(log_keep + before, write))
        keep, write = ops.exp(log_keep + before - after)[..., None], ops.exp(write - after)[..., None]
        memory = keep[..., None] * memory + (write * value)[..., None] * key[..., None, :]
        normalizer = keep * normalizer + write * key
        least = ops.maximum(ops.abs(ops.sum(normalizer * query, axis=-1)), ops.exp(-after))
        hidden = show * ops.sum(memory * query[..., None, :], axis=-1) / least[..., None]
        flat = [ops.reshape(each, (-1, width)) for each, width in zip((hidden, memory, normalizer), self.state_sizes)]
        return (*flat, after)

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "forget_bias": list(self.forget_bias)}


@keras.saving.register_keras_serializable(package="unroll")
class MLSTM(WithoutZoneout, RecurrentLayer):
    """`MLSTMCell` over a sequence; all arguments of `RecurrentLayer` but `recurrent_dropout` and `zoneout`, and of the cell.

    Within a chunk, every step attends to those before it; only the states between chunks are a scan.
    """

    cell_class = MLSTMCell

    def run(self, sequence, initial_state, mask=None, recurrent_dropout=None, zoneout=None, reverse=False):
        cell, time = self.cell, sequence.shape[0]
        if reverse:
            sequence, mask = ops.flip(sequence, 0), None if mask is None else ops.flip(mask, 0)
        *wide, write, log_keep = cell.parts(ops.cast(cell.project(sequence), cell.state_dtype))
        if mask is not None:
            write, log_keep = ops.where(mask, write, NEVER), ops.where(mask, log_keep, 0.0)
        steps = CHUNK if time is None else min(time, CHUNK)
        length = ops.shape(sequence)[0] if time is None else time
        query, key, value = (_in_chunks(each, length, steps) for each in wide[:3])  # [chunks, batch, heads, steps, d]
        write = _in_chunks(write[..., None], length, steps, NEVER)[..., 0]  # [chunks, batch, heads, steps]
        log_keep = _in_chunks(log_keep[..., None], length, steps)[..., 0]
        outputs, last = self.chunks(query, key, value, write, log_keep, initial_state)
        outputs = ops.transpose(outputs, (0, 3, 1, 2, 4))  # [chunks, steps, batch, heads, d]
        chunks, batch = ops.shape(outputs)[0], ops.shape(sequence)[1]
        # No -1, which JAX does not find where the batch is empty.
        outputs = ops.reshape(outputs, (chunks * steps, batch, cell.heads, cell.units // cell.heads))
        outputs = ops.reshape(outputs[:length] * wide[3], (length, batch, cell.units))
        outputs, hidden = hold(outputs, initial_state[0], mask)
        return ops.flip(outputs, 0) if reverse else outputs, (hidden, *last)

    def chunks(self, query, key, value, write, log_keep, initial_state):
        """What is read of the memory, `[chunks, batch, heads, steps, d]`, and its last states."""
        _, memory, normalizer, stabilizer = initial_state
        count, batch, _, steps, _ = ops.shape(query)
        decay = ops.cumsum(log_keep, axis=-1)  # the logarithm of what is left at a step of the memory before the chunk
        weight = decay[..., :, None] - decay[..., None, :] + write[..., None, :]  # [..., step, earlier step]
        earlier = ops.arange(steps)[:, None] >= ops.arange(steps)[None, :]
        weight = ops.where(earlier, weight, NEVER)
        strongest, whole = ops.stop_gradient(ops.max(weight, axis=-1, initial=NEVER)), decay[..., -1]

        def stabilize(carry, x):
            after = ops.maximum(x[0] + carry[0], x[1]), ops.maximum(carry[1], x[1])
            return after, after

        like = keras.KerasTensor(stabilizer.shape, dtype=stabilizer.dtype)
        xs = (ops.stop_gradient(whole), strongest[..., -1])
        start = (ops.stop_gradient(stabilizer), ops.full_like(stabilizer, NEVER))
        _, (after, most) = scan(stabilize, start, xs, count, (like, like))
        # Of each chunk, [chunks, batch, heads]; before the first real step it still is the one that was given.
        after = ops.where(most > NEVER / 2, ops.stop_gradient(after), stabilizer[None])
        before = ops.concatenate([stabilizer[None], after[:-1]])
        within = ops.stop_gradient(ops.maximum(decay + before[..., None], strongest))

        def states(values, initial):
            """Of all chunks, from what they add: `[chunks, batch, heads, ...]` flat; those before each, and the last."""
            flat = ops.reshape(values, (count, batch, -1 if None in initial.shape[1:] else initial.shape[-1]))
            keep = ops.repeat(ops.exp(whole + before - after), initial.shape[-1] // self.cell.heads, axis=-1)
            all_, last = linear_scan(keep, flat, initial)
            return ops.reshape(ops.concatenate([initial[None], all_[:-1]]), ops.shape(values)), last

        written = ops.exp(whole[..., None] - decay + write - after[..., None])[..., None] * key
        memories, memory = states(ops.matmul(ops.swapaxes(value, -1, -2), written), memory)
        normalizers, normalizer = states(ops.sum(written, axis=-2), normalizer)
        scores = ops.matmul(query, ops.swapaxes(key, -1, -2)) * ops.exp(weight - within[..., None])
        left = ops.exp(decay + before[..., None] - within)[..., None]
        read = ops.matmul(scores, value) + left * ops.matmul(query, ops.swapaxes(memories, -1, -2))
        total = ops.sum(scores, axis=-1) + left[..., 0] * ops.sum(query * normalizers[..., None, :], axis=-1)
        read = read / ops.maximum(ops.abs(total), ops.exp(-within))[..., None]
        return read, (memory, normalizer, after[-1])


def _in_chunks(by_step, length, steps, filling=0.0):
    """`[time, batch, heads, n]`, filled up to whole chunks, to `[chunks, batch, heads, steps, n]`."""
    by_step = ops.pad(by_step, [[0, -length % steps], [0, 0], [0, 0], [0, 0]], constant_values=filling)
    _, *rest = ops.shape(by_step)
    return ops.transpose(ops.reshape(by_step, (-(-length // steps), steps, *rest)), (0, 2, 3, 1, 4))
