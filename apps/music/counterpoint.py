"""What voices do that a teacher of counterpoint would mark, counted per bar."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from apps.music.pieces import SILENCE
from apps.music.voice_notes import JoinedPieces

_FIFTH, _OCTAVE = 7, 0  # semitones, up to octaves


def voice_crossings_per_bar(joined: JoinedPieces) -> float:
    """How often a voice gets above the next higher one; for as long as it stays there it counts once."""
    upper, lower = joined.pitches[:, :-1], joined.pitches[:, 1:]
    crossed = (upper != SILENCE) & (lower != SILENCE) & (lower > upper)  # [time, pairs]
    return float((crossed[1:] & ~crossed[:-1]).sum() / joined.bars)


def range_violations_per_bar(joined: JoinedPieces, train: JoinedPieces) -> float:
    """How many notes are higher or lower than any that their voice has in training."""
    outside = 0
    for voice in range(joined.voices):
        known, pitches = train.notes_of(voice).pitches, joined.notes_of(voice).pitches
        if len(known):
            outside += int(((pitches < known.min()) | (pitches > known.max())).sum())
        else:
            outside += len(pitches)
    return outside / joined.bars


def parallel_fifths_per_bar(joined: JoinedPieces) -> float:
    """How often two voices move in the same direction from a perfect fifth to a perfect fifth; a twelfth is one, too."""
    return _parallels(joined, _FIFTH)


def parallel_octaves_per_bar(joined: JoinedPieces) -> float:
    """How often two voices move in the same direction from a unison or octaves to a unison or octaves."""
    return _parallels(joined, _OCTAVE)


def _parallels(joined: JoinedPieces, interval: int) -> float:
    """Moves per bar of two voices, any two, that leave their pitches in the same step.

    Both must sound before and after. A voice that repeats its note does not move; neither does one that comes from a rest.
    """
    before, after = joined.pitches[:-1], joined.pitches[1:]
    moves = np.where((before != SILENCE) & (after != SILENCE), np.sign(after - before), 0)  # [time, voices]
    found = 0
    for upper, lower in combinations(range(joined.voices), 2):
        together = (moves[:, upper] == moves[:, lower]) & (moves[:, upper] != 0)
        apart = [np.abs(row[:, upper] - row[:, lower]) % 12 == interval for row in (before, after)]
        found += int((together & apart[0] & apart[1]).sum())
    return found / joined.bars
