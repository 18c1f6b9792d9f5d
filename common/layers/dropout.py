"""Dropout over a sequence: the same at every step, or drawn anew at each."""

import keras
from keras import ops

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
    kept = keras.random.uniform(shape, seed=seed_generator) >= fraction
    return ops.cast(kept, dtype) / (1.0 - fraction)
