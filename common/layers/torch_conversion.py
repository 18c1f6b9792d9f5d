"""Weights of `torch.nn.LSTM`, `GRU` and `RNN`, given as arrays, to a layer and back. PyTorch itself is not needed.

torch keeps weights as `[gates·units, features]`, two biases, and has the gates of a GRU in the order r, z, n; here it is
`[features, gates·units]`, one bias where their sum is all that counts, and z, r, n. Both mix states as `z * h + (1 - z) * n`.

torch's states are `[layers·directions, batch, units]`, here they are a list: of each layer, the lowest first, `h` and `c` of the
forward, then of the backward direction. Outputs behind the end of a packed sequence are zeros there and repeat the last real
one here.
"""

import re

import numpy as np

from common.layers.bidirectional import Bidirectional
from common.layers.gru import GRU
from common.layers.lstm import LSTM
from common.layers.simple_rnn import SimpleRNN
from common.layers.stacked_rnn import StackedRNN

_KINDS = {"lstm": (LSTM, 4), "gru": (GRU, 3), "rnn": (SimpleRNN, 1)}  # the layer, and its number of gates
_NONLINEARITIES = ("tanh", "relu")
_KEY = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)_l(\d+)(_reverse)?")
_LACKING = ("dropout", "recurrent_dropout", "zoneout", "learn_initial_state", "peephole", "coupled")


