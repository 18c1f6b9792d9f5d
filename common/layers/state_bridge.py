"""From the last states of an encoder to the first state of a decoder."""

import keras
from keras import ops

from common.layers.sequence_wrapper import SequenceWrapper

BRIDGE_MODES = ("dense", "sum", "forward")


@keras.saving.register_keras_serializable(package="unroll")
class StateBridge(SequenceWrapper):
    """Makes the initial state of a decoder from the states of an encoder that read in both directions.

        encoder = Bidirectional(LSTM(64, return_sequences=True, return_state=True))
        decoder = GRU(100, return_sequences=True)
        memory, *states = encoder(source)
        output = decoder(target, initial_state=StateBridge(decoder.state_sizes)(states))

    Args:
        state_sizes: list of positive int, features of each state of the decoder: `decoder.state_sizes`.
        mode: `dense` (default): each is a learned `activation(W·[all states of the layer] + b)`, whatever the encoder's cell and
            size. `sum`: forward plus backward state, one by one. `forward`: the states of the forward layer as they are. The
            last two learn nothing and need a decoder of the encoder's cell and size.
        layers: positive int, number of layers that both are stacks of: the states of layer n of the encoder go to layer n of
            the decoder. 1 (default) mixes all.
        activation: of `dense`, `tanh` (default) or any Keras activation.

    Call arguments:
        states: list of float `[batch, units]`, as `Bidirectional` or a `StackedRNN` returns them: those of the lowest layer
            first, in each those of forward first. Where layers have different numbers of states, a list with one list for each.

    Returns:
        List of float32 `[batch, size]`, one for each of `state_sizes`.

    Raises:
        ValueError: for sizes, a mode or a number of layers that are none, or states that do not fit.

    Reference:
        Sutskever et al. 2014, arXiv:1409.3215, give the state over as it is; a learned one is that of Bahdanau et al. 2015,
        arXiv:1409.0473.
    """

    def __init__(self, state_sizes, mode="dense", layers=1, activation="tanh", **kwargs):
        super().__init__(**kwargs)
        sizes = list(state_sizes) if isinstance(state_sizes, (list, tuple)) else [state_sizes]
        if not sizes or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
            self.refuse("state_sizes", state_sizes, "a list of positive integers")
        if mode not in BRIDGE_MODES:
            self.refuse("mode", mode, f"one of {BRIDGE_MODES}")
        if isinstance(layers, bool) or not isinstance(layers, int) or layers < 1 or len(sizes) % layers:
            self.refuse("layers", layers, f"a positive integer that divides the number of states, {len(sizes)}")
        self.state_sizes, self.mode, self.layer_count = sizes, mode, layers
        self.activation = keras.activations.get(activation)

    def _by_layer(self, states):
        """States or shapes of the encoder, and sizes of the decoder, of each layer: list of pairs of lists."""
        if not isinstance(states, (list, tuple)) or not len(states) or isinstance(states[0], (int, type(None))):
            self.refuse("states", states, "a list of states")
        nested = isinstance(states[0], (list, tuple)) and not isinstance(states[0][0], (int, type(None)))
        if nested:
            given = [list(each) for each in states]
        elif len(states) % self.layer_count:
            self.refuse("number of states", len(states), f"a multiple of layers={self.layer_count}")
        else:
            given = _parts(list(states), self.layer_count)
        if len(given) != self.layer_count:
            self.refuse("number of lists of states", len(given), f"layers={self.layer_count}")
        return list(zip(given, _parts(self.state_sizes, self.layer_count)))

    def build(self, states_shape):
        self.dense_layers = []
        for index, (shapes, sizes) in enumerate(self._by_layer(states_shape)):
            widths = [shape[-1] for shape in shapes]
            if self.mode == "dense":
                dense = keras.layers.Dense(sum(sizes), self.activation, dtype=self.dtype_policy, name=f"dense_{index}")
                dense.build((None, sum(widths)))
                self.dense_layers.append(dense)
            elif widths[: len(sizes)] != sizes or (self.mode == "sum" and widths[len(sizes) :] != sizes):
                expected = f"those of the decoder, {sizes}, in each direction for mode={self.mode!r}"
                self.refuse("sizes of states", widths, expected)

    def call(self, states):
        results = []
        for index, (given, sizes) in enumerate(self._by_layer(states)):
            if self.mode == "dense":
                joined = ops.concatenate([ops.cast(state, self.compute_dtype) for state in given], axis=-1)
                dense, start = self.dense_layers[index](joined), 0
                for size in sizes:
                    results.append(dense[:, start : start + size])
                    start += size
            else:
                forward, backward = given[: len(sizes)], given[len(sizes) :]
                both = self.mode == "sum"
                results += [one + other for one, other in zip(forward, backward)] if both else forward
        return [ops.cast(each, "float64" if self.compute_dtype == "float64" else "float32") for each in results]

    def compute_output_shape(self, states_shape):
        first = states_shape[0]
        batch = first[0][0] if isinstance(first[0], (list, tuple)) else first[0]
        return [(batch, size) for size in self.state_sizes]

    def compute_mask(self, states, previous_mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "state_sizes": self.state_sizes,
            "mode": self.mode,
            "layers": self.layer_count,
            "activation": keras.activations.serialize(self.activation),
        }


def _parts(items, count):
    """A list cut into `count` of the same length."""
    length = len(items) // count
    return [items[start : start + length] for start in range(0, len(items), length)]
