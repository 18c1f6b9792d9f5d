"""Where on the picture the decoder looked for each word of a caption, as a picture."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from common.plots import new_figure

_LONGEST_TOKEN = 16  # letters above a picture
_ROOMY = 1.9  # inches, the longer side of each picture; of many words less
_MANY, _NARROW = 16, 1.5
_LEAST_SIDE = 0.5  # inches, so that of a picture of one row something is seen
_LETTER = 0.09  # inches, width of one of a title
_GREY, _CONTRAST = 0.62, 0.28  # of what the decoder did not look at: neither darker nor lighter than most things


def draw_attention(picture: np.ndarray, tokens: Sequence[str], weights: np.ndarray, title: str) -> Figure:
    """The picture, then for each word the picture again, grey where the decoder did not look.

    The most colourful place of each is where it looked most for this word; two words do not compare.

    Args:
        picture: uint8 [height, width, 3], all that the decoder could look at.
        tokens: the words of the caption, at least one.
        weights: float [tokens, rows, columns], attention to each place of the picture, not negative.
        title: above all.

    Raises:
        ValueError: no tokens, or arrays of other shapes.
    """
    weights = np.asarray(weights, np.float32)
    if weights.ndim != 3 or weights.size == 0 or len(weights) != len(tokens):
        raise ValueError(f"expected weights [{len(tokens)} tokens, rows, columns], got shape {weights.shape}")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        raise ValueError(f"expected a picture [height, width, 3], got shape {picture.shape}")
    panels = len(tokens) + 1
    # As many in a row as leave the fewest places empty; of equal ones the most.
    columns = panels if panels <= 5 else min(range(8, 4, -1), key=lambda columns: -panels % columns)
    rows = math.ceil(panels / columns)
    height, width = picture.shape[:2]
    longer = (_ROOMY if panels <= _MANY else _NARROW) / max(height, width)
    labels = [_label(token) for token in tokens]
    letters = max(map(_columns, ["the picture", *labels]))
    size = (max(longer * width, _LETTER * letters), max(longer * height, _LEAST_SIDE))  # inches of each
    figure, all_axes = new_figure(
        rows, columns, size=(max(columns * (size[0] + 0.12), 3.2) + 0.2, rows * (size[1] + 0.34) + 0.5)
    )
    colors = picture / 255.0  # [height, width, 3]
    unseen = _GREY + _CONTRAST * (colors.mean(axis=2, keepdims=True) - 0.5)  # [height, width, 1]
    _show(all_axes[0], colors, "the picture")
    for axes, label, map_ in zip(all_axes[1:], labels, weights, strict=False):
        seen = _enlarged(map_, height, width)[..., None]  # [height, width, 1]
        _show(axes, seen * colors + (1 - seen) * unseen, label)
    for axes in all_axes[panels:]:
        axes.remove()
    figure.suptitle(title, parse_math=False, wrap=True)
    return figure


def _show(axes: Axes, colors: np.ndarray, label: str) -> None:
    axes.imshow(
        np.clip(colors, 0, 1), aspect="auto" if min(colors.shape[:2]) < 0.2 * max(colors.shape[:2]) else "equal"
    )
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color="#C8C8C8", linewidth=0.5)  # a white picture ends somewhere
    axes.set_title(label, fontsize=10, parse_math=False, pad=3)


def _enlarged(map_: np.ndarray, height: int, width: int) -> np.ndarray:
    """Attention to places as float32 [height, width], smooth, from 0 to 1 at its largest."""
    smooth = Image.fromarray(map_.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    smooth = np.clip(np.asarray(smooth), 0, None)  # bicubic falls below 0 beside peaks
    return smooth / max(float(smooth.max()), 1e-12)


def _label(token: str) -> str:
    """`token` as a title: in one line, not wider than its picture, white space visible."""
    token = token.removeprefix("▁") or token  # the mark of a word's beginning
    token = token.replace("▁", " ")
    shown = "".join("␣" if c.isspace() else c if c.isprintable() else "·" for c in token) or "∅"
    if _columns(shown) <= _LONGEST_TOKEN:
        return shown
    while _columns(shown) >= _LONGEST_TOKEN:
        shown = shown[:-1]
    return shown + "…"


def _columns(text: str) -> int:
    """How wide `text` is, in letters: East Asian ones take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
