"""The cells that `test_cells.py` drives through one battery. A new cell joins by one row, with its equations in NumPy."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np

from common import layers
from tests.conformance.linear_cells import LINEAR_CELLS


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple_rnn_step(x, state, weights):
    kernel, recurrent_kernel, bias = weights
    return (np.tanh(x @ kernel + state[0] @ recurrent_kernel + bias),)


def relu_rnn_step(x, state, weights):
    kernel, recurrent_kernel = weights
    return (np.maximum(x @ kernel + state[0] @ recurrent_kernel, 0),)


def lstm_step(x, state, weights):
    kernel, recurrent_kernel, bias = weights
    i, f, g, o = np.split(x @ kernel + state[0] @ recurrent_kernel + bias, 4, axis=-1)
    cell = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def gru_step(x, state, weights):
    kernel, recurrent_kernel, bias = weights
    xz, xr, xn = np.split(x @ kernel + bias[0], 3, axis=-1)
    hz, hr, hn = np.split(state[0] @ recurrent_kernel + bias[1], 3, axis=-1)
    keep = sigmoid(xz + hz)
    return (keep * state[0] + (1 - keep) * np.tanh(xn + sigmoid(xr + hr) * hn),)


def gru_step_without_bias(x, state, weights):
    return gru_step(x, state, (*weights, np.zeros((2, weights[0].shape[1]))))


def gru_step_reset_before(x, state, weights):
    kernel, recurrent_kernel, bias = weights
    xz, xr, xn = np.split(x @ kernel + bias, 3, axis=-1)
    uz, ur, un = np.split(recurrent_kernel, 3, axis=-1)
    keep, reset = sigmoid(xz + state[0] @ uz), sigmoid(xr + state[0] @ ur)
    return (keep * state[0] + (1 - keep) * np.tanh(xn + (reset * state[0]) @ un),)


def peephole_step(x, state, weights):
    kernel, recurrent_kernel, bias, peephole = weights
    i, f, g, o = np.split(x @ kernel + state[0] @ recurrent_kernel + bias, 4, axis=-1)
    cell = sigmoid(f + peephole[1] * state[1]) * state[1] + sigmoid(i + peephole[0] * state[1]) * np.tanh(g)
    return sigmoid(o + peephole[2] * cell) * np.tanh(cell), cell


def coupled_step(x, state, weights):
    kernel, recurrent_kernel, bias = weights
    f, g, o = np.split(x @ kernel + state[0] @ recurrent_kernel + bias, 3, axis=-1)
    cell = sigmoid(f) * state[1] + (1 - sigmoid(f)) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def projection_step(x, state, weights):
    *weights, projection = weights
    hidden, cell = lstm_step(x, state, weights)
    return hidden @ projection, cell


def relu_lstm_step(x, state, weights):
    kernel, recurrent_kernel, bias = weights
    i, f, g, o = np.split(x @ kernel + state[0] @ recurrent_kernel + bias, 4, axis=-1)
    cell = sigmoid(f) * state[1] + sigmoid(i) * np.maximum(g, 0)
    return sigmoid(o) * np.maximum(cell, 0), cell


def normalized(x, gain):
    return gain * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3)


def layer_norm_lstm_step(x, state, weights):
    kernel, recurrent_kernel, bias, kernel_gain, recurrent_gain, state_gain, state_bias = weights
    total = normalized(x @ kernel, kernel_gain) + normalized(state[0] @ recurrent_kernel, recurrent_gain) + bias
    i, f, g, o = np.split(total, 4, axis=-1)
    cell = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(normalized(cell, state_gain) + state_bias), cell


def layer_norm_gru_step(x, state, weights):
    kernel, recurrent_kernel, bias, kernel_gain, recurrent_gain = weights
    xz, xr, xn = np.split(normalized(x @ kernel, kernel_gain) + bias[0], 3, axis=-1)
    hz, hr, hn = np.split(normalized(state[0] @ recurrent_kernel, recurrent_gain) + bias[1], 3, axis=-1)
    keep = sigmoid(xz + hz)
    return (keep * state[0] + (1 - keep) * np.tanh(xn + sigmoid(xr + hr) * hn),)


def slstm_step(x, state, weights):
    kernel, recurrent_kernel, bias = weights
    hidden, cell, normalizer, stabilizer = state
    i, f, z, o = np.split(x @ kernel + hidden @ recurrent_kernel + bias, 4, axis=-1)
    keep = -np.log1p(np.exp(-f)) + stabilizer
    new = np.where(normalizer == 0, i, np.maximum(keep, i))
    keep, write = np.where(normalizer == 0, 1, np.exp(keep - new)), np.exp(i - new)
    cell, normalizer = keep * cell + write * np.tanh(z), keep * normalizer + write
    return sigmoid(o) * cell / normalizer, cell, normalizer, new


def min_gru_step(x, state, weights):
    kernel, bias = weights
    write, candidate = np.split(x @ kernel + bias, 2, axis=-1)
    return ((1 - sigmoid(write)) * state[0] + sigmoid(write) * candidate,)


@dataclass(frozen=True)
class Row:
    """One cell.

    Attributes:
        name: of the test.
        layer: class over a sequence.
        cell: class of one step.
        step: NumPy reference of one step, `(x, state, weights) -> state`: float `[batch, features]`, tuple of float
            `[batch, units]`, and the weights in the order of `layer.get_weights()`.
        twin: Keras's own layer with the same weights, or None.
        arguments: constructor arguments of the layer beyond `units`.
        twin_arguments: those of Keras's layer.
        output: what the layer above sees of the state, in NumPy.
    """

    name: str
    layer: type
    cell: type
    step: Callable
    twin: type | None = None
    arguments: dict = field(default_factory=dict)
    twin_arguments: dict = field(default_factory=dict)
    output: Callable = lambda state: state[0]


CELLS = (
    Row("simple_rnn", layers.SimpleRNN, layers.SimpleRNNCell, simple_rnn_step, twin=keras.layers.SimpleRNN),
    Row(
        "simple_rnn_relu",
        layers.SimpleRNN,
        layers.SimpleRNNCell,
        relu_rnn_step,
        twin=keras.layers.SimpleRNN,
        arguments={"activation": "relu", "use_bias": False},
        twin_arguments={"activation": "relu", "use_bias": False},
    ),
    Row("lstm", layers.LSTM, layers.LSTMCell, lstm_step, twin=keras.layers.LSTM),
    Row("gru", layers.GRU, layers.GRUCell, gru_step, twin=keras.layers.GRU),
    Row(
        "gru_no_bias",
        layers.GRU,
        layers.GRUCell,
        gru_step_without_bias,
        twin=keras.layers.GRU,
        arguments={"use_bias": False},
        twin_arguments={"use_bias": False},
    ),
    Row(
        "gru_reset_before",
        layers.GRU,
        layers.GRUCell,
        gru_step_reset_before,
        twin=keras.layers.GRU,
        arguments={"reset_after": False},
        twin_arguments={"reset_after": False},
    ),
    Row(
        "lstm_relu",
        layers.LSTM,
        layers.LSTMCell,
        relu_lstm_step,
        twin=keras.layers.LSTM,
        arguments={"activation": "relu"},
        twin_arguments={"activation": "relu"},
    ),
    Row("lstm_peephole", layers.LSTM, layers.LSTMCell, peephole_step, arguments={"peephole": True}),
    Row("lstm_coupled", layers.LSTM, layers.LSTMCell, coupled_step, arguments={"coupled": True}),
    Row("lstm_projection", layers.LSTM, layers.LSTMCell, projection_step, arguments={"projection": 3}),
    Row("layer_norm_lstm", layers.LayerNormLSTM, layers.LayerNormLSTMCell, layer_norm_lstm_step),
    Row("layer_norm_gru", layers.LayerNormGRU, layers.LayerNormGRUCell, layer_norm_gru_step),
    Row("slstm", layers.SLSTM, layers.SLSTMCell, slstm_step),
    Row("min_gru", layers.MinGRU, layers.MinGRUCell, min_gru_step, output=lambda state: np.tanh(state[0])),
    *(Row(**row) for row in LINEAR_CELLS),
)
