"""Long short-term memory."""

import keras
from keras import ops

from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class LSTMCell(GatedCell):
    """One step of long short-term memory.

        i = sigmoid(x·Wi + bi + h·Ui)        what is written
        f = sigmoid(x·Wf + bf + h·Uf)        what is kept
        g = tanh(x·Wg + bg + h·Ug)           the candidate
        o = sigmoid(x·Wo + bo + h·Uo)        what is shown
        c' = f * c + i * g
        h' = o * tanh(c')

    Weights as in `keras.layers.LSTMCell`: the gates in the order i, f, g, o. The states are `h`, `c`.

    Args:
        unit_forget_bias: start the bias of the forget gate at 1, so that the cell remembers at first.

    Reference:
        Hochreiter and Schmidhuber 1997; the forget gate is that of Gers et al. 2000, its bias that of Jozefowicz et al. 2015.
    """

    gate_count = 4
    state_names = ("hidden", "cell")

    def __init__(self, units, unit_forget_bias=True, **kwargs):
        super().__init__(units, **kwargs)
        self.unit_forget_bias = unit_forget_bias

    def build_bias(self, width):
        def initializer(shape, dtype=None):
            values = self.bias_initializer(shape, dtype=dtype)
            if not self.unit_forget_bias:
                return values
            forget = ops.ones((self.units,), dtype=dtype)
            return ops.concatenate([values[: self.units], forget, values[2 * self.units :]])

        self.bias = self.add_weight(shape=(width,), name="bias", initializer=initializer)

    def gates(self, projected, recurrent, state):
        _, cell = state
        write, keep, candidate, show = ops.split(projected + recurrent, 4, axis=-1)
        new_cell = ops.sigmoid(keep) * cell + ops.sigmoid(write) * ops.tanh(candidate)
        return ops.sigmoid(show) * ops.tanh(new_cell), new_cell

    def get_config(self):
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}


@keras.saving.register_keras_serializable(package="unroll")
class LSTM(RecurrentLayer):
    """`LSTMCell` over a sequence; all arguments of `RecurrentLayer`, and `unit_forget_bias`."""

    cell_class = LSTMCell
