"""The pictures of a captioning run, drawn from the files in the run directory alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.captioning.attention_picture import draw_attention
from apps.captioning.contact_sheet import draw_contact_sheet
from apps.captioning.second_phase import SecondPhase
from common.evaluation import require_evaluated
from common.figures import save_figures
from common.files import atomic_write, reading
from common.plots import draw_training_curves, load_history
from common.runs import Run

_AGAIN = "delete it and run evaluate again"
_TEXTS = ("captions", "references", "remarks", "kinds")


@dataclass(frozen=True, eq=False)
class Examples:
    """What the contact sheet shows, a value for each picture.

    Attributes:
        pictures: uint8 [height, width, 3] each.
        captions: of the network.
        references: one of a person.
        remarks: for people, such as "CIDEr 41.5".
        kinds: best, median or worst.
    """

    pictures: Sequence[np.ndarray]
    captions: Sequence[str]
    references: Sequence[str]
    remarks: Sequence[str]
    kinds: Sequence[str]


def examples_path(run: Run, split: str) -> Path:
    """Where `save_examples` leaves the pictures of the contact sheet."""
    return run.path / f"examples-{split}.npz"


def attention_path(run: Run, split: str) -> Path:
    """Where `save_attention` leaves the attention on one picture."""
    return run.path / f"attention-{split}.npz"


def save_examples(run: Run, split: str, examples: Examples) -> None:
    """Keeps what the contact sheet shows: `sizes` int64 [n, 2], `pictures` uint8 [n, height, width, 3] padded, and texts."""
    sizes = np.array([picture.shape[:2] for picture in examples.pictures])  # [n, 2]
    padded = np.zeros((len(sizes), *sizes.max(axis=0), 3), np.uint8)
    for row, (picture, (height, width)) in zip(padded, zip(examples.pictures, sizes, strict=True), strict=True):
        row[:height, :width] = picture
    texts = {name: np.array(getattr(examples, name), dtype=str) for name in _TEXTS}
    with atomic_write(examples_path(run, split), "wb") as file:
        np.savez_compressed(file, sizes=sizes, pictures=padded, **texts)


def load_examples(path: Path) -> Examples:
    """Reads what `save_examples` wrote.

    Raises:
        UserError: the file is damaged.
    """
    with reading(path, _AGAIN), np.load(path, allow_pickle=False) as saved:
        pictures = [
            picture[:height, :width] for picture, (height, width) in zip(saved["pictures"], saved["sizes"], strict=True)
        ]
        return Examples(pictures, **{name: saved[name].tolist() for name in _TEXTS})


def save_attention(run: Run, split: str, picture: np.ndarray, tokens: Sequence[str], weights: np.ndarray) -> None:
    """Keeps what the picture of the attention needs: uint8 [height, width, 3], str [tokens], float32 [tokens, rows, columns]."""
    with atomic_write(attention_path(run, split), "wb") as file:
        np.savez_compressed(
            file,
            picture=picture,
            tokens=np.array(tokens, dtype=str),
            weights=np.asarray(weights, np.float32),
        )


def draw_pictures(run: Run, split: str = "test") -> list[Path]:
    """Draws what the files of the run allow: a contact sheet of captions, attention on one picture, training curves.

    Args:
        run: a run in which `evaluate` left its files for `split`.
        split: `train`, `validation` or `test`; pictures of other splits than test carry its name.

    Returns:
        The PNG files written to `run.pictures_path`.

    Raises:
        UserError: no metrics for `split`, or a file of the run that cannot be read.
    """
    path = run.metrics_path(split)
    require_evaluated(run, split, path)
    with reading(path, _AGAIN):
        count = json.loads(path.read_text(encoding="utf-8"))["examples"]
    ending = "" if split == "test" else f"-{split}"
    figures = {}
    path = examples_path(run, split)
    if path.exists():
        found = load_examples(path)
        title = f"Captions of the {split} split, {count:,} pictures"
        figures[f"captions{ending}"] = draw_contact_sheet(
            found.pictures, found.captions, found.references, found.remarks, found.kinds, title
        )
    path = attention_path(run, split)
    if path.exists():
        with reading(path, _AGAIN), np.load(path, allow_pickle=False) as saved:
            picture, tokens, weights = saved["picture"], saved["tokens"].tolist(), saved["weights"]
        title = f"Attention on one picture of the {split} split"
        figures[f"attention{ending}"] = draw_attention(picture, tokens, weights, title)
    if run.history_path.exists():
        figures["training"] = draw_training_curves(load_history(run.history_path), f"Training of {run.path.name}")
    path = SecondPhase.of(run).history_path
    if path.exists():
        title = f"Self-critical training of {run.path.name}"
        figures["self_critical"] = draw_training_curves(load_history(path), title)
    return save_figures(run.pictures_path, figures)
