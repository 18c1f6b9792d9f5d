"""The network: numbers in, numbers out, compiled by XLA.

pixels -> encoder -> features of the places -> decoder, which also reads the caption so far -> logits of the next token
"""

import keras

from apps.captioning.config import Config
from apps.captioning.decoder import CaptionDecoder
from apps.captioning.encoders import build_encoder
from apps.captioning.preprocessing import Preprocessor


def build_model(config: Config, preprocessor: Preprocessor) -> keras.Model:
    """Builds encoder and decoder.

    Args:
        config: `config.model`, the seed and `train.captions_per_picture` are read.
        preprocessor: adapted; gives the sizes of pictures and vocabulary.

    Returns:
        A model from `pixels` uint8 `[batch, size, size, 3]` and `caption_inputs` int32 `[batch, captions, time]`, 0 is padding,
        to logits float32 `[batch, captions, time, vocabulary]`, with the layers `encoder` and `decoder`.
    """
    settings, size = config.model, preprocessor.picture_size
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    caption_inputs = keras.Input((None, None), dtype="int32", name="caption_inputs")
    encoder = build_encoder(settings.encoder, size, settings.fine_tune, config.train.seed)
    decoder = CaptionDecoder(
        preprocessor.vocabulary.size,
        settings.cell,
        settings.embedding_dim,
        settings.units,
        settings.attention_units,
        settings.form,
        settings.context_gate,
        settings.coverage,
        settings.doubly_stochastic,
        settings.lexicon,
        settings.word_dropout,
        settings.embedding_dropout,
        settings.feature_dropout,
        settings.output_dropout,
        config.train.seed,
        name="decoder",
    )
    return keras.Model(
        {"pixels": pixels, "caption_inputs": caption_inputs}, decoder(encoder(pixels), caption_inputs), name="network"
    )


def trained_part(network: keras.Model, encoder_is_trained: bool) -> keras.Model:
    """What is trained of it: all, or the decoder, which then reads the features of an encoder that stays as it is.

    Returns:
        The network, or a model of its decoder from `features` float32 `[batch, places, channels]` and `caption_inputs` to
        the same logits, with the same weights.
    """
    if encoder_is_trained:
        return network
    features = keras.Input(network.get_layer("encoder").output_shape[1:], name="features")
    caption_inputs = keras.Input((None, None), dtype="int32", name="caption_inputs")
    logits = network.get_layer("decoder")(features, caption_inputs)
    return keras.Model({"features": features, "caption_inputs": caption_inputs}, logits, name="decoder_alone")
