"""Which pieces are variants of each other: settings of one hymn tune, the same piece in another key or twice."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Hashable, Sequence

import numpy as np

from apps.music.pieces import SILENCE, NotePiece, VoicePiece

_SHORT = 3  # intervals; a shorter phrase may be the beginning of many tunes
_STRETCH, _SHARED = 6, 0.4  # intervals, and the share of all stretches of the shorter tune that make two tunes one
_TIME_GRID = 100  # of a second, where the times of two performances count as the same


def content_group(piece: VoicePiece | NotePiece) -> str:
    """32 hexadecimal digits, the same for pieces with the same notes in any key; name, tempo and bar lines do not count."""
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(piece, VoicePiece):
        sounding = piece.pitches != SILENCE
        lowest = piece.pitches[sounding].min(initial=127)
        digest.update(repr((piece.pitches.shape, piece.steps_per_quarter)).encode())
        digest.update(np.where(sounding, piece.pitches - lowest, SILENCE).astype("<i2").tobytes())
        digest.update(piece.onsets.tobytes())
        return digest.hexdigest()
    drums = piece.drum_notes
    pitches = piece.notes["pitch"].astype(np.int64)
    pitches = np.where(
        drums, pitches, pitches - pitches[~drums].min(initial=127)
    )  # a drum in another key is another drum
    times = [np.round(piece.notes[name] * _TIME_GRID).astype("<i8") for name in ("start", "end")]
    rows = np.stack([*times, pitches, drums], axis=1).astype("<i8")
    digest.update(rows[np.lexsort(rows.T[::-1])].tobytes())
    return digest.hexdigest()


def tune_groups(pieces: Sequence[VoicePiece]) -> list[str]:
    """For each chorale the name of the first of those that are variants of it, itself among them.

    Two are variants if they are the same piece in any key, have the same number in the catalogue up to what follows a dash,
    or have the same tune: the first phrase, the second with the third, or the last two go through the same intervals, or of
    all stretches of six intervals in the shorter tune two fifths are in the other one, too. A phrase ends with a fermata; of
    the soprano only the notes count that begin on a quarter, and of a repeated note the first, so that passing notes and
    another metre make no other tune. Variants of variants are variants.

    Args:
        pieces: names such as "bwv248.23-s"; the first voice has the tune.
    """
    parents = list(range(len(pieces)))

    def root(index: int) -> int:
        while parents[index] != index:
            index = parents[index]
        return index

    def join(one: int, other: int) -> None:
        first, second = sorted((root(one), root(other)))
        parents[second] = first

    seen: dict[Hashable, int] = {}
    stretches: list[set] = []
    for index, piece in enumerate(pieces):
        phrases = _phrases(piece)
        number = re.sub("-.*", "", piece.name)
        for key in (
            ("number", number),
            ("content", content_group(piece)),
            *_tune_keys([_intervals(phrase) for phrase in phrases]),
        ):
            join(index, seen.setdefault(key, index))
        tune = _intervals([pitch for phrase in phrases for pitch in phrase])
        found = {tune[begin : begin + _STRETCH] for begin in range(len(tune) - _STRETCH + 1)}
        for other, others in enumerate(stretches):
            if found and others and len(found & others) >= _SHARED * min(len(found), len(others)):
                join(index, other)
        stretches.append(found)
    return [pieces[root(index)].name for index in range(len(pieces))]


def _tune_keys(phrases: Sequence[tuple[int, ...]]) -> list[tuple]:
    beginning = phrases[0]
    for phrase in phrases[1:]:
        if len(beginning) >= _SHORT:
            break
        beginning = beginning + phrase
    keys = [("first", *beginning)]
    if len(phrases) > 2:
        keys.append(("second and third", *phrases[1], None, *phrases[2]))
    if len(phrases) > 3:
        keys.append(("last two", *phrases[-2], None, *phrases[-1]))
    return [key for key in keys if len(key) > _SHORT]


def _intervals(pitches: Sequence[int]) -> tuple[int, ...]:
    """Semitones from each pitch to the next that is another one."""
    return tuple(other - pitch for pitch, other in itertools.pairwise(pitches) if other != pitch)


def _phrases(piece: VoicePiece) -> list[list[int]]:
    """The pitches of each phrase of the first voice that begin on a quarter."""
    phrases, pitches = [], []
    fermatas = np.zeros(len(piece), bool) if piece.fermatas is None else piece.fermatas
    on_quarter = piece.positions % piece.steps_per_quarter == 0
    for step in np.flatnonzero(piece.onsets[:, 0]):
        if on_quarter[step]:
            pitches.append(int(piece.pitches[step, 0]))
        if fermatas[step]:
            phrases.append(pitches)
            pitches = []
    if pitches or not phrases:
        phrases.append(pitches)
    return phrases
