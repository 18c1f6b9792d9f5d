"""The minimal long short-term memory whose gates do not look at the state, so that no product is sequential."""

import keras
from keras import ops

from common.layers.linear_cell import LinearLayer
from common.layers.min_gru import MinGRUCell


@keras.saving.register_keras_serializable(package="unroll")
class MinLSTMCell(MinGRUCell):
    """One step of the minimal long short-term memory, its two gates normalized to a sum of 1.

        f = sigmoid(x·Wf + bf)
        i = sigmoid(x·Wi + bi)
        s' = f / (f + i) * s + i / (f + i) * (x·Wn + bn)
        output = tanh(s')

    Kernel and bias in the order f, i, n. The output is squashed as in `MinGRUCell`.

    Args:
        slowest: float, the start of the bias of `f` runs evenly from `slowest` to 0 over the units, so that some remember
            for about `exp(slowest)` steps and some only for one or two.

    Reference:
        Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201.
    """

    gate_count = 3
    slowest_sign = 1  # the first gate says what is kept

    def linear(self, projected):
        # f / (f + i) = (1 + exp(-i)) / ((1 + exp(-f)) + (1 + exp(-i))) holds where both gates are far below what a float
        # sigmoid can tell from 0. All terms are shortened by the largest, so that none overflows, nor its gradient.
        of_keep, of_write = projected[..., : self.units], projected[..., self.units : 2 * self.units]
        least = ops.stop_gradient(ops.minimum(ops.minimum(of_keep, of_write), 0.0))
        inverse_keep = ops.exp(least) + ops.exp(least - of_keep)
        inverse_write = ops.exp(least) + ops.exp(least - of_write)
        keep = inverse_write / (inverse_keep + inverse_write)
        return (keep,), ((1 - keep) * projected[..., 2 * self.units :],)


@keras.saving.register_keras_serializable(package="unroll")
class MinLSTM(LinearLayer):
    """`MinLSTMCell` over a sequence; all arguments of `RecurrentLayer` but `recurrent_dropout`, and `slowest`."""

    cell_class = MinLSTMCell
