"""The trained network in its final form: a forecast and quantiles that hold on data it has not seen.

Quantiles of training are too narrow or too wide on later data, so they are fitted to the validation windows, which is
what conformal prediction does (Romano et al. 2019, "Conformalized quantile regression", arXiv:1905.03222).
"""

import keras
import numpy as np
from keras import ops


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
        widths = fit_widths(truth, found, settings.quantiles)
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


def _on_windows(network, windows):
    """Truth and outputs of all windows: float32 `[windows, horizon, targets]` and `[windows, horizon, targets, outputs]`."""
    truths, outputs = [], []
    predict = _compiled(network)
    for inputs, truth, weights in windows.evaluation_dataset():
        real = int(np.sum(weights))
        truths.append(truth.numpy()[:real])
        outputs.append(ops.convert_to_numpy(predict(inputs))[:real])
    return np.concatenate(truths), np.concatenate(outputs)


def _compiled(model):
    model.compile(jit_compile=True)
    return lambda inputs: model.predict_on_batch({name: np.asarray(value) for name, value in inputs.items()})


@keras.saving.register_keras_serializable(package="unroll")
class ErrorQuantiles(keras.layers.Layer):
    """Quantiles of a point forecast: itself, plus the quantiles of the errors it made on validation data.

    Args:
        offsets: nested list of float `[horizon, targets, quantiles]`.

    Call arguments:
        forecast: float `[batch, horizon, targets]`.

    Returns:
        float32 `[batch, horizon, targets, quantiles]`.
    """

    def __init__(self, offsets, **kwargs):
        super().__init__(**kwargs)
        self.offsets = np.asarray(offsets, np.float32)

    def call(self, forecast):
        return forecast[..., None] + ops.convert_to_tensor(self.offsets)

    def compute_output_shape(self, forecast_shape):
        return (*forecast_shape, self.offsets.shape[-1])

    def get_config(self):
        return {**super().get_config(), "offsets": self.offsets.tolist()}


@keras.saving.register_keras_serializable(package="unroll")
class ScaledQuantiles(keras.layers.Layer):
    """Quantiles whose distances from the median are multiplied by what `fit_widths` found; they still ascend.

    Args:
        median: int, which of the quantiles is the median.
        widths: nested list of float `[targets, quantiles]`.

    Call arguments:
        quantiles: float `[batch, horizon, targets, quantiles]`.

    Returns:
        float32 of the same shape.
    """

    def __init__(self, median, widths, **kwargs):
        super().__init__(**kwargs)
        self.median = median
        self.widths = np.asarray(widths, np.float32)

    def call(self, quantiles):
        middle = quantiles[..., self.median : self.median + 1]
        return ops.sort(middle + (quantiles - middle) * ops.convert_to_tensor(self.widths), axis=-1)

    def compute_output_shape(self, quantiles_shape):
        return quantiles_shape

    def get_config(self):
        return {**super().get_config(), "median": self.median, "widths": self.widths.tolist()}


@keras.saving.register_keras_serializable(package="unroll")
class SampleQuantiles(keras.layers.Layer):
    """The mean and the quantiles of sample paths.

    Args:
        autoregression: a trained `Autoregression`.
        levels: list of float, of the quantiles.

    Call arguments:
        history: float `[batch, look_back, features]`.
        future: float `[batch, horizon, known]`, or None.

    Returns:
        Median float32 `[batch, horizon, targets]`, and quantiles float32 `[batch, horizon, targets, quantiles]`.
    """

    def __init__(self, autoregression, levels, **kwargs):
        super().__init__(**kwargs)
        self.autoregression = autoregression
        self.levels = list(levels)

    def build(self, history_shape, future_shape=None):
        if not self.autoregression.built:
            self.autoregression.build(history_shape, future_shape)

    def call(self, history, future=None):
        paths = ops.sort(self.autoregression.sample(history, future), axis=1)
        # Between the two sorted paths around each level, as NumPy's quantile does.
        count = self.autoregression.samples
        parts = []
        for level in self.levels:
            place = level * (count - 1)
            low, share = int(place), place - int(place)
            parts.append(paths[:, low] * (1 - share) + paths[:, min(low + 1, count - 1)] * share)
        quantiles = ops.stack(parts, axis=-1)
        return quantiles[..., self.levels.index(0.5)], quantiles

    def compute_output_shape(self, history_shape, future_shape=None):
        shape = (history_shape[0], self.autoregression.horizon, self.autoregression.targets)
        return shape, (*shape, len(self.levels))

    def get_config(self):
        autoregression = keras.saving.serialize_keras_object(self.autoregression)
        return {**super().get_config(), "autoregression": autoregression, "levels": self.levels}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "autoregression": keras.saving.deserialize_keras_object(config["autoregression"])})
