"""What is decided by the device at hand: with a GPU a sequence is one chunk, several steps are one turn of the loop, and on JAX what a
step computes is one kernel. If this fails, a layer says or learns something else there."""

import importlib

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import GRU, LSTM, Bidirectional
from common.layers import backend as backends
from tests.conformance.differentiation import compiled, gradient_function

LAYERS = {
    "both directions": lambda: Bidirectional(LSTM(4, return_sequences=True)),
    "projected": lambda: LSTM(4, projection=3, return_sequences=True),
    "not additive": lambda: GRU(4, zoneout=0.1, return_sequences=True),
}
TIME = 19  # one turn of the loop and three steps on JAX, two turns and three steps on TensorFlow


@pytest.mark.parametrize("name", LAYERS)
def test_it_says_and_learns_the_same(name, monkeypatch):
    from common.layers import division, recurrence

    layer = LAYERS[name]()
    x = np.random.default_rng(0).normal(size=(3, TIME, 5)).astype("float32")
    layer.build(x.shape)

    def found():
        lengths = ops.convert_to_tensor([TIME, 1, 0])
        outputs = compiled(lambda x: layer(x, lengths=lengths))(x)
        loss = gradient_function(lambda x: ops.sum(layer(x, lengths=lengths) ** 2), layer.trainable_variables)
        return outputs, *compiled(loss)(x)

    monkeypatch.setattr(division, "ROWS", 4 * len(x))  # on a CPU chunks of four steps, the last one padded
    expected = found()
    for module in (division, recurrence, importlib.import_module(f"{backends.__name__}.{keras.backend.backend()}")):
        monkeypatch.setattr(module, "has_accelerator", lambda: True)
    for one, other in zip(found(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
