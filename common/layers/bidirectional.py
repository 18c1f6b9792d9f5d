"""Two recurrent layers over the same sequence, one in each direction."""

import keras
from keras import ops

from common.layers.recurrent_layer import RecurrentLayer

MERGE_MODES = ("concat", "sum", "mul", "ave")


@keras.saving.register_keras_serializable(package="unroll")
class Bidirectional(keras.layers.Layer):
    """Runs a recurrent layer and its mirror image, and merges what they return.

    Args:
        layer: a layer of `common.layers` that runs forward. The backward layer is a copy of it with weights of its own.
        merge_mode: `concat` (default), `sum`, `mul` or `ave` of the two outputs.

    Call arguments:
        sequence: float `[batch, time, features]`.
        initial_state: list of float `[batch, units]`, those of the forward layer first; zeros when None.
        mask: bool `[batch, time]`, True for real steps; passed on explicitly, since Keras 3.16 stops doing so.
        lengths: int `[batch]`, another way to say a mask with padding on the right.
        training: whether dropout is active.

    Returns:
        What the layer returns, with outputs merged and in the order of time, then the states of the forward and of the
        backward layer if the layer was made with `return_state`.

    Raises:
        ValueError: if `layer` is not a recurrent layer of this library or runs backwards, or `merge_mode` is unknown.

    Reference:
        Schuster and Paliwal 1997.
    """

    def __init__(self, layer, merge_mode="concat", **kwargs):
        super().__init__(autocast=False, **kwargs)  # states stay float32
        if not isinstance(layer, RecurrentLayer):
            raise ValueError(f"Bidirectional: layer must be a recurrent layer of common.layers, got {layer!r}")
        if layer.go_backwards:
            raise ValueError("Bidirectional: layer must run forward, got one with go_backwards=True")
        if merge_mode not in MERGE_MODES:
            raise ValueError(f"Bidirectional: merge_mode must be one of {MERGE_MODES}, got {merge_mode!r}")
        config = layer.get_config()
        self.forward_layer = layer
        self.backward_layer = type(layer).from_config(
            {
                **config,
                "name": f"backward_{layer.name}",
                "go_backwards": True,
                "seed": None if layer.seed is None else layer.seed + 1,
            }
        )
        self.merge_mode = merge_mode
        self.supports_masking = True

    def build(self, sequence_shape):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:  # one that came from a file is
                layer.build(sequence_shape)

    def call(self, sequence, initial_state=None, mask=None, lengths=None, training=None):
        states = [None, None]
        if initial_state is not None:
            half = len(self.forward_layer.cell.state_names)
            if not isinstance(initial_state, (list, tuple)) or len(initial_state) != 2 * half:
                raise ValueError(
                    f"Bidirectional: initial_state must be a list of {2 * half} states, those of forward first"
                )
            states = [initial_state[:half], initial_state[half:]]
        results = [
            layer.in_order_of_time(sequence, state, mask, lengths, training)
            for layer, state in zip((self.forward_layer, self.backward_layer), states)
        ]
        (forward, forward_states), (backward, backward_states) = results
        if not self.forward_layer.return_sequences:
            forward, backward = forward[:, -1], backward[:, 0]
        merged = self._merge(forward, backward)
        return (merged, *forward_states, *backward_states) if self.forward_layer.return_state else merged

    def _merge(self, forward, backward):
        if self.merge_mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return forward * backward
        merged = forward + backward
        return merged / 2 if self.merge_mode == "ave" else merged

    def compute_mask(self, sequence, previous_mask=None):
        return self.forward_layer.compute_mask(sequence, previous_mask)

    def compute_output_shape(self, sequence_shape, **_):
        shape = self.forward_layer.compute_output_shape(sequence_shape)
        output, *states = shape if self.forward_layer.return_state else (shape,)
        if self.merge_mode == "concat":
            output = (*output[:-1], 2 * output[-1])
        return (output, *states, *states) if states else output

    def get_config(self):
        return {
            **super().get_config(),
            "layer": keras.saving.serialize_keras_object(self.forward_layer),
            "merge_mode": self.merge_mode,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})
