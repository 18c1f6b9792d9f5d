"""The Elman network: one tanh of input and last state."""

import keras

from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class SimpleRNNCell(GatedCell):
    """One step of the Elman network.

        h' = activation(x·W + b + h·U)

    Weights as in `keras.layers.SimpleRNNCell`. Arguments beyond those of `GatedCell`:

    Args:
        activation: `tanh` (default), `relu` or any Keras activation. `activation="relu"` with
            `recurrent_initializer="identity"` is the IRNN of Le et al. 2015, arXiv:1504.00941.

    Reference:
        Elman 1990, "Finding structure in time".
    """

    gate_count = 1
    state_names = ("hidden",)
    additive = True

    def __init__(self, units, activation="tanh", **kwargs):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)

    def gates(self, projected, recurrent, state):
        return (self.activation(projected + recurrent),)

    def get_config(self):
        return {**super().get_config(), "activation": keras.activations.serialize(self.activation)}


@keras.saving.register_keras_serializable(package="unroll")
class SimpleRNN(RecurrentLayer):
    """`SimpleRNNCell` over a sequence; all arguments of `RecurrentLayer`, and `activation`."""

    cell_class = SimpleRNNCell
