"""Dropout that is fast under XLA; over a sequence the same at every step, or drawn anew at each."""

import keras
from keras import ops

from common.layers.backend import random_uniform

DROPOUT_MODES = ("variational", "per_step")


def check_fraction(name, label, fraction):
    """`fraction`, if it is a number from 0 to below 1; else raises ValueError. `name` is that of the layer."""
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 <= fraction < 1:
        raise ValueError(f"{name}: {label} must be at least 0 and below 1, got {fraction!r}")
    return fraction


def check_mode(name, mode):
    """`mode`, if it is one of `DROPOUT_MODES`; else raises ValueError."""
    if mode not in DROPOUT_MODES:
        raise ValueError(f"{name}: dropout_mode must be one of {DROPOUT_MODES}, got {mode!r}")
    return mode


def dropout_mask(shape, fraction, seed_generator, dtype):
    """Ones and zeros, the ones scaled so that the expected value stays: float of `shape`.

    A shape with one step of time is the mask of every step, `variational`; one with all steps is `per_step`.
    """
    kept = random_uniform(shape, seed_generator) >= fraction
    return ops.cast(kept, dtype) / (1.0 - fraction)


@keras.saving.register_keras_serializable(package="unroll")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with random numbers that XLA makes fast on a CPU, too.

    Args:
        rate: fraction that is dropped in training, from 0 to below 1.
        noise_shape: shape of what is drawn, 1 where an axis shares it and None where it is that of the inputs; e.g.
            `(None, 1, None)` drops the same features at every step of `[batch, time, features]`.
        seed: int or None.

    Call arguments:
        inputs: float of any shape.
        training: whether to drop.
    """

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            shape = tuple(size if given is None else given for size, given in zip(shape, self.noise_shape, strict=True))
        return inputs * dropout_mask(shape, self.rate, self.seed_generator, inputs.dtype)
