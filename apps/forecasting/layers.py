"""The layers of forecasting that Keras and `common.layers` do not have."""

import keras
import numpy as np
from keras import ops

from common.layers.cell import GatedCell


@keras.saving.register_keras_serializable(package="unroll")
class WindowStatistics(keras.layers.Layer):
    """What is taken out of each look-back and put back into the forecast, so that the network need not know where a series stands.

    Args:
        kind: `last`: shift by the last value, or by a level between it and the mean; `standard`: shift by the mean, divide
            by the standard deviation; `scale`: divide by the mean absolute value, which says how large the series is only if
            values are measured from zero; `none`.
        least: added to the mean absolute value, in the unit of the values, so that a window of zeros has a scale.
        last_weight: of `last`: the weight of the last value in the level, 0 to 1; the rest is the mean of the look-back. The
            last value is near to what comes next, and the mean to what comes much later.

    Call arguments:
        values: float `[batch, time, targets]`.

    Returns:
        Shift and scale, each float `[batch, 1, targets]`.

    Reference:
        Lin et al. 2023, "SegRNN", arXiv:2308.11200, for `last`, the level between it and the mean is ours; Kim et al. 2022,
        "Reversible instance normalization", for `standard`; Salinas et al. 2017, "DeepAR", arXiv:1704.04110, for `scale`.
    """

    def __init__(self, kind, least=1e-4, last_weight=1.0, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.least = least
        self.last_weight = last_weight

    def call(self, values):
        zero = ops.zeros_like(values[:, -1:])
        if self.kind == "last":
            if self.last_weight == 1:
                return values[:, -1:], zero + 1
            mean = ops.mean(values, axis=1, keepdims=True)
            return self.last_weight * values[:, -1:] + (1 - self.last_weight) * mean, zero + 1
        if self.kind == "standard":
            mean = ops.mean(values, axis=1, keepdims=True)
            return mean, ops.sqrt(ops.mean(ops.square(values - mean), axis=1, keepdims=True) + 1e-5)
        if self.kind == "scale":
            return zero, ops.mean(ops.abs(values), axis=1, keepdims=True) + self.least
        return zero, zero + 1

    def compute_output_shape(self, values_shape):
        shape = (values_shape[0], 1, values_shape[2])
        return shape, shape

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "least": self.least, "last_weight": self.last_weight}


