"""The gated recurrent unit."""

import keras
from keras import ops

from common.layers.activations import name_or_function, serialized, split_gates
from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class GRUCell(GatedCell):
    """One step of the gated recurrent unit.

        z = sigmoid(x·Wz + bz + h·Uz + cz)               how much is kept
        r = sigmoid(x·Wr + br + h·Ur + cr)               how much of the state the candidate sees
        n = tanh(x·Wn + bn + r * (h·Un + cn))            the candidate
        h' = z * h + (1 - z) * n

    Weights as in `keras.layers.GRUCell`: the gates in the order z, r, n, and `bias` `[2, 3·units]`, the row `b` and the row `c`.

    Args:
        activation: of the candidate, `tanh` (default) or any Keras activation.
        recurrent_activation: of the gates, `sigmoid` (default) or any Keras activation.
        reset_after: apply the reset gate after the recurrent product (default, faster). False is the first form of the
            paper, `n = tanh(x·Wn + bn + (r * h)·Un)`, with `bias` `[3·units]`: a second product has to wait in each step.

    Reference:
        Cho et al. 2014, arXiv:1406.1078; `reset_after` is the form of the vendors' kernels.
    """

    gate_count = 3
    state_names = ("hidden",)

    def __init__(self, units, activation="tanh", recurrent_activation="sigmoid", reset_after=True, **kwargs):
        super().__init__(units, **kwargs)
        self.activation = name_or_function(activation)
        self.recurrent_activation = name_or_function(recurrent_activation)
        self.reset_after = reset_after

    def build_bias(self, width):
        self.add_bias((2, width) if self.reset_after else (width,), self.bias_initializer)

    def input_bias(self):
        return self.bias[0] if self.use_bias and self.reset_after else self.bias

    def recurrent_bias(self):
        return self.bias[1] if self.use_bias and self.reset_after else None

    def recurrent_matrix(self):
        kernel = ops.convert_to_tensor(self.recurrent_kernel)
        return kernel if self.reset_after else kernel[:, : 2 * self.units]

    def gate_weights(self):
        return [] if self.reset_after else [self.recurrent_kernel]

    def gates(self, projected, recurrent, state):
        (hidden,), units = state, self.units
        gate, activate = self.recurrent_activation, keras.activations.get(self.activation)
        # Split and not sliced: the gradient of a slice is padded with zeros, that of a split is put together.
        projected_gates, projected_candidate = ops.split(projected, [2 * units], axis=-1)
        recurrent_gates, recurrent_candidate = ops.split(recurrent, [2 * units], axis=-1)
        keep, reset = split_gates(projected_gates + recurrent_gates, (gate, gate))
        if self.reset_after:
            from_state = reset * recurrent_candidate
        else:
            kernel = ops.convert_to_tensor(self.recurrent_kernel)
            from_state = ops.matmul(reset * hidden, ops.cast(kernel[:, 2 * units :], hidden.dtype))
        candidate = activate(projected_candidate + from_state)
        return (keep * hidden + (1 - keep) * candidate,)

    def get_config(self):
        return {
            **super().get_config(),
            "activation": serialized(self.activation),
            "recurrent_activation": serialized(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


@keras.saving.register_keras_serializable(package="unroll")
class GRU(RecurrentLayer):
    """`GRUCell` over a sequence; all arguments of `RecurrentLayer` and of the cell."""

    cell_class = GRUCell
