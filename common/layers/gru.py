"""The gated recurrent unit."""

import keras
from keras import ops

from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class GRUCell(GatedCell):
    """One step of the gated recurrent unit, with the reset gate applied after the recurrent product.

        z = sigmoid(x·Wz + bz + h·Uz + cz)               how much is kept
        r = sigmoid(x·Wr + br + h·Ur + cr)               how much of the state the candidate sees
        n = tanh(x·Wn + bn + r * (h·Un + cn))            the candidate
        h' = z * h + (1 - z) * n

    Weights as in `keras.layers.GRUCell(reset_after=True)`: the gates in the order z, r, n, and `bias` `[2, 3·units]`, the
    row `b` and the row `c`.

    Reference:
        Cho et al. 2014, arXiv:1406.1078; this form is that of version 1 and of the vendors' kernels.
    """

    gate_count = 3
    state_names = ("hidden",)

    def build_bias(self, width):
        self.bias = self.add_weight(shape=(2, width), name="bias", initializer=self.bias_initializer)

    def input_bias(self):
        return None if self.bias is None else self.bias[0]

    def recurrent_bias(self):
        return super().recurrent_bias() if self.bias is None else self.bias[1]

    def gates(self, projected, recurrent, state):
        (hidden,) = state
        projected_z, projected_r, projected_n = ops.split(projected, 3, axis=-1)
        recurrent_z, recurrent_r, recurrent_n = ops.split(recurrent, 3, axis=-1)
        keep = ops.sigmoid(projected_z + recurrent_z)
        reset = ops.sigmoid(projected_r + recurrent_r)
        candidate = ops.tanh(projected_n + reset * recurrent_n)
        return (keep * hidden + (1 - keep) * candidate,)


@keras.saving.register_keras_serializable(package="unroll")
class GRU(RecurrentLayer):
    """`GRUCell` over a sequence; all arguments of `RecurrentLayer`."""

    cell_class = GRUCell