def from_torch(
    state_dict,
    kind="lstm",
    nonlinearity="tanh",
    prefix="",
    dropout=0.0,
    return_sequences=True,
    return_state=True,
    name=None,
):
    """The layer that computes what `torch.nn.LSTM`, `GRU` or `RNN` computes with these weights.

    Number of layers, directions, sizes, bias and projection are those of the arrays. Sequences are `[batch, time, features]`.

    Args:
        state_dict: dictionary of arrays, or of what NumPy makes arrays of, as in `module.state_dict()`.
        kind: `lstm`, `gru` or `rnn`.
        nonlinearity: `tanh` or `relu`, of `rnn`; torch does not save it.
        prefix: what the names begin with, e.g. `encoder.`; other names are left alone.
        dropout: between the layers in training, as torch's, drawn anew at each step; torch does not save it.
        return_sequences, return_state: as in every layer; both by default, as in torch.
        name: of the result.

    Returns:
        A built `LSTM`, `GRU` or `SimpleRNN`, a `Bidirectional` of it, or a `StackedRNN` of several.

    Raises:
        ValueError: for a kind or nonlinearity that there is not, or names or shapes that are not those of the kind.
    """
    if kind not in _KINDS:
        raise ValueError(f"from_torch: kind must be one of {tuple(_KINDS)}, got {kind!r}")
    if nonlinearity not in _NONLINEARITIES or (nonlinearity != "tanh" and kind != "rnn"):
        raise ValueError(
            f"from_torch: nonlinearity must be one of {_NONLINEARITIES}, and tanh for lstm and gru, got {nonlinearity!r}"
        )
    parts = _by_layer_and_direction(state_dict, prefix)
    depth, both = len(parts) // (2 if (0, True) in parts else 1), (0, True) in parts
    layers = []
    for index in range(depth):
        options = {
            "return_sequences": return_sequences or index < depth - 1,
            "return_state": return_state,
            "name": f"layer_{index}" if both or depth > 1 else name,
        }
        if kind == "rnn":
            options["activation"] = nonlinearity
        arrays = [parts[index, reverse] for reverse in ((False, True) if both else (False,))]
        weights = [_from_torch_order(kind, each, f"{prefix}*_l{index}") for each in arrays]
        cls, gates = _KINDS[kind]
        if "weight_hr" in arrays[0]:
            options["projection"] = arrays[0]["weight_hr"].shape[0]
        layer = cls(weights[0][0].shape[1] // gates, use_bias="bias_ih" in arrays[0], **options)
        if both:
            layer = Bidirectional(layer, name=name if depth == 1 else f"bidirectional_{index}")
        layer.build((None, None, weights[0][0].shape[0]))
        layer.set_weights([array for each in weights for array in each])
        layers.append(layer)
    if depth == 1:
        return layers[0]
    stack = StackedRNN(layers, dropout=dropout, dropout_mode="per_step", name=name)
    stack.build((None, None, parts[0, False]["weight_ih"].shape[1]))
    return stack


def to_torch(layer):
    """The state dictionary of the `torch.nn.LSTM`, `GRU` or `RNN` that computes what a layer computes.

    Of the two biases that torch adds, the second is zero for LSTM and RNN. Dropout between layers is not saved by torch.

    Args:
        layer: a built `LSTM`, `GRU` or `SimpleRNN`, a `Bidirectional` of one of these that joins its outputs, or a `StackedRNN`
            of layers that are all alike.

    Returns:
        Dictionary from names as `weight_ih_l0` to float32 arrays, for `load_state_dict` after `torch.from_numpy`.

    Raises:
        ValueError: for another layer, one without weights yet, or an option that torch lacks; the message names it.
    """
    layers = [layer]
    if isinstance(layer, StackedRNN):
        layers = layer.layers
        for option in ("residual", "layer_norm"):
            _expect(not getattr(layer, option), option, getattr(layer, option), "not in use, torch has no such option")
    single = [[each] if not isinstance(each, Bidirectional) else _both(each) for each in layers]
    first, found = single[0][0], {}
    for index, directions in enumerate(single):
        same = len(directions) == len(single[0])
        _expect(same, f"directions of layer {index}", len(directions), f"{len(single[0])}, as of the first")
        for each, suffix in zip(directions, ("", "_reverse")):
            _check_alike(each, first, backwards=suffix == "_reverse")
            for part, array in _to_torch_order(each).items():
                found[f"{part}_l{index}{suffix}"] = array
    return found


def _by_layer_and_direction(state_dict, prefix):
    """Arrays by the first part of their names, of each layer and direction: `{(0, False): {"weight_ih": ...}}`."""
    parts = {}
    for key, value in state_dict.items():
        if not key.startswith(prefix):
            continue
        match = _KEY.fullmatch(key[len(prefix) :])
        if not match:
            raise ValueError(
                f"from_torch: names must be such as {prefix}weight_ih_l0, got {key!r}; prefix says what they begin with"
            )
        parts.setdefault((int(match[2]), bool(match[3])), {})[match[1]] = np.asarray(value, "float32")
    first = set(parts.get((0, False), {}))
    directions = (False, True) if (0, True) in parts else (False,)
    expected = {(index, reverse) for index in range(len(parts) // len(directions)) for reverse in directions}
    complete = {"weight_ih", "weight_hh"} <= first and ("bias_ih" in first) == ("bias_hh" in first)
    if not complete or set(parts) != expected or any(set(each) != first for each in parts.values()):
        raise ValueError(
            f"from_torch: state_dict must have weight_ih and weight_hh of every layer and direction under prefix {prefix!r}, and "
            f"the same others for each, got {sorted(state_dict)}"
        )
    return parts


def _from_torch_order(kind, arrays, label):
    """The weights of one layer and direction in the order in which ours has them."""
    gates = _KINDS[kind][1]
    rows, seen = arrays["weight_hh"].shape if arrays["weight_hh"].ndim == 2 else (0, 0)
    units = arrays["weight_hr"].shape[1] if "weight_hr" in arrays else seen
    expected = {
        "weight_ih": (gates * units, arrays["weight_ih"].shape[-1]),
        "weight_hh": (gates * units, seen),
        "bias_ih": (gates * units,),
        "bias_hh": (gates * units,),
        "weight_hr": (seen, units),
    }
    for part, array in arrays.items():
        if array.shape != expected[part] or not rows or (part == "weight_hr" and kind != "lstm"):
            raise ValueError(
                f"from_torch: {part} of {label} must be {expected[part]} for kind={kind!r}, got shape {array.shape}"
            )
    weights = [_swap_gates(kind, arrays[part].T) for part in ("weight_ih", "weight_hh")]
    if "bias_ih" in arrays:
        biases = [_swap_gates(kind, arrays[part]) for part in ("bias_ih", "bias_hh")]
        weights.append(np.stack(biases) if kind == "gru" else biases[0] + biases[1])
    return [*weights, arrays["weight_hr"].T] if "weight_hr" in arrays else weights


def _to_torch_order(layer):
    kind = next(kind for kind, (cls, _) in _KINDS.items() if cls is type(layer))
    kernel, recurrent_kernel, *rest = layer.get_weights()
    found = {"weight_ih": _swap_gates(kind, kernel).T, "weight_hh": _swap_gates(kind, recurrent_kernel).T}
    if layer.cell.use_bias:
        bias = rest.pop(0)
        bias_ih, bias_hh = bias if kind == "gru" else (bias, np.zeros_like(bias))
        found |= {"bias_ih": _swap_gates(kind, bias_ih), "bias_hh": _swap_gates(kind, bias_hh)}
    if rest:
        found["weight_hr"] = rest[0].T
    return {part: np.ascontiguousarray(array, "float32") for part, array in found.items()}


def _swap_gates(kind, array):
    """The first two of the three gates of a GRU change places; along the last axis, the same in both directions."""
    if kind != "gru":
        return array
    first, second, third = np.split(array, 3, axis=-1)
    return np.concatenate([second, first, third], axis=-1)


def _both(layer):
    _expect(layer.merge_mode == "concat", "merge_mode", layer.merge_mode, "'concat', as in torch")
    return [layer.forward_layer, layer.backward_layer]


def _check_alike(layer, first, backwards):
    """Raises ValueError for what torch lacks, or has once for all layers."""
    classes = tuple(cls for cls, _ in _KINDS.values())
    _expect(type(layer) in classes, "layer", layer, f"one of {', '.join(each.__name__ for each in classes)}")
    _expect(layer.built, "layer", layer, "built, so that it has weights")
    _expect(layer.go_backwards == backwards, "go_backwards", layer.go_backwards, "True in a Bidirectional only")
    config = layer.get_config()
    for option in _LACKING:
        value = config.get(option, False)
        in_use = any(value) if isinstance(value, list) else value
        _expect(not in_use, option, value, "not in use, torch has no such option")
    _expect(config.get("reset_after", True), "reset_after", False, "True, as in torch")
    squash = config.get("recurrent_activation", "sigmoid")
    _expect(squash == "sigmoid", "recurrent_activation", squash, "sigmoid, as in torch")
    allowed = _NONLINEARITIES if isinstance(layer, SimpleRNN) else ("tanh",)
    _expect(config["activation"] in allowed, "activation", config["activation"], f"one of {allowed}, as in torch")
    _expect(type(layer) is type(first), "layer", layer, f"{type(first).__name__}, as the first one")
    for option in ("units", "use_bias", "activation", "projection"):
        value, expected = config.get(option), first.get_config().get(option)
        _expect(value == expected, option, value, f"{expected!r}, as in the first layer: torch has one for all")


def _expect(condition, label, value, expected):
    if not condition:
        raise ValueError(f"to_torch: {label} must be {expected}, got {value!r}")
