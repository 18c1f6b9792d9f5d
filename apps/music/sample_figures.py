"""Histograms of samples beside those of real music and of a Markov chain of chords, as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from apps.music.pieces import VOICE_NAMES, VoicePiece
from apps.music.statistics import (
    LARGEST_INTERVAL,
    LONGEST_NOTE,
    interval_histogram,
    note_length_histogram,
    pitch_class_histogram,
    total_variation,
)
from apps.music.voice_notes import JoinedPieces
from common.plots import BLUE, GREY, ORANGE, new_figure

PITCH_CLASSES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_FEWEST = 0.002  # share of the notes; lengths that are rarer in all three have no bar


def draw_sample_histograms(
    samples: Sequence[VoicePiece],
    held_out: Sequence[VoicePiece],
    chain: Sequence[VoicePiece],
    title: str = "Samples beside real pieces",
) -> Figure:
    """Pitch classes, note lengths, and intervals of the highest and of the lowest voice.

    The legend of each picture says how far its histogram is from that of the held-out pieces.

    Args:
        samples: of the model.
        held_out: real pieces that it has not learned from.
        chain: samples of `ChordMarkov`.
        title: above the pictures.
    """
    joined = [JoinedPieces.of(pieces) for pieces in (held_out, samples, chain)]
    voices = joined[0].voices
    names = VOICE_NAMES.get(voices) or ("highest voice", "lowest voice")
    highest, lowest = names[0], names[-1]
    intervals = [interval_histogram(pieces) for pieces in joined]  # [voices, intervals] each
    figure, (classes, lengths, *melodies) = new_figure(2, 2, size=(11.0, 7.2))
    _bars(classes, [pitch_class_histogram(pieces) for pieces in joined], PITCH_CLASSES)
    classes.set_title("pitch classes")
    classes.set_ylabel("share of the time")

    rows = np.stack([note_length_histogram(pieces) for pieces in joined])
    shown = np.flatnonzero(rows.max(0) >= _FEWEST)
    names = [f"{1 + index}" if 1 + index < LONGEST_NOTE else f"≥{LONGEST_NOTE}" for index in shown]
    _bars(lengths, rows[:, shown], names, of=rows)
    lengths.set_title("note lengths")
    lengths.set_xlabel("steps of the grid")
    lengths.set_ylabel("share of the notes")

    steps = range(-LARGEST_INTERVAL, LARGEST_INTERVAL + 1)
    names = [f"{step:+d}" if step else "0" for step in steps]
    names = [name if step % 2 == 0 else "" for step, name in zip(steps, names)]  # there is no room for all
    for axes, voice, name in zip(melodies, (0, voices - 1), (highest, lowest)):
        _bars(axes, [rows[voice] for rows in intervals], names)
        axes.set_title(f"intervals of the {name}")
        axes.set_xlabel("semitones to the next note")
        axes.set_ylabel("share of the notes")
    if voices == 1:
        melodies[1].set_visible(False)
    figure.suptitle(title, parse_math=False, wrap=True)
    return figure


def _bars(axes: Axes, rows: Sequence[np.ndarray], names: Sequence[str], of: Sequence[np.ndarray] | None = None) -> None:
    """Three bars for each name: held-out, model, chain.

    Args:
        axes: where.
        rows: float [names], for each of the three.
        names: below the bars.
        of: whole histograms where `rows` are parts of them.
    """
    whole = rows if of is None else of
    styles = (("held out", GREY, ""), ("model", BLUE, ""), ("chord chain", ORANGE, "////"))
    places = np.arange(len(names))
    for index, (row, (label, colour, hatch)) in enumerate(zip(rows, styles)):
        if index:
            label += f", distance {total_variation(whole[index], whole[0]):.3f}"
        axes.bar(
            places + 0.27 * (index - 1),
            row,
            0.27,
            color="white" if hatch else colour,
            edgecolor=colour,
            hatch=hatch,
            linewidth=0.6,
            label=label,
        )
    axes.set_xticks(places, names, fontsize=8)
    axes.set_xlim(-0.6, len(names) - 0.4)
    top = 1.4 * max(np.max(rows, initial=0.0), 0.01)  # the legend has room above the bars
    axes.set_ylim(0, top)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= min(top, 1.0)])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(fontsize=9, loc="upper right")
