"""Draws how the gradient of a SimpleRNN depends on the scale of its recurrent kernel, for docs/gradients.md:
`python docs/drawings/gradient_scales.py`.

The recurrent kernel is orthogonal times a number, as it is before training with the number 1. Measured as the verb `diagnose`
does it, on inputs of noise and not on an application's data; without the tanh, which would hide the scale, and once with it.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from common.layers import SimpleRNN
from common.training.diagnose import fresh_readout, norms_through_time, plot_norms

PICTURE = Path(__file__).parents[1] / "explained" / "gradient_scales.png"
CASES = ((0.9, "linear"), (1.0, "linear"), (1.1, "linear"), (1.1, "tanh"))  # scale, activation
EXAMPLES, STEPS, FEATURES, UNITS = 16, 60, 8, 64
NOISE = 0.2  # standard deviation of the inputs


def main() -> int:
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    inputs = random.normal(scale=NOISE, size=(EXAMPLES, STEPS, FEATURES)).astype("float32")
    readout = fresh_readout(random.integers(0, 2, EXAMPLES), UNITS, classes=2)
    norms = {}
    for scale, activation in CASES:
        kernel = keras.initializers.Orthogonal(gain=scale, seed=1)
        layer = SimpleRNN(UNITS, activation=activation, recurrent_initializer=kernel)
        norms[f"scale {scale}, {activation}"] = norms_through_time(layer.cell, inputs, None, readout)
    plot_norms(norms, PICTURE)
    PICTURE.with_suffix(".json").unlink()  # its numbers stand in the picture
    return 0


if __name__ == "__main__":
    sys.exit(main())
