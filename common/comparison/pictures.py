"""The picture of a comparison: quality against time of training, and against time of a request."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.comparison.trainings import VALIDATION
from common.plots import GREY, new_figure
from common.quality import Quality

# Okabe and Ito, told apart by colour-blind people; beyond these eight the markers differ, too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_SMALLEST, _LARGEST = 40.0, 320.0  # points², of a marker
_LINES = (":", "--", "-.", (0, (1, 4)), (0, (5, 6)))


def draw_comparison(
    rows: Sequence[Mapping[str, Any]],
    baselines: Mapping[str, Mapping[str, Any]],
    quality: Quality,
    title: str = "Comparison",
) -> Figure:
    """Quality on validation data against seconds of training (left) and milliseconds of a request (right).

    A colour and a marker for each variant, the area of the marker for its parameters, bars for the standard deviation over the
    seeds, grey lines for the baselines that are near enough to be seen.

    Args:
        rows: From `summarize`.
        baselines: From `summarize_baselines`.
        quality: What is drawn upwards.
        title: Above the picture.
    """
    rows = [row for row in rows if row[VALIDATION][quality.metric] is not None]
    figure, (left, right) = new_figure(1, 2, size=(11.5, 5.4), sharey=True)
    areas = _areas([row["parameters"] for row in rows])
    _draw(left, rows, areas, quality, "train_seconds")
    _draw(right, rows, areas, quality, "inference_ms")
    left.set_xlabel("training, seconds of all epochs")
    right.set_xlabel("one request to the exported model, milliseconds (median)")
    left.set_ylabel(f"{quality.metric} on validation data ({quality.direction})")
    if quality.mode == "min":
        left.invert_yaxis()  # better is higher in both cases
    lines = _draw_baselines((left, right), baselines, quality)
    handles = [
        Line2D([], [], linestyle="", color=_colour(i), marker=_marker(i), markersize=8, label=_label(row))
        for i, row in enumerate(rows)
    ]
    columns = min(4, max(1, -(-(len(handles) + len(lines)) // 4)))
    figure.legend(handles=[*handles, *lines], loc="outside lower center", ncols=columns, frameon=False)
    figure.suptitle(f"{title}: higher and further left is better; the area of a point is its parameters")
    for text in (figure._suptitle, left.yaxis.label, *figure.legends[0].get_texts()):
        text.set_parse_math(False)
    return figure


def _draw(axes: Axes, rows: Sequence[Mapping[str, Any]], areas: Sequence[float], quality: Quality, cost: str) -> None:
    for i, row in enumerate(rows):
        x, y = row[cost], row[VALIDATION][quality.metric]
        if x is None:
            continue
        axes.errorbar(
            x["mean"],
            y["mean"],
            xerr=x["deviation"] or 0.0,
            yerr=y["deviation"] or 0.0,
            color=_colour(i),
            linewidth=1.2,
            capsize=3,
            zorder=2,
        )
        axes.scatter(
            x["mean"],
            y["mean"],
            s=areas[i],
            color=_colour(i),
            marker=_marker(i),
            alpha=0.8,
            edgecolor="white",
            zorder=3,
        )
    shown = [row for row in rows if row[cost] is not None]
    costs = [row[cost]["mean"] for row in shown]
    if costs and max(costs) > 8 * min(costs) > 0:
        axes.set_xscale("log")
    elif costs:
        axes.set_xlim(left=0, right=1.08 * max(row[cost]["mean"] + (row[cost]["deviation"] or 0.0) for row in shown))
    axes.grid(alpha=0.3)


def _draw_baselines(panels: Sequence[Axes], baselines: Mapping[str, Any], quality: Quality) -> list[Line2D]:
    """Draws those within or near the points, which one that is far off would squeeze together."""
    low, high = sorted(panels[0].get_ylim())
    room, drawn = 0.6 * (high - low), []
    styles = iter(_LINES)
    for name, each in baselines.items():
        value = each[VALIDATION][quality.metric]
        if value is None or not low - room <= value["mean"] <= high + room:
            continue
        style = next(styles, ":")
        for axes in panels:
            axes.axhline(value["mean"], color=GREY, linestyle=style, linewidth=1.2, zorder=1)
        drawn.append(Line2D([], [], color=GREY, linestyle=style, label=f"baseline {name}"))
    return drawn


def _areas(parameters: Sequence[int]) -> list[float]:
    """Areas in proportion to the parameters, where that leaves the smallest visible."""
    if not parameters:
        return []
    share = np.asarray(parameters) / max(parameters)
    return list(np.maximum(_SMALLEST, _LARGEST * share))


def _label(row: Mapping[str, Any]) -> str:
    count = row["parameters"]
    words = f"{count / 1e6:.2f} M" if count >= 1e6 else f"{count / 1e3:.1f} k" if count >= 1e4 else f"{count:,}"
    return f"{row['variant']} ({words})"


def _colour(index: int) -> Any:
    return _COLOURS[index % len(_COLOURS)] if index < 24 else colormaps["tab20"](index % 20)


def _marker(index: int) -> str:
    return _MARKERS[index // len(_COLOURS) % len(_MARKERS)]
