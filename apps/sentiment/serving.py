"""What the SavedModel answers: `serving_default` names the label, `explain` says which words spoke for it.

Raw text in, dictionaries out, as plain TensorFlow operations; no code of this repository is needed to load it.
"""

import keras
import tensorflow as tf

from apps.sentiment.vocabulary import PAD_ID
from common.text_questions import text_questions

# Texts that an export is tried with, the first one short: long, empty, not ASCII.
EXAMPLES = (
    "I laughed twice and cried once.",
    "Two hours I will never get back.",
    "",
    "Not bad at all<br /><br />the ending, though, isn't what I'd call “good” …",
    "Ünïcode, 日本語 and 🎬",
    "A long one. " * 300,
)
INTEGRATION_STEPS = 32
TEXTS = (tf.TensorSpec([None], tf.string, name="text"),)


def endpoints(model, preprocessor):
    """The signatures of the SavedModel.

    Args:
        model: the trained model in its final form, from `train`.
        preprocessor: the `Preprocessor` it was trained with.

    Returns:
        Name to (function, input signature). Both take `text` tf.string `[batch]`.

        `serving_default` returns `label` tf.string `[batch]`, `classes` tf.string and `probabilities` float32
        `[batch, classes]`. `explain` returns these and: `tokens` tf.string `[batch, words]`, empty behind the end;
        `attributions` float32 `[batch, words]`, what each word added to the score; `bias` float32 `[batch]`, what no word
        accounts for; `score` float32 `[batch]`, the logit of the label minus the mean of the others. Attributions and
        bias add up to the score.
    """

    def classify(text):
        return preprocessor.invert(model(preprocessor(text), training=False))

    explain = Explainer(model, preprocessor)
    return {"serving_default": (classify, TEXTS), "explain": (explain, TEXTS)}


def questions(model, preprocessor):
    """What an export is tried with: `text` tf.string `[batch]` by what each batch tries."""
    return text_questions(EXAMPLES)


def metadata(model, preprocessor):
    """What goes with the SavedModel for `predict`: the names of the classes, in the order of the probabilities."""
    return {"class_names": list(preprocessor.label_names)}


class Explainer:
    """Integrated gradients from a text of the same length without any words, on the vectors of words and phrases.

    What a phrase adds is said of its last word. The wide part is linear: the weight of an n-gram is shared out evenly among its words, exactly.

    Reference:
        Sundararajan et al. 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365.
    """

    def __init__(self, model, preprocessor):
        self.model = model
        self.preprocessor = preprocessor
        network = model.get_layer("network")
        vectors = network.get_layer("embedding_dropout").output
        self.embed = keras.Model(network.inputs, vectors)
        self.classify_vectors = keras.Model([vectors, *network.inputs], network.output)  # the ids for the mask
        self.scales = model.get_layer("scaled_sum").scales

    def __call__(self, text):
        words = self.preprocessor.words(text)
        inputs = self.preprocessor(text)
        logits = self.model(inputs, training=False)
        direction = self._direction(logits)  # [batch, classes]
        score = tf.reduce_sum(logits * direction, axis=-1)
        per_step = self.scales[0] * self._of_network(inputs["token_ids"], direction)
        attributions = self._on_words(per_step, inputs["token_ids"], words)
        if self.preprocessor.wide:
            attributions += self._of_wide_part(words, direction)
        attributions = words.with_flat_values(attributions)
        return {
            **self.preprocessor.invert(logits),
            "tokens": words.to_tensor(""),
            "attributions": attributions.to_tensor(0.0),
            "bias": score - tf.reduce_sum(attributions, axis=-1),
            "score": score,
        }

    @staticmethod
    def _direction(logits):
        """float32 `[batch, classes]` whose product with the logits is the score: 1 for the label, and shares of -1."""
        classes = logits.shape[-1]
        chosen = tf.one_hot(tf.argmax(logits, axis=-1), classes)
        return chosen - (1.0 - chosen) / (classes - 1)

    def _of_network(self, token_ids, direction):
        """What each step adds to the score of the network: float32 `[batch, time]`."""
        vectors = self.embed([token_ids], training=False)  # [batch, time, features]

        def gradients_at(share):
            scaled = vectors * share
            with tf.GradientTape() as tape:
                tape.watch(scaled)
                logits = self.classify_vectors([scaled, token_ids], training=False)
                score = tf.reduce_sum(logits * direction)
            return tape.gradient(score, scaled)

        # The middles of equal steps; one after the other, so that memory does not grow with their number.
        shares = (tf.range(INTEGRATION_STEPS, dtype=tf.float32) + 0.5) / INTEGRATION_STEPS
        total = tf.foldl(lambda sum_, share: sum_ + gradients_at(share), shares, tf.zeros_like(vectors))
        return tf.reduce_sum(vectors * total, axis=-1) / INTEGRATION_STEPS

    def _on_words(self, per_step, token_ids, words):
        """From `[batch, time]` to float32 `[words of the batch]`, in the order of `words.flat_values`; 0 for words cut off."""
        kept = self.preprocessor.kept(words)  # words that the network saw
        places = tf.where(kept.flat_values)
        seen = tf.boolean_mask(per_step, token_ids[:, :, 0] != PAD_ID)
        return tf.scatter_nd(places, seen, tf.shape(kept.flat_values, tf.int64))

    def _of_wide_part(self, words, direction):
        """float32 `[words of the batch]`, in the order of `words.flat_values`."""
        found = self.preprocessor.known_ngrams(words)
        # The same n-gram of another kind has another number, so each number is of one kind.
        count = self.preprocessor.wide_size
        pairs = tf.concat([of_kind.rows * count + of_kind.ngrams for of_kind in found], axis=0)
        distinct, index, counts = tf.unique_with_counts(pairs)
        rows = distinct // count
        weights = self.preprocessor.wide_weights(distinct % count)  # [distinct, classes]
        scores = tf.reduce_sum(weights * tf.gather(direction, rows), axis=-1) * self.scales[1]
        ngrams_of_text = tf.math.unsorted_segment_sum(tf.ones_like(scores), rows, words.nrows())
        scores /= tf.sqrt(tf.gather(ngrams_of_text, rows))
        # An n-gram counts once however often it occurs, so its occurrences share its weight.
        sizes = [tf.size(of_kind.ngrams) for of_kind in found]
        shares = tf.split(tf.gather(scores / tf.cast(counts, tf.float32), index), sizes)
        size = tf.size(words.flat_values)
        attributions = tf.zeros([size])
        for of_kind, share in zip(found, shares):
            for offset in of_kind.offsets:
                places = of_kind.starts + offset
                attributions += tf.math.unsorted_segment_sum(share / len(of_kind.offsets), places, size)
        return attributions
