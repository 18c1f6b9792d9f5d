"""Texts as `tf.data`, so that string operations run on all cores."""

from collections.abc import Sequence

import tensorflow as tf


def as_dataset(texts: Sequence[str], batch_size: int = 256) -> tf.data.Dataset:
    """Texts in their order, as batches tf.string `[batch]`; the last one may be smaller."""
    return tf.data.Dataset.from_tensor_slices(tf.constant(list(texts), tf.string)).batch(batch_size)
