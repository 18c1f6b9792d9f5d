"""The layers that only this application has: what happens to words before they meet the recurrent layers, and after."""

import keras
from keras import ops

from apps.sentiment.preprocessing import PAD_ID, UNKNOWN_ID


@keras.saving.register_keras_serializable(package="unroll")
class WordDropout(keras.layers.Layer):
    """In training, replaces words by the unknown word, so that no review is told by one word alone.

    Args:
        rate: share of the words that is replaced, 0 to 1.
        seed: int or None.

    Call arguments:
        token_ids: int32 `[batch, time]`; padding stays padding.

    Returns:
        int32 `[batch, time]`.

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
        dropped = keras.random.uniform(ops.shape(token_ids), seed=self.seed_generator) < self.rate
        return ops.where(ops.logical_and(dropped, token_ids != PAD_ID), UNKNOWN_ID, token_ids)

    def compute_output_shape(self, token_ids_shape):
        return token_ids_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable(package="unroll")
class BigramEmbedding(keras.layers.Layer):
    """A vector for each pair of neighbouring words, by hashing: "not good" is one thing before the network reads a word.

    Pairs that fall into the same bucket share a vector; with far more pairs than buckets the frequent ones win it.

    Args:
        buckets: number of vectors.
        dim: size of a vector.

    Call arguments:
        token_ids: int32 `[batch, time]`.

    Returns:
        float `[batch, time, dim]`: at each step the vector of the word before and this word.

    Reference:
        Joulin et al. 2017, "Bag of tricks for efficient text classification", arXiv:1607.01759; as the input of a recurrent
        network, the region embedding of Johnson and Zhang 2016, arXiv:1602.02373.
    """

    def __init__(self, buckets, dim, **kwargs):
        super().__init__(**kwargs)
        self.buckets = buckets
        self.dim = dim

    def build(self, token_ids_shape):
        self.embeddings = self.add_weight(shape=(self.buckets, self.dim), name="embeddings", initializer="uniform")

    def call(self, token_ids):
        previous = ops.pad(token_ids[:, :-1], [[0, 0], [1, 0]], constant_values=PAD_ID)
        return ops.take(ops.cast(self.embeddings, self.compute_dtype), self.bucket(previous, token_ids), axis=0)

    def bucket(self, first_ids, second_ids):
        """Bucket of a pair: int32 of equal shapes to int32 `[0, buckets)`; the mixer of MurmurHash3, wrapping around."""
        mixed = first_ids * -1640531535 + second_ids
        mixed = ops.bitwise_xor(mixed, ops.right_shift(mixed, 16)) * -2048144789
        mixed = ops.bitwise_xor(mixed, ops.right_shift(mixed, 13)) * -1028477387
        mixed = ops.bitwise_xor(mixed, ops.right_shift(mixed, 16))
        return ops.mod(mixed, self.buckets)

    def compute_output_shape(self, token_ids_shape):
        return (*token_ids_shape, self.dim)

    def get_config(self):
        return {**super().get_config(), "buckets": self.buckets, "dim": self.dim}


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
