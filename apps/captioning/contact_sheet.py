"""Pictures of a split with what the network says of them and what people say: the best, the middling and the worst."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.plots import GREY, new_figure

_CELL, _TALLEST = 2.4, 2.6  # inches, of the room of a picture
_LETTERS = 34  # of a line below a picture
_LINES = 4  # of a caption; the rest of a longer one is left out
_FONT, _LINE, _SPACE = 8.5, 11.5, 3.0  # points
_FAINT = "#C8C8C8"
_GAP, _LEFT, _TOP = 0.15, 0.4, 0.5  # inches, between pictures, and for the kinds and the title


def draw_contact_sheet(
    pictures: Sequence[np.ndarray],
    captions: Sequence[str],
    references: Sequence[str],
    remarks: Sequence[str],
    kinds: Sequence[str],
    title: str,
) -> Figure:
    """A sheet of pictures, a row for each kind; below each the caption of the network, a reference and a remark.

    Args:
        pictures: uint8 [height, width, 3] each, at least one.
        captions: of the network, one for each picture.
        references: of a person, likewise.
        remarks: for people, likewise, such as "CIDEr 41.5".
        kinds: likewise, such as "best"; pictures of a kind stand together.
        title: above all.

    Raises:
        ValueError: no pictures, or not as many of everything.
    """
    lengths = {len(each) for each in (pictures, captions, references, remarks, kinds)}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"expected as many of everything, at least one, got {sorted(lengths)}")
    rows = [[index for index, each in enumerate(kinds) if each == kind] for kind in dict.fromkeys(kinds)]
    texts = [
        (_wrapped(caption or "(says nothing)"), _wrapped(reference), remark)
        for caption, reference, remark in zip(captions, references, remarks, strict=True)
    ]
    sizes = [_size(picture) for picture in pictures]
    heights = [
        max(sizes[index][1] for index in row) + max(_height_of_text(texts[index]) for index in row) + _GAP
        for row in rows
    ]  # inches
    width = _LEFT + max(2, *map(len, rows)) * (_CELL + _GAP)
    height = _TOP + sum(heights)
    figure, axes_of = new_figure(1, len(pictures), size=(width, height))
    figure.set_layout_engine(None)  # it does not see how large pictures and texts become; here all sizes are known
    top = height - _TOP
    for row, row_height in zip(rows, heights, strict=True):
        for column, index in enumerate(row):
            axes, (wide, high) = axes_of[index], sizes[index]
            left = _LEFT + column * (_CELL + _GAP) + (_CELL - wide) / 2
            axes.set_position((left / width, (top - high) / height, wide / width, high / height))
            axes.imshow(pictures[index], aspect="auto")
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set(color=_FAINT, linewidth=0.5)  # a white picture ends somewhere
            _write_below(axes, *texts[index])
        middle = top - max(sizes[index][1] for index in row) / 2
        figure.text(
            _LEFT / 2 / width, middle / height, kinds[row[0]], rotation=90, ha="center", va="center", parse_math=False
        )
        top -= row_height
    figure.suptitle(title, y=1 - 0.12 / height, va="top", parse_math=False, wrap=True)
    return figure


def _write_below(axes: Axes, caption: str, reference: str, remark: str) -> None:
    below = _SPACE  # points
    for text, color, weight in ((caption, "black", "bold"), (reference, GREY, "normal"), (remark, "black", "normal")):
        axes.annotate(
            text,
            xy=(0.5, 0),
            xycoords="axes fraction",
            xytext=(0, -below),
            textcoords="offset points",
            ha="center",
            va="top",
            color=color,
            weight=weight,
            fontsize=_FONT,
            parse_math=False,
        )
        below += _LINE * (text.count("\n") + 1) + _SPACE


def _size(picture: np.ndarray) -> tuple[float, float]:
    """Width and height in inches; of a very long or very wide one more than its shape says, so that something is seen."""
    high, wide = picture.shape[:2]
    scale = min(_CELL / wide, _TALLEST / high)
    return max(scale * wide, 0.1 * _CELL), max(scale * high, 0.1 * _CELL)


def _height_of_text(texts: Sequence[str]) -> float:
    """Inches."""
    return sum(_LINE * (text.count("\n") + 1) + _SPACE for text in texts) / 72 + _SPACE / 72


def _wrapped(text: str) -> str:
    """`text` in lines that fit below a picture, not more than `_LINES`; letters that nobody sees become a dot."""
    text = "".join(c if c.isprintable() else " " if c.isspace() else "·" for c in text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text) > len(text) / 4
    lines = textwrap.wrap(text, _LETTERS // 2 if wide else _LETTERS, max_lines=_LINES, placeholder=" …")
    return "\n".join(lines) or "·"