@keras.saving.register_keras_serializable(package="unroll")
class ParallelDecoding(keras.layers.Layer):
    """Reads segments one after the other, then makes one step to each segment of the future, to all of them at once.

    No forecast segment waits for the one before, so no error is passed on. What is the same for all segments is computed
    once: the recurrent product of the last state.

    Args:
        layer: a recurrent layer of `common.layers`; its cell makes the steps of both.

    Call arguments:
        segments: float `[batch, channels, past segments, features]`.
        queries: float `[batch or 1, channels, future segments, features]`, which segment is asked for.

    Returns:
        float `[batch, channels, future segments, units]`.

    Reference:
        Lin et al. 2023, "SegRNN: Segment recurrent neural network for long-term time series forecasting",
        arXiv:2308.11200.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer
        self.layer.return_sequences, self.layer.return_state = False, True

    def build(self, segments_shape, queries_shape):
        batch, _, time, features = segments_shape
        self.layer.build((batch, time, features))

    def call(self, segments, queries, training=None):
        batch, channels, time, features = ops.shape(segments)
        rows = ops.reshape(segments, (batch * channels, time, features))
        _, *states = self.layer(rows, training=training)
        cell = self.layer.cell
        steps = queries.shape[2]
        states = [ops.reshape(state, (batch, channels, 1, state.shape[-1])) for state in states]

        def to_rows(values):
            values = ops.broadcast_to(values, (batch, channels, steps, values.shape[-1]))
            return ops.reshape(values, (batch * channels * steps, values.shape[-1]))

        if type(cell).call is GatedCell.call:
            recurrent, matrix, bias = 0.0, cell.recurrent_matrix(), cell.recurrent_bias()
            if matrix is not None:
                recurrent = ops.matmul(states[0], ops.cast(matrix, states[0].dtype))
                recurrent = to_rows(recurrent if bias is None else recurrent + ops.cast(bias, recurrent.dtype))
            projected = to_rows(cell.project(ops.cast(queries, cell.compute_dtype)))
            new_state = cell.gates(ops.cast(projected, cell.state_dtype), recurrent, tuple(map(to_rows, states)))
            outputs = cell.output(new_state)
        else:  # a cell that reads more than the present input
            outputs, _ = cell(to_rows(queries), list(map(to_rows, states)))
        return ops.reshape(ops.cast(outputs, self.compute_dtype), (batch, channels, steps, cell.output_size))

    def compute_output_shape(self, segments_shape, queries_shape):
        return (*segments_shape[:2], queries_shape[2], self.layer.output_size)

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})


@keras.saving.register_keras_serializable(package="unroll")
class PositionEmbedding(keras.layers.Layer):
    """A vector for each future segment of each channel: half of it says which segment, half which channel.

    Args:
        channels, segments: how many there are.
        features: length of a vector.

    Call arguments:
        inputs: anything; only there to make the layer part of a network.

    Returns:
        float `[1, channels, segments, features]`.
    """

    def __init__(self, channels, segments, features, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.segments = segments
        self.features = features

    def build(self, inputs_shape):
        of_channel = self.features // 2 if self.channels > 1 else 0
        self.segment = self.add_weight((self.segments, self.features - of_channel), "random_normal", name="segment")
        self.channel = (
            self.add_weight((self.channels, of_channel), "random_normal", name="channel") if of_channel else None
        )

    def call(self, inputs):
        shape = (1, self.channels, self.segments)
        segment = ops.broadcast_to(self.segment, (*shape, self.segment.shape[-1]))
        if self.channel is None:
            return ops.cast(segment, self.compute_dtype)
        channel = ops.broadcast_to(ops.expand_dims(self.channel, 1), (*shape, self.channel.shape[-1]))
        return ops.cast(ops.concatenate([segment, channel], axis=-1), self.compute_dtype)

    def compute_output_shape(self, inputs_shape):
        return (1, self.channels, self.segments, self.features)

    def get_config(self):
        config = {"channels": self.channels, "segments": self.segments, "features": self.features}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="unroll")
class AscendingQuantiles(keras.layers.Layer):
    """Quantiles that cannot cross: the median, and steps up and down from it that are never negative.

    Args:
        median: int, which of the quantiles is the median.

    Call arguments:
        values: float `[..., quantiles]`.

    Returns:
        float `[..., quantiles]`, ascending.
    """

    def __init__(self, median, **kwargs):
        super().__init__(**kwargs)
        self.median = median

    def call(self, values):
        below, middle, above = ops.split(values, [self.median, self.median + 1], axis=-1)
        parts = [middle]
        if self.median:
            parts.insert(0, middle - ops.flip(ops.cumsum(ops.flip(ops.softplus(below), -1), axis=-1), -1))
        if self.median + 1 < values.shape[-1]:
            parts.append(middle + ops.cumsum(ops.softplus(above), axis=-1))
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, values_shape):
        return values_shape

    def get_config(self):
        return {**super().get_config(), "median": self.median}


@keras.saving.register_keras_serializable(package="unroll")
class RelativeVolatility(keras.layers.Layer):
    """How much a look-back changed from one season to the next, beside what is typical: volatile times are harder to forecast.

    The square root of the ratio of mean absolute changes, from a third to three.

    Args:
        lag: int, steps of the season; 1 for data without one.
        typical: list of float `[targets]`, the mean absolute change of typical look-backs.

    Call arguments:
        values: float `[batch, time, targets]`.

    Returns:
        float32 `[batch, 1, targets, 1]`.
    """

    def __init__(self, lag, typical, **kwargs):
        super().__init__(**kwargs)
        self.lag = lag
        self.typical = np.asarray(typical, np.float32)

    def call(self, values):
        return self.of_change(self.change(values, self.lag))

    def of_change(self, change):
        """The same from what `change` returned: float `[batch, targets]` to `[batch, 1, targets, 1]`."""
        ratio = (change + 1e-3) / (ops.convert_to_tensor(self.typical) + 1e-3)
        return ops.sqrt(ops.clip(ratio, 1 / 9, 9.0))[:, None, :, None]

    @staticmethod
    def change(values, lag):
        """Mean absolute change over `lag` steps: float `[batch, time, targets]` to `[batch, targets]`."""
        if values.shape[1] <= lag:  # nothing to compare with
            return ops.zeros_like(values[:, 0])
        return ops.mean(ops.abs(values[:, lag:] - values[:, :-lag]), axis=1)

    def compute_output_shape(self, values_shape):
        return (values_shape[0], 1, values_shape[2], 1)

    def get_config(self):
        return {**super().get_config(), "lag": self.lag, "typical": self.typical.tolist()}


@keras.saving.register_keras_serializable(package="unroll")
class ErrorQuantiles(keras.layers.Layer):
    """Quantiles of a point forecast: itself, plus the quantiles of the errors it made on validation data.

    Args:
        offsets: nested list of float `[horizon, targets, quantiles]`.

    Call arguments:
        forecast: float `[batch, horizon, targets]`.
        volatility: float `[batch, 1, targets, 1]`, by what the errors are multiplied; from `RelativeVolatility`.

    Returns:
        float32 `[batch, horizon, targets, quantiles]`.
    """

    def __init__(self, offsets, **kwargs):
        super().__init__(**kwargs)
        self.offsets = np.asarray(offsets, np.float32)

    def call(self, forecast, volatility):
        return forecast[..., None] + volatility * ops.convert_to_tensor(self.offsets)

    def compute_output_shape(self, forecast_shape, volatility_shape):
        return (*forecast_shape, self.offsets.shape[-1])

    def get_config(self):
        return {**super().get_config(), "offsets": self.offsets.tolist()}


@keras.saving.register_keras_serializable(package="unroll")
class ScaledQuantiles(keras.layers.Layer):
    """Quantiles whose distances from the median are multiplied by what `fit_widths` found; they still ascend.

    Args:
        median: int, which of the quantiles is the median.
        widths: nested list of float `[horizon, targets, quantiles]`.

    Call arguments:
        quantiles: float `[batch, horizon, targets, quantiles]`.
        volatility: float `[batch, 1, targets, 1]`, by what the distances are multiplied, too; from `RelativeVolatility`.

    Returns:
        float32 of the shape of the quantiles.
    """

    def __init__(self, median, widths, **kwargs):
        super().__init__(**kwargs)
        self.median = median
        self.widths = np.asarray(widths, np.float32)

    def call(self, quantiles, volatility):
        middle = quantiles[..., self.median : self.median + 1]
        distance = (quantiles - middle) * volatility
        return ops.sort(middle + distance * ops.convert_to_tensor(self.widths), axis=-1)

    def compute_output_shape(self, quantiles_shape, volatility_shape):
        return quantiles_shape

    def get_config(self):
        return {**super().get_config(), "median": self.median, "widths": self.widths.tolist()}
