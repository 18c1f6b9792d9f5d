"""What differs between TensorFlow and JAX when a recurrence is run: a loop, and a function with its own gradient.

Everything else in `common.layers` is written with `keras.ops`. Both modules here export the same names:

scan(body, carry, xs, length, outputs_like, ...)   a loop over the leading axis, compiled to one XLA loop
vjp(function, primals)                             value and vector-Jacobian product
with_gradient(forward, backward, operands)         a function whose gradient is given, not derived
at_once(arrays)                                    the same arrays, computed by one kernel of an accelerator
random_uniform(shape, seed_generator)              random numbers, fast under XLA
cores()                                            on how many cores independent work may run
has_accelerator()                                  whether there is a GPU or TPU to run on
"""

import keras

if keras.backend.backend() == "tensorflow":
    from common.layers.backend.tensorflow import (
        at_once,
        cores,
        has_accelerator,
        random_uniform,
        scan,
        vjp,
        with_gradient,
    )
elif keras.backend.backend() == "jax":
    from common.layers.backend.jax import at_once, cores, has_accelerator, random_uniform, scan, vjp, with_gradient
else:
    raise ImportError(
        f"common.layers runs on the Keras backends tensorflow and jax, not on {keras.backend.backend()!r}: "
        "set KERAS_BACKEND=tensorflow or KERAS_BACKEND=jax"
    )

__all__ = ["at_once", "cores", "has_accelerator", "random_uniform", "scan", "vjp", "with_gradient"]
