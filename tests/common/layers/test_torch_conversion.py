"""Weights that move in from PyTorch, and back. If these fail, somebody's trained model answers something else here."""

import keras
import numpy as np
import pytest

from common.layers import GRU, LSTM, Bidirectional, LayerNormLSTM, SimpleRNN, StackedRNN, from_torch, to_torch
from tests.conformance.cell_battery import BATCH, FEATURES, TIME, UNITS, assert_close, randoms
from tests.conformance.cells import sigmoid


def filled(layer):
    layer.build((None, None, FEATURES))
    layer.set_weights([0.5 * randoms(*weight.shape, seed=seed) for seed, weight in enumerate(layer.get_weights())])
    return layer


# --- PyTorch: its documented equations in NumPy

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
SHAPES = {"one": (1, False), "both_directions": (1, True), "three_layers": (3, False), "two_layers_both": (2, True)}
each_kind = pytest.mark.parametrize("kind", GATES)
each_shape = pytest.mark.parametrize(("depth", "both"), SHAPES.values(), ids=SHAPES)


def torch_arrays(kind, depth, both, projection=None, bias=True):
    """A state dictionary as PyTorch's modules have it."""
    width, seen, found = GATES[kind] * UNITS, projection or UNITS, {}
    for index in range(depth):
        features = FEATURES if index == 0 else seen * (2 if both else 1)
        for suffix in ("", "_reverse")[: 2 if both else 1]:
            shapes = {"weight_ih": (width, features), "weight_hh": (width, seen)}
            shapes |= {"bias_ih": (width,), "bias_hh": (width,)} if bias else {}
            shapes |= {"weight_hr": (projection, UNITS)} if projection else {}
            for part, shape in shapes.items():
                found[f"{part}_l{index}{suffix}"] = 0.5 * randoms(*shape, seed=len(found))
    return found


def torch_step(kind, x, state, w, activation=np.tanh):
    """The equations in the documentation of `torch.nn.LSTM`, `GRU` and `RNN`."""
    from_x, from_h = x @ w["weight_ih"].T + w.get("bias_ih", 0), state[0] @ w["weight_hh"].T + w.get("bias_hh", 0)
    if kind == "rnn":
        return (activation(from_x + from_h),)
    if kind == "gru":
        (xr, xz, xn), (hr, hz, hn) = (np.split(each, 3, axis=-1) for each in (from_x, from_h))
        z = sigmoid(xz + hz)
        return ((1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn) + z * state[0],)
    i, f, g, o = np.split(from_x + from_h, 4, axis=-1)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (h @ w["weight_hr"].T if "weight_hr" in w else h), c


def torch_reference(kind, arrays, x, lengths, activation=np.tanh):
    """Outputs, zeros behind the end of each row, and last states in the order of ours; from zeros."""
    last, depth = [], 1 + max(int(key.split("_l")[1].split("_")[0]) for key in arrays)
    for index in range(depth):
        outputs = []
        for suffix in ("", "_reverse"):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
            w = {name: arrays[f"{name}_l{index}{suffix}"] for name in names if f"{name}_l{index}{suffix}" in arrays}
            if not w:
                continue
            sizes = [w["weight_hh"].shape[1], UNITS][: 2 if kind == "lstm" else 1]
            output = np.zeros((*x.shape[:2], sizes[0]))
            ends = [np.zeros((len(x), size)) for size in sizes]
            for row, length in enumerate(lengths):
                state = [np.zeros((1, size)) for size in sizes]
                for step in range(length) if not suffix else reversed(range(length)):
                    state = torch_step(kind, x[row : row + 1, step], state, w, activation)
                    output[row, step] = state[0][0]
                for end, value in zip(ends, state, strict=True):
                    end[row] = value[0]
            outputs.append(output)
            last += ends
        x = np.concatenate(outputs, axis=-1)
    return x, last


def assert_same_at_real_steps(layer, expected, expected_last, sequence, lengths):
    output, *last = layer(sequence, lengths=np.asarray(lengths))
    real = np.arange(sequence.shape[1]) < np.asarray(lengths)[:, None]
    assert_close([np.asarray(output)[real], *last], [expected[real], *expected_last])


