r"""The network: numbers in, numbers out, compiled by XLA.

words and phrases -> vectors -> recurrent layers, both directions -> pooling over real steps -> logits
                           \-> bag of vectors --------------------------------------------/
"""

import keras

from apps.sentiment.config import Config
from apps.sentiment.layers import PhraseEmbedding, ScaledSum, WordDropout
from apps.sentiment.preprocessing import Preprocessor
from apps.sentiment.vocabulary import PAD_ID
from common.layers import Bidirectional, Dropout, SequencePooling
from common.layers.by_name import LAYERS


def build_model(config: Config, preprocessor: Preprocessor) -> keras.Model:
    """Builds the recurrent network.

    Args:
        config: only `config.model`, the length of phrases and the seed are read.
        preprocessor: adapted; gives the sizes of vocabulary and labels.

    Returns:
        A model from `{"token_ids": int32 [batch, time, phrase_length]}`, 0 is padding, to logits float32 `[batch, classes]`.
    """
    settings, seed = config.model, config.train.seed
    phrase_length = config.preprocessing.phrase_length
    token_ids = keras.Input((None, phrase_length), dtype="int32", name="token_ids")
    mask = keras.ops.not_equal(token_ids[:, :, 0], PAD_ID)  # [batch, time]

    kept = WordDropout(settings.word_dropout, seed=seed, name="word_dropout")(token_ids)
    words = keras.layers.Embedding(preprocessor.vocabulary_size, settings.embedding_dim, name="word_embedding")
    vectors = words(kept[:, :, 0])
    if phrase_length > 1:
        phrases = PhraseEmbedding(preprocessor.phrase_count, settings.embedding_dim, name="phrase_embedding")
        vectors = keras.layers.Add(name="words_and_phrases")([vectors, phrases(kept[:, :, 1:])])
    # The same features are dropped at every step: single ones would be guessed from their neighbours.
    drop = Dropout(settings.embedding_dropout, noise_shape=(None, 1, None), seed=seed, name="embedding_dropout")
    vectors = drop(vectors)  # [batch, time, embedding_dim]

    sequence = vectors
    for index in range(settings.layers):
        sequence = recurrent_layer(settings, seed, index)(sequence, mask=mask)  # [batch, time, units or 2·units]
    pooled = SequencePooling(settings.pooling, name="pooling")(sequence, mask=mask)
    if settings.bag:
        # What needs no order need not go through the recurrent layers (Lai et al. 2015; Joulin et al. 2017).
        bag = SequencePooling("sqrtn", name="bag")(vectors, mask=mask)
        pooled = keras.layers.Concatenate(name="pooling_and_bag")([pooled, bag])
    pooled = Dropout(settings.dropout, seed=seed, name="dropout")(pooled)
    logits = keras.layers.Dense(len(preprocessor.label_names), dtype="float32", name="logits")(pooled)
    return keras.Model({"token_ids": token_ids}, logits, name="network")


def recurrent_layer(settings, seed, index):
    """The recurrent layer number `index` of the stack, for one direction or both."""
    arguments = {"recurrent_dropout": settings.recurrent_dropout} if settings.recurrent_dropout else {}
    layer = LAYERS[settings.cell](
        settings.units,
        return_sequences=True,
        dropout=settings.dropout if index else 0.0,
        seed=seed + index,
        name=f"{settings.cell}_{index}",
        **arguments,
    )
    return Bidirectional(layer, name=f"bidirectional_{index}") if settings.bidirectional else layer


def with_fitted_scales(network: keras.Model, scales: list[float]) -> keras.Model:
    """Puts a trained network into its final form: its logits, and those of the wide part, times their fitted scales.

    Args:
        network: what `build_model` returned, trained.
        scales: one float for the network, and a second one for the wide part if there is one.

    Returns:
        A model of `token_ids` and, with a wide part, `wide_logits` float32 `[batch, classes]`, to logits. The network is its
        layer `network`.
    """
    network = keras.Model(network.input, network.output, name=network.name)  # without the optimizer it was trained with
    token_ids = keras.Input(network.input["token_ids"].shape[1:], dtype="int32", name="token_ids")
    inputs, parts = {"token_ids": token_ids}, [network({"token_ids": token_ids})]
    if len(scales) == 2:
        inputs["wide_logits"] = keras.Input((network.output_shape[-1],), name="wide_logits")
        parts.append(inputs["wide_logits"])
    return keras.Model(inputs, ScaledSum(scales, name="scaled_sum")(parts), name="sentiment")
