"""The network that has just another forget gate."""

import keras

from common.layers.activations import split_gates
from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="mine")
class JANETCell(GatedCell):
    """One step of the network that has just another forget gate.

        f = sigmoid(x·Wf + bf + h·Uf)        what is kept
        g = tanh(x·Wg + bg + h·Ug)           the candidate
        h' = f * h + (1 - f) * g

    The gates stand in the order f, g.

    Reference:
        van der Westhuizen and Lasenby 2018, "The unreasonable effectiveness of the forget gate", arXiv:1804.04849.
    """

    gate_count = 2
    state_names = ("hidden",)
    additive = True

    def gates(self, projected, recurrent, state):
        (hidden,) = state
        keep, candidate = split_gates(projected + recurrent, ("sigmoid", "tanh"))
        return (keep * hidden + (1 - keep) * candidate,)


@keras.saving.register_keras_serializable(package="mine")
class JANET(RecurrentLayer):
    """`JANETCell` over a sequence; all arguments of `RecurrentLayer` and of the cell."""

    cell_class = JANETCell
