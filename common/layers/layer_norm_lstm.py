"""Long short-term memory with layer normalization inside the step."""

import keras
from keras import ops

from common.layers.activations import split_gates
from common.layers.layer_norm import NormalizedProjections, layer_norm
from common.layers.lstm import LSTMCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class LayerNormLSTMCell(NormalizedProjections, LSTMCell):
    """One step of long short-term memory whose projections and shown state are normalized over their features.

        i, f, g, o = a * norm(x·W) + d * norm(h·U) + b
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(e * norm(c') + k)

    `norm` has mean 0 and variance 1 over the features of a row. Weights beside those of `LSTMCell`: the gains
    `kernel_gain` a and `recurrent_gain` d `[4·units]`, `state_gain` e and `state_bias` k `[units]`.

    Args:
        epsilon: positive float, added to the variance.

    Reference:
        Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450, equations 29 to 31.
    """

    additive = False

    def build(self, input_shape):
        super().build(input_shape)
        self.state_gain = self.add_weight(shape=(self.units,), name="state_gain", initializer="ones")
        self.state_bias = self.add_weight(shape=(self.units,), name="state_bias", initializer="zeros")

    def gates(self, projected, recurrent, state):
        _, cell = state
        total = sum(self.normalize(projected, recurrent))
        if self.use_bias:
            total = total + ops.cast(self.bias, total.dtype)
        gate, activation = self.recurrent_activation, self.activation
        write, keep, candidate, show = split_gates(total, (gate, gate, activation, gate))
        new_cell = keep * cell + write * candidate
        shown = layer_norm(new_cell, self.state_gain, self.epsilon) + ops.cast(self.state_bias, cell.dtype)
        return show * keras.activations.get(activation)(shown), new_cell

    @classmethod
    def argument_names(cls):
        return super().argument_names() - {"peephole", "coupled", "projection"}

    def get_config(self):
        return {
            name: value
            for name, value in super().get_config().items()
            if name not in ("peephole", "coupled", "projection")
        }


@keras.saving.register_keras_serializable(package="unroll")
class LayerNormLSTM(RecurrentLayer):
    """`LayerNormLSTMCell` over a sequence; all arguments of `RecurrentLayer` and of the cell."""

    cell_class = LayerNormLSTMCell
