"""The pictures of a forecasting run, drawn from the files in the run directory alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from common.evaluation import require_evaluated
from common.figures import save_figures
from common.files import reading
from common.plots import BLUE, GREEN, GREY, ORANGE, draw_training_curves, load_history, new_figure
from common.runs import Run

MOST_TARGETS = 4  # drawn
_SHOWN_PAST = 3  # horizons of the past before a forecast


def kept_path(run: Run, split: str) -> Path:
    """Where `evaluate` leaves what the pictures need."""
    return run.path / f"forecasts-{split}.npz"


def draw_pictures(run: Run, split: str = "test") -> list[Path]:
    """Draws what the files of the run allow: forecasts with bands, error by step ahead, calibration, training curves.

    Args:
        run: a run in which `evaluate` left its files for `split`.
        split: `train`, `validation` or `test`; pictures of other splits than test carry its name.

    Returns:
        The PNG files written to `run.pictures_path`.

    Raises:
        UserError: no files for `split`, or a file of the run that cannot be read.
    """
    path = kept_path(run, split)
    require_evaluated(run, split, path)
    with reading(path, "delete it and run evaluate again"), np.load(path, allow_pickle=False) as saved:
        kept = {name: saved[name] for name in saved.files}
    ending = "" if split == "test" else f"-{split}"
    figures = {
        f"forecasts{ending}": draw_windows(kept, f"Forecasts: {split} split"),
        f"error_by_step{ending}": draw_error_by_step(kept, f"Error by step ahead: {split} split"),
        f"calibration{ending}": draw_calibration(kept, f"Calibration: {split} split"),
    }
    if run.history_path.exists():
        figures["training"] = draw_training_curves(load_history(run.history_path), f"Training of {run.path.name}")
    return save_figures(run.pictures_path, figures)


def draw_windows(kept: dict[str, np.ndarray], title: str):
    """Some windows: the end of the past, the truth, the forecast and its band."""
    names = [str(name) for name in kept["target_names"][:MOST_TARGETS]]
    windows, horizon = kept["truth"].shape[:2]
    figure, all_axes = new_figure(len(names), windows, size=(3.6 * windows, 0.5 + 2.5 * len(names)))
    past = min(kept["history"].shape[1], _SHOWN_PAST * horizon)
    for row, name in enumerate(names):
        for column in range(windows):
            axes = all_axes[row * windows + column]
            if kept["future_time"].size:
                before = kept["history_time"][column, -past:].astype("datetime64[s]")
                after = kept["future_time"][column].astype("datetime64[s]")
            else:
                before, after = np.arange(-past, 0), np.arange(horizon)
            draw_forecast(
                axes,
                (before, kept["history"][column, -past:, row]),
                (after, kept["forecast"][column, :, row], kept["quantiles"][column, :, row]),
                kept["levels"],
                truth=kept["truth"][column, :, row],
            )
            axes.tick_params(axis="x", rotation=30, labelsize=8)
            if not column:
                axes.set_ylabel(name)
    all_axes[0].legend(fontsize=8)
    figure.suptitle(title, parse_math=False)
    return figure


def draw_forecast(axes, past, forecast, levels, truth=None) -> None:
    """A forecast with its bands behind the past.

    Args:
        axes: where to draw.
        past: times and values, each `[time]`.
        forecast: times `[horizon]`, values float `[horizon]`, quantiles float `[horizon, quantiles]`.
        levels: float `[quantiles]`, ascending.
        truth: float `[horizon]`, if it is known.
    """
    times, values, quantiles = forecast
    axes.plot(*past, color=GREY, linewidth=1, label="past")
    count = len(levels)
    shades = np.linspace(0.2, 0.5, max(2, count // 2))  # opaque, so that the legend shows what the picture does
    for index in range(count // 2):
        low, high = quantiles[:, index], quantiles[:, count - 1 - index]
        label = f"{levels[count - 1 - index] - levels[index]:.0%} interval"
        axes.fill_between(times, low, high, color=_paler(BLUE, shades[index]), linewidth=0, label=label)
    if truth is not None:
        axes.plot(times, truth, color="black", linewidth=1, label="truth")
    axes.plot(times, values, color=BLUE, linewidth=1.5, linestyle="--", label="forecast")
    axes.grid(alpha=0.3)


def _paler(color, share):
    """A colour of which so much is left, the rest is white: RGB, float `[3]`."""
    return share * np.array(to_rgb(color)) + (1 - share)


def draw_error_by_step(kept: dict[str, np.ndarray], title: str):
    """Mean absolute error of the model and of each baseline, by how many steps ahead."""
    figure, (axes,) = new_figure(1, 1, size=(7.0, 4.2))
    styles = {
        "model": (BLUE, "-"),
        "linear": (ORANGE, "--"),
        "seasonal_naive": (GREEN, "-."),
        "last_value": (GREY, ":"),
    }
    for name, errors in zip(kept["forecasters"], kept["mae_of_steps"].mean(axis=-1), strict=True):
        color, style = styles.get(str(name), ("black", (0, (1, 3))))
        axes.plot(
            np.arange(1, len(errors) + 1), errors, color=color, linestyle=style, label=str(name).replace("_", " ")
        )
    best = np.sort(kept["mae_of_steps"].mean(axis=(1, 2)))
    axes.set_ylim(
        0,
        max(
            1.2 * kept["mae_of_steps"].mean(axis=-1)[kept["mae_of_steps"].mean(axis=(1, 2)) <= 2 * best[1]].max(), 1e-6
        ),
    )
    axes.set_xlabel("steps ahead")
    axes.set_ylabel("mean absolute error (standard deviations)")
    axes.set_title(title, parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def draw_calibration(kept: dict[str, np.ndarray], title: str):
    """Left: how much of the truth lay below each quantile. Right: how much lay in the 80 % interval, by step ahead."""
    coverage = kept["coverage"]
    figure, all_axes = new_figure(1, 2 if coverage.size else 1, size=(9.0 if coverage.size else 4.6, 4.2))
    left, levels = all_axes[0], kept["levels"]
    left.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1, label="right")
    for index, name in enumerate(kept["target_names"][:MOST_TARGETS]):
        color, marker = (BLUE, ORANGE, GREEN, GREY)[index], "osD^"[index]
        left.plot(levels, kept["shares_below"][index], color=color, marker=marker, label=str(name))
    left.set_xlabel("level of the quantile")
    left.set_ylabel("share of the truth at or below it")
    left.legend()
    left.grid(alpha=0.3)
    if coverage.size:
        right = all_axes[1]
        right.axhline(0.8, color="black", linestyle="--", linewidth=1)
        right.plot(np.arange(1, len(coverage) + 1), coverage.mean(axis=1), color=BLUE)
        right.set_ylim(0, 1)
        right.set_xlabel("steps ahead")
        right.set_ylabel("share of the truth in the 80 % interval")
        right.grid(alpha=0.3)
    figure.suptitle(title, parse_math=False)
    return figure
