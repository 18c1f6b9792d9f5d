"""The pictures of a music run, drawn from the files in the run directory alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from apps.music.music_files import read_pieces
from apps.music.piano_roll import draw_piano_roll
from apps.music.piece_files import write_piece
from apps.music.pieces import NotePiece, VoicePiece
from apps.music.sample_figures import draw_sample_histograms
from common.errors import UserError
from common.figures import save_figures
from common.files import atomic_write, reading
from common.plots import BLUE, GREY, draw_training_curves, load_history, new_figure
from common.runs import Run

KEPT = 4  # composed pieces that are written as MIDI files
_AGAIN = "delete it and run evaluate again"


def groups_path(run: Run, split: str) -> Path:
    """Where `save_groups` leaves the pieces that the histograms are of."""
    return run.path / f"pieces-{split}.npz"


def save_groups(run: Run, split: str, groups: Mapping[str, Sequence[VoicePiece]]) -> None:
    """Keeps pieces on a grid for the histograms: by group all pitches and onsets behind each other, and the lengths."""
    arrays = {}
    for name, pieces in groups.items():
        arrays[f"{name}_pitches"] = np.concatenate([piece.pitches for piece in pieces])
        arrays[f"{name}_onsets"] = np.concatenate([piece.onsets for piece in pieces])
        arrays[f"{name}_lengths"] = np.array([len(piece) for piece in pieces])
    steps_per_quarter = next(iter(groups.values()))[0].steps_per_quarter
    with atomic_write(groups_path(run, split), "wb") as file:
        np.savez_compressed(file, steps_per_quarter=steps_per_quarter, **arrays)


def _load_groups(path: Path) -> dict[str, list[VoicePiece]]:
    """What `save_groups` kept."""
    groups: dict[str, list[VoicePiece]] = {}
    with reading(path, _AGAIN), np.load(path, allow_pickle=False) as saved:
        for name in ("model", "held_out", "chain"):
            ends = np.cumsum(saved[f"{name}_lengths"])[:-1]
            rows = zip(np.split(saved[f"{name}_pitches"], ends), np.split(saved[f"{name}_onsets"], ends), strict=True)
            groups[name] = [
                VoicePiece(
                    name,
                    pitches.astype(np.int16),
                    onsets,
                    np.zeros(len(pitches), np.int16),
                    int(saved["steps_per_quarter"]),
                )
                for pitches, onsets in rows
            ]
    return groups


def sample_path(run: Run, split: str, number: int) -> Path:
    """Where a composed piece is, from 1."""
    return run.path / f"sample-{split}-{number}.mid"


def save_samples(run: Run, split: str, samples: Sequence[VoicePiece] | Sequence[NotePiece]) -> None:
    """Writes the first composed pieces as MIDI files."""
    for number, piece in enumerate(samples[:KEPT], 1):
        write_piece(piece, sample_path(run, split, number))


def draw_pictures(run: Run, split: str = "test") -> list[Path]:
    """Draws what the files of the run allow: how well voices are foreseen, what composed pieces are like, training curves.

    Args:
        run: a run in which `evaluate` left its files for `split`.
        split: `train`, `validation` or `test`; pictures of other splits than test carry its name.

    Returns:
        The PNG files written to `run.pictures_path`.

    Raises:
        UserError: no metrics for `split`, or a file of the run that cannot be read.
    """
    path = run.metrics_path(split)
    if not path.exists():
        raise UserError(f"{path} does not exist; run evaluate --run {run.path} --split {split} first")
    with reading(path, _AGAIN):
        result = json.loads(path.read_text(encoding="utf-8"))
        metrics, others, by_voice = result["metrics"], result["baselines"], result["by_voice"]
        described, data = f"{split} split, {result['examples']:,} pieces", result["config"]["data"]
    ending = "" if split == "test" else f"-{split}"
    figures = {f"nats{ending}": draw_nats(metrics, others, by_voice, f"Negative log-likelihood: {described}")}
    if groups_path(run, split).exists():
        groups = _load_groups(groups_path(run, split))
        title = f"{len(groups['model'])} composed pieces beside the {described}"
        figures[f"samples{ending}"] = draw_sample_histograms(
            groups["model"], groups["held_out"], groups["chain"], title
        )
    if sample_path(run, split, 1).exists():
        figures[f"piano_roll{ending}"] = draw_piano_roll(
            _composed(sample_path(run, split, 1), data), "A composed piece"
        )
    if run.history_path.exists():
        figures["training"] = draw_training_curves(load_history(run.history_path), f"Training of {run.path.name}")
    return save_figures(run.pictures_path, figures)


def _composed(path: Path, data: Mapping) -> VoicePiece | NotePiece:
    """The piece of a file that `save_samples` wrote."""
    from apps.music.config import DataConfig

    with reading(path, _AGAIN):
        parts, _ = read_pieces(str(path), DataConfig(**{**data, "source": "files", "path": str(path)}))
    return parts["train"][0]


def draw_nats(
    metrics: Mapping[str, float],
    baselines: Mapping[str, Mapping[str, float]],
    by_voice: Mapping[str, Mapping[str, float]],
    title: str,
) -> Figure:
    """Nats per note of the model beside each baseline, and of each voice.

    Args:
        metrics: of the model.
        baselines: the same of each baseline.
        by_voice: of each voice, as `apps.music.evaluate.by_voice` says; empty for events.
        title: above the picture.
    """
    rows = {name.replace("_", " "): scores["nats_per_note"] for name, scores in baselines.items()}
    rows["model"] = metrics["nats_per_note"]
    colours = [GREY] * len(baselines) + [BLUE]
    for name, scores in by_voice.items():
        rows[f"  {name}"] = scores["nats_per_note"]
        colours.append(BLUE)
    figure, (axes,) = new_figure(1, 1, size=(7.0, 1.2 + 0.42 * len(rows)))
    bars = axes.barh(list(rows), list(rows.values()), color=colours)
    for bar in bars[1 + len(baselines) :]:
        bar.set_alpha(0.5)
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(rows.values()))
    axes.set_xlabel("nats per note (less is better)")
    figure.suptitle(title, parse_math=False)
    return figure
