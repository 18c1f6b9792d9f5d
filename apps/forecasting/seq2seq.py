"""A recurrent encoder of the past, and a recurrent decoder over what is known of the time to come."""

import keras
from keras import ops

from apps.forecasting.layers import PositionEmbedding, WindowStatistics
from common.layers import AdditiveAttention, AttentionCell, AttentionRNN, Dropout
from common.layers.by_name import LAYERS


def seq2seq(settings, sizes, seed):
    """A network of standardised windows.

    The decoder reads the known covariates of each future step and a vector that says which step it is. No forecast is fed
    back, so no error is passed on, and what training fed is what forecasting feeds.

    Args:
        settings: `ModelConfig`.
        sizes: `Sizes` of what goes in and out.
        seed: int, of the dropout.

    Returns:
        A `keras.Model` from `history` float `[batch, look_back, features]` and, if anything is known, `future` float
        `[batch, horizon, known]` to float32 `[batch, horizon, targets, outputs]`.

    Reference:
        Wen et al. 2017, "A multi-horizon quantile recurrent forecaster", arXiv:1711.11053; the attention is that of
        Bahdanau et al. 2015, arXiv:1409.0473.
    """
    units, shared = settings.units, settings.channels == "shared"
    channels = sizes.targets if shared else 1
    inputs = sizes.inputs()
    targets, covariates = ops.split(inputs["history"], [sizes.targets], axis=-1)
    statistics = WindowStatistics(settings.normalization, last_weight=settings.last_weight, name="window_statistics")
    shift, scale = statistics(targets)
    targets = (targets - shift) / scale

    # [batch·channels, look_back, features]
    sequence = ops.transpose(targets, (0, 2, 1))[..., None] if shared else targets[:, None]
    if sizes.features > sizes.targets:
        sequence = ops.concatenate([sequence, ops.repeat(covariates[:, None], channels, axis=1)], axis=-1)
    sequence = ops.reshape(sequence, (-1, settings.look_back, sequence.shape[-1]))
    steps = PositionEmbedding(channels, settings.horizon, units, name="steps")(sequence)
    if sizes.known:
        of_known = keras.layers.Dense(units, use_bias=False, name="known")(inputs["future"][:, None])
        steps = steps + of_known
    else:  # as many rows as the sequence has
        steps = steps + 0 * ops.reshape(sequence[:, 0, :1], (-1, channels, 1, 1))
    steps = ops.reshape(steps, (-1, settings.horizon, units))

    states = []
    for index in range(settings.layers):
        layer = LAYERS[settings.cell](
            units,
            return_sequences=True,
            return_state=True,
            dropout=settings.dropout if index else 0.0,
            seed=seed + index,
            name=f"encoder_{index}",
        )
        sequence, *last = layer(sequence)
        states.append(last)
    for index in range(settings.layers):
        dropout = settings.dropout if index else 0.0
        layer = LAYERS[settings.cell](units, return_sequences=True, dropout=dropout, seed=seed, name=f"decoder_{index}")
        if settings.attention and index == settings.layers - 1:
            cell = AttentionCell(layer.cell, AdditiveAttention(units, name="attention"))
            layer = AttentionRNN(cell, return_sequences=True, dropout=dropout, seed=seed, name=f"decoder_{index}")
            steps = layer(steps, sequence, initial_state=states[index])
        else:
            steps = layer(steps, initial_state=states[index])
    steps = Dropout(settings.dropout, seed=seed, name="dropout")(steps)
    outputs = keras.layers.Dense(sizes.targets // channels * sizes.outputs, dtype="float32", name="outputs")(steps)
    outputs = sizes.by_target(ops.reshape(outputs, (-1, channels, settings.horizon, outputs.shape[-1])))
    outputs = sizes.head(outputs) * scale[..., None] + shift[..., None]
    return keras.Model(inputs, outputs, name="network")
