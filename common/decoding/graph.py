"""A search as one graph."""

from collections.abc import Callable

import keras


def as_graph(search: Callable) -> Callable:
    """Returns a search that runs as one graph on TensorFlow; on other backends it is returned as it is.

    Operation by operation, each step of a search takes longer than tracing all of them once.

    Args:
        search: takes and returns nested structures of tensors, for example a method that calls `beam_search`. It is traced as
            it stands, without AutoGraph, so no Python condition in it may ask a tensor.
    """
    if keras.backend.backend() != "tensorflow":
        return search
    import tensorflow as tf

    return tf.function(search, autograph=False)
