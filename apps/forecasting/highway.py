"""A linear map beside the recurrent network, fitted by ridge regression before the network is trained.

Much of many series is linear in their past, and a closed form finds it without steps, without noise and with just as much
shrinkage as validation data ask for. The network learns what is left.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

# Penalties that are tried, as shares of the mean square of the inputs.
PENALTIES = (1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
# Windows times targets that a fit looks at; those of validation are kept in memory meanwhile.
_MOST_ROWS, _MOST_VALIDATION_ROWS = 200_000, 20_000


@keras.saving.register_keras_serializable(package="unroll")
class LinearHighway(keras.layers.Layer):
    """Each step ahead as a linear function of the past, the same for all channels; not trained by gradients.

    Args:
        horizon: steps ahead.

    Call arguments:
        own: float `[batch, channels, features]`, what is known of each channel, its past before all.
        others: float `[batch, features]`, what else is known, the same for all channels.

    Returns:
        float32 `[batch, channels, horizon]`.

    Reference:
        Lai et al. 2018, "Modeling long- and short-term temporal patterns with deep neural networks", arXiv:1703.07015.
    """

    def __init__(self, horizon, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.horizon = horizon

    def build(self, own_shape, others_shape=None):
        features = own_shape[-1] + (others_shape[-1] if others_shape is not None else 0)
        self.kernel = self.add_weight((features, self.horizon), "zeros", name="kernel", trainable=False)
        self.bias = self.add_weight((self.horizon,), "zeros", name="bias", trainable=False)

    def call(self, own, others=None):
        count = own.shape[-1]
        linear = ops.matmul(own, self.kernel[:count]) + self.bias
        if others is not None:
            linear = linear + ops.matmul(others, self.kernel[count:])[:, None]
        return linear

    def compute_output_shape(self, own_shape, others_shape=None):
        return (*own_shape[:-1], self.horizon)

    def get_config(self):
        return {**super().get_config(), "horizon": self.horizon}


def fit_highway(network: keras.Model, training, validation) -> float:
    """Fits the layer `highway` of a network by least squares with a penalty, chosen by the validation windows.

    Args:
        network: with the layers `highway` and `window_statistics`; its weights for `highway` are set.
        training, validation: `Windows`.

    Returns:
        The penalty, as a share of the mean square of the inputs.
    """
    highway, statistics = network.get_layer("highway"), network.get_layer("window_statistics")
    given = highway.input if isinstance(highway.input, (list, tuple)) else [highway.input]
    probe = keras.Model(network.inputs, [*given, *statistics.output])
    squares = products = 0.0
    sums, means, rows = 0.0, 0.0, 0
    for inputs, outputs in _rows(probe, training, _MOST_ROWS):
        squares, products = squares + inputs.T @ inputs, products + inputs.T @ outputs
        sums, means, rows = sums + inputs.sum(0), means + outputs.sum(0), rows + len(inputs)
    center, mean = sums / rows, means / rows
    squares, products = squares - rows * np.outer(center, center), products - rows * np.outer(center, mean)
    size = np.trace(squares) / len(squares)
    eigenvalues, vectors = np.linalg.eigh(squares)
    rotated = vectors.T @ products

    held_out = list(_rows(probe, validation, _MOST_VALIDATION_ROWS))
    best = (np.inf, None, None)
    for penalty in PENALTIES:
        kernel = vectors @ (rotated / (np.maximum(eigenvalues, 0) + max(penalty * size, 1e-9))[:, None])
        bias = mean - center @ kernel
        error = np.mean([np.abs(inputs @ kernel + bias - outputs).mean() for inputs, outputs in held_out])
        if error < best[0]:
            best = (error, penalty, [kernel, bias])
    highway.set_weights(best[2])
    return best[1]


def _rows(probe, windows, most):
    """Inputs of the regression, float64 `[rows, features]`, and what they should give, float64 `[rows, horizon]`, by batches of at
    most so many rows in all, a row for each window and target."""
    targets = windows.targets
    for inputs, truth, real in windows.sample(max(1, most // targets)):
        *given, shift, scale = (np.asarray(value, np.float64)[:real] for value in probe.predict_on_batch(inputs))
        rows = given[0].reshape(-1, given[0].shape[-1])
        if len(given) > 1:
            rows = np.concatenate([rows, np.repeat(given[1], targets, axis=0)], axis=1)
        outputs = np.moveaxis((truth[:real] - shift) / scale, 1, 2)
        yield rows, outputs.reshape(-1, outputs.shape[-1])
