"""What the trained part of the network reads of each picture: its pixels, or what an encoder that stays as it is makes of them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.captioning.config import Config
from apps.captioning.encoders import make_feature_function, weights_digest
from apps.captioning.input_computation import store_inputs
from apps.captioning.pictures import CaptionedPictures
from apps.captioning.preprocessing import Preprocessor
from apps.captioning.stored_inputs import StoredInputs

PICTURES, FEATURES = 256, 16  # at once; larger batches are no faster


def inputs_of(
    pictures: CaptionedPictures, preprocessor: Preprocessor, config: Config, network: keras.Model
) -> StoredInputs:
    """Computes the inputs of pictures that were not computed before, and keeps them in `data.cache_dir`.

    Args:
        pictures: raw.
        preprocessor: says how pictures become pixels.
        config: the effective configuration.
        network: as `build_model` or `train` returns it; an encoder that is not trained makes features of the pixels.

    Returns:
        Pixels uint8 `[size, size, 3]` or features float16 `[places, channels]` of each picture.

    Raises:
        UserError: too many of the pictures cannot be read (`data.max_unusable_fraction`).
    """
    size, key = preprocessor.picture_size, f"{preprocessor.picture_size}-{preprocessor.config.fit}"
    decode = tf.function(
        lambda images: preprocessor(images)["pixels"], [tf.TensorSpec([None], tf.string)], autograph=False
    )
    if config.model.encoder_is_trained:
        shape, dtype, batch = (size, size, 3), np.uint8, PICTURES

        def compute(images: list[bytes]) -> np.ndarray:
            return decode(tf.constant(images)).numpy()
    else:
        encoder = network.get_layer("encoder")
        features_of = make_feature_function(encoder)
        shape, dtype, batch = tuple(encoder.output_shape[1:]), np.float16, FEATURES
        key = f"{weights_digest(config.model.encoder)}-{key}-{encoder.compute_dtype}"

        def compute(images: list[bytes]) -> np.ndarray:
            return features_of(decode(tf.constant(images)).numpy()).astype(np.float16)

    return store_inputs(
        pictures.pictures,
        list(pictures.names),
        compute,
        shape=shape,
        dtype=dtype,
        key=key,
        folder=Path(config.data.cache_dir) / "inputs",
        batch_size=batch,
        max_unusable_fraction=config.data.max_unusable_fraction,
        description=f"reading the pictures of {pictures.origin}",
    )
