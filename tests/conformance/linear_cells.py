"""The cells that are linear or elementwise in their state, in NumPy, and their rows of `tests.conformance.cells`.

Each entry has the arguments of `Row`.
"""

import numpy as np

from common import layers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def min_lstm_step(x, state, weights):
    kernel, bias = weights
    f, i, candidate = np.split(x @ kernel + bias, 3, axis=-1)
    f, i = sigmoid(f), sigmoid(i)
    return (f / (f + i) * state[0] + i / (f + i) * candidate,)


def rglru_step(x, state, weights):
    kernel, bias, (of_recurrence, of_input), gate_bias, decay = weights
    v = x @ kernel + bias
    r, i = (sigmoid(v @ block[0] + b) for block, b in zip((of_recurrence, of_input), np.split(gate_bias, 2)))
    a = np.exp(-8 * np.log1p(np.exp(decay)) * r)
    return (a * state[0] + np.sqrt(1 - a**2) * i * v,)


def rglru_step_in_blocks(x, state, weights):
    kernel, bias, gates, *rest = weights
    dense = np.stack([np.diag(gate[:, 0, 0]) for gate in gates])[:, None]  # blocks of one unit
    return rglru_step(x, state, (kernel, bias, dense, *rest))


def lru_step(x, state, weights):
    kernel, bias, decay, frequency, scale, output_kernel = weights
    real, imaginary, around = np.split(x @ kernel + bias, 3, axis=-1)
    new = np.exp(-np.exp(decay) + 1j * np.exp(frequency)) * (state[1] + 1j * state[2])
    new = new + np.exp(scale) * (real + 1j * imaginary)
    c = output_kernel[: len(decay)] - 1j * output_kernel[len(decay) :]
    return (new @ c).real + around, new.real, new.imag


def indrnn_step(x, state, weights):
    kernel, bias, recurrent = weights
    return (np.maximum(x @ kernel + bias + recurrent * state[0], 0),)


def sru_step(x, state, weights):
    kernel, bias, peephole = weights
    f, r, candidate, around = np.split(x @ kernel + bias, 4, axis=-1)
    f, r = sigmoid(f + peephole[0] * state[1]), sigmoid(r + peephole[1] * state[1])
    cell = f * state[1] + (1 - f) * candidate
    return r * cell + (1 - r) * around, cell


def qrnn_step(x, state, weights):
    kernel, bias = weights
    seen = np.concatenate([*state[2:], x], axis=-1)
    z, f, o = np.split(seen @ kernel.reshape(-1, kernel.shape[2]) + bias, 3, axis=-1)
    cell = sigmoid(f) * state[1] + (1 - sigmoid(f)) * np.tanh(z)
    return (sigmoid(o) * cell, cell, *([seen[:, x.shape[1] :]] if len(kernel) > 1 else []))


def mlstm_step(x, state, weights, heads=1):
    kernel, bias = weights
    units, batch = state[0].shape[1], len(x)
    cuts = [units, 2 * units, 3 * units, 4 * units, 4 * units + heads]
    *wide, i, f = np.split(x @ kernel + bias, cuts, axis=-1)
    q, k, v = (each.reshape(batch, heads, -1) for each in wide[:3])
    k, log_f = k / np.sqrt(k.shape[-1]), -np.log1p(np.exp(-f))
    m = np.maximum(log_f + state[3], i)
    keep, write = np.exp(log_f + state[3] - m)[..., None], np.exp(i - m)[..., None]
    memory = keep[..., None] * state[1].reshape(batch, heads, *2 * [units // heads])
    memory = memory + (write * v)[..., None] * k[..., None, :]
    n = keep * state[2].reshape(batch, heads, -1) + write * k
    h = np.einsum("bhvk,bhk->bhv", memory, q) / np.maximum(np.abs((n * q).sum(-1)), np.exp(-m))[..., None]
    return sigmoid(wide[3]) * h.reshape(batch, -1), memory.reshape(batch, -1), n.reshape(batch, -1), m


def mlstm_step_with_five_heads(x, state, weights):
    return mlstm_step(x, state, weights, heads=5)


LINEAR_CELLS = (
    {
        "name": "min_lstm",
        "layer": layers.MinLSTM,
        "cell": layers.MinLSTMCell,
        "step": min_lstm_step,
        "output": lambda state: np.tanh(state[0]),
    },
    {"name": "rglru", "layer": layers.RGLRU, "cell": layers.RGLRUCell, "step": rglru_step},
    {
        "name": "rglru_blocks",
        "layer": layers.RGLRU,
        "cell": layers.RGLRUCell,
        "step": rglru_step_in_blocks,
        "arguments": {"blocks": 5},
    },
    {"name": "lru", "layer": layers.LRU, "cell": layers.LRUCell, "step": lru_step},
    {"name": "indrnn", "layer": layers.IndRNN, "cell": layers.IndRNNCell, "step": indrnn_step},
    {"name": "sru", "layer": layers.SRU, "cell": layers.SRUCell, "step": sru_step},
    {"name": "qrnn", "layer": layers.QRNN, "cell": layers.QRNNCell, "step": qrnn_step},
    {
        "name": "qrnn_width_3",
        "layer": layers.QRNN,
        "cell": layers.QRNNCell,
        "step": qrnn_step,
        "arguments": {"width": 3},
    },
    {
        "name": "qrnn_width_1",
        "layer": layers.QRNN,
        "cell": layers.QRNNCell,
        "step": qrnn_step,
        "arguments": {"width": 1},
    },
    {"name": "mlstm", "layer": layers.MLSTM, "cell": layers.MLSTMCell, "step": mlstm_step},
    {
        "name": "mlstm_heads",
        "layer": layers.MLSTM,
        "cell": layers.MLSTMCell,
        "step": mlstm_step_with_five_heads,
        "arguments": {"heads": 5},
    },
)
