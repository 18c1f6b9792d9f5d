"""The pictures of a translation run, drawn from the files in the run directory alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from apps.translation.attention_map import draw_attention
from common.evaluation import require_evaluated
from common.figures import save_figures
from common.files import atomic_write, reading
from common.plots import BLUE, GREY, ORANGE, draw_training_curves, load_history, new_figure
from common.runs import Run

_AGAIN = "delete it and run evaluate again"
# Of each system: colour, line and marker.
_STYLES = {"model": (BLUE, "-", "o"), "translation_memory": (ORANGE, "--", "s"), "copy": (GREY, ":", "^")}


def attention_path(run: Run, split: str) -> Path:
    """Where `save_attention` leaves the attention of one example."""
    return run.path / f"attention-{split}.npz"


def save_attention(
    run: Run, split: str, source_tokens: Sequence[str], target_tokens: Sequence[str], weights: np.ndarray
) -> None:
    """Keeps what the picture of the attention needs: str [source], str [target], float32 [target, source]."""
    with atomic_write(attention_path(run, split), "wb") as file:
        np.savez(
            file,
            source_tokens=np.array(source_tokens, dtype=str),
            target_tokens=np.array(target_tokens, dtype=str),
            weights=np.asarray(weights, np.float32),
        )


def draw_pictures(run: Run, split: str = "test") -> list[Path]:
    """Draws what the files of the run allow: scores by source length, attention on an example, training curves.

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
        result = json.loads(path.read_text(encoding="utf-8"))
        by_length, examples = result["by_source_length"], result["examples"]
    ending = "" if split == "test" else f"-{split}"
    described = f"{split} split, {examples:,} sentences"
    figures = {f"score_by_length{ending}": draw_by_length(by_length, f"Score by length of the source: {described}")}
    path = attention_path(run, split)
    if path.exists():
        with reading(path, _AGAIN), np.load(path, allow_pickle=False) as saved:
            sources, targets, weights = (saved[name] for name in ("source_tokens", "target_tokens", "weights"))
        title = f"Attention on one sentence of the {split} split"
        figures[f"attention{ending}"] = draw_attention(sources.tolist(), targets.tolist(), weights, title)
    if run.history_path.exists():
        figures["training"] = draw_training_curves(load_history(run.history_path), f"Training of {run.path.name}")
    return save_figures(run.pictures_path, figures)


def draw_by_length(by_length: dict[str, Any], title: str) -> Figure:
    """BLEU and chrF of the model and of each baseline, by how long the source is.

    Args:
        by_length: `unit` of the length, and `groups` as from `apps.translation.scores.metrics_by_length`.
        title: above the picture.
    """
    groups = by_length["groups"]
    figure, all_axes = new_figure(1, 2, size=(2.0 + 2 * max(3.2, 0.8 * len(groups)), 4.2))
    places = np.arange(len(groups))
    for axes, (metric, name) in zip(all_axes, (("bleu", "BLEU"), ("chrf", "chrF")), strict=True):
        highest = 0.0
        for system in groups[0]["systems"]:
            color, line, marker = _STYLES.get(system, ("black", "-.", "x"))
            values = np.array([group["systems"][system][metric] for group in groups], np.float64)  # None becomes NaN
            highest = max(highest, np.nanmax(values, initial=0.0))
            axes.plot(places, values, color=color, linestyle=line, marker=marker, label=system.replace("_", " "))
        if not highest and all(group["systems"]["model"][metric] is None for group in groups):
            axes.text(0.5, 0.5, "the references are too short", ha="center", va="center", transform=axes.transAxes)
        axes.set_ylim(0, min(104.0, 1.15 * highest) or 1.0)
        axes.set_xlim(-0.5, len(groups) - 0.5)
        axes.set_xticks(places, [f"{span(group)}\n({group['examples']:,})" for group in groups], fontsize=8)
        axes.set_xlabel(f"{by_length['unit']} of the source, and how many sentences")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
    all_axes[1].legend(fontsize=8)
    figure.suptitle(title, parse_math=False)
    return figure


def span(group: dict[str, Any]) -> str:
    """The lengths that a group of sentences has, such as `5–9`, or `12`."""
    shortest, longest = group["shortest"], group["longest"]
    return f"{shortest}–{longest}" if longest > shortest else str(shortest)
