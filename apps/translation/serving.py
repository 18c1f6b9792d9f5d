"""What the SavedModel answers: sentences in, translations out, the search inside.

TensorFlow operations, and those of tensorflow-text, which TensorFlow Serving has; no code of this repository is needed.
"""

import tensorflow as tf

from apps.translation.config import WIDEST_BEAM
from apps.translation.translate import Translator
from common.beam_requests import beam_specs, checked_width
from common.data.token_vocabulary import PAD_ID
from common.text_questions import text_questions

# Sentences that an export is tried with, the first one short: long, empty, not ASCII.
EXAMPLES = (
    "Monday, March 5, 2001",
    "in 3 weeks",
    "",
    "Ünïcode, 日本語, שלום and 🎬\u2028!",
    "one, two and three. " * 40,
)
TEXTS = (tf.TensorSpec([None], tf.string, name="text"),)
BEAM = (*TEXTS, *beam_specs())


def endpoints(model, preprocessor):
    """The signatures of the SavedModel.

    Args:
        model: the trained network, from `train`.
        preprocessor: the `Preprocessor` it was trained with.

    Returns:
        Name to (function, input signature). All take `text` tf.string `[batch]`.

        `serving_default` returns `translation` tf.string `[batch]`, the best that the beam of the settings found; `score`
        float32 `[batch]`, the logarithm of its probability divided by the length penalty; and `truncated` bool `[batch]`,
        whether the sentence was longer than what was read of it. `greedy` returns the same, with a score that is divided by
        nothing. `beam` also takes `beam_width` int32 `[batch]`, 1 to 64, and `length_penalty` float32 `[batch]`, 0 or more, for
        each sentence, and returns `translations` tf.string and `scores` float32 `[batch, widest beam]`, best first, empty and
        0 where a sentence has fewer, and `truncated`. `attention` returns `translation`, `source_tokens` tf.string
        `[batch, source]` and `target_tokens` tf.string `[batch, target]`, empty behind the end, and `attention` float32
        `[batch, target, source]`, where the network looked to say each token.
    """
    translator = Translator(model, preprocessor)

    def truncated(text):
        return preprocessor.is_cut(text)

    # A graph of its own, which two endpoints share: it is traced and saved once.
    searched = tf.function(translator.best, [tf.TensorSpec([None, None], tf.int32)], autograph=False)

    def best(text):
        ids, scores = searched(preprocessor(text)["source_ids"])
        return {"translation": preprocessor.invert(ids), "score": scores, "truncated": truncated(text)}

    def greedy(text):
        found = translator.greedy(preprocessor(text)["source_ids"])
        return {
            "translation": preprocessor.invert(found.ids),
            "score": found.log_probabilities,
            "truncated": truncated(text),
        }

    def beam(text, beam_width, length_penalty):
        width = checked_width(beam_width, length_penalty, text, WIDEST_BEAM, "text")
        found = translator.beam_search(preprocessor(text)["source_ids"], width, length_penalty, beam_width)
        own = tf.range(width)[None, :] < beam_width[:, None]
        ids = tf.reshape(found.ids, [-1, tf.shape(found.ids)[2]])
        translations = tf.reshape(preprocessor.invert(ids), tf.shape(found.scores))
        return {
            "translations": tf.where(own, translations, ""),
            "scores": tf.where(own, found.scores, 0.0),
            "truncated": truncated(text),
        }

    def attention(text):
        source_ids = preprocessor(text)["source_ids"]
        ids, _ = searched(source_ids)
        lengths = tf.reduce_sum(tf.cast(ids != PAD_ID, tf.int32), axis=1)
        ids = ids[:, : tf.reduce_max(tf.concat([lengths, [1]], axis=0))]
        return {
            "translation": preprocessor.invert(ids),
            "source_tokens": tf.where(source_ids != PAD_ID, preprocessor.source_tokens(source_ids), ""),
            "target_tokens": tf.where(ids != PAD_ID, preprocessor.target_tokens(ids), ""),
            "attention": translator.attention(source_ids, ids),
        }

    return {
        "serving_default": (best, TEXTS),
        "greedy": (greedy, TEXTS),
        "beam": (beam, BEAM),
        "attention": (attention, TEXTS),
    }


def questions(model, preprocessor):
    """What an export is tried with, by what each batch tries."""
    cases = text_questions(EXAMPLES)
    width, penalty = preprocessor.decoding.beam_width, preprocessor.decoding.length_penalty
    for inputs in cases.values():
        count = len(inputs["text"])
        inputs |= {"beam_width": [1 + index % width for index in range(count)], "length_penalty": [penalty] * count}
    return cases


def metadata(model, preprocessor):
    """What goes with the SavedModel for `predict`."""
    return {
        "beam_width": preprocessor.decoding.beam_width,
        "length_penalty": preprocessor.decoding.length_penalty,
        "max_length": preprocessor.config.max_length,
    }