LENGTHS = [TIME, 4, 1, 0]


@each_kind
@each_shape
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
def test_layers_of_torch_compute_its_documented_equations(kind, depth, both, bias):
    arrays, sequence = torch_arrays(kind, depth, both, bias=bias), randoms(BATCH, TIME, FEATURES)
    layer = from_torch(arrays, kind)
    assert_same_at_real_steps(layer, *torch_reference(kind, arrays, sequence, LENGTHS), sequence, LENGTHS)
    returned = to_torch(layer)
    assert {key: value.shape for key, value in returned.items()} == {key: value.shape for key, value in arrays.items()}
    assert_close(
        torch_reference(kind, returned, sequence, LENGTHS)[1], torch_reference(kind, arrays, sequence, LENGTHS)[1]
    )
    assert type(layer) is ({(1, False): layer_class(kind), (1, True): Bidirectional}.get((depth, both), StackedRNN))


def layer_class(kind):
    return {"lstm": LSTM, "gru": GRU, "rnn": SimpleRNN}[kind]


@each_shape
def test_a_projected_lstm_of_torch_computes_its_documented_equations(depth, both):
    arrays, sequence = torch_arrays("lstm", depth, both, projection=2), randoms(BATCH, TIME, FEATURES)
    layer = from_torch(arrays, "lstm")
    assert_same_at_real_steps(layer, *torch_reference("lstm", arrays, sequence, LENGTHS), sequence, LENGTHS)
    assert set(to_torch(layer)) == set(arrays)


def test_a_rectified_network_of_torch_is_one_here():
    arrays, sequence = torch_arrays("rnn", 2, True), randoms(BATCH, TIME, FEATURES)
    expected = torch_reference("rnn", arrays, sequence, LENGTHS, lambda x: np.maximum(x, 0))
    layer = from_torch(arrays, "rnn", nonlinearity="relu")
    assert_same_at_real_steps(layer, *expected, sequence, LENGTHS)


@each_kind
def test_what_comes_from_torch_is_saved_and_loaded(kind, tmp_path):
    layer = from_torch(torch_arrays(kind, 2, True), kind, dropout=0.1, return_state=False, name="moved")
    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    sequence = randoms(BATCH, TIME, FEATURES)
    assert_close(keras.saving.load_model(tmp_path / "model.keras")(sequence), model(sequence))
    assert (layer.name, layer.dropout, layer.dropout_mode) == ("moved", 0.1, "per_step")


def test_a_part_of_a_larger_state_dictionary_is_read():
    arrays, sequence = torch_arrays("gru", 1, False), randoms(BATCH, TIME, FEATURES)
    whole = {"embedding.weight": np.zeros((2, 2)), **{f"encoder.{key}": value for key, value in arrays.items()}}
    options = {"return_sequences": False, "return_state": False}
    assert_close(
        from_torch(whole, "gru", prefix="encoder.", **options)(sequence), from_torch(arrays, "gru", **options)(sequence)
    )


ARRAYS = torch_arrays("lstm", 2, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "LSTM"}, "kind must be one of.*got 'LSTM'"),
        ({"nonlinearity": "relu"}, "nonlinearity must be.*tanh for lstm.*got 'relu'"),
        ({"kind": "gru"}, r"weight_\w+ of \*_l0 must be \(15, .*kind='gru', got shape \(20, "),
        ({"prefix": "encoder."}, r"weight_ih and weight_hh.*'encoder.'"),
        ({"state_dict": {**ARRAYS, "weight": 1}}, "names must be such as weight_ih_l0, got 'weight'"),
        ({"state_dict": {key: ARRAYS[key] for key in ARRAYS if key != "bias_hh_l1"}}, "the same others for each"),
        ({"state_dict": {key: ARRAYS[key] for key in ARRAYS if "l0" not in key}}, "of every layer"),
        ({"state_dict": {**ARRAYS, "bias_ih_l1": np.zeros(3)}}, r"bias_ih of \*_l1 must be \(20,\).*got shape \(3,\)"),
    ],
)
def test_what_does_not_fit_a_kind_of_torch_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        from_torch(**{"state_dict": ARRAYS, **arguments})


