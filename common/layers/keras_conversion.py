"""Layers and weights from `keras.layers` to here and back: how people bring the models they have.

The arguments that both have mean the same and are taken over one by one, and so are the weights, which have the same names,
shapes and order. Where the two differ:

    stateful                            refused, pass the state yourself
    unroll, use_cudnn, implementation   how Keras computes, not what; left out
    zero_output_for_mask                refused, but in a Bidirectional, where Keras sets it itself: there the outputs at steps
                                        that are not real are zeros in Keras and repeat the last real one here
    an output before any real step      zeros in Keras, the initial state here
    recurrent_dropout                   Keras draws one mask for each gate and call, here the gates share one (`variational`)
    all that Keras lacks                refused by `to_keras` where it is in use: peephole, projection, zoneout, ...
"""

import inspect

import keras

from common.layers.bidirectional import Bidirectional
from common.layers.gru import GRU
from common.layers.lstm import LSTM
from common.layers.simple_rnn import SimpleRNN

_PAIRS = {keras.layers.SimpleRNN: SimpleRNN, keras.layers.GRU: GRU, keras.layers.LSTM: LSTM}
_HOW_KERAS_COMPUTES = ("unroll", "implementation", "use_cudnn")


def from_keras(layer):
    """Our layer that computes what a layer of Keras computes, with a copy of its weights.

    Args:
        layer: `keras.layers.SimpleRNN`, `GRU`, `LSTM`, or `Bidirectional` around one of these; with weights, or not built yet.

    Returns:
        `SimpleRNN`, `GRU`, `LSTM` or `Bidirectional` of the same name; built, if `layer` is.

    Raises:
        ValueError: for another layer, or an option that has no counterpart here.
    """
    if type(layer) is keras.layers.Bidirectional:
        forward, backward = (_one_from_keras(each, True) for each in (layer.forward_layer, layer.backward_layer))
        converted = Bidirectional(forward, layer.merge_mode, backward, **_of_every_layer(layer))
    else:
        converted = _one_from_keras(layer, False)
    return converted if not layer.built else _with_weights_of(layer, converted)


def to_keras(layer):
    """The layer of Keras that computes what one of ours computes, with a copy of its weights.

    Args:
        layer: `SimpleRNN`, `GRU`, `LSTM`, or `Bidirectional` around these; with weights, or not built yet.

    Returns:
        `keras.layers.SimpleRNN`, `GRU`, `LSTM` or `Bidirectional` of the same name; built, if `layer` is.

    Raises:
        ValueError: for another layer, or an option that Keras lacks and that is in use; the message names it.
    """
    if type(layer) is Bidirectional:
        forward, backward = (_one_to_keras(each) for each in (layer.forward_layer, layer.backward_layer))
        options = {"merge_mode": layer.merge_mode, "backward_layer": backward, **_of_every_layer(layer)}
        converted = keras.layers.Bidirectional(forward, **options)
    else:
        converted = _one_to_keras(layer)
    return converted if not layer.built else _with_weights_of(layer, converted)


def _one_from_keras(layer, in_bidirectional):
    ours = _PAIRS.get(type(layer))
    if ours is None:
        names = ", ".join(each.__name__ for each in _PAIRS)
        raise ValueError(f"from_keras: layer must be one of {names} or Bidirectional of keras.layers, got {layer!r}")
    config = {name: value for name, value in layer.get_config().items() if name not in _HOW_KERAS_COMPUTES}
    if in_bidirectional or not layer.return_sequences:
        config.pop("zero_output_for_mask", None)
    return ours(**{**config, "seed": layer.cell.seed})  # which the configuration of SimpleRNN forgets


def _one_to_keras(layer):
    theirs = {ours: theirs for theirs, ours in _PAIRS.items()}.get(type(layer))
    if theirs is None:
        names = ", ".join(each.__name__ for each in _PAIRS.values())
        raise ValueError(f"to_keras: layer must be one of {names} or Bidirectional of common.layers, got {layer!r}")
    config = layer.get_config()
    known = {*inspect.signature(theirs.__init__).parameters, "name", "trainable", "dtype"}
    if config.pop("dropout_mode") != "variational" and (layer.dropout or layer.recurrent_dropout):
        raise ValueError(
            f"to_keras: dropout_mode must be 'variational', got {layer.dropout_mode!r}: "
            f"keras.layers.{theirs.__name__} drops the same features at every step"
        )
    for option in config.keys() - known:
        value = config.pop(option)
        if any(value) if isinstance(value, list) else value:
            raise ValueError(
                f"to_keras: {option} must not be in use, got {value!r}: keras.layers.{theirs.__name__} has no such option"
            )
    return theirs(**config)


def _of_every_layer(layer):
    return {"name": layer.name, "trainable": layer.trainable, "dtype": layer.dtype_policy}


def _with_weights_of(layer, converted):
    forward = getattr(layer, "forward_layer", layer)
    converted.build((None, None, forward.cell.kernel.shape[0]))
    converted.set_weights(layer.get_weights())
    return converted
