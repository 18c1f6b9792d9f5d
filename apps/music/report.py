"""The pictures of a music run, drawn from the files in the run directory alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from apps.music.midi_files import midi_notes, read_midi
from apps.music.piano_roll import draw_piano_roll
from apps.music.piece_files import write_piece
from apps.music.pieces import NotePiece, VoicePiece
from apps.music.sample_figures import draw_sample_histograms
from apps.music.score import UnreadableFile
from common.errors import UserError
from common.evaluation import require_evaluated
from common.figures import save_figures
from common.files import atomic_write, reading
from common.plots import BLUE, GREY, draw_training_curves, load_history, new_figure
from common.runs import Run

KEPT = 4  # composed pieces that are written as MIDI files
_ARRAYS = ("pitches", "onsets", "positions")
_AGAIN = "delete it and run evaluate again"


def groups_path(run: Run, split: str) -> Path:
    """Where `save_groups` leaves the pieces that the pictures are of."""
    return run.path / f"pieces-{split}.npz"


def save_groups(run: Run, split: str, groups: Mapping[str, Sequence[VoicePiece]]) -> None:
    """Keeps pieces on a grid for the pictures, in the place of former ones: by group their arrays behind each other, and lengths.

    Args:
        run: where to write.
        split: `train`, `validation` or `test`.
        groups: `model`, `held_out` and `chain`, each with at least one piece; none, and nothing is kept.
    """
    path = groups_path(run, split)
    if not groups:
        path.unlink(missing_ok=True)
        return
    arrays = {}
    for name, pieces in groups.items():
        for what in _ARRAYS:
            arrays[f"{name}_{what}"] = np.concatenate([getattr(piece, what) for piece in pieces])
        arrays[f"{name}_lengths"] = np.array([len(piece) for piece in pieces])
    steps_per_quarter = next(iter(groups.values()))[0].steps_per_quarter
    with atomic_write(path, "wb") as file:
        np.savez_compressed(file, steps_per_quarter=steps_per_quarter, **arrays)


def _load_groups(path: Path) -> dict[str, list[VoicePiece]]:
    """What `save_groups` kept."""
    groups: dict[str, list[VoicePiece]] = {}
    with reading(path, _AGAIN), np.load(path, allow_pickle=False) as saved:
        for name in ("model", "held_out", "chain"):
            ends = np.cumsum(saved[f"{name}_lengths"])[:-1]
            rows = zip(*(np.split(saved[f"{name}_{what}"], ends) for what in _ARRAYS), strict=True)
            groups[name] = [VoicePiece(name, *arrays, int(saved["steps_per_quarter"])) for arrays in rows]
    return groups


def sample_path(run: Run, split: str, number: int) -> Path:
    """Where a composed piece is, from 1."""
    return run.path / f"sample-{split}-{number}.mid"


def save_samples(run: Run, split: str, samples: Sequence[VoicePiece] | Sequence[NotePiece]) -> None:
    """Writes the first composed pieces in which a note sounds as MIDI files, in the place of former ones."""
    for number in range(1, KEPT + 1):
        sample_path(run, split, number).unlink(missing_ok=True)
    sounding = [piece for piece in samples if (piece.onsets.any() if isinstance(piece, VoicePiece) else len(piece))]
    for number, piece in enumerate(sounding[:KEPT], 1):
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
    require_evaluated(run, split, path)
    with reading(path, _AGAIN):
        result = json.loads(path.read_text(encoding="utf-8"))
        metrics, others, by_voice = result["metrics"], result["baselines"], result["by_voice"]
        described = f"{split} split, {result['examples']:,} pieces"
    ending = "" if split == "test" else f"-{split}"
    figures = {f"nats{ending}": draw_nats(metrics, others, by_voice, f"Negative log-likelihood: {described}")}
    composed = None
    if groups_path(run, split).exists():
        groups = _load_groups(groups_path(run, split))
        composed = groups["model"][0]
        title = f"{len(groups['model'])} composed pieces beside the {described}"
        figures[f"samples{ending}"] = draw_sample_histograms(
            groups["model"], groups["held_out"], groups["chain"], title
        )
    elif sample_path(run, split, 1).exists():
        composed = _read_sample(sample_path(run, split, 1))
    if composed is not None:
        figures[f"piano_roll{ending}"] = draw_piano_roll(composed, "A composed piece")
    if run.history_path.exists():
        figures["training"] = draw_training_curves(load_history(run.history_path), f"Training of {run.path.name}")
    return save_figures(run.pictures_path, figures)


def _read_sample(path: Path) -> NotePiece:
    """The piece of a file that `save_samples` wrote."""
    try:
        return midi_notes(read_midi(path, path.name))
    except UnreadableFile as error:
        raise UserError(f"{path} is damaged ({error}); {_AGAIN}") from error


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
        rows[name] = scores["nats_per_note"]
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