def stack(*layers_, **options):
    return filled(StackedRNN(list(layers_), **options))


S = {"return_sequences": True}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: filled(LayerNormLSTM(3)), "layer must be one of LSTM, GRU, SimpleRNN.*LayerNormLSTM"),
        (lambda: LSTM(3), "layer must be built"),
        (lambda: filled(LSTM(3, go_backwards=True)), "go_backwards must be True in a Bidirectional only, got True"),
        (lambda: filled(LSTM(3, peephole=True)), "peephole must be not in use, torch has no such option, got True"),
        (lambda: filled(LSTM(3, coupled=True)), "coupled must be not in use"),
        (lambda: filled(LSTM(3, zoneout=0.1)), "zoneout must be not in use"),
        (lambda: filled(LSTM(3, recurrent_dropout=0.1)), "recurrent_dropout must be not in use"),
        (lambda: filled(LSTM(3, learn_initial_state=True)), "learn_initial_state must be not in use"),
        (lambda: filled(GRU(3, reset_after=False)), "reset_after must be True"),
        (lambda: filled(GRU(3, recurrent_activation="hard_sigmoid")), "recurrent_activation must be sigmoid.*hard_s"),
        (lambda: filled(GRU(3, activation="relu")), "activation must be one of.*'tanh'.*got 'relu'"),
        (
            lambda: filled(Bidirectional(GRU(3), merge_mode="sum")),
            "merge_mode must be 'concat', as in torch, got 'sum'",
        ),
        (lambda: stack(GRU(3, **S), GRU(4)), "units must be 3, as in the first layer.*got 4"),
        (lambda: stack(GRU(3, **S), LSTM(3)), "layer must be GRU, as the first one"),
        (lambda: stack(GRU(3, **S), Bidirectional(GRU(3))), "directions of layer 1 must be 1.*got 2"),
        (lambda: stack(GRU(3, **S), GRU(3), residual=True), "residual must be not in use"),
        (lambda: stack(GRU(3, **S), GRU(3), layer_norm="pre"), "layer_norm must be not in use.*'pre'"),
    ],
)
def test_what_cannot_move_to_torch_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        to_torch(make())


# --- PyTorch itself, where it is installed


def torch_module(kind, depth, both, projection=0, **options):
    torch = pytest.importorskip("torch")
    cls = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[kind]
    if projection:
        options["proj_size"] = projection
    torch.manual_seed(0)
    return torch, cls(FEATURES, UNITS, depth, batch_first=True, bidirectional=both, **options)


def run_torch(torch, module, sequence, lengths):
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(sequence), lengths, batch_first=True)
    with torch.no_grad():
        output, states = module(packed)
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=True, total_length=TIME)
    states = states if isinstance(states, tuple) else (states,)
    return output.numpy(), [each.numpy() for pair in zip(*states, strict=True) for each in pair]


@each_shape
@pytest.mark.parametrize(("kind", "projection"), [("lstm", 0), ("lstm", 2), ("gru", 0), ("rnn", 0)])
def test_equals_torch_with_padding_and_moves_back(kind, projection, depth, both):
    torch, module = torch_module(kind, depth, both, projection)
    sequence, lengths = randoms(BATCH, TIME, FEATURES), [TIME, 4, 2, 1]
    layer = from_torch({key: value.numpy() for key, value in module.state_dict().items()}, kind)
    expected, last = run_torch(torch, module, sequence, lengths)
    assert_same_at_real_steps(layer, expected, last, sequence, lengths)
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
    module.load_state_dict({key: torch.from_numpy(value) for key, value in to_torch(layer).items()})
    again, again_last = run_torch(torch, module, sequence, lengths)
    assert_close([again, *again_last], [expected, *last])
