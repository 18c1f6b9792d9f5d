"""Answers of a model in values that JSON, CSV and people read."""

from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Returns an array as nested lists of numbers, truth values and strings; of rank 0, as one of them.

    Args:
        value: An array of any shape. A float32 becomes the shortest number that is the same float32: 0.2, not
            0.20000000298. Bytes are read as UTF-8, and what is none becomes the replacement character.
    """
    if isinstance(value, bytes):  # which an array would cut at its trailing zeros
        return _text(value)
    array = np.asarray(value)
    if array.dtype == object:
        flat: list[Any] = [_text(item) for item in array.ravel()]
    elif array.dtype.kind == "f":
        flat = [float(str(item)) for item in array.ravel()]
    else:
        return array.tolist()
    return nested(flat, array.shape)


def nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    """Returns the values of a flattened array as nested lists of `shape`; of rank 0, the only value."""
    array = np.empty(len(flat), object)
    array[:] = flat
    return array.reshape(shape).tolist()


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
