"""What a forecast is trained by, on standardised values."""

import keras
from keras import ops

from apps.forecasting.likelihoods import LIKELIHOODS


def pinball_loss(quantiles):
    """The mean over levels of `max(q·(y - ŷ), (q - 1)·(y - ŷ))`, whose minimum is the quantile of level q.

    Args:
        quantiles: list of float, the levels.

    Returns:
        A function of truth float `[batch, horizon, targets]` and forecast float `[batch, horizon, targets, quantiles]` that
        returns float `[batch]`.

    Reference:
        Koenker and Bassett 1978, "Regression quantiles".
    """

    def loss(truth, forecast):
        levels = ops.convert_to_tensor(quantiles, dtype=forecast.dtype)
        error = ops.cast(truth, forecast.dtype)[..., None] - forecast
        return ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=(1, 2, 3))

    return loss


def point_loss(name):
    """`mse`, `mae` or `huber` (which is squared below an error of 1, and linear above).

    Returns:
        A function of truth float `[batch, horizon, targets]` and forecast float `[batch, horizon, targets, 1]` that
        returns float `[batch]`.
    """
    functions = {
        "mse": keras.losses.mean_squared_error,
        "mae": keras.losses.mean_absolute_error,
        "huber": keras.losses.huber,
    }

    def loss(truth, forecast):
        rows = (ops.shape(forecast)[0], -1)
        return functions[name](ops.reshape(truth, rows), ops.reshape(forecast, rows))

    return loss


def likelihood_loss(name):
    """The mean negative logarithm of the likelihood.

    Returns:
        A function of truth float `[batch, steps, targets]` and parameters float `[batch, steps, targets, parameters]` that
        returns float `[batch]`.
    """
    distribution = LIKELIHOODS[name]()

    def loss(truth, parameters):
        parameters = [parameters[..., index] for index in range(parameters.shape[-1])]
        return ops.mean(distribution.negative_log_likelihood(ops.cast(truth, "float32"), *parameters), axis=(1, 2))

    return loss
