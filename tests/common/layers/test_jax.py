"""The layers run on JAX, too, without TensorFlow. If this fails, `KERAS_BACKEND=jax` trains something else, or nothing."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from common.layers import LSTM, Bidirectional
from tests.conformance.differentiation import gradients

REPOSITORY = Path(__file__).parents[3]
SCRIPT = """
import sys
import common.layers
assert "tensorflow" not in sys.modules
from tests.common.layers.test_jax import gradients_of_a_layer
import numpy as np
np.savez(sys.argv[1], *gradients_of_a_layer())
"""


def gradients_of_a_layer():
    random = np.random.default_rng(0)
    layer = Bidirectional(LSTM(4, return_sequences=True))
    layer.build((None, None, 3))
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.get_weights()])
    sequence, mask = random.normal(size=(2, 5, 3)).astype("float32"), np.arange(5) < np.array([[3], [5]])
    return gradients(lambda x: ops.sum(layer(x, mask=mask) ** 2), layer.trainable_variables, [sequence])


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX, which is not installed")
def test_gradients_on_jax_are_those_on_tensorflow(tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "jax.npz"], check=True, cwd=REPOSITORY, env=environment)
    with np.load(tmp_path / "jax.npz") as found:
        for on_jax, on_tensorflow in zip(found.values(), gradients_of_a_layer(), strict=True):
            np.testing.assert_allclose(on_jax, on_tensorflow, rtol=1e-4, atol=1e-5)
