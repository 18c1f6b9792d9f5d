"""What all `tf.data` pipelines of trainings and evaluations have in common."""

import tensorflow as tf


def without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same data set without tf.data's tuning, for one whose parallel calls and prefetched batches are numbers.

    Keras makes an iterator for each epoch and each validation. A thread of the iterator looks for better numbers, at first
    every 10 ms, then twice as seldom each time, down to once a minute; and the end of the iterator may have to wait for its
    next look: on two busy cores about every second iterator ended as late again as it had worked, with nothing running.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
