"""The gated recurrent unit with layer normalization inside the step."""

import keras
from keras import ops

from common.layers.activations import split_gates
from common.layers.layer_norm import NormalizedProjections
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class LayerNormGRUCell(NormalizedProjections):
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

    def build_bias(self, width):
        self.add_bias((2, width), self.bias_initializer)

    def gates(self, projected, recurrent, state):
        (hidden,), units = state, self.units
        projected, recurrent = self.normalize(projected, recurrent)
        if self.use_bias:
            bias = ops.cast(self.bias, hidden.dtype)
            projected, recurrent = projected + bias[0], recurrent + bias[1]
        # Split and not sliced: the gradient of a slice is padded with zeros, that of a split is put together.
        projected_gates, projected_candidate = ops.split(projected, [2 * units], axis=-1)
        recurrent_gates, recurrent_candidate = ops.split(recurrent, [2 * units], axis=-1)
        keep, reset = split_gates(projected_gates + recurrent_gates, ("sigmoid", "sigmoid"))
        candidate = ops.tanh(projected_candidate + reset * recurrent_candidate)
        return (keep * hidden + (1 - keep) * candidate,)


@keras.saving.register_keras_serializable(package="unroll")
class LayerNormGRU(RecurrentLayer):
    """`LayerNormGRUCell` over a sequence; all arguments of `RecurrentLayer` and of the cell."""

    cell_class = LayerNormGRUCell
