"""What the layer-normalized cells have in common: both projections are normalized over their features, each with a gain."""

from keras import ops

from common.layers.cell import GatedCell


class NormalizedProjections(GatedCell):
    """A gated cell whose `gates` begins with `normalize`; the bias stands behind the normalization.

    Weights beside those of the cell: the gains `kernel_gain` and `recurrent_gain`, each `[gate_count·units]`.

    Args:
        epsilon: positive float, added to the variance.

    Reference:
        Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450.
    """

    def __init__(self, units, epsilon=1e-3, **kwargs):
        super().__init__(units, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        super().build(input_shape)
        shape = (self.gate_count * self.units,)
        self.kernel_gain = self.add_weight(shape=shape, name="kernel_gain", initializer="ones")
        self.recurrent_gain = self.add_weight(shape=shape, name="recurrent_gain", initializer="ones")

    def input_bias(self):
        """None: the bias belongs to the gates."""

    def gate_weights(self):
        return [weight for weight in self.weights if weight is not self.kernel and weight is not self.recurrent_kernel]

    def normalize(self, projected, recurrent):
        """Both, normalized and times their gain: float `[batch, gate_count·units]` each."""
        return (
            layer_norm(projected, self.kernel_gain, self.epsilon),
            layer_norm(recurrent, self.recurrent_gain, self.epsilon),
        )

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


def layer_norm(x, gain, epsilon):
    """`gain * (x - mean) / sqrt(variance + epsilon)` over the last axis: float `[..., features]` to the same."""
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    return ops.cast(gain, x.dtype) * centred * ops.rsqrt(variance + epsilon)
