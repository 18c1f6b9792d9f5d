"""Draws the picture of the whole for README.md: `python docs/drawings/overview.py`.

From left to right the way of one example through each application, raw input to answer; below, what the verbs leave behind.
"""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from common.figures import save_figure
from common.plots import BLUE, GREY, ORANGE

PATH = Path(__file__).parents[1] / "explained" / "overview.png"
LEFTS = (0.0, 3.3, 6.3, 9.6, 12.3)  # of the columns
WIDTHS = (2.8, 2.5, 2.8, 2.2, 2.8)
HEIGHT, ROW = 0.62, 0.86

HEADS = (
    ("what you have", ""),
    ("preprocessor", "strings and bytes, CPU\ncommon/data"),
    ("network", "compiled by XLA\ncommon/layers"),
    ("search", "one step function\ncommon/decoding"),
    ("what you get", ""),
)
APPLICATIONS = (
    ("a text", "words and phrases", "both directions, pooling", None, "its label, and the\nwords that spoke for it"),
    ("a table of measurements", "scaling, windows", "segments, recurrent cell", None, "quantiles of what\ncomes next"),
    ("a sentence", "subwords", "encoder, attention", "beam search", "a sentence of\nanother language"),
    (
        "a seed, a melody",
        "grid of sixteenths",
        "stack, looks ahead",
        "sampling",
        "a piece in four voices:\nMIDI, score, sound",
    ),
    ("a picture", "pixels or features", "encoder, attention", "beam search", "a sentence, and\nwhere it looked"),
)
NAMES = ("sentiment", "forecasting", "translation", "music", "captioning")
VERBS = ("train", "runs/", "evaluate", "export", "saved_models/", "predict   serve   demo")


def main() -> int:
    save_figure(draw(), PATH)
    return 0


def draw() -> Figure:
    """A row for each application, and one for the verbs."""
    figure = Figure(figsize=(12.4, 5.6), layout="constrained")
    axes = figure.add_subplot()
    bottom = -ROW * (len(APPLICATIONS) - 1) - HEIGHT / 2
    _frame(axes, LEFTS[1] - 0.22, bottom - 0.25, LEFTS[3] + WIDTHS[3] - LEFTS[1] + 0.44, 2.1 - bottom)
    axes.text(
        (LEFTS[1] + LEFTS[3] + WIDTHS[3]) / 2, 1.62, "all of this is inside the SavedModel", ha="center", fontsize=10
    )
    for left, width, (head, note) in zip(LEFTS, WIDTHS, HEADS, strict=True):
        axes.text(left + width / 2, 1.18, head, ha="center", va="center", fontsize=11, weight="bold")
        axes.text(left + width / 2, 0.74, note, ha="center", va="center", fontsize=8, color=GREY)
    for row, (name, stages) in enumerate(zip(NAMES, APPLICATIONS, strict=True)):
        y = -ROW * row
        axes.text(-0.25, y, name, ha="right", va="center", fontsize=11, weight="bold")
        for column, stage in enumerate(stages):
            if stage is None:
                continue
            outer = column in (0, len(stages) - 1)
            _box(axes, LEFTS[column], y, WIDTHS[column], stage, ORANGE if outer else BLUE)
            after = next((other for other in range(column + 1, len(stages)) if stages[other]), None)
            if after is not None:
                _arrow(axes, (LEFTS[column] + WIDTHS[column], y), (LEFTS[after], y))
    _draw_verbs(axes, bottom - 1.05)
    axes.set_xlim(-2.0, LEFTS[-1] + WIDTHS[-1] + 0.1)
    axes.set_ylim(bottom - 1.5, 1.95)
    axes.set_axis_off()
    return figure


def _draw_verbs(axes: Axes, y: float) -> None:
    """What a person types, and what it leaves behind."""
    axes.text(-0.25, y, "verbs", ha="right", va="center", fontsize=11, weight="bold")
    widths = (1.2, 1.2, 1.6, 1.3, 2.3, 3.6)
    left = 0.0
    for index, (word, width) in enumerate(zip(VERBS, widths, strict=True)):
        _box(axes, left, y, width, word, GREY if word.endswith("/") else ORANGE)
        if index + 1 < len(VERBS):
            _arrow(axes, (left + width, y), (left + width + 0.78, y))
        left += width + 0.78


def _frame(axes: Axes, x: float, y: float, width: float, height: float) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0.05", facecolor="#eef3f8", edgecolor=BLUE, linestyle="--"
        )
    )


def _box(axes: Axes, left: float, y: float, width: float, text: str, colour: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (left, y - HEIGHT / 2),
            width,
            HEIGHT,
            boxstyle="round,pad=0.02",
            facecolor="white",
            edgecolor=colour,
            lw=1.6,
        )
    )
    axes.text(left + width / 2, y, text, ha="center", va="center", fontsize=8.5)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color="#444444", shrinkA=3, shrinkB=3)
    )


if __name__ == "__main__":
    sys.exit(main())
