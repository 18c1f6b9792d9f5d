"""A way around a layer."""

import keras
from keras import ops

from common.layers.sequence_wrapper import OneLayerWrapper, output_shape, returns_sequences


@keras.saving.register_keras_serializable(package="unroll")
class Residual(OneLayerWrapper):
    """Adds the input of a layer to its output: `layer(x) + x`, or `layer(x) + x·P`.

    Args:
        layer: sequence layer that returns a sequence, of this library or of Keras.
        projection: add `x·P` with a learned `P` `[features, units]` instead of `x`; needed where `layer` changes the number of
            features.

    Call arguments:
        sequence: float `[batch, time, features]`.
        initial_state: list of float `[batch, units]`, passed on to `layer`.
        mask: bool `[batch, time]`, True for real steps; passed on to `layer`, if it takes one.
        lengths: int `[batch]`, another way to say a mask with padding on the right.
        training: whether dropout is active.

    Returns:
        float `[batch, time, units]`; followed by the states of `layer`, if it returns them.

    Masking:
        The sum at a step that is not real depends on what stands there; no other result does.

    Raises:
        ValueError: if `layer` is no layer, returns no sequence or one in the order of running backwards, or changes the number
            of features without `projection`; or the sequence, mask, lengths or state does not fit.

    Reference:
        He et al. 2015, arXiv:1512.03385; between recurrent layers: Wu et al. 2016, arXiv:1609.08144.
    """

    def __init__(self, layer, projection=False, **kwargs):
        super().__init__(**kwargs)
        self.layer = self.forward_layer_of("layer", layer)
        if not returns_sequences(layer):
            self.refuse("layer", layer, "one that returns a sequence; this one has return_sequences=False")
        self.projection = self.flag("projection", projection)
        self.projection_layer = None

    return_sequences = True

    def build(self, sequence_shape):
        super().build(sequence_shape)
        features, units = sequence_shape[-1], output_shape(self.layer, sequence_shape)[-1]
        if self.projection:
            self.projection_layer = keras.layers.Dense(
                units, use_bias=False, dtype=self.dtype_policy, name="projection"
            )
            self.projection_layer.build(sequence_shape)
        elif features != units:
            self.refuse("projection", False, f"True for a layer from {features} to {units} features")

    def call(self, sequence, initial_state=None, mask=None, lengths=None, training=None):
        mask = self.mask_of_steps(sequence, mask, lengths)
        sequence = ops.cast(sequence, self.compute_dtype)
        output, states = self.run_layer(self.layer, sequence, initial_state, mask, training)
        around = self.projection_layer(sequence) if self.projection else sequence
        output = ops.cast(output, self.compute_dtype) + around
        return (output, *states) if self.return_state else output

    def compute_mask(self, sequence, previous_mask=None):
        return previous_mask

    def get_config(self):
        return {**super().get_config(), "projection": self.projection}
