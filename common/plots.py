"""Pictures that every application shares: confusion, calibration, training curves, lengths.

Numbers in, a matplotlib Figure out; `figures` puts it on disk. Figures are made with
the object API and the Agg canvas, so nothing global changes and no display is needed. Colours are those of
Okabe and Ito (told apart by colour-blind people); line styles, markers and hatches carry the same distinction
in black and white.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, PercentFormatter

from common.errors import UserError
from common.metrics import ReliabilityCurve

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#767676"
LONGEST_NAME = 24  # characters of a label name; longer ones would take the room of the matrix
MOST_NUMBERED_CLASSES = 30  # beyond, the numbers in the cells cannot be read


def draw_confusion(matrix: np.ndarray, label_names: Sequence[str], title: str = "Confusion") -> Figure:
    """Counts of true (rows) against predicted labels (columns), coloured by the share of the row.

    Args:
        matrix: int [classes, classes], examples with true label row and predicted label column.
        label_names: one name for each class.
        title: above the picture.
    """
    classes = len(label_names)
    few, numbered = classes <= 6, classes <= MOST_NUMBERED_CLASSES
    totals = matrix.sum(axis=1, keepdims=True)  # [classes, 1]
    shares = matrix / np.maximum(totals, 1)  # [classes, classes]
    names = [_shortened(name) for name in label_names]
    longest = max(map(len, names))
    upright = classes <= 4 and longest <= 10
    side = max(2.6, (0.75 if few else 0.36 if numbered else 0.18) * classes)  # inches, of the matrix alone
    room = 0.6 + 0.085 * longest
    figure, (axes,) = new_figure(1, 1, size=(side + room + 1.4, side + 0.9 + (0.0 if upright else room - 0.4)))
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(classes), names, rotation=0 if upright else 90)
    axes.set_yticks(range(classes), names)
    axes.tick_params(labelsize=10 if numbered else 7)
    _plain_text(axes.get_xticklabels() + axes.get_yticklabels())
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    _plain_text([axes.set_title(title)])
    # Of many classes the zeros would only hide the numbers that matter.
    for row, column in np.argwhere((matrix > 0) | few) if numbered else ():
        count, share = int(matrix[row, column]), shares[row, column]
        axes.text(
            column,
            row,
            f"{count:,}\n{share:.1%}" if few and count else f"{count / 1000:.0f}k" if count >= 10_000 else str(count),
            ha="center",
            va="center",
            fontsize=10 if few else 8 if classes <= 12 else 6.5,
            color="white" if share > 0.55 else "black",
        )
    bar = figure.colorbar(image, ax=axes, format=PercentFormatter(1.0, decimals=0), shrink=0.8)
    bar.set_label("share of the true label")
    return figure


def draw_reliability(curve: ReliabilityCurve, title: str = "Calibration") -> Figure:
    """Accuracy against confidence, the gap between them, and below it how many examples each bin holds.

    Args:
        curve: from `common.metrics.reliability_curve`.
        title: above the picture.

    Reference:
        Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599, figure 4.
    """
    figure, (top, bottom) = new_figure(2, 1, size=(5.6, 6.6), height_ratios=[3, 1], sharex=True)
    width = np.diff(curve.edges)
    middles = curve.edges[:-1] + width / 2
    filled = curve.counts > 0
    middles, width = middles[filled], width[filled]
    accuracy, confidence = curve.accuracy[filled], curve.confidence[filled]
    top.bar(middles, accuracy, width, color=BLUE, edgecolor="black", linewidth=0.8, label="accuracy")
    top.bar(
        middles,
        confidence - accuracy,
        width,
        bottom=accuracy,
        color="none",
        edgecolor=ORANGE,
        hatch="///",
        linewidth=0.8,
        label="gap to the mean confidence",
    )
    top.plot([0, 1], [0, 1], linestyle="--", color="black", linewidth=1, label="perfectly calibrated")
    top.set_ylim(0, 1)
    top.set_ylabel("accuracy")
    top.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    top.legend(loc="upper left")
    _plain_text([top.set_title(title)])
    top.text(
        0.97,
        0.04,
        f"expected calibration error {curve.error:.1%}",
        ha="right",
        transform=top.transAxes,
        bbox={"facecolor": "white", "edgecolor": GREY, "boxstyle": "round"},
    )
    bottom.bar(
        middles,
        curve.counts[filled] / curve.counts.sum(),
        width,
        color=GREY,
        edgecolor="black",
        linewidth=0.8,
    )
    bottom.set_xlim(0, 1)
    bottom.set_xlabel("confidence (probability of the predicted label)")
    bottom.set_ylabel("examples")
    bottom.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    bottom.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def load_history(path: str | Path) -> dict[str, np.ndarray]:
    """Reads `history.csv`: one line an epoch, a column `epoch`, empty cells where nothing was measured.

    Returns:
        Column name to float64 [epochs]; NaN for an empty cell.

    Raises:
        UserError: the file is missing, empty, damaged, ragged, or a cell is no number.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; expected the history of a training run.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is damaged; delete it, and run again without the picture of the training.") from error
    if len(rows) < 2:
        raise UserError(f"{path} holds no epoch yet; train for at least one epoch first.")
    header, values = rows[0], []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise UserError(f"{path}, line {line} has {len(row)} cells; expected {len(header)} as in its header.")
        try:
            values.append([float(cell) if cell.strip() else math.nan for cell in row])
        except ValueError as error:
            raise UserError(f"{path}, line {line} has a cell that is no number: {','.join(row)}.") from error
    return dict(zip(header, np.array(values).T, strict=True))  # each [epochs]


