"""What the network has beyond the layers of `common`: one that runs across the voices of each step."""

import keras
from keras import ops

from apps.music.vocabulary import FREE
from common.layers.recurrent_layer import RecurrentLayer


@keras.saving.register_keras_serializable(package="unroll")
class AcrossSlots(keras.layers.Layer):
    """Runs a recurrent layer over the slots of each step of time, all steps at once.

    Args:
        layer: a recurrent layer of `common.layers` that returns sequences.

    Call arguments:
        slots: float `[batch, time, slots, features]`.
        initial_state: list of float `[batch, time, units]`, one for each state of the layer.

    Returns:
        float `[batch, time, slots, units]`.

    Reference:
        A network through time and one across notes: Boulanger-Lewandowski et al. 2012, arXiv:1206.6392.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, RecurrentLayer) or not layer.return_sequences:
            raise ValueError(
                f"{type(self).__name__}: layer must be a recurrent layer that returns sequences, got {layer!r}"
            )
        self.layer = layer

    def build(self, slots_shape, initial_state_shape=None):
        self.layer.build((None, *slots_shape[2:]))

    def call(self, slots, initial_state, training=None):
        batch, time, count, features = ops.shape(slots)
        states = [ops.reshape(state, (-1, state.shape[-1])) for state in initial_state]
        rows = ops.reshape(slots, (-1, count, features))  # [batch · time, slots, features]
        outputs = self.layer(rows, initial_state=states, training=training)
        return ops.reshape(outputs, (batch, time, count, self.layer.output_size))

    def compute_output_shape(self, slots_shape, initial_state_shape=None):
        return (*slots_shape[:3], self.layer.output_size)

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})


@keras.saving.register_keras_serializable(package="unroll")
class OnlyAllowed(keras.layers.Layer):
    """Makes impossible what a slot cannot say.

    Args:
        allowed: nested list of bool `[slots, vocabulary]`.

    Call arguments:
        logits: float `[..., slots, vocabulary]`.

    Returns:
        float32 of the same shape, hugely negative where `allowed` is False.
    """

    IMPOSSIBLE = -1e9

    def __init__(self, allowed, **kwargs):
        super().__init__(**kwargs)
        self.allowed = [[bool(each) for each in row] for row in allowed]

    def call(self, logits):
        return ops.cast(logits, "float32") + self.penalties()

    def penalties(self):
        """float32 `[slots, vocabulary]`: 0, or `IMPOSSIBLE`."""
        return ops.where(ops.convert_to_tensor(self.allowed, "bool"), 0.0, self.IMPOSSIBLE)

    def compute_output_shape(self, logits_shape):
        return logits_shape

    def get_config(self):
        return {**super().get_config(), "allowed": self.allowed}


def more_is_given(given):
    """Whether anything is given at a step or after it: int32 `[batch, time, slots]`, `FREE` where not, to bool `[batch, time, 1]`.

    Where nothing more is, there is nothing to look ahead to, and a layer that comes back from the end counts the steps to it.
    """
    is_given = ops.cast(ops.any(ops.not_equal(given, FREE), axis=-1, keepdims=True), "int32")
    return ops.flip(ops.cumsum(ops.flip(is_given, axis=1), axis=1), axis=1) > 0
