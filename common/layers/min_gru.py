"""The minimal gated recurrent unit whose gates do not look at the state, so that no product is sequential."""

import keras
from keras import ops

from common.layers.activations import split_gates
from common.layers.linear_cell import LinearCell, LinearLayer


@keras.saving.register_keras_serializable(package="unroll")
class MinGRUCell(LinearCell):
    """One step of the minimal gated recurrent unit.

        z = sigmoid(x·Wz + bz)              how much is written
        s' = (1 - z) * s + z * (x·Wn + bn)
        output = tanh(s')

    There is no recurrent kernel: gates and candidate are known for the whole sequence before the loop. The output is
    squashed here because the candidate is not.

    Args:
        slowest: float, the start of the bias of `z` runs evenly from `-slowest` to 0 over the units, so that some remember
            for `exp(slowest)` steps and some only for one or two.

    Reference:
        Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201; the spread of time scales is that of
        Tallec and Ollivier 2018, arXiv:1804.11188.
    """

    gate_count = 2
    state_names = ("memory",)
    slowest_sign = -1  # of the start of the first gate's bias: here the gate says what is written

    def __init__(self, units, slowest=3.0, **kwargs):
        super().__init__(units, **kwargs)
        self.slowest = float(slowest)

    def build_bias(self, width):
        def initializer(shape, dtype=None):
            rest = self.bias_initializer((shape[0] - self.units,), dtype=dtype)
            first = ops.linspace(self.slowest_sign * self.slowest, 0.0, self.units)
            return ops.concatenate([ops.cast(first, rest.dtype), rest])

        self.add_bias((width,), initializer)

    def linear(self, projected):
        write, candidate = split_gates(projected, ("sigmoid", "linear"))
        return (1 - write,), (write * candidate,)

    def output(self, state):
        return ops.tanh(state[0])

    def get_config(self):
        return {**super().get_config(), "slowest": self.slowest}


@keras.saving.register_keras_serializable(package="unroll")
class MinGRU(LinearLayer):
    """`MinGRUCell` over a sequence; all arguments of `RecurrentLayer` but `recurrent_dropout`, and `slowest`."""

    cell_class = MinGRUCell
