"""Draws the kinds of recurrent problem for docs/problem_kinds.md: `python docs/drawings/problem_kinds.py`.

One picture for each kind, unrolled in time: what is read below, the states in the middle, what is said above.
"""

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from common.figures import save_figure
from common.plots import BLUE, GREY, ORANGE

FOLDER = Path(__file__).parents[1] / "explained"
READ, STATE, SAID = 0.0, 1.5, 3.0  # height of each row
SIZE = 0.72  # of a box; steps are 1.3 apart
STEP = 1.3

# name: (labels of the inputs, None where nothing is read; labels of the outputs, None where nothing is said; steps at which an
# output is read by the next step; the step at which a second network takes over, or None)
KINDS = {
    "one_to_one": (["a size"], ["a price"], False, None),
    "one_to_many": (["picture", None, None, None], ["two", "bears", "above", "a car"], True, None),
    "many_to_one": (["not", "bad", "at", "all"], [None, None, None, "positive"], False, None),
    "many_to_many_equal": (["C5", "hold", "D5", "E5"], ["A3", "hold", "B3", "C4"], False, None),
    "many_to_many_unequal": (
        ["in", "3", "weeks", None, None, None, None],
        [None, None, None, "in", "3", "Wochen", "end"],
        True,
        3,
    ),
}


def main() -> int:
    for name, (inputs, outputs, feeds_back, decoder_from) in KINDS.items():
        save_figure(draw(inputs, outputs, feeds_back, decoder_from), FOLDER / f"{name}.png")
    return 0


def draw(inputs, outputs, feeds_back=False, decoder_from=None) -> Figure:
    """One kind.

    Args:
        inputs: for each step what is read, or None.
        outputs: for each step what is said, or None.
        feeds_back: whether each output is also read by the step after it.
        decoder_from: the first step of a second network, or None if there is one alone.
    """
    width = STEP * (len(inputs) - 1) + SIZE + 0.6
    figure = Figure(figsize=(0.95 * width, 3.5), layout="constrained")
    axes = figure.add_subplot()
    one = len(inputs) == 1
    for step, (read, said) in enumerate(zip(inputs, outputs, strict=True)):
        x = STEP * step
        is_decoder = decoder_from is not None and step >= decoder_from
        _box(axes, x, STATE, "h" if not one else "f", GREY, filled=is_decoder)
        if step:
            _arrow(axes, (x - STEP + SIZE / 2, STATE), (x - SIZE / 2, STATE))
        if read is not None:
            _box(axes, x, READ, read, BLUE)
            _arrow(axes, (x, READ + SIZE / 2), (x, STATE - SIZE / 2))
        if said is not None:
            _box(axes, x, SAID, said, ORANGE)
            _arrow(axes, (x, STATE + SIZE / 2), (x, SAID - SIZE / 2))
        if feeds_back and step and outputs[step - 1] is not None:
            start, end = (x - STEP + SIZE / 2, SAID - 0.1), (x - SIZE / 4, STATE + SIZE / 2)
            _arrow(axes, start, end, style="dashed", bend=-0.25)
    axes.set_xlim(-SIZE / 2 - 0.3, width - SIZE / 2 - 0.3)
    axes.set_ylim(READ - SIZE / 2 - 0.15, SAID + SIZE / 2 + 0.15)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure


def _box(axes: Axes, x: float, y: float, text: str, colour: str, filled: bool = False) -> None:
    box = FancyBboxPatch(
        (x - SIZE / 2, y - SIZE / 2),
        SIZE,
        SIZE,
        boxstyle="round,pad=0.06",
        linewidth=1.8,
        edgecolor=colour,
        facecolor="#dddddd" if filled else "white",
    )
    axes.add_patch(box)
    axes.text(x, y, text, ha="center", va="center", fontsize=9 if len(text) > 5 else 11)


def _arrow(axes: Axes, start, end, style: str = "solid", bend: float = 0.0) -> None:
    arrow = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=12,
        linestyle=style,
        color="#444444",
        shrinkA=4,
        shrinkB=4,
        connectionstyle=f"arc3,rad={bend}",
    )
    axes.add_patch(arrow)


if __name__ == "__main__":
    sys.exit(main())
