"""The layers that only this application has: what happens to words before they meet the recurrent layers, and after."""

import keras
from keras import ops

from apps.sentiment.preprocessing import NO_PHRASE_ID
from apps.sentiment.vocabulary import PAD_ID, UNKNOWN_ID
from common.layers import random_uniform


@keras.saving.register_keras_serializable(package="unroll")
class WordDropout(keras.layers.Layer):
    """In training, replaces words by the unknown word, so that no review is told by one word alone.

    A phrase that holds a replaced word is no phrase any more.

    Args:
        rate: share of the words that is replaced, 0 to 1.
        seed: int or None.

    Call arguments:
        token_ids: int32 `[batch, time, phrase_length]`, from `Preprocessor`; padding stays padding.

    Returns:
        int32 `[batch, time, phrase_length]`.

    Reference:
        Iyyer et al. 2015, "Deep unordered composition rivals syntactic methods for text classification", ACL.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, token_ids, training=None):
        if not training or not self.rate:
            return token_ids
        words = token_ids[:, :, 0]  # [batch, time]
        dropped = random_uniform(ops.shape(words), self.seed_generator) < self.rate
        columns = [ops.where(ops.logical_and(dropped, words != PAD_ID), UNKNOWN_ID, words)]
        broken = dropped  # phrases that hold a replaced word
        for column in range(1, token_ids.shape[-1]):
            # Whether the word `column` steps before was replaced; cut behind, since a text may be shorter than a phrase.
            earlier = ops.pad(dropped, [[0, 0], [column, 0]])[:, : ops.shape(words)[1]]
            broken = ops.logical_or(broken, earlier)
            columns.append(ops.where(broken, NO_PHRASE_ID, token_ids[:, :, column]))
        return ops.stack(columns, axis=-1)

    def compute_output_shape(self, token_ids_shape):
        return token_ids_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable(package="unroll")
class PhraseEmbedding(keras.layers.Layer):
    """The sum of the vectors of all phrases that end at a step: "not good" is one thing before the network reads a word.

    Args:
        phrases: number of phrase ids, the one for no phrase included.
        dim: size of a vector.

    Call arguments:
        phrase_ids: int32 `[batch, time, phrases that may end here]`.

    Returns:
        float `[batch, time, dim]`; zeros where no phrase ends.

    Reference:
        Joulin et al. 2017, "Bag of tricks for efficient text classification", arXiv:1607.01759; as the input of a recurrent
        network, the region embedding of Johnson and Zhang 2016, arXiv:1602.02373.
    """

    def __init__(self, phrases, dim, **kwargs):
        super().__init__(**kwargs)
        self.phrases = phrases
        self.dim = dim

    def build(self, phrase_ids_shape):
        self.embeddings = self.add_weight(shape=(self.phrases, self.dim), name="embeddings", initializer="uniform")

    def call(self, phrase_ids):
        vectors = ops.take(ops.cast(self.embeddings, self.compute_dtype), phrase_ids, axis=0)
        return ops.sum(ops.where(ops.expand_dims(phrase_ids != NO_PHRASE_ID, -1), vectors, 0.0), axis=2)

    def compute_output_shape(self, phrase_ids_shape):
        return (*phrase_ids_shape[:2], self.dim)

    def get_config(self):
        return {**super().get_config(), "phrases": self.phrases, "dim": self.dim}


@keras.saving.register_keras_serializable(package="unroll")
class ScaledSum(keras.layers.Layer):
    """Adds logits of several models, each times a positive number that was fitted on validation data.

    With one input this is temperature scaling, which changes no prediction and makes the probabilities honest.

    Args:
        scales: list of float, one for each input.

    Call arguments:
        logits: list of float32 `[batch, classes]`.

    Returns:
        float32 `[batch, classes]`.

    Reference:
        Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599.
    """

    def __init__(self, scales, **kwargs):
        super().__init__(**kwargs)
        self.scales = [float(scale) for scale in scales]

    def call(self, logits):
        return sum(scale * values for scale, values in zip(self.scales, logits, strict=True))

    def compute_output_shape(self, logits_shapes):
        return logits_shapes[0]

    def get_config(self):
        return {**super().get_config(), "scales": self.scales}
