"""The independently recurrent network: each unit sees of the last state only itself."""

import keras
from keras import ops

from common.layers.cell import GatedCell
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class IndRNNCell(GatedCell):
    """One step of the independently recurrent network.

        h' = activation(x·W + b + u * h)

    The weight u is `recurrent_weight` `[units]`; there is no recurrent product.

    Args:
        activation: `relu` (default) or any Keras activation.
        bound: positive float or None: `|u|` is clipped to it. With relu, `2 ** (1 / T)` keeps gradients bounded over
            T steps.
        recurrent_initializer: of u; None (default) is uniform from 0 to 1.

    Raises:
        ValueError: if `bound` is not positive.

    Reference:
        Li et al. 2018, "Independently recurrent neural network", arXiv:1803.04831.
    """

    gate_count = 1
    has_recurrent_kernel = False
    additive = True

    def __init__(self, units, activation="relu", bound=None, recurrent_initializer=None, **kwargs):
        if recurrent_initializer is None:
            recurrent_initializer = keras.initializers.RandomUniform(0.0, 1.0)
        super().__init__(units, recurrent_initializer=recurrent_initializer, **kwargs)
        if bound is not None and not bound > 0:
            raise ValueError(f"IndRNNCell: bound must be positive or None, got {bound!r}")
        self.activation = keras.activations.get(activation)
        self.bound = bound

    def build(self, input_shape):
        super().build(input_shape)
        self.recurrent_weight = self.add_weight(
            shape=(self.units,),
            name="recurrent_weight",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )

    def gates(self, projected, recurrent, state):
        weight = ops.cast(self.recurrent_weight, state[0].dtype)
        weight = weight if self.bound is None else ops.clip(weight, -self.bound, self.bound)
        return (self.activation(projected + recurrent + weight * state[0]),)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation, "bound": self.bound}


@keras.saving.register_keras_serializable(package="unroll")
class IndRNN(RecurrentLayer):
    """`IndRNNCell` over a sequence; all arguments of `RecurrentLayer` but `recurrent_dropout`, and of the cell."""

    cell_class = IndRNNCell
