"""The trained network in its final form: a forecast and quantiles that hold on data it has not seen.

Quantiles of training are too narrow or too wide on later data, so they are fitted to the validation windows, which is
what conformal prediction does (Romano et al. 2019, "Conformalized quantile regression", arXiv:1905.03222), relative to how
volatile each look-back was, so that what was fitted in calm weeks holds in volatile ones (Lei et al. 2018, "Distribution-free
predictive inference for regression", arXiv:1604.04173, section 5.2).
"""

import math

import keras
import numpy as np
from keras import ops
from scipy.ndimage import uniform_filter1d

from apps.forecasting.deepar import SampleQuantiles
from apps.forecasting.layers import ErrorQuantiles, RelativeVolatility, ScaledQuantiles

LEAST_WINDOWS, MOST_NUMBERS = 1_000, 50_000_000  # that quantiles are fitted to: more say little more
SMOOTHED = 6  # a width is the mean over this part of the horizon


def with_fitted_quantiles(network, settings, validation, season=1, jit_compile=True) -> keras.Model:
    """Puts a trained network into its final form.

    Args:
        network: what `build_model` returned, trained.
        settings: `ModelConfig`.
        validation: `Windows` of the validation split.
        season: steps after which the data repeat.
        jit_compile: whether the forecasts of the validation windows are compiled by XLA.

    Returns:
        A model from `history` and `future` to `forecast` float32 `[batch, horizon, targets]` and `quantiles` float32
        `[batch, horizon, targets, quantiles]`, all standardised. The network is its layer `network`.
    """
    plain = network if settings.kind == "deepar" else keras.Model(network.input, network.output, name="network")
    names = [name for name in plain.input if name != "future_targets"]
    inputs = {name: keras.Input(plain.input[name].shape[1:], name=name) for name in names}
    if settings.kind == "deepar":
        autoregression = plain.get_layer("autoregression")
        layer = SampleQuantiles(autoregression, settings.quantiles, name="samples")
        forecast, quantiles = layer(inputs["history"], inputs.get("future"))
        return keras.Model(inputs, {"forecast": forecast, "quantiles": quantiles}, name="forecasting")
    outputs = plain(inputs)
    lag = season if season < settings.look_back else 1
    truth, found, changes = _on_windows(plain, validation, lag, jit_compile)
    relative = RelativeVolatility(lag, changes.mean(axis=0), name="volatility")
    volatility = relative(inputs["history"][..., : truth.shape[2]])
    at_windows = ops.convert_to_numpy(relative.of_change(changes))
    if settings.output == "point":
        forecast = outputs[..., 0]
        errors = (truth - found[..., 0]) / at_windows[..., 0]  # [windows, horizon, targets]
        offsets = np.moveaxis(np.quantile(errors, settings.quantiles, axis=0), 0, -1)
        quantiles = ErrorQuantiles(offsets, name="error_quantiles")(forecast, volatility)
    else:
        median = settings.quantiles.index(0.5)
        middle = found[..., median : median + 1]
        widths = fit_widths(truth, middle + (found - middle) * at_windows, settings.quantiles)
        quantiles = ScaledQuantiles(median, widths, name="scaled_quantiles")(outputs, volatility)
        forecast = quantiles[..., median]
    return keras.Model(inputs, {"forecast": forecast, "quantiles": quantiles}, name="forecasting")


def fit_widths(truth, quantiles, levels) -> np.ndarray:
    """By what the distance of each quantile from the median is multiplied, so that on these data each has its level below it.

    Args:
        truth: float `[windows, horizon, targets]`.
        quantiles: float `[windows, horizon, targets, quantiles]`, ascending.
        levels: list of float with 0.5.

    Returns:
        float `[horizon, targets, quantiles]`, 1 for the median, smoothed over neighbouring steps; at most 10, so that a few
        windows do not blow up the intervals.
    """
    median = levels.index(0.5)
    middle = quantiles[..., median]
    widths = np.ones((*truth.shape[1:], len(levels)))
    for index, level in enumerate(levels):
        if index == median:
            continue
        distance = quantiles[..., index] - middle
        distance = np.where(np.abs(distance) < 1e-6, np.copysign(1e-6, distance), distance)
        # Below the median the ratio counts the other way round.
        ratio = (truth - middle) / distance
        widths[..., index] = np.quantile(ratio, level if index > median else 1 - level, axis=0)
    return uniform_filter1d(np.clip(widths, 0.0, 10.0), max(1, len(widths) // SMOOTHED), axis=0, mode="nearest")


def _on_windows(network, windows, lag, jit_compile):
    """Of windows evenly spaced in the validation rows, at most as many as fit into some memory: truth float32
    `[windows, horizon, targets]`, outputs float32 `[windows, horizon, targets, outputs]`, and the change over `lag` steps of the
    look-back, float32 `[windows, targets]`."""
    model = keras.Model(network.input, network.output)  # apart, so that the network is not saved with an optimizer
    model.compile(jit_compile=jit_compile)
    most = max(LEAST_WINDOWS, MOST_NUMBERS // math.prod(network.output_shape[1:]))
    found = []
    for inputs, truth, real in windows.sample(most):
        outputs = model.predict_on_batch({name: value for name, value in inputs.items() if name in model.input})
        change = RelativeVolatility.change(inputs["history"][:, :, : truth.shape[2]], lag)
        found.append((truth[:real], outputs[:real], ops.convert_to_numpy(change)[:real]))
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))
