"""What the SavedModel answers: encoded pictures in, captions out, decoding of the picture and the search inside.

TensorFlow operations, and those of tensorflow-text, which TensorFlow Serving has; no code of this repository is needed.
"""

import tensorflow as tf

from apps.captioning.captioner import Captioner
from apps.captioning.config import WIDEST_BEAM
from common.beam_requests import beam_specs, checked_width
from common.data.token_vocabulary import END_ID, PAD_ID

IMAGES = (tf.TensorSpec([None], tf.string, name="image"),)
BEAM = (*IMAGES, *beam_specs())


def endpoints(model, preprocessor):
    """The signatures of the SavedModel.

    Args:
        model: the trained network, from `train`.
        preprocessor: the `Preprocessor` it was trained with.

    Returns:
        Name to (function, input signature). All take `image` tf.string `[batch]`, the bytes of JPEG, PNG, GIF, WebP or BMP of any
        size; an empty string has an empty caption.

        `serving_default` returns `caption` tf.string `[batch]`, the best that the beam of the settings found; `score` float32
        `[batch]`, the logarithm of its probability divided by the length penalty; `tokens` tf.string `[batch, time]`, empty
        behind the end; and `attention` float32 `[batch, time, rows, columns]`, where in the picture the network looked to say
        each token. `greedy` returns the same, with a score that is divided by nothing. `beam` also takes `beam_width` int32
        `[batch]`, 1 to 32, and `length_penalty` float32 `[batch]`, 0 or more, for each picture, and returns `captions` tf.string and
        `scores` float32 `[batch, widest beam]`, best first, empty and 0 where a picture has fewer, and `tokens` and `attention` of
        the best.
    """
    captioner = Captioner(model, preprocessor)

    @tf.function(input_signature=IMAGES, autograph=False)  # one graph for all endpoints: traced and saved once
    def features_of(image):
        pixels = preprocessor(image)["pixels"]
        count = tf.shape(pixels)[0]
        # TensorFlow fuses a convolution with what follows it, and then fails on a batch of no pictures.
        pixels = tf.pad(pixels, [[0, tf.maximum(1 - count, 0)], [0, 0], [0, 0], [0, 0]])
        return captioner.features(pixels)[:count]

    def looked(features, ids, there):
        """The tokens of ids, and where it looked to say them."""
        ids = tf.where(there[:, None] & (ids != END_ID), ids, PAD_ID)
        lengths = tf.reduce_sum(tf.cast(ids != PAD_ID, tf.int32), axis=1)
        ids = ids[:, : tf.reduce_max(tf.concat([lengths, [1]], axis=0))]
        # Without the space before a word. A space that is a token of its own stays: an empty one would mean the end.
        tokens = tf.strings.regex_replace(preprocessor.tokens(ids), "^▁(.+)$", r"\1")
        return {
            "tokens": tf.where(ids != PAD_ID, tf.strings.regex_replace(tokens, "▁", " "), ""),
            "attention": captioner.attention(features, ids),
        }

    def answer(image, features, ids, scores):
        there = tf.strings.length(image) > 0
        return {
            "caption": tf.where(there, preprocessor.invert(ids), ""),
            "score": tf.where(there, scores, 0.0),
            **looked(features, ids, there),
        }

    def best(image):
        features = features_of(image)
        return answer(image, features, *captioner.best(features))

    def greedy(image):
        features = features_of(image)
        found = captioner.greedy(features)
        return answer(image, features, found.ids, found.log_probabilities)

    def beam(image, beam_width, length_penalty):
        width = checked_width(beam_width, length_penalty, image, WIDEST_BEAM, "image")
        features, there = features_of(image), tf.strings.length(image) > 0
        found = captioner.beam_search(features, width, length_penalty, beam_width)
        own = there[:, None] & (tf.range(width)[None, :] < beam_width[:, None])
        ids = tf.reshape(found.ids, [-1, tf.shape(found.ids)[2]])
        captions = tf.reshape(preprocessor.invert(ids), tf.shape(found.scores))
        return {
            "captions": tf.where(own, captions, ""),
            "scores": tf.where(own, found.scores, 0.0),
            **looked(features, found.ids[:, 0], there),
        }

    return {"serving_default": (best, IMAGES), "greedy": (greedy, IMAGES), "beam": (beam, BEAM)}


def questions(model, preprocessor):
    """What an export is tried with, by what each batch tries."""
    jpeg, png = (encode(picture).numpy() for encode, picture in zip((tf.io.encode_jpeg, tf.io.encode_png), _pictures()))
    cases = {
        "a picture": [jpeg],
        "pictures of different sizes and kinds": [png, jpeg, png],
        "a batch of 7": [jpeg] * 7,
        "no picture": [b""],
        "no picture beside one": [b"", jpeg],
        "a picture of one pixel": [tf.io.encode_png(tf.zeros([1, 1, 3], tf.uint8)).numpy()],
    }
    width, penalty = preprocessor.decoding.beam_width, preprocessor.decoding.length_penalty
    return {
        case: {
            "image": images,
            "beam_width": [1 + index % width for index in range(len(images))],
            "length_penalty": [penalty] * len(images),
        }
        for case, images in cases.items()
    }


def metadata(model, preprocessor):
    """What goes with the SavedModel for `predict`."""
    return {
        "beam_width": preprocessor.decoding.beam_width,
        "length_penalty": preprocessor.decoding.length_penalty,
        "picture_size": preprocessor.picture_size,
        "fit": preprocessor.config.fit,
    }


def _pictures():
    """Two pictures of different shapes: uint8 `[height, width, 3]`."""
    for height, width in ((48, 64), (100, 75)):
        rows, columns = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
        yield tf.cast(tf.stack([4 * rows, 3 * columns, rows * columns], axis=-1) % 256, tf.uint8)
