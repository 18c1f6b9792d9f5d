"""Two recurrent layers over the same sequence, one in each direction."""

import keras
from keras import ops

from common.layers.recurrent_layer import RecurrentLayer
from common.layers.sequence_wrapper import SequenceWrapper

MERGE_MODES = ("concat", "sum", "mul", "ave", None)


@keras.saving.register_keras_serializable(package="unroll")
class Bidirectional(SequenceWrapper):
    """Runs a recurrent layer and its mirror image, and merges what they return.

    Args:
        layer: a layer of `common.layers` that runs forward.
        merge_mode: `concat` (default), `sum`, `mul` or `ave` of the two outputs; None for both apart.
        backward_layer: a layer of `common.layers` that runs backwards and returns the same kinds of things; its cell and
            its size are its own where outputs are joined or kept apart. When None (default), a copy of `layer` with weights
            of its own.

    Call arguments:
        sequence: float `[batch, time, features]`.
        initial_state: list of float `[batch, units]`, those of the forward layer first; zeros when None.
        mask: bool `[batch, time]`, True for real steps; passed on explicitly, since Keras 3.16 stops doing so.
        lengths: int `[batch]`, another way to say a mask with padding on the right.
        training: whether dropout is active.

    Returns:
        What the layer returns, with outputs merged and in the order of time, then the states of the forward and of the
        backward layer if the layer was made with `return_state`. With `merge_mode=None` the output of the backward layer
        stands behind that of the forward layer. `StateBridge` makes the initial state of a decoder from the states.

    Masking:
        As in `RecurrentLayer`: a step that is not real repeats the last real output of each direction. (Keras's own wrapper
        has zeros there; real steps are the same.)

    Raises:
        ValueError: if a layer is not a recurrent layer of this library or runs in the wrong direction, the two do not return
            the same kinds of things, or `merge_mode` is unknown or needs outputs of the same size.

    Reference:
        Schuster and Paliwal 1997.
    """

    def __init__(self, layer, merge_mode="concat", backward_layer=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, RecurrentLayer):
            self.refuse("layer", layer, "a recurrent layer of common.layers")
        if layer.go_backwards:
            self.refuse("layer", layer, "one that runs forward; this one has go_backwards=True")
        if merge_mode not in MERGE_MODES:
            self.refuse("merge_mode", merge_mode, f"one of {MERGE_MODES}")
        self.merge_mode = merge_mode
        self.forward_layer = layer
        self.has_own_backward_layer = backward_layer is not None
        self.backward_layer = self._mirrored(layer) if backward_layer is None else self._checked(backward_layer)

    @staticmethod
    def _mirrored(layer):
        seed = None if layer.seed is None else layer.seed + 1
        changed = {"name": f"backward_{layer.name}", "go_backwards": True, "seed": seed}
        return type(layer).from_config({**layer.get_config(), **changed})

    def _checked(self, layer):
        if not isinstance(layer, RecurrentLayer):
            self.refuse("backward_layer", layer, "a recurrent layer of common.layers")
        if not layer.go_backwards:
            self.refuse("backward_layer", layer, "one that runs backwards; this one has go_backwards=False")
        for option in ("return_sequences", "return_state"):
            value = getattr(self.forward_layer, option)
            if getattr(layer, option) != value:
                self.refuse("backward_layer", layer, f"one with {option}={value}, as that of layer")
        if self.merge_mode in ("sum", "mul", "ave") and layer.output_size != self.forward_layer.output_size:
            expected = f"{self.forward_layer.output_size}, that of layer, for merge_mode={self.merge_mode!r}"
            self.refuse("output size of backward_layer", layer.output_size, expected)
        return layer

    @property
    def return_sequences(self):
        return self.forward_layer.return_sequences

    @property
    def return_state(self):
        return self.forward_layer.return_state

    @property
    def state_sizes(self):
        """Features of each state, list of int, those of the forward layer first."""
        return [*self.forward_layer.state_sizes, *self.backward_layer.state_sizes]

    def build(self, sequence_shape):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:  # one that came from a file is
                layer.build(sequence_shape)

    def call(self, sequence, initial_state=None, mask=None, lengths=None, training=None):
        states = [None, None]
        if initial_state is not None:
            count, half = len(self.state_sizes), len(self.forward_layer.state_sizes)
            if not isinstance(initial_state, (list, tuple)) or len(initial_state) != count:
                given = len(initial_state) if isinstance(initial_state, (list, tuple)) else type(initial_state).__name__
                self.refuse("initial_state", given, f"a list of {count} states, those of forward first")
            states = [initial_state[:half], initial_state[half:]]
        results = [
            layer.in_order_of_time(sequence, state, mask, lengths, training)
            for layer, state in zip((self.forward_layer, self.backward_layer), states)
        ]
        (forward, forward_states), (backward, backward_states) = results
        if not self.return_sequences:
            forward, backward = forward[:, -1], backward[:, 0]
        self._regularize(self.forward_layer, forward, forward_states)
        self._regularize(self.backward_layer, backward, backward_states)
        merged = self._merge(forward, backward)
        results = (*merged, *forward_states, *backward_states) if self.return_state else merged
        return results if len(results) > 1 else results[0]

    def _merge(self, forward, backward):
        """Tuple of one output, or of both."""
        if self.merge_mode is None:
            return forward, backward
        if self.merge_mode == "concat":
            return (ops.concatenate([forward, backward], axis=-1),)
        if self.merge_mode == "mul":
            return (forward * backward,)
        merged = forward + backward
        return (merged / 2 if self.merge_mode == "ave" else merged,)

    def _regularize(self, layer, output, states):
        """What Keras does behind a call, since the layers inside are not called but run in the order of time."""
        if layer.activity_regularizer is None:
            return
        for each in (output, *states) if layer.return_state else (output,):
            loss = layer.activity_regularizer(each)
            layer.add_loss(ops.divide_no_nan(loss, ops.cast(ops.shape(each)[0], loss.dtype)))

    def compute_mask(self, sequence, previous_mask=None):
        mask = self.forward_layer.compute_mask(sequence, previous_mask)
        return (mask, mask) if self.merge_mode is None else mask

    def compute_output_shape(self, sequence_shape, **_):
        batch, time = sequence_shape[:2]
        leading = (batch, time) if self.return_sequences else (batch,)
        forward, backward = self.forward_layer.output_size, self.backward_layer.output_size
        sizes = {"concat": (forward + backward,), None: (forward, backward)}.get(self.merge_mode, (forward,))
        shapes = [(*leading, size) for size in sizes]
        if self.return_state:
            shapes += [(batch, size) for size in self.state_sizes]
        return tuple(shapes) if len(shapes) > 1 else shapes[0]

    def get_config(self):
        config = super().get_config()
        if not self.has_own_backward_layer:
            del config["backward_layer"]
        return {
            **config,
            "layer": keras.saving.serialize_keras_object(self.forward_layer),
            "merge_mode": self.merge_mode,
        }
