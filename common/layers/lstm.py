"""Long short-term memory."""

import keras
from keras import ops

from common.layers.activations import name_or_function, serialized, split_gates
from common.layers.cell import GatedCell, check_positive
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
        activation: of candidate and shown state, `tanh` (default) or any Keras activation.
        recurrent_activation: of the gates, `sigmoid` (default) or any Keras activation.
        unit_forget_bias: start the bias of the forget gate at 1, so that the cell remembers at first.
        peephole: the gates see the cell, too: i and f the old one, o the new one, each times a weight `[units]`
            (`peephole_kernel` `[3, units]`).
        coupled: `i = 1 - f`, one gate fewer; the gates are then f, g, o.
        projection: positive int or None, size of the output: `h' = (o * tanh(c'))·P` with `projection_kernel`
            `[units, projection]`.

    Reference:
        Hochreiter and Schmidhuber 1997; the forget gate is that of Gers et al. 2000, its bias that of Jozefowicz et al. 2015;
        peepholes: Gers and Schmidhuber 2000; projection: Sak et al. 2014, arXiv:1402.1128; coupled gates: Greff et al. 2017,
        arXiv:1503.04069.
    """

    gate_count = 4
    state_names = ("hidden", "cell")
    additive = True

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        unit_forget_bias=True,
        peephole=False,
        coupled=False,
        projection=None,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.activation = name_or_function(activation)
        self.recurrent_activation = name_or_function(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.peephole = peephole
        self.coupled = coupled
        self.projection = None if projection is None else check_positive(self, "projection", projection)
        self.gate_count = 3 if coupled else 4

    @property
    def state_sizes(self):
        return [self.projection or self.units, self.units]

    @property
    def output_size(self):
        return self.projection or self.units

    def build(self, input_shape):
        super().build(input_shape)
        if self.peephole:
            self.peephole_kernel = self.add_weight(
                shape=(3, self.units), name="peephole_kernel", initializer=self.kernel_initializer
            )
        if self.projection:
            self.projection_kernel = self.add_weight(
                shape=(self.units, self.projection), name="projection_kernel", initializer=self.kernel_initializer
            )

    def build_bias(self, width):
        def initializer(shape, dtype=None):
            values = self.bias_initializer(shape, dtype=dtype)
            if not self.unit_forget_bias:
                return values
            start = (0 if self.coupled else 1) * self.units
            ones = ops.ones((self.units,), dtype=dtype)
            return ops.concatenate([values[:start], ones, values[start + self.units :]])

        self.add_bias((width,), initializer)

    def gates(self, projected, recurrent, state):
        _, cell = state
        gate, total = self.recurrent_activation, projected + recurrent
        if self.peephole:
            return self._shown(*self._with_peepholes(total, cell))
        if self.coupled:
            keep, candidate, show = split_gates(total, (gate, self.activation, gate))
            write = 1 - keep
        else:
            write, keep, candidate, show = split_gates(total, (gate, gate, self.activation, gate))
        return self._shown(keep * cell + write * candidate, show)

    def _with_peepholes(self, total, cell):
        """The new cell, and what is shown of it."""
        activate = keras.activations.get(self.recurrent_activation)
        *write, keep, candidate, show = ops.split(total, self.gate_count, axis=-1)
        of_write, of_keep, of_show = ops.unstack(ops.cast(self.peephole_kernel, cell.dtype), 3)
        keep = activate(keep + of_keep * cell)
        write = activate(write[0] + of_write * cell) if write else 1 - keep
        new_cell = keep * cell + write * keras.activations.get(self.activation)(candidate)
        return new_cell, activate(show + of_show * new_cell)

    def _shown(self, new_cell, show):
        hidden = show * keras.activations.get(self.activation)(new_cell)
        if self.projection:
            hidden = ops.matmul(hidden, ops.cast(self.projection_kernel, hidden.dtype))
        return hidden, new_cell

    def get_config(self):
        return {
            **super().get_config(),
            "activation": serialized(self.activation),
            "recurrent_activation": serialized(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
            "peephole": self.peephole,
            "coupled": self.coupled,
            "projection": self.projection,
        }


@keras.saving.register_keras_serializable(package="unroll")
class LSTM(RecurrentLayer):
    """`LSTMCell` over a sequence; all arguments of `RecurrentLayer` and of the cell."""

    cell_class = LSTMCell
