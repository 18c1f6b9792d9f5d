"""Long short-term memory with exponential gates."""

import keras
from keras import ops

from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class SLSTMCell(GatedCell):
    """One step of the sLSTM: exponential gates, a normalizer, and a stabilizer that keeps the exponentials finite.

        i, f, z, o = x·W + b + h·U
        m' = max(log_sigmoid(f) + m, i)                   stabilizer
        write = exp(i - m'),  keep = exp(log_sigmoid(f) + m - m')
        c' = keep * c + write * tanh(z)
        n' = keep * n + write                             normalizer
        h' = sigmoid(o) * c' / n'

    The gates stand in the order i, f, z, o; the states are `h`, `c`, `n`, `m`. As long as nothing was written (`n = 0`) the
    stabilizer starts at i. It cancels out of `c' / n'`, so the result does not depend on it.

    Args:
        forget_bias: start of the bias of the forget gate, spread evenly between the two numbers over the units.

    Reference:
        Beck et al. 2024, "xLSTM: Extended long short-term memory", arXiv:2405.04517, equations 8 to 17, with the sigmoid
        forget gate and one head.
    """

    gate_count = 4
    state_names = ("hidden", "cell", "normalizer", "stabilizer")
    additive = True

    def __init__(self, units, forget_bias=(3.0, 6.0), **kwargs):
        super().__init__(units, **kwargs)
        self.forget_bias = tuple(forget_bias)

    def build_bias(self, width):
        def initializer(shape, dtype=None):
            values = self.bias_initializer(shape, dtype=dtype)
            forget = ops.cast(ops.linspace(*self.forget_bias, self.units), values.dtype)
            return ops.concatenate([values[: self.units], forget, values[2 * self.units :]])

        self.add_bias((width,), initializer)

    def gates(self, projected, recurrent, state):
        _, cell, normalizer, stabilizer = state
        write, keep, candidate, show = ops.split(projected + recurrent, 4, axis=-1)
        keep = ops.log_sigmoid(keep) + stabilizer
        empty = normalizer == 0
        # Whatever it is, it cancels out, so it needs no gradient.
        new_stabilizer = ops.stop_gradient(ops.where(empty, write, ops.maximum(keep, write)))
        write, keep = ops.exp(write - new_stabilizer), ops.exp(ops.where(empty, 0.0, keep - new_stabilizer))
        new_cell = keep * cell + write * ops.tanh(candidate)
        new_normalizer = keep * normalizer + write
        return ops.sigmoid(show) * new_cell / new_normalizer, new_cell, new_normalizer, new_stabilizer

    def get_config(self):
        return {**super().get_config(), "forget_bias": list(self.forget_bias)}


@keras.saving.register_keras_serializable(package="unroll")
class SLSTM(RecurrentLayer):
    """`SLSTMCell` over a sequence; all arguments of `RecurrentLayer`, and `forget_bias`."""

    cell_class = SLSTMCell
