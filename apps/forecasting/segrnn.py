"""SegRNN: reads the past by segments instead of steps, and writes all segments of the future at once."""

import math

import keras
from keras import ops

from apps.forecasting.highway import LinearHighway
from apps.forecasting.layers import ParallelDecoding, PositionEmbedding, WindowStatistics
from common.layers import Dropout
from common.layers.by_name import LAYERS


def segrnn(settings, sizes, seed):
    """A network of standardised windows.

    Args:
        settings: `ModelConfig`.
        sizes: `Sizes` of what goes in and out.
        seed: int, of the dropout.

    Returns:
        A `keras.Model` from `history` float `[batch, look_back, features]` and, if anything is known, `future` float
        `[batch, horizon, known]` to float32 `[batch, horizon, targets, outputs]`.

    Reference:
        Lin et al. 2023, "SegRNN: Segment recurrent neural network for long-term time series forecasting", arXiv:2308.11200.
        Its channels share one network (`channels shared`). Covariates and mixed channels are ours: each segment then holds
        them, too.
    """
    width, units = settings.segment_length, settings.units
    past_segments, future_segments = math.ceil(settings.look_back / width), math.ceil(settings.horizon / width)
    shared = settings.channels == "shared"
    channels = sizes.targets if shared else 1
    inputs = sizes.inputs()
    history = inputs["history"]

    targets, covariates = ops.split(history, [sizes.targets], axis=-1)
    statistics = WindowStatistics(settings.normalization, last_weight=settings.last_weight, name="window_statistics")
    shift, scale = statistics(targets)
    targets = (targets - shift) / scale
    # [batch, channels, time, features]
    own = ops.transpose(targets, (0, 2, 1))[..., None] if shared else targets[:, None]
    segments = keras.layers.Dense(units, name="segment")(into_segments(own, past_segments, width, at_front=True))
    if sizes.features > sizes.targets:
        of_covariates = into_segments(covariates[:, None], past_segments, width, at_front=True)
        segments = segments + keras.layers.Dense(units, use_bias=False, name="covariates")(of_covariates)
    segments = ops.relu(segments)  # [batch, channels, past segments, units]

    queries = PositionEmbedding(channels, future_segments, units, name="positions")(segments)
    if sizes.known:
        of_known = into_segments(inputs["future"][:, None], future_segments, width, at_front=False)
        queries = queries + keras.layers.Dense(units, use_bias=False, name="known")(of_known)

    decoded = ParallelDecoding(LAYERS[settings.cell](units, seed=seed, name="cell"), name=settings.cell)(
        segments, queries
    )
    decoded = Dropout(settings.dropout, seed=seed, name="dropout")(decoded)
    outputs = keras.layers.Dense(width * sizes.targets // channels * sizes.outputs, dtype="float32", name="outputs")(
        decoded
    )
    outputs = ops.reshape(outputs, (-1, channels, future_segments * width, sizes.targets // channels * sizes.outputs))
    outputs = sizes.by_target(outputs)
    if settings.highway:
        linear = LinearHighway(settings.horizon, name="highway")(
            *highway_inputs(inputs, targets, covariates, width, sizes)
        )
        outputs = sizes.add_to_forecast(outputs, ops.transpose(linear, (0, 2, 1)))
    outputs = sizes.head(outputs) * scale[..., None] + shift[..., None]
    return keras.Model(inputs, outputs, name="network")


def into_segments(values, count, width, at_front):
    """Cuts time into segments, filled up with the value at the end that is cut: float `[batch, channels, time, features]` to
    `[batch, channels, count, width·features]`."""
    _, channels, time, features = values.shape
    missing = count * width - time
    if missing and at_front:
        values = ops.concatenate([ops.repeat(values[:, :, :1], missing, axis=2), values], axis=2)
    elif missing:
        values = ops.concatenate([values, ops.repeat(values[:, :, -1:], missing, axis=2)], axis=2)
    return ops.reshape(values, (-1, channels, count, width * features))


def highway_inputs(inputs, targets, covariates, width, sizes):
    """What the linear highway reads: the past of each channel, and what is the same for all of them.

    The last segment and the last covariates are there once more, times the calendar at the end of the past: what ten degrees
    mean for the evening depends on whether it is morning.

    Returns:
        float `[batch, targets, features]`, and float `[batch, features]` or None.
    """
    own = ops.transpose(targets, (0, 2, 1))
    last = min(width, sizes.look_back)
    others = []
    if sizes.features > sizes.targets:
        others.append(ops.reshape(covariates[:, -last:], (-1, last * (sizes.features - sizes.targets))))
    if sizes.known_columns:
        known = inputs["future"][:, :, : sizes.known_columns]
        others.append(ops.reshape(known, (-1, sizes.horizon * sizes.known_columns)))
    calendar_size = sizes.known - sizes.known_columns
    if calendar_size:
        columns = sizes.features - sizes.targets - calendar_size
        of_columns, calendar = ops.split(covariates[:, -1], [columns], axis=-1)  # [batch, columns], [batch, calendar]
        times_own = own[:, :, -last:, None] * calendar[:, None, None]
        own = ops.concatenate([own, ops.reshape(times_own, (-1, sizes.targets, last * calendar_size))], axis=-1)
        if columns:
            others.append(ops.reshape(of_columns[:, :, None] * calendar[:, None], (-1, columns * calendar_size)))
    return own, ops.concatenate(others, axis=-1) if others else None
