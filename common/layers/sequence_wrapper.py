"""What the wrappers of sequence layers share: arguments, masks, and how they call the layer inside."""

import inspect

import keras

from common.layers.masks import mask_of_steps

_OF_EVERY_LAYER = ("name", "trainable", "dtype")
_LAYERS = ("layer", "layers", "backward_layer")  # keys of configurations that hold layers


class SequenceWrapper(keras.layers.Layer):
    """A layer around layers over `[batch, time, features]`.

    A sequence layer is called with `sequence`, and with `initial_state`, `mask` and `training` where it takes them. It says
    in `return_sequences`, `return_state` and `state_sizes` what it returns; one without these returns a sequence and has no
    state.

    Raises:
        ValueError: for an argument that the wrapper does not have.
    """

    def __init__(self, **kwargs):
        for argument in kwargs.keys() - set(_OF_EVERY_LAYER):
            own = [name for name in inspect.signature(type(self).__init__).parameters if name not in ("self", "kwargs")]
            raise ValueError(
                f"{type(self).__name__}: there is no argument {argument} (got {kwargs[argument]!r}); "
                f"it takes {', '.join([*own, *_OF_EVERY_LAYER])}"
            )
        super().__init__(autocast=False, **kwargs)  # states stay float32
        self.supports_masking = True

    def refuse(self, argument, value, expected):
        """Raises the ValueError for an argument whose value is not what was expected."""
        raise ValueError(f"{type(self).__name__}: {argument} must be {expected}, got {value!r}")

    def flag(self, argument, value):
        """`value`, if it is a bool; else raises ValueError."""
        return value if isinstance(value, bool) else self.refuse(argument, value, "True or False")

    def forward_layer_of(self, argument, layer):
        """`layer`, if it can stand inside: a layer with one output, in the order of time; else raises ValueError."""
        if not isinstance(layer, keras.layers.Layer):
            self.refuse(argument, layer, "a layer over a sequence")
        if getattr(layer, "go_backwards", False):
            self.refuse(argument, layer, "one that runs forward (see TimeReversed); this one has go_backwards=True")
        if getattr(layer, "merge_mode", "concat") is None:
            self.refuse(argument, layer, "one with a single output; this one has merge_mode=None")
        return layer

    def mask_of_steps(self, sequence, mask, lengths):
        """The bool `[batch, time]` that `mask` or `lengths` say, or None; raises ValueError for what does not fit."""
        return mask_of_steps(type(self).__name__, sequence, mask, lengths)

    def run_layer(self, layer, sequence, initial_state, mask, training):
        """Calls `layer` with what it takes: its output and the list of its states."""
        taken = inspect.signature(layer.call).parameters
        arguments = {"mask": mask, "training": training}
        arguments = {name: value for name, value in arguments.items() if name in taken}
        if initial_state is not None:
            if "initial_state" not in taken:
                self.refuse("initial_state", "a state", f"None for {layer.name}, which has none")
            arguments["initial_state"] = initial_state
        result = layer(sequence, **arguments)
        return (result[0], list(result[1:])) if returns_state(layer) else (result, [])

    def get_config(self):
        serialized = {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in _LAYERS if hasattr(self, name)
        }
        return {**super().get_config(), **serialized}

    @classmethod
    def from_config(cls, config):
        layers = {name: keras.saving.deserialize_keras_object(config[name]) for name in _LAYERS if config.get(name)}
        return cls(**{**config, **layers})


class OneLayerWrapper(SequenceWrapper):
    """A wrapper of one layer, `self.layer`, that returns a sequence or an output and the states as this does."""

    @property
    def return_state(self):
        return returns_state(self.layer)

    @property
    def state_sizes(self):
        return state_sizes(self.layer)

    def build(self, sequence_shape):
        if not self.layer.built:  # one that came from a file is
            self.layer.build(sequence_shape)

    def compute_output_shape(self, sequence_shape, **_):
        output = output_shape(self.layer, sequence_shape)
        states = [(sequence_shape[0], size) for size in self.state_sizes]
        return (output, *states) if self.return_state else output


def returns_sequences(layer):
    return getattr(layer, "return_sequences", True)


def returns_state(layer):
    return getattr(layer, "return_state", False)


def state_sizes(layer):
    """Features of each state of a sequence layer, ours or Keras's: list of int."""
    sizes = getattr(layer, "state_sizes", getattr(layer, "state_size", []))
    return [sizes] if isinstance(sizes, int) else list(sizes)


def output_shape(layer, sequence_shape):
    """Shape of the output of a sequence layer, without those of its states."""
    shape = layer.compute_output_shape(sequence_shape)
    return tuple(shape[0]) if returns_state(layer) else tuple(shape)
