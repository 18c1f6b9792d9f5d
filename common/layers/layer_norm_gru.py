"""The gated recurrent unit with layer normalization inside the step."""

import keras
from keras import ops

from common.layers.activations import layer_norm, split_gates
from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class LayerNormGRUCell(GatedCell):
    """One step of the gated recurrent unit whose projections are normalized over their features.

        xz, xr, xn = a * norm(x·W) + b
        hz, hr, hn = d * norm(h·U) + c
        z = sigmoid(xz + hz)                         how much is kept
        r = sigmoid(xr + hr)                         how much of the state the candidate sees
        h' = z * h + (1 - z) * tanh(xn + r * hn)

    `norm` has mean 0 and variance 1 over the features of a row. Weights: `kernel`, `recurrent_kernel` and `bias`
    `[2, 3·units]` (b and c) as in `GRUCell`, and the gains `kernel_gain` a and `recurrent_gain` d `[3·units]`.

    Args:
        epsilon: positive float, added to the variance.

    Reference:
        Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450; as in the decoder of Nematus, Sennrich et al.
        2017, arXiv:1703.04357.
    """

    gate_count = 3
    state_names = ("hidden",)

    def __init__(self, units, epsilon=1e-3, **kwargs):
        super().__init__(units, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        super().build(input_shape)
        width = self.gate_count * self.units
        self.kernel_gain = self.add_weight(shape=(width,), name="kernel_gain", initializer="ones")
        self.recurrent_gain = self.add_weight(shape=(width,), name="recurrent_gain", initializer="ones")

    def build_bias(self, width):
        self.add_bias((2, width), self.bias_initializer)

    def input_bias(self):
        """None: the bias stands behind the normalization, so it belongs to the gates."""

    def gate_weights(self):
        return [weight for weight in self.weights if weight is not self.kernel and weight is not self.recurrent_kernel]

    def gates(self, projected, recurrent, state):
        (hidden,), units = state, self.units
        projected = layer_norm(projected, self.kernel_gain, self.epsilon)
        recurrent = layer_norm(recurrent, self.recurrent_gain, self.epsilon)
        if self.use_bias:
            bias = ops.cast(self.bias, hidden.dtype)
            projected, recurrent = projected + bias[0], recurrent + bias[1]
        # Split and not sliced: the gradient of a slice is padded with zeros, that of a split is put together.
        projected_gates, projected_candidate = ops.split(projected, [2 * units], axis=-1)
        recurrent_gates, recurrent_candidate = ops.split(recurrent, [2 * units], axis=-1)
        keep, reset = split_gates(projected_gates + recurrent_gates, ("sigmoid", "sigmoid"))
        candidate = ops.tanh(projected_candidate + reset * recurrent_candidate)
        return (keep * hidden + (1 - keep) * candidate,)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="unroll")
class LayerNormGRU(RecurrentLayer):
    """`LayerNormGRUCell` over a sequence; all arguments of `RecurrentLayer` and of the cell."""

    cell_class = LayerNormGRUCell