def draw_training_curves(history: dict[str, np.ndarray], title: str = "Training") -> Figure:
    """Loss and accuracy (or CIDEr) of training and validation, and learning rate and gradient norm where they were
    logged.

    Args:
        history: as from `load_history`: `epoch`, `loss`, `val_loss`, `accuracy`, `token_accuracy` or `cider`, the same with
            `val_`, and optionally `learning_rate` and `gradient_norm`. What is missing is not drawn.
        title: above the picture.
    """
    epochs = history.get("epoch", np.arange(len(history["loss"])))
    if epochs[0] == 0:
        epochs = epochs + 1  # Keras counts from 0, people from 1
    panels = [
        (name, [column for column in (name, f"val_{name}") if column in history])
        for name in ("loss", "accuracy", "token_accuracy", "cider", "learning_rate", "gradient_norm")
    ]
    panels = [(name, columns) for name, columns in panels if columns]
    rows = math.ceil(len(panels) / 2)
    columns_of_panels = min(2, len(panels))
    figure, all_axes = new_figure(
        rows, columns_of_panels, size=(4.6 * columns_of_panels, 0.6 + 3.1 * rows), sharex=True
    )
    for axes, (name, columns) in zip(all_axes, panels, strict=False):
        for column in columns:
            style = _validation_style() if column.startswith("val_") else _training_style()
            if len(columns) == 1:
                style.pop("label")
            axes.plot(epochs, history[column], **style)
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)  # wide enough for whole numbers after one epoch
        if name == "loss" and "val_loss" in columns and np.any(np.isfinite(history["val_loss"])):
            best = int(np.nanargmin(history["val_loss"]))
            axes.axvline(epochs[best], color=GREY, linestyle=":", zorder=0, label="best validation")
        if len(columns) > 1:
            axes.legend()
        if name.endswith("accuracy"):
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axes in all_axes[len(panels) :]:
        axes.remove()
    _plain_text([figure.suptitle(title)])
    return figure


def draw_lengths(
    lengths: np.ndarray, boundaries: Sequence[int], unit: str = "tokens", title: str = "Lengths"
) -> Figure:
    """How long the examples are, and which bucket each is padded to.

    Args:
        lengths: int [n], steps of each example, best before anything is cut: else the cut ones pile up
            in the last bar.
        boundaries: longest length of each bucket, ascending; what is longer than the last is cut.
        unit: what is counted.
        title: above the picture.
    """
    lengths, boundaries = np.asarray(lengths), np.asarray(sorted(boundaries))
    figure, (axes,) = new_figure(1, 1, size=(8.0, 4.0))
    # A few examples ten times as long as the rest would squeeze everything else into the left edge.
    right = float(boundaries[-1])
    if lengths.max() > right:
        right = math.ceil(max(float(np.quantile(lengths, 0.99)), 1.25 * right))
    width = max(1, math.ceil(right / 60))
    # Half a step to the left: the bar that ends at a boundary holds the examples of exactly that length.
    bars = np.arange(right, -width, -width)[::-1]
    axes.hist(lengths - 0.5, bins=bars, color=BLUE, edgecolor="white", linewidth=0.3)
    bucket_ids = np.searchsorted(boundaries, lengths, side="left")  # [n]; len(boundaries): longer than all
    shares = np.bincount(bucket_ids, minlength=len(boundaries) + 1) / len(lengths)
    axes.set_xlim(0, right)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.22)  # room for the shares
    edges = [0, *boundaries] + ([right] if right > boundaries[-1] else [])
    for bucket, share in enumerate(shares[: len(edges) - 1]):
        low, high = edges[bucket], edges[bucket + 1]
        if bucket % 2:
            axes.axvspan(low, high, color=GREY, alpha=0.15, zorder=0, linewidth=0)
        narrow = (high - low) / right < 0.07
        axes.text(
            (low + high) / 2,
            0.97,
            f"{share:.0%}" if bucket < len(boundaries) else f"{share:.0%} cut\n(longest {lengths.max():,})",
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            rotation=90 if narrow else 0,
        )
        if bucket < len(boundaries):
            axes.axvline(high, color=ORANGE, linestyle="--", linewidth=1.2)
    axes.set_xticks([0, *boundaries])
    axes.tick_params(axis="x", rotation=90 if np.diff([0, *boundaries]).min() / right < 0.05 else 0)
    axes.set_xlabel(f"{unit} of an example; dashed: buckets, above: share of examples in the bucket")
    axes.set_ylabel("examples")
    _plain_text([axes.set_title(title)])
    return figure


def new_figure(rows: int, columns: int, size: tuple[float, float], **options) -> tuple[Figure, list[Axes]]:
    """A white figure of `size` inches that needs no display, and its axes row by row."""
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    height_ratios = options.pop("height_ratios", None)
    axes = figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios, **options)
    return figure, list(axes.flat)


def _training_style() -> dict:
    return {"color": BLUE, "linestyle": "-", "marker": "o", "markersize": 4, "label": "training"}


def _validation_style() -> dict:
    return {"color": ORANGE, "linestyle": "--", "marker": "s", "markersize": 4, "label": "validation"}


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _plain_text(texts: Sequence[Text]) -> None:
    """Label names come from users' files, where a dollar sign does not start a formula."""
    for text in texts:
        text.set_parse_math(False)
