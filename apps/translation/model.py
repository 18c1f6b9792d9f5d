"""The network: numbers in, numbers out, compiled by XLA.

source tokens -> vectors -> recurrent layers, both directions -> memory, first state
                                                                    |
target tokens before -> vectors -> cell, attention over memory, cell -> readout -> logits of the next token
"""

import keras

from apps.translation.config import Config
from apps.translation.layers import ScheduledSampling
from apps.translation.preprocessing import Preprocessor
from common.data.token_vocabulary import PAD_ID
from common.layers import (
    AdditiveAttention,
    AttentionCell,
    AttentionRNN,
    Bidirectional,
    Dropout,
    MultiplicativeAttention,
    StateBridge,
)
from common.layers.by_name import LAYERS


def build_model(config: Config, preprocessor: Preprocessor, steps: int = 1) -> keras.Model:
    """Builds the encoder and the decoder, for teacher forcing; `steps.py` takes the same layers one token at a time.

    Args:
        config: `config.model`, the seed and the share of scheduled sampling are read.
        preprocessor: adapted; gives the sizes of the vocabularies.
        steps: of the training, over which scheduled sampling rises.

    Returns:
        A model from `source_ids` int32 `[batch, source time]` and `target_inputs` int32 `[batch, target time]`, 0 is padding,
        to logits float32 `[batch, target time, target vocabulary]`.
    """
    settings, seed = config.model, config.train.seed
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    target_inputs = keras.Input((None,), dtype="int32", name="target_inputs")
    real = keras.ops.not_equal(source_ids, PAD_ID)  # [batch, source time]

    # Also says, in reverse, how well a state of the decoder fits each token.
    target_embedding = keras.layers.ReversibleEmbedding(
        preprocessor.target_size,
        settings.embedding_dim,
        tie_weights=settings.tied != "none",
        embeddings_initializer=keras.initializers.RandomNormal(stddev=settings.embedding_dim**-0.5, seed=seed),
        reverse_dtype="float32",
        name="target_embedding",
    )
    source_embedding = target_embedding
    if settings.tied != "all":
        initializer = keras.initializers.RandomNormal(stddev=settings.embedding_dim**-0.5, seed=seed + 1)
        source_embedding = keras.layers.Embedding(
            preprocessor.source_size, settings.embedding_dim, initializer, name="source_embedding"
        )

    memory = Dropout(settings.embedding_dropout, seed=seed, name="source_dropout")(source_embedding(source_ids))
    for index in range(settings.encoder_layers):
        memory, *last = encoder_layer(settings, seed, index)(memory, mask=real)  # [batch, source time, 2·units]
    memory = Dropout(settings.context_dropout, seed=seed + 1, name="memory")(memory)

    decoder = decoder_layer(settings, seed)
    first_state = StateBridge(decoder.cell.cell.state_sizes, name="first_state")(last)
    target_dropout = Dropout(settings.embedding_dropout, seed=seed + 2, name="target_dropout")
    readout = keras.layers.Dense(settings.embedding_dim, activation="tanh", name="readout")
    output_dropout = Dropout(settings.output_dropout, seed=seed + 3, name="output_dropout")

    def logits_after(tokens):
        """Float32 `[batch, target time, target vocabulary]` of the tokens that follow."""
        vectors = target_dropout(target_embedding(tokens))
        outputs = decoder(vectors, memory, initial_state=first_state, memory_mask=real)
        outputs = keras.layers.concatenate([outputs, vectors])
        # They are float32; under mixed precision Keras only says otherwise of them.
        return keras.ops.cast(target_embedding(output_dropout(readout(outputs)), reverse=True), "float32")

    logits = logits_after(target_inputs)
    if config.train.scheduled_sampling:
        sampling = ScheduledSampling(
            config.train.scheduled_sampling, steps, seed=seed, dtype="float32", name="scheduled_sampling"
        )
        logits = logits_after(sampling(target_inputs, logits))
    return keras.Model({"source_ids": source_ids, "target_inputs": target_inputs}, logits, name="network")


def encoder_layer(settings, seed, index):
    """The layer number `index` of the encoder."""
    layer = LAYERS[settings.cell](
        settings.units,
        return_sequences=True,
        return_state=True,
        dropout=settings.context_dropout if index else 0.0,
        seed=seed + index,
        name=f"{settings.cell}_{index}",
    )
    return Bidirectional(layer, name=f"encoder_{index}")


def decoder_layer(settings, seed):
    """The cell with its attention, over a sequence."""
    attention = {"additive": AdditiveAttention, "multiplicative": MultiplicativeAttention}[settings.attention]
    arguments = {"units": settings.units} if settings.attention == "additive" else {}
    cell = AttentionCell(
        LAYERS[settings.cell](settings.units).cell,
        attention(coverage=settings.coverage, name="attention", **arguments),
        form=settings.form,
        attention_units=settings.units if settings.form == "input_feeding" else None,
    )
    return AttentionRNN(cell, return_sequences=True, seed=seed, name="decoder")
