"""A sequence read from its end: reversed by its length, so that padding stays where it was."""

import keras
from keras import ops

from common.layers.sequence_wrapper import OneLayerWrapper, returns_sequences


def reverse_sequence(sequence, mask=None):
    """The real steps in reverse order: float `[batch, time, features]` to the same.

    Padding on the right is reversal by length. Padding anywhere else stays where it is, too, so `mask` is that of the result.

    Args:
        sequence: float `[batch, time, features]`.
        mask: bool `[batch, time]`, True for real steps; None when all are.
    """
    if mask is None:
        return ops.flip(sequence, axis=1)
    time = ops.shape(sequence)[1]
    steps = ops.arange(time)[None, :]  # [1, time]
    real_first = ops.argsort(ops.where(mask, steps, steps + time), axis=1)  # where each real step stands
    rank = ops.cumsum(ops.cast(mask, "int32"), axis=1)  # of each real step, counted from one
    mirrored = ops.maximum(rank[:, -1:] - rank, 0)
    source = ops.where(mask, ops.take_along_axis(ops.cast(real_first, "int32"), mirrored, axis=1), steps)
    return ops.take_along_axis(sequence, source[:, :, None], axis=1)


@keras.saving.register_keras_serializable(package="unroll")
class TimeReversed(OneLayerWrapper):
    """Runs a layer over the reversed sequence and puts its outputs back into the order of time.

    Args:
        layer: sequence layer that runs forward, of this library or of Keras; or None (default) to reverse and nothing else.

    Call arguments:
        sequence: float `[batch, time, features]`.
        initial_state: list of float `[batch, units]`, the state behind the last real step; what `layer` begins with when None.
        mask: bool `[batch, time]`, True for real steps; passed on to `layer`, if it takes one.
        lengths: int `[batch]`, another way to say a mask with padding on the right.
        training: whether dropout is active.

    Returns:
        What `layer` returns: its outputs in the order of time, or the last one it computed, which is that of the first real
        step; then its states, if it returns them. Without `layer` the reversed sequence, float `[batch, time, features]`.

    Masking:
        Only real steps change places. What stands at the others is what `layer` put there.

    Raises:
        ValueError: if `layer` is no layer or runs backwards itself, or the sequence, mask, lengths or state does not fit.

    Reference:
        Sutskever et al. 2014, arXiv:1409.3215, read the source backwards.
    """

    def __init__(self, layer=None, **kwargs):
        super().__init__(**kwargs)
        self.layer = None if layer is None else self.forward_layer_of("layer", layer)

    @property
    def return_sequences(self):
        return returns_sequences(self.layer)

    def build(self, sequence_shape):
        if self.layer is not None:
            super().build(sequence_shape)

    def call(self, sequence, initial_state=None, mask=None, lengths=None, training=None):
        mask = self.mask_of_steps(sequence, mask, lengths)
        sequence = reverse_sequence(ops.cast(sequence, self.compute_dtype), mask)
        if self.layer is None:
            if initial_state is not None:
                self.refuse("initial_state", "a state", "None, there is no layer inside")
            return sequence
        output, states = self.run_layer(self.layer, sequence, initial_state, mask, training)
        if self.return_sequences:
            output = reverse_sequence(output, mask)
        return (output, *states) if self.return_state else output

    def compute_mask(self, sequence, previous_mask=None):
        return previous_mask if self.return_sequences else None

    def compute_output_shape(self, sequence_shape, **_):
        return tuple(sequence_shape) if self.layer is None else super().compute_output_shape(sequence_shape)
