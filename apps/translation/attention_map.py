"""Which parts of the source the decoder looked at while it wrote each part of the translation, as a picture."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from common.plots import new_figure

_LONGEST_TOKEN = 18  # characters; the rest of a longer one would take the room of the map
_LARGEST_SIDE = 16.0  # inches of the map
_LEAST_LABEL = 0.13  # inches between two labels that can be read
_LONGEST_BAR = 3.0  # inches of the scale of colours
_UPRIGHT = 3  # characters of labels that need not be turned


def draw_attention(
    source_tokens: Sequence[str], target_tokens: Sequence[str], weights: np.ndarray, title: str
) -> Figure:
    """A map of attention weights: a row for each token of the translation, a column for each of the source.

    Args:
        source_tokens: from left to right, as the encoder read them.
        target_tokens: from top to bottom, as the decoder wrote them.
        weights: float [target, source]; a row sums to 1.
        title: above the picture.

    Raises:
        ValueError: no tokens, or weights of another shape.
    """
    weights = np.asarray(weights, np.float64)
    rows, columns = len(target_tokens), len(source_tokens)
    if weights.shape != (rows, columns) or weights.size == 0:
        raise ValueError(
            f"expected weights [target, source] for {rows} target and {columns} source tokens, at least one of each, "
            f"got shape {weights.shape}"
        )
    sources, targets = [_label(token) for token in source_tokens], [_label(token) for token in target_tokens]
    longest = max(rows, columns)
    cell, font = (0.36, 10) if longest <= 20 else (min(0.18, _LARGEST_SIDE / longest), 7)  # inches, points
    width, height = max(1.6, cell * columns), max(1.2, cell * rows)
    letter = 0.0085 * font  # inches
    upright = max(map(_columns, sources)) <= _UPRIGHT
    left, top = letter * max(map(_columns, targets)), letter * (2 if upright else max(map(_columns, sources)))
    figure, (axes,) = new_figure(1, 1, size=(max(left + width + 1.5, 4.0), top + height + 0.9))
    image = axes.imshow(weights, cmap="Blues", vmin=0.0, vmax=max(float(np.nanmax(weights)), 1e-6), aspect="auto")
    every = max(1, math.ceil(_LEAST_LABEL / cell))  # of more tokens than there is room for, each so many-th is named
    shown_columns, shown_rows = range(0, columns, every), range(0, rows, every)
    plain = {"parse_math": False, "fontsize": font}  # a dollar sign in a sentence does not start a formula
    axes.set_xticks(shown_columns, sources[::every], rotation=0 if upright else 90, **plain)
    axes.set_yticks(shown_rows, targets[::every], **plain)
    axes.xaxis.tick_top()
    axes.tick_params(length=2)
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("source")
    axes.set_ylabel("translation")
    if cell >= _LEAST_LABEL:
        axes.set_xticks(np.arange(1, columns) - 0.5, minor=True)
        axes.set_yticks(np.arange(1, rows) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
    shrink = min(1.0, _LONGEST_BAR / height)
    bar = figure.colorbar(
        image, ax=axes, shrink=shrink, aspect=shrink * height / 0.16, pad=0.12 / width, fraction=0.05, anchor=(0.0, 1.0)
    )
    bar.set_label("attention weight")
    figure.suptitle(title, parse_math=False, wrap=True)
    return figure


def _label(token: str) -> str:
    """`token` as it can stand beside an axis: in one line, not longer than there is room, white space visible."""
    token = token.replace("▁", "_")  # the mark of a word's beginning; upright it would be a heavy bar
    shown = "".join("␣" if c.isspace() else c if c.isprintable() else "·" for c in token) or "∅"
    return shown if len(shown) <= _LONGEST_TOKEN else shown[: _LONGEST_TOKEN - 1] + "…"


def _columns(text: str) -> int:
    """How wide `text` is, in letters: East Asian ones take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
