"""The picture of a search: quality by trial, and by the value of each setting."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.config_options import AnyOf, show
from common.plots import BLUE, GREY, ORANGE, new_figure
from common.quality import Quality
from common.tuning.record import PRUNED, Trial
from common.tuning.space import Space

_MOST = 11  # settings drawn
_COLUMNS = 4


def draw_trials(trials: Sequence[Trial], space: Space, best: int, quality: Quality, title: str = "Search") -> Figure:
    """Quality of each complete trial by its number, with the best until then, and by the value of each setting.

    Later trials are darker, the best one has a ring; those that fell behind are ticks on the axis.

    Args:
        trials: In their order.
        space: What was looked through.
        best: Number of the best trial.
        quality: What was looked for; drawn so that higher is better.
        title: Above the picture.
    """
    complete = [trial for trial in trials if trial.quality is not None]
    shown = list(space)[:_MOST]
    columns = min(_COLUMNS, 1 + len(shown))
    rows = math.ceil((1 + len(shown)) / columns)
    figure, all_axes = new_figure(rows, columns, size=(3.4 * columns, 0.7 + 2.9 * rows), sharey=True)
    _draw_progress(all_axes[0], complete, [trial for trial in trials if trial.state == PRUNED], quality)
    for axes, path in zip(all_axes[1:], shown, strict=False):
        _draw_values(axes, path, complete, space[path], len(trials), best)
    for axes in all_axes[1 + len(shown) :]:
        axes.remove()
    for row in range(rows):
        label = all_axes[row * columns].set_ylabel(f"{quality.metric}, validation")
        label.set_parse_math(False)
    if quality.mode == "min":
        all_axes[0].invert_yaxis()  # shared by all
    more = f"; {len(space) - len(shown)} more settings are in the table" if len(space) > len(shown) else ""
    figure.suptitle(f"{title}: higher is better, darker is later, ringed is best{more}").set_parse_math(False)
    return figure


def _draw_progress(axes: Axes, complete: Sequence[Trial], pruned: Sequence[Trial], quality: Quality) -> None:
    numbers, values = [trial.number for trial in complete], [trial.quality for trial in complete]
    axes.scatter(numbers, values, color=BLUE, s=28, zorder=3, label="trial")
    choose = max if quality.mode == "max" else min
    best = [choose(values[: end + 1]) for end in range(len(values))]
    axes.step(numbers, best, where="post", color=ORANGE, zorder=2, label="best so far")
    if pruned:
        # At the foot of the axes, in their own measure: they have no quality.
        axes.plot(
            [trial.number for trial in pruned],
            [0.02] * len(pruned),
            "|",
            color=GREY,
            markersize=9,
            transform=axes.get_xaxis_transform(),
            label="fell behind",
        )
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _draw_values(axes: Axes, path: str, complete: Sequence[Trial], values: Any, count: int, best: int) -> None:
    if isinstance(values, AnyOf):
        names = [show(value) for value in values.values]
        places = [names.index(show(trial.params[path])) for trial in complete]
        axes.set_xticks(range(len(names)), names, rotation=90 if sum(map(len, names)) > 24 else 0)
        axes.set_xlim(-0.5, len(names) - 0.5)
    else:
        places = [trial.params[path] for trial in complete]
        if values.log:
            axes.set_xscale("log")
            ticks = [values.low * (values.high / values.low) ** (part / 3) for part in range(4)]
            whole = all(float(place).is_integer() for place in places)
            axes.set_xticks(ticks, [f"{tick:.0f}" if whole else f"{tick:.2g}" for tick in ticks])
            axes.minorticks_off()
        axes.set_xlim(_padded(values.low, values.high, values.log))
    qualities = [trial.quality for trial in complete]
    axes.scatter(
        places,
        qualities,
        c=[trial.number for trial in complete],
        cmap="Blues",
        vmin=-0.6 * count,  # the first are pale, but not white
        vmax=count,
        edgecolor=GREY,
        linewidth=0.5,
        s=32,
        zorder=3,
    )
    for place, trial in zip(places, complete, strict=True):
        if trial.number == best:
            axes.scatter([place], [trial.quality], s=130, facecolor="none", edgecolor=ORANGE, linewidth=1.8, zorder=4)
    axes.set_xlabel(path)
    axes.grid(alpha=0.3)


def _padded(low: float, high: float, log: bool) -> tuple[float, float]:
    if log:
        factor = (high / low) ** 0.05
        return low / factor, high * factor
    room = 0.05 * (high - low)
    return low - room, high + room
