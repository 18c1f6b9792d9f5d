"""Recurrent layers above each other, as one layer."""

import keras
from keras import ops

from common.layers.bidirectional import Bidirectional
from common.layers.dropout import Dropout, check_fraction, check_mode
from common.layers.pooling import SequencePooling
from common.layers.recurrent_layer import RecurrentLayer
from common.layers.sequence_wrapper import SequenceWrapper, output_shape, returns_sequences, returns_state, state_sizes

LAYER_NORMS = (None, "pre", "post")


@keras.saving.register_keras_serializable(package="unroll")
class StackedRNN(SequenceWrapper):
    """Runs recurrent layers one above the other; each reads the outputs of the one below.

        y = layer(dropout(norm(x)))          norm if "pre"; dropout in all layers but the first
        y = y + x                            if residual, in all layers but the first
        y = norm(y)                          if "post"

    `StackedRNN.of(LSTM, units=64, depth=3)` makes the layers, too.

    Args:
        layers: list of layers of `common.layers` over a sequence that run forward, the lowest first: recurrent ones,
            `Bidirectional`, `TimeReversed`, `Residual`. All but the last return sequences; what the last returns, the stack
            returns. All or none of them return their state.
        residual: add what a layer reads to what it puts out, from the second layer on.
        dropout: fraction of what a layer passes to the next one that is dropped in training, 0 to 1.
        dropout_mode: `variational` (default) drops the same features at every step, `per_step` draws anew at each.
        layer_norm: None, `pre` (each layer reads a normalized sequence) or `post` (each output is normalized).
        seed: int or None, of the dropout between the layers.

    Call arguments:
        sequence: float `[batch, time, features]`.
        initial_state: list of float `[batch, units]`, the states of all layers, the lowest first; a list with one list for each
            layer is taken, too. What each layer begins with when None.
        mask: bool `[batch, time]`, True for real steps; passed on to each layer.
        lengths: int `[batch]`, another way to say a mask with padding on the right.
        training: whether dropout is active.

    Returns:
        The output of the last layer, `[batch, time, units]` or `[batch, units]`; followed by the states of all layers, the
        lowest first, if they return them.

    Masking:
        As in the layers. With `residual` an output at a step that is not real depends on what stands there; no other does.

    Raises:
        ValueError: for layers that do not fit on each other, a value out of bounds, a residual connection between different
            numbers of features or into a single output of both directions, or a sequence, mask, lengths or state that does
            not fit.

    Reference:
        Dropout between layers: Zaremba et al. 2014, arXiv:1409.2329; the same at each step: Gal and Ghahramani 2016,
        arXiv:1512.05287; residual connections from the second layer on: Wu et al. 2016, arXiv:1609.08144; pre and post: Xiong et
        al. 2020, arXiv:2002.04745.
    """

    def __init__(
        self,
        layers,
        residual=False,
        dropout=0.0,
        dropout_mode="variational",
        layer_norm=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.residual = self.flag("residual", residual)
        self.layers = self._checked(layers)
        check_fraction(type(self).__name__, "dropout", dropout)
        check_mode(type(self).__name__, dropout_mode)
        if layer_norm not in LAYER_NORMS:
            self.refuse("layer_norm", layer_norm, f"one of {LAYER_NORMS}")
        self.dropout, self.dropout_mode, self.layer_norm, self.seed = dropout, dropout_mode, layer_norm, seed
        noise_shape = (None, 1, None) if dropout_mode == "variational" else None
        seeds = [None if seed is None else seed + index for index in range(len(self.layers))]
        policy = self.dtype_policy
        self.dropouts = [Dropout(dropout, noise_shape, each, dtype=policy) for each in seeds[1:]] if dropout else []
        self.last_step = SequencePooling("last", dtype=policy, name="last_step")
        count = len(self.layers) if layer_norm else 0
        self.norms = [keras.layers.LayerNormalization(dtype=policy, name=f"norm_{index}") for index in range(count)]

    def _checked(self, layers):
        if not isinstance(layers, (list, tuple)) or not layers:
            self.refuse("layers", layers, "a list of at least one recurrent layer")
        for index, layer in enumerate(layers):
            if not isinstance(layer, (RecurrentLayer, SequenceWrapper)):
                self.refuse(f"layers[{index}]", layer, "a recurrent layer or a wrapper of common.layers")
            self.forward_layer_of(f"layers[{index}]", layer)
            if index < len(layers) - 1 and not returns_sequences(layer):
                self.refuse(f"layers[{index}]", layer, "one with return_sequences=True, all but the last layer need it")
            if returns_state(layer) != returns_state(layers[-1]):
                expected = f"one with return_state={returns_state(layers[-1])}, as the last layer"
                self.refuse(f"layers[{index}]", layer, expected)
        single = not returns_sequences(layers[-1]) and not isinstance(layers[-1], RecurrentLayer)
        if self.residual and len(layers) > 1 and single:
            expected = (
                "one with return_sequences=True: its two ends are not at the same step, so residual cannot reach them"
            )
            self.refuse(f"layers[{len(layers) - 1}]", layers[-1], expected)
        return list(layers)

    @classmethod
    def of(
        cls,
        layer_class,
        units,
        depth=None,
        bidirectional=False,
        merge_mode="concat",
        return_sequences=False,
        return_state=False,
        residual=False,
        dropout=0.0,
        dropout_mode="variational",
        layer_norm=None,
        seed=None,
        name=None,
        dtype=None,
        **layer_arguments,
    ):
        """Makes a stack of layers of one class.

        Args:
            layer_class: class of `common.layers`, e.g. `LSTM`.
            units: positive int, or a list with one for each layer.
            depth: positive int, number of layers; may be left out where `units` is a list.
            bidirectional: whether each layer reads in both directions, merged by `merge_mode`.
            merge_mode: as in `Bidirectional`, but not None.
            return_sequences: return the output of every step instead of the last one.
            return_state: return the last states of all layers, too.
            residual, dropout, layer_norm: as in the class.
            dropout_mode: of the dropout between the layers and of `recurrent_dropout` inside.
            seed: int or None, of everything that is drawn; the layers have different ones.
            name, dtype: of the stack; the layers have the same dtype.
            layer_arguments: what else the layers take.
        """
        if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
            if depth is not None or not isinstance(units, (list, tuple)):
                raise ValueError(f"{cls.__name__}: depth must be a positive integer, got {depth!r}")
            depth = len(units)
        sizes = list(units) if isinstance(units, (list, tuple)) else [units] * depth
        if len(sizes) != depth:
            raise ValueError(f"{cls.__name__}: units must be one integer or a list of depth={depth}, got {units!r}")
        layers = []
        for index, size in enumerate(sizes):
            layer = layer_class(
                size,
                return_sequences=return_sequences or index < depth - 1,
                return_state=return_state,
                dropout_mode=dropout_mode,
                seed=None if seed is None else seed + depth + 2 * index,  # a backward layer has the next one
                dtype=dtype,
                name=f"layer_{index}",
                **layer_arguments,
            )
            both = (
                Bidirectional(layer, merge_mode, dtype=dtype, name=f"bidirectional_{index}") if bidirectional else layer
            )
            layers.append(both)
        return cls(layers, residual, dropout, dropout_mode, layer_norm, seed, name=name, dtype=dtype)

    @property
    def return_sequences(self):
        return returns_sequences(self.layers[-1])

    @property
    def return_state(self):
        return returns_state(self.layers[-1])

    @property
    def state_sizes(self):
        """Features of each state of all layers, list of int, those of the lowest layer first."""
        return [size for layer in self.layers for size in state_sizes(layer)]

    def build(self, sequence_shape):
        shape = tuple(sequence_shape)
        for index, layer in enumerate(self.layers):
            below = shape
            if not layer.built:
                layer.build(below)
            shape = output_shape(layer, below)
            if self.residual and index and shape[-1] != below[-1]:
                expected = f"False where a layer changes the number of features; layers[{index}] does"
                self.refuse("residual", f"True for {below[-1]} and {shape[-1]} features", expected)
            if self.layer_norm:
                self.norms[index].build(below if self.layer_norm == "pre" else shape)

    def call(self, sequence, initial_state=None, mask=None, lengths=None, training=None):
        mask = self.mask_of_steps(sequence, mask, lengths)
        output, last_states = ops.cast(sequence, self.compute_dtype), []
        for index, (layer, state) in enumerate(zip(self.layers, self._by_layer(initial_state))):
            below = output
            if self.layer_norm == "pre":
                output = self.norms[index](output)
            if self.dropout and index:
                output = self.dropouts[index - 1](output, training=training)
            output, states = self.run_layer(layer, output, state, mask, training)
            if self.residual and index:
                output = output + (below if returns_sequences(layer) else self.last_step(below, mask=mask))
            if self.layer_norm == "post":
                output = self.norms[index](output)
            last_states += states
        return (output, *last_states) if self.return_state else output

    def _by_layer(self, initial_state):
        """One list of states for each layer, or None for each."""
        if initial_state is None:
            return [None] * len(self.layers)
        given, sizes = keras.tree.flatten(initial_state), self.state_sizes
        if len(given) != len(sizes):
            self.refuse("initial_state", len(given), f"a list of {len(sizes)} states, those of the lowest layer first")
        counts = [len(state_sizes(layer)) for layer in self.layers]
        starts = [sum(counts[:index]) for index in range(len(counts))]
        # A layer without a state gets None, not an empty list.
        return [given[start : start + count] or None for start, count in zip(starts, counts)]

    def compute_mask(self, sequence, previous_mask=None):
        return previous_mask if self.return_sequences else None

    def compute_output_shape(self, sequence_shape, **_):
        shape = tuple(sequence_shape)
        for layer in self.layers:
            shape = output_shape(layer, shape)
        states = [(shape[0], size) for size in self.state_sizes]
        return (shape, *states) if self.return_state else shape

    def get_config(self):
        options = ("residual", "dropout", "dropout_mode", "layer_norm", "seed")
        return {**super().get_config(), **{option: getattr(self, option) for option in options}}
