"""Puts the notes of a `Score` into voices on a grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from apps.music.pieces import SILENCE, VoicePiece
from apps.music.score import SCORE_NOTE, Score, counted

DEFAULT_TEMPO = 96.0  # quarters a minute
_CROSSING = 1000.0  # semitones that a new note would rather leap than cross a held voice


def on_grid(score: Score, voices: int, steps_per_quarter: int) -> tuple[VoicePiece, list[str]]:
    """The piece in `voices` voices, and what was left out or changed, as sentences without its name.

    Parts in which at most one note sounds at a time are the voices, in the order of their mean pitch, where there are as
    many as voices. Else the notes of all parts are dealt out at each moment, higher ones to higher voices: a note that is
    held stays in its voice, and a new one goes where it leaps least and crosses none. Where more notes sound than there
    are voices, the outermost are kept. Begins and ends are rounded to the nearest step, half a step up.

    Args:
        score: at least one note.
        voices: at least 1.
        steps_per_quarter: steps of the grid in a quarter note.
    """
    length = max(1, round_half_up(score.length * steps_per_quarter))
    told = list(score.told)
    off = sum(int(_off_grid(part, steps_per_quarter).sum()) for part in score.parts)
    if off:
        told.append(f"{counted(off, 'note')} between the steps of the grid rounded")
    parts = parts_on_grid(score, steps_per_quarter)
    lost = sum(map(len, score.parts)) - sum(map(len, parts))
    if lost:
        told.append(f"{counted(lost, 'note')} shorter than a step left out")
    if len(parts) == voices and all(map(is_monophonic, parts)):
        dealt = sorted(parts, key=lambda part: -np.average(part["pitch"], weights=part["end"] - part["start"]))
    else:
        dealt, dropped = deal(np.concatenate(parts) if parts else np.zeros(0, SCORE_NOTE), voices)
        if dropped:
            told.append(f"{counted(dropped, 'note')} left out or cut short where more than {voices} sound at once")
    return fill_grid(score, dealt, length, steps_per_quarter), told


def fill_grid(score: Score, voices: Sequence[np.ndarray], length: int, steps_per_quarter: int) -> VoicePiece:
    """The piece of voices whose notes are already in steps, the highest first.

    Args:
        score: name, bars, key and tempo.
        voices: `SCORE_NOTE` [notes] for each voice, in steps, at most one at a time.
        length: steps.
        steps_per_quarter: steps of the grid in a quarter note.
    """
    pitches = np.full((length, len(voices)), SILENCE, np.int16)
    onsets = np.zeros(pitches.shape, bool)
    fermatas = np.zeros(length, bool)
    for voice, notes in enumerate(voices):
        for start, end, pitch, _, fermata in notes.tolist():
            start, end = int(start), int(end)
            pitches[start:end, voice] = pitch
            onsets[start : start + 1, voice] = True
            fermatas[start:end] |= fermata
    return VoicePiece(
        score.name,
        pitches,
        onsets,
        _positions(score.bars, length, steps_per_quarter),
        steps_per_quarter,
        metre=score.metre,
        key=score.key,
        fermatas=fermatas,
        tempo=score.tempo or DEFAULT_TEMPO,
    )


def parts_on_grid(score: Score, steps_per_quarter: int) -> list[np.ndarray]:
    """`SCORE_NOTE` [notes] in steps of each part that has a note; those that would have no length are left out."""
    parts = []
    for part in score.parts:
        part = part.copy()
        for name in ("start", "end"):
            part[name] = round_half_up(part[name] * steps_per_quarter)
        part = part[part["end"] > part["start"]]
        if len(part):
            parts.append(part[np.lexsort((-part["pitch"], part["start"]))])
    return parts


def most_at_once(parts: Sequence[np.ndarray]) -> int:
    """How many notes of `SCORE_NOTE` [notes] in steps sound at once, at most; the same pitch twice counts once."""
    changes = defaultdict(int)
    for start, end, _ in {(start, end, pitch) for part in parts for start, end, pitch, *_ in part.tolist()}:
        changes[start] += 1
        changes[end] -= 1
    return int(np.cumsum([changes[time] for time in sorted(changes)], dtype=int).max(initial=0))


def is_monophonic(notes: np.ndarray) -> bool:
    """Whether at most one note of `SCORE_NOTE` [notes], by start, sounds at a time."""
    return bool((notes["start"][1:] >= notes["end"][:-1]).all())


def deal(notes: np.ndarray, voices: int) -> tuple[list[np.ndarray], int]:
    """Deals notes out to voices, and counts those that found no place or were cut off for another.

    Args:
        notes: `SCORE_NOTE` [notes] in steps, each at least one long.
        voices: at least 1.

    Returns:
        `SCORE_NOTE` [notes] for each voice, by start, and how many were left out.
    """
    rows: list[list[list]] = [[] for _ in range(voices)]
    last = np.quantile(notes["pitch"], 1 - (np.arange(voices) + 0.5) / voices) if len(notes) else np.zeros(voices)
    held: dict[int, list] = {}  # voice to the row that sounds in it
    dropped = 0
    at = defaultdict(dict)
    for row in notes.tolist():
        twin = at[row[0]].get(row[2])
        if twin is None or twin[1] < row[1]:  # of the same pitch twice at the same time, the longer
            at[row[0]][row[2]] = list(row)
    for start in sorted(at):
        new = at[start]
        held = {voice: row for voice, row in held.items() if row[1] > start}
        for voice, row in list(held.items()):
            if row[2] in new:  # struck again while it sounds
                row[1] = start
                del held[voice]
        kept = _outermost([*new, *(row[2] for row in held.values())], voices)
        dropped += len(new) + len(held) - len(kept)
        for voice, row in list(held.items()):
            if row[2] not in kept:
                row[1] = start
                del held[voice]
        pitches = sorted((pitch for pitch in new if pitch in kept), reverse=True)
        for pitch, voice in zip(pitches, _places(pitches, held, last)):
            held[voice] = new[pitch]
            rows[voice].append(new[pitch])
            last[voice] = pitch
    return [np.array([tuple(row) for row in voice if row[1] > row[0]], SCORE_NOTE) for voice in rows], dropped


def _outermost(pitches: list[int], count: int) -> set[int]:
    """At most `count` pitches: the highest, the lowest, the next highest and so on."""
    ordered = sorted(set(pitches), reverse=True)
    if len(ordered) <= count:
        return set(ordered)
    top = (count + 1) // 2
    return set(ordered[:top] + ordered[len(ordered) - (count - top) :])


def _places(pitches: list[int], held: dict[int, list], last: np.ndarray) -> list[int]:
    """A free voice for each of the new pitches, highest first, in the order of the voices, at the least cost."""
    free = [voice for voice in range(len(last)) if voice not in held]
    best = {-1: (0.0, [])}  # the last free place taken: cost and voices until now
    for pitch in pitches:
        following = {}
        for place, voice in enumerate(free):
            crossed = sum((other < voice) != (row[2] > pitch) for other, row in held.items())
            cost = abs(pitch - last[voice]) + _CROSSING * crossed
            before = [entry for at, entry in best.items() if at < place]
            if before:
                least = min(before, key=lambda entry: entry[0])
                following[place] = (least[0] + cost, [*least[1], voice])
        best = following
    return min(best.values(), key=lambda entry: entry[0])[1]


def _off_grid(notes: np.ndarray, steps_per_quarter: int) -> np.ndarray:
    times = np.stack([notes["start"], notes["end"]]) * steps_per_quarter
    return (np.abs(times - np.round(times)) > 1e-4).any(axis=0)


def _positions(bars: np.ndarray, length: int, steps_per_quarter: int) -> np.ndarray:
    starts = round_half_up(bars["start"] * steps_per_quarter)
    steps = np.arange(length)
    index = np.maximum(np.searchsorted(starts, steps, "right") - 1, 0)
    return (steps - starts[index] + round_half_up(bars["position"] * steps_per_quarter)[index]).astype(np.int16)


def round_half_up(values):
    """Whole numbers as float, or an int of a single number; what lies in the middle goes up, which keeps neighbours apart."""
    rounded = np.floor(np.asarray(values, np.float64) + 0.5 + 1e-9)
    return int(rounded) if rounded.ndim == 0 else rounded
