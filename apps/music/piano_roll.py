"""A picture of a piece: time from left to right, pitch upwards, a colour for each voice."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.path import Path as Outline
from matplotlib.ticker import MaxNLocator

from apps.music.pieces import NotePiece, VoicePiece, bar_starts, voice_names, voice_notes
from apps.music.pitch_names import pitch_name
from common.plots import BLUE, GREEN, ORANGE, new_figure

# Okabe and Ito, then the same darker: sixteen voices keep colours of their own.
_LIGHT = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
_DARK = ("#003C5E", "#7A3500", "#00573F", "#7D4466", "#86600A", "#2A6C91", "#767676", "#8F8720")
COLOURS = (*_LIGHT, *_DARK)
_SHORTEST, _WIDEST = 7.0, 40.0  # inches
_BLACK_KEYS = (1, 3, 6, 8, 10)
_HEIGHT = 0.8  # of a row
_STROKE = 0.1  # seconds; how long a drum is held means nothing
_MOST_NAMED_SEMITONES = 30  # beyond, a name for every white key could not be read


def draw_piano_roll(piece: VoicePiece | NotePiece, title: str = "", given: np.ndarray | None = None) -> Figure:
    """The notes of a piece.

    Voices are drawn over bars, a pickup is bar 0; where two meet on one pitch, the lower one is the thinner stripe. Notes at
    any time are drawn over seconds, the paler the softer; drums have rows with their names.

    Args:
        piece: to draw.
        title: above the picture.
        given: bool [time, voices] of a `VoicePiece`, True where the person gave the note and no model chose it; such notes
            are hatched.
    """
    if isinstance(piece, VoicePiece):
        return _draw_voices(piece, title, given)
    return _draw_notes(piece, title)


def _draw_voices(piece: VoicePiece, title: str, given: np.ndarray | None) -> Figure:
    names = voice_names(piece.voices)
    rows = [voice_notes(piece, voice) for voice in range(piece.voices)]
    pitches = [pitch for notes in rows for _, _, pitch in notes]
    figure, (axes,) = new_figure(1, 1, size=_size(0.26 * len(piece) / piece.steps_per_quarter, _span(pitches)))
    length = max(len(piece), 1)
    _keys(axes, pitches, piece.key or 0)
    starts = bar_starts(piece)
    first_number = 0 if len(piece) and piece.positions[0] else 1
    for begin in starts:
        axes.axvline(begin, color="#9A9A9A", linewidth=0.9, zorder=1)
    every = max(1, round(len(starts) / (2.2 * figure.get_size_inches()[0])))  # so that numbers do not touch
    numbered = [(begin, number) for number, begin in enumerate(starts, start=first_number) if number % every == 0]
    axes.set_xticks([begin for begin, _ in numbered], [str(number) for _, number in numbered])
    axes.set_xlim(0, length)
    axes.set_xlabel("bar")
    gap = 0.03 * piece.steps_per_quarter  # steps between a note and the same one struck again
    legend = []
    for voice, notes in enumerate(rows):
        for hatched in (False, True):
            chosen = [row for row in notes if (given is not None and bool(given[row[0], voice])) == hatched]
            boxes = [
                (begin + gap / 2, end - gap / 2, pitch, _HEIGHT / (2 if _is_shared(piece, voice, begin, end) else 1))
                for begin, end, pitch in chosen
            ]
            style = {"hatch": "////", "edgecolor": "black"} if hatched else {"edgecolor": "white"}
            _add_boxes(axes, boxes, facecolor=COLOURS[voice % len(COLOURS)], linewidth=0.6, zorder=2 + voice, **style)
        legend.append(Patch(facecolor=COLOURS[voice % len(COLOURS)], label=names[voice]))
    if given is not None and given.any():
        legend.append(Patch(facecolor="white", edgecolor="black", hatch="////", label="given"))
    _finish(figure, axes, legend, title)
    return figure


def _draw_notes(piece: NotePiece, title: str) -> Figure:
    drums = piece.drum_notes
    groups = [group for group in (piece.notes[~drums], piece.notes[drums]) if len(group)]
    is_drums = [bool(piece.parts[group["part"][0]].is_drum) for group in groups]
    heights = [_span(np.unique(group["pitch"]), drum) for group, drum in zip(groups, is_drums)] or [0.0]
    figure, all_axes = new_figure(
        len(heights),
        1,
        size=_size(0.5 * piece.seconds, sum(heights)),
        sharex=True,
        **({"height_ratios": heights} if len(heights) > 1 else {}),
    )
    all_axes[-1].set_xlim(0, max(piece.seconds, 0.1))  # before the boxes, whose corners need it
    legend = [
        Patch(facecolor=COLOURS[index % len(COLOURS)], label=part.name)
        for index, part in enumerate(piece.parts)
        if np.any(piece.notes["part"] == index)
    ]
    for axes, group, drum in zip(all_axes, groups, is_drums):
        places = _drum_rows(axes, group["pitch"]) if drum else None
        if not drum:
            _keys(axes, group["pitch"], piece.key or 0)
        for index in np.unique(group["part"]):
            notes = group[group["part"] == index]
            boxes = [
                (
                    float(note["start"]),
                    float(min(note["end"], note["start"] + _STROKE)) if drum else float(note["end"]),
                    places[int(note["pitch"])] if drum else int(note["pitch"]),
                    _HEIGHT,
                )
                for note in notes
            ]
            colour = COLOURS[int(index) % len(COLOURS)]
            alphas = 0.25 + 0.75 * notes["velocity"] / 127
            _add_boxes(axes, boxes, facecolor=colour, edgecolor="white", linewidth=0.6, zorder=2, alpha=alphas)
        axes.grid(axis="x", color="#D0D0D0", linewidth=0.6, zorder=0)
    if not groups:
        _keys(all_axes[0], [], 0)
    all_axes[-1].xaxis.set_major_locator(MaxNLocator(nbins=max(4, int(figure.get_size_inches()[0])), integer=True))
    all_axes[-1].set_xlabel("seconds")
    _finish(figure, all_axes[0], legend, title)
    return figure


def _is_shared(piece: VoicePiece, voice: int, begin: int, end: int) -> bool:
    """Whether a voice above has the same pitch somewhere in these steps."""
    return bool(np.any(piece.pitches[begin:end, :voice] == piece.pitches[begin, voice]))


def _keys(axes: Axes, pitches, sharps: int) -> None:
    """Rows for the pitches, those of black keys shaded, with names at the white keys or at every C."""
    low, high = (min(pitches), max(pitches)) if len(pitches) else (60, 72)
    low, high = int(low) - 1, int(high) + 1
    for pitch in range(low, high + 1):
        if pitch % 12 in _BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="#F1F1F1", linewidth=0, zorder=0)
        if pitch % 12 == 0:
            axes.axhline(pitch - 0.5, color="#C8C8C8", linewidth=0.7, zorder=0)
    few = high - low <= _MOST_NAMED_SEMITONES
    named = [p for p in range(low, high + 1) if (p % 12 not in _BLACK_KEYS if few else p % 12 in (0, 7))]
    axes.set_yticks(named, [pitch_name(pitch) for pitch in named])
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.tick_params(axis="y", labelsize=8, length=2)


def _drum_rows(axes: Axes, pitches: np.ndarray) -> dict[int, int]:
    """A row for each drum that is struck, by pitch; returns the row of each."""
    import pretty_midi

    used = [int(pitch) for pitch in np.unique(pitches)]
    names = [pretty_midi.note_number_to_drum_name(pitch) or f"drum {pitch}" for pitch in used]
    axes.set_yticks(range(len(used)), names)
    axes.set_ylim(-0.6, len(used) - 0.4)
    axes.tick_params(axis="y", labelsize=8, length=2)
    return {pitch: row for row, pitch in enumerate(used)}


def _add_boxes(axes: Axes, boxes: list[tuple[float, float, float, float]], **style) -> None:
    """Rounded boxes from left to right around a middle, of a height; in one collection, as thousands of patches are slow."""
    if not boxes:
        return
    outlines = [
        _rounded(left, right, middle - height / 2, middle + height / 2, axes) for left, right, middle, height in boxes
    ]
    axes.add_collection(PathCollection(outlines, **style), autolim=False)


def _rounded(left: float, right: float, low: float, high: float, axes: Axes) -> Outline:
    """A box with round corners that look round whatever the scales of the axes are."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    width, height = axes.figure.get_size_inches()
    round_y = 0.35 * (high - low)
    round_x = min(round_y * (x1 - x0) / width * height / (y1 - y0), 0.35 * (right - left))
    corners = [((right, low), (0, 1)), ((right, high), (-1, 0)), ((left, high), (0, -1)), ((left, low), (1, 0))]
    points, codes = [(left + round_x, low)], [Outline.MOVETO]
    before = (1, 0)
    for (x, y), after in corners:
        points += [(x - before[0] * round_x, y - before[1] * round_y), (x, y)]
        points += [(x + after[0] * round_x, y + after[1] * round_y)]
        codes += [Outline.LINETO, Outline.CURVE3, Outline.CURVE3]
        before = after
    return Outline([*points, points[0]], [*codes, Outline.CLOSEPOLY])


def _span(pitches, is_drum: bool = False) -> float:
    """Inches that the rows need."""
    if is_drum:
        return 0.6 + 0.24 * len(pitches)
    return 0.15 * (3 + (int(max(pitches)) - int(min(pitches)) if len(pitches) else 12))


def _size(width: float, height: float) -> tuple[float, float]:
    return min(max(width + 1.0, _SHORTEST), _WIDEST), min(max(height + 1.2, 2.6), 16.0)


def _finish(figure: Figure, axes: Axes, legend: list[Patch], title: str) -> None:
    if title:
        axes.set_title(title, parse_math=False)
    if legend:
        box = figure.legend(handles=legend, loc="outside lower center", ncols=min(len(legend), 8), frameon=False)
        for text in box.get_texts():
            text.set_parse_math(False)  # names come from files, where a dollar sign starts no formula
