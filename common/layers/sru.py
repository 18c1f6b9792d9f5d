"""The simple recurrent unit: its gates see of the last state only their own unit."""

import keras
from keras import ops

from common.layers.activations import split_gates
from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class SRUCell(GatedCell):
    """One step of the simple recurrent unit, with a highway around it.

        f = sigmoid(x·Wf + bf + vf * c)
        c' = f * c + (1 - f) * (x·Wn + bn)
        r = sigmoid(x·Wr + br + vr * c)
        h' = r * c' + (1 - r) * (x·Ws + bs)

    Kernel and bias in the order f, r, n, s; `peephole` `[2, units]` is vf and vr. The published code takes x itself in
    place of `x·Ws` where there are as many features as units; here the highway has its kernel always, so that the shape of
    the weights does not depend on the input. The states are `h`, `c`. As f and r see c, the cell is not linear in
    it and runs step by step.

    Reference:
        Lei et al. 2018, "Simple recurrent units for highly parallelizable recurrence", arXiv:1709.02755.
    """

    gate_count = 4
    state_names = ("hidden", "cell")
    has_recurrent_kernel = False
    additive = True

    def build(self, input_shape):
        super().build(input_shape)
        self.peephole = self.add_weight(shape=(2, self.units), name="peephole", initializer=self.kernel_initializer)

    def gates(self, projected, recurrent, state):
        cell, units = state[1], self.units
        total = projected + recurrent
        seen = ops.reshape(cell[:, None] * ops.cast(self.peephole, cell.dtype), (-1, 2 * units))
        keep, through = split_gates(total[..., : 2 * units] + seen, ("sigmoid", "sigmoid"))
        candidate, around = ops.split(total[..., 2 * units :], 2, axis=-1)
        new_cell = candidate + keep * (cell - candidate)
        return around + through * (new_cell - around), new_cell


@keras.saving.register_keras_serializable(package="unroll")
class SRU(RecurrentLayer):
    """`SRUCell` over a sequence; all arguments of `RecurrentLayer` but `recurrent_dropout`, and of the cell."""

    cell_class = SRUCell
