"""Texts as `tf.data`, so that string operations run on all cores."""

from collections.abc import Callable, Sequence

import tensorflow as tf


def as_dataset(texts: Sequence[str], batch_size: int = 256) -> tf.data.Dataset:
    """Texts in their order, as batches tf.string `[batch]`; the last one may be smaller."""
    return tf.data.Dataset.from_tensor_slices(tf.constant(list(texts), tf.string)).batch(batch_size)


def map_texts(texts: Sequence[str], function: Callable):
    """What a function of tf.string `[batch]` says of all texts, in their order: a tensor or ragged tensor `[texts, ...]`."""
    parts = list(as_dataset(texts).map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))
    return tf.concat(parts, axis=0) if parts else function(tf.constant([], tf.string))
