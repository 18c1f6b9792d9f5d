"""Which steps are real: masks and lengths, checked and brought into one form."""

import keras
from keras import ops


def mask_of_steps(name, sequence, mask=None, lengths=None, label="sequence"):
    """A mask, checked, or made from lengths: bool `[batch, time]`, or None when all steps are real.

    Args:
        name: of the layer, for messages.
        sequence: `[batch, time, features]`, what is masked.
        mask: bool `[batch, time]`, True for real steps, or None.
        lengths: int `[batch]`, another way to say a mask with padding on the right, or None.
        label: what is masked, for messages: `sequence` or `memory`, whose arguments begin with `memory_`.

    Raises:
        ValueError: if the sequence is not of rank 3, both `mask` and `lengths` are given, or one does not fit.
    """
    shape, prefix = tuple(sequence.shape), "memory_" if label == "memory" else ""
    if len(shape) != 3:
        raise ValueError(f"{name}: the {label} must be [batch, {prefix}time, features], got shape {shape}")
    if mask is not None and lengths is not None:
        raise ValueError(f"{name}: give {prefix}mask or {prefix}lengths, not both")
    if lengths is not None:
        given = tuple(ops.shape(lengths))
        if not fits(given, shape[:1]):
            raise ValueError(f"{name}: {prefix}lengths must be [batch] of a {label} of shape {shape}, got {given}")
        steps = ops.arange(ops.shape(sequence)[1])
        return steps[None, :] < ops.cast(ops.expand_dims(lengths, -1), "int32")
    if mask is None:
        return None
    given, dtype = tuple(mask.shape), keras.backend.standardize_dtype(mask.dtype)
    if not fits(given, shape[:2]):
        raise ValueError(
            f"{name}: {prefix}mask must be [batch, {prefix}time] of a {label} of shape {shape}, got {given}"
        )
    if dtype != "bool":
        raise ValueError(f"{name}: {prefix}mask must be bool, got {dtype}")
    return ops.convert_to_tensor(mask)


def fits(shape, other):
    """Whether shapes are equal as far as they are known."""
    return len(shape) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(shape, other))
