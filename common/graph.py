"""A function of tensors as one graph of TensorFlow."""

from collections.abc import Callable

import keras
import tensorflow as tf


def as_graph(function: Callable) -> Callable:
    """Returns a function, such as a search, that runs as one graph on TensorFlow; on other backends as it is.

    Operation by operation, each step of a search takes longer than tracing all of them once.

    Args:
        function: takes and returns nested structures of tensors, for example a method that calls `beam_search`. It is traced as
            it stands, without AutoGraph, so no Python condition in it may ask a tensor.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    return tf.function(function, autograph=False)
