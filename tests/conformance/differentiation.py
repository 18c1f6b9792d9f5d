"""Gradients and compilation on both backends of `common.layers`, so that one battery tests either."""

import keras
import numpy as np

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def compiled(function):
    """`function` of arrays, compiled by XLA as one piece."""
    if ON_TENSORFLOW:
        import tensorflow as tf

        return tf.function(function, jit_compile=True, autograph=False)
    import jax

    return jax.jit(function)


def gradients(function, variables, arrays):
    """Gradients of a scalar, as NumPy: list in the order of `variables`, then of `arrays`.

    Args:
        function: of as many tensors as there are `arrays`; reads `variables` as it likes.
        variables: list of `keras.Variable`.
        arrays: list of float NumPy arrays.
    """
    return [np.asarray(value) for value in gradient_function(function, variables)(*arrays)]


def gradient_function(function, variables):
    """The function of arrays behind `gradients`, to be compiled or not; returns tensors."""
    if ON_TENSORFLOW:
        import tensorflow as tf

        def differentiated(*arrays):
            tensors = [tf.convert_to_tensor(array) for array in arrays]
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                value = function(*tensors)
            sources = [variable.value for variable in variables] + tensors
            return tape.gradient(value, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)

        return differentiated
    import jax

    def differentiated(*arrays):
        def pure(values, *arrays):
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*arrays)

        values = [variable.value for variable in variables]
        of_values, *of_arrays = jax.grad(pure, argnums=tuple(range(1 + len(arrays))))(values, *arrays)
        return [*of_values, *of_arrays]

    return differentiated
