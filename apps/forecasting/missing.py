"""Missing values: how they are filled, each part of a split from what a forecaster would have had.

Between the readers, whose values may be NaN where a measurement is missing, and `data.load_splits`, whose values
may not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def first_complete(values: np.ndarray) -> int:
    """The first row from which on each column has had a value, of float64 `[time, columns]`; its length if none is."""
    has_value = ~np.isnan(values)
    if not has_value.any(axis=0).all():
        return len(values)
    return int(has_value.argmax(axis=0).max())


def fill(values: np.ndarray, ends: Sequence[int], policy: str) -> np.ndarray:
    """The values with each NaN filled, without a look from one part into a later one.

    "forward" repeats the last value. "interpolate" draws a straight line from the last value to the next one of the same
    part; where the part has no next one, the last value is repeated.

    Args:
        values: float64 `[time, columns]`; the first row of each column that is not NaN is at or before the end of the
            first part. Leading NaN stay (see `first_complete`).
        ends: row at which each part ends, ascending; rows after the last one are left as they are.
        policy: "interpolate" or "forward".

    Returns:
        float64 `[time, columns]`, a copy where anything was missing.
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    values = values.copy()
    for column in np.flatnonzero(missing.any(axis=0)):
        start = 0
        for end in ends:
            _fill_part(values[:end, column], start, policy)
            start = end
    return values


def _fill_part(values: np.ndarray, start: int, policy: str) -> None:
    """Fills the NaN from `start` on, in place; those before are filled."""
    begin = max(start - 1, 0)  # one row back: what a line may start from
    part = values[begin:]
    known = np.flatnonzero(~np.isnan(part))
    empty = np.flatnonzero(np.isnan(part))
    if not len(known) or not len(empty):
        return
    empty = empty[empty > known[0]]
    if policy == "interpolate":
        part[empty] = np.interp(empty, known, part[known])  # constant after the last known one
    else:
        part[empty] = part[known[np.searchsorted(known, empty) - 1]]
