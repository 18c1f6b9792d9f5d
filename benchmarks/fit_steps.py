"""Training steps of a compiled Keras model on one batch, for programs that time them."""

from collections.abc import Callable

import keras
import tensorflow as tf

from common.data.pipelines import without_autotune


def training_steps(network: keras.Model, batch, steps: int) -> Callable[[], object]:
    """A function that takes so many steps of `network.fit` on the batch, and waits for the last loss."""
    batches = without_autotune(tf.data.Dataset.from_tensors(batch).cache().repeat())

    def take():
        if network.train_function is None:  # the first turn; builds optimizer and metrics, too
            return network.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
        iterator = iter(batches)
        for _ in range(steps):
            logs = network.train_function(iterator)
        return float(logs["loss"])

    return take
