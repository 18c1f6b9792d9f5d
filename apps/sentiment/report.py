"""The pictures of a sentiment run, drawn from the files in the run directory alone.

So they can be drawn again, later, without the model and without the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix

from common.evaluation import require_evaluated
from common.figures import save_figures
from common.files import atomic_write, reading
from common.metrics import reliability_curve
from common.plots import (
    draw_confusion,
    draw_lengths,
    draw_reliability,
    draw_training_curves,
    load_history,
)
from common.runs import Run


def predictions_path(run: Run, split: str) -> Path:
    """Where `evaluate` leaves `labels` int64 [n], `probabilities` float32 [n, classes] and `label_names`."""
    return run.path / f"predictions-{split}.npz"


def lengths_path(run: Run) -> Path:
    """Where `save_lengths` leaves `lengths` int [n] and `boundaries` int [buckets]."""
    return run.path / "lengths.npz"


def save_lengths(run: Run, lengths: np.ndarray, boundaries: Sequence[int]) -> None:
    """Keeps what the picture of the lengths needs: tokens of each training text, and the padded lengths."""
    with atomic_write(lengths_path(run), "wb") as file:
        np.savez(file, lengths=np.asarray(lengths), boundaries=np.asarray(boundaries))


def draw_pictures(run: Run, split: str = "test") -> list[Path]:
    """Draws what the files of the run allow: confusion and calibration on `split`, training curves, text
    lengths.

    Args:
        run: a run in which at least the predictions for `split` were saved.
        split: `train`, `validation` or `test`; pictures of other splits than test carry its name.

    Returns:
        The PNG files written to `run.pictures_path`.

    Raises:
        UserError: no predictions for `split`, or a file of the run that cannot be read.
    """
    path = predictions_path(run, split)
    require_evaluated(run, split, path)
    with reading(path, "delete it and run evaluate again"), np.load(path, allow_pickle=False) as saved:
        labels, probabilities = saved["labels"], saved["probabilities"]
        label_names = saved["label_names"].tolist()
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), labels=np.arange(len(label_names)))
    accuracy = np.trace(matrix) / matrix.sum()
    described = f"{split} split, {len(labels):,} examples"
    ending = "" if split == "test" else f"-{split}"
    figures = {
        f"confusion{ending}": draw_confusion(matrix, label_names, f"{described}\n{accuracy:.1%} right"),
        f"calibration{ending}": draw_reliability(reliability_curve(labels, probabilities), f"Calibration: {described}"),
    }
    if run.history_path.exists():
        figures["training"] = draw_training_curves(load_history(run.history_path), f"Training of {run.path.name}")
    if lengths_path(run).exists():
        path, advice = lengths_path(run), "delete it, and run again without the picture of the lengths"
        with reading(path, advice), np.load(path, allow_pickle=False) as saved:
            lengths, boundaries = saved["lengths"], saved["boundaries"].tolist()
        figures["lengths"] = draw_lengths(lengths, boundaries, "tokens", "Lengths of the training texts")
    return save_figures(run.pictures_path, figures)
