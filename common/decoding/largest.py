"""The largest few of many numbers."""

import math

from keras import ops


def largest(values, count):
    """What `ops.top_k(values, count)` returns, faster for few of many.

    The `count` largest lie in those `count` blocks whose maxima are the largest, and a maximum is several times cheaper than
    a selection. Equal numbers stand in the order of their places, in the blocks as in the whole.

    Args:
        values: float `[rows, size]`, the size known.
        count: int, or int scalar tensor where the backend allows it, 1 to `size`.

    Returns:
        The values, float `[rows, count]`, largest first, and their places, int32 `[rows, count]`.
    """
    size = values.shape[-1]
    width = _block_width(size, count)
    if width is None:
        found, places = ops.top_k(values, count)
        return found, ops.cast(places, "int32")
    blocks = -(-size // width)
    rows = ops.shape(values)[0]
    if blocks * width > size:
        # Places behind all others, so that they come last even among equals.
        values = ops.pad(values, ((0, 0), (0, blocks * width - size)), constant_values=float("-inf"))
    values = ops.reshape(values, (-1, blocks, width))
    _, chosen = ops.top_k(ops.max(values, axis=-1), count if isinstance(count, int) else ops.minimum(count, blocks))
    chosen = ops.sort(ops.cast(chosen, "int32"), axis=-1)  # [rows, count], in the order of places
    candidates = pick(values, chosen)  # [rows, count, width]
    candidates = ops.reshape(candidates, (rows, ops.shape(candidates)[1] * width))
    found, places = ops.top_k(candidates, count)
    places = ops.cast(places, "int32")
    return found, pick(chosen, places // width) * width + places % width


def pick(values, places):
    """`values[row, places[row, i]]`.

    Args:
        values: `[rows, size, ...]`.
        places: int32 `[rows, count]`.

    Returns:
        `[rows, count, ...]`.
    """
    rows, size, *rest = ops.shape(values)
    flat = ops.arange(rows, dtype="int32")[:, None] * size + places
    return ops.take(ops.reshape(values, (-1, *rest)), flat, axis=0)


def _block_width(size, count):
    """The width of a block, where it can be one that divides `size`; None where blocks are of no use."""
    few = count if isinstance(count, int) else 10
    # Work is about the maxima (one for each block) and the candidates (one block for each of `count`).
    best = max(2, round(math.sqrt(size / few)))
    if best * few * 4 > size:
        return None
    return next((width for width in range(best, max(1, best // 3), -1) if size % width == 0), best)
