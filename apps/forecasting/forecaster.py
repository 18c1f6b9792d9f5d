"""The trained network in its final form: a forecast and quantiles that hold on data it has not seen.

Quantiles of training are too narrow or too wide on later data, so they are fitted to the validation windows, which is
what conformal prediction does (Romano et al. 2019, "Conformalized quantile regression", arXiv:1905.03222).
"""

import keras
import numpy as np

from apps.forecasting.deepar import SampleQuantiles
from apps.forecasting.layers import ErrorQuantiles, ScaledQuantiles

HALF_TRUSTED = 12  # windows without a common row


def with_fitted_quantiles(network, settings, validation) -> keras.Model:
    """Puts a trained network into its final form.

    Args:
        network: what `build_model` returned, trained.
        settings: `ModelConfig`.
        validation: `Windows` of the validation split.

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
    truth, found = _on_windows(plain, validation)
    if settings.output == "point":
        forecast = outputs[..., 0]
        errors = truth - found[..., 0]  # [windows, horizon, targets]
        offsets = np.moveaxis(np.quantile(errors, settings.quantiles, axis=0), 0, -1)
        quantiles = ErrorQuantiles(offsets, name="error_quantiles")(forecast)
    else:
        median = settings.quantiles.index(0.5)
        widths = fit_widths(truth, found, settings.quantiles) ** _trust(len(validation.series) / settings.horizon)
        quantiles = ScaledQuantiles(median, widths, name="scaled_quantiles")(outputs)
        forecast = quantiles[..., median]
    return keras.Model(inputs, {"forecast": forecast, "quantiles": quantiles}, name="forecasting")


def fit_widths(truth, quantiles, levels) -> np.ndarray:
    """By what the distance of each quantile from the median is multiplied, so that on these data each has its level below it.

    Args:
        truth: float `[windows, horizon, targets]`.
        quantiles: float `[windows, horizon, targets, quantiles]`, ascending.
        levels: list of float with 0.5.

    Returns:
        float `[targets, quantiles]`, 1 for the median; at most 10, so that a few windows do not blow up the intervals.
    """
    median = levels.index(0.5)
    middle = quantiles[..., median]
    widths = np.ones((truth.shape[2], len(levels)))
    for index, level in enumerate(levels):
        if index == median:
            continue
        distance = quantiles[..., index] - middle
        distance = np.where(np.abs(distance) < 1e-6, np.copysign(1e-6, distance), distance)
        ratio = ((truth - middle) / distance).reshape(-1, truth.shape[2])
        # Below the median the ratio counts the other way round.
        widths[:, index] = np.quantile(ratio, level if index > median else 1 - level, axis=0)
    return np.clip(widths, 0.0, 10.0)


def _trust(independent: float) -> float:
    """How far fitted widths are believed, from 0 to 1, by how many windows without a common row they were fitted to.

    A few weeks say little about the other seasons: from few windows a width is drawn towards 1.
    """
    return independent / (independent + HALF_TRUSTED)


def _on_windows(network, windows):
    """Truth and outputs of all windows: float32 `[windows, horizon, targets]` and `[windows, horizon, targets, outputs]`."""
    truths, outputs = [], []
    model = keras.Model(network.input, network.output)  # apart, so that the network is not saved with an optimizer
    model.compile(jit_compile=True)
    for inputs, truth, weights in windows.evaluation_dataset():
        real = int(np.sum(weights))
        truths.append(np.asarray(truth)[:real])
        batch = {name: np.asarray(value) for name, value in inputs.items() if name in model.input}
        outputs.append(model.predict_on_batch(batch)[:real])
    return np.concatenate(truths), np.concatenate(outputs)
