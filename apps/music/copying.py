"""How long the longest passages are that samples share with the pieces that a model was trained on.

A passage is copied if in all its steps every voice does the same as in the other one, up to one transposition for all:
the same notes begin, the same are held, the same are silent. It begins in a step in which a note begins, and ends with the
last such step, so that a chord that is only held makes no passage longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.music.pieces import SILENCE, VoicePiece
from apps.music.voice_notes import begins

_NEVER = 10**6  # no movement, in semitones


@dataclass(frozen=True)
class CopiedPassage:
    """The longest passage of a piece that stands in some training piece, too.

    Attributes:
        steps: from its first step to the last one in which a note begins; 0 where there is none.
        beats: the same in quarter notes.
        start: step of the piece.
        source: name of the training piece.
        source_start: step of the training piece.
    """

    steps: int
    beats: float
    start: int
    source: str
    source_start: int


def copied_passages(pieces: Sequence[VoicePiece], train: Sequence[VoicePiece]) -> list[CopiedPassage]:
    """The longest passage of each piece that is copied, up to transposition, from a training piece.

    All pieces are sorted as suffixes; the training passage most like a suffix is then the nearest one before or behind it.

    Args:
        pieces: where passages are looked for.
        train: at least one piece with as many voices, and the same steps in a quarter.

    Reference:
        Manber & Myers 1993, Suffix Arrays: A New Method for On-Line String Searches, SIAM Journal on Computing 22.
    """
    everything = [*train, *pieces]
    if not train or len({(piece.voices, piece.steps_per_quarter) for piece in everything}) != 1:
        raise ValueError("expected training pieces, and as many voices and steps in a quarter in all pieces")
    chords, moved, onsets, ends = _joined(everything)
    levels = _ranks(moved, max(map(len, everything)))
    lengths = np.array([len(piece) + 1 for piece in everything])  # with the mark of the end
    owners = np.repeat(np.arange(len(everything)), lengths)
    firsts = np.cumsum(lengths) - lengths

    # How a voice came to its first pitch is not part of a passage, so that the first step counts without it.
    places = np.flatnonzero(~ends)
    order = places[np.lexsort((levels[-1][places + 1], chords[places]))]
    is_train = owners[order] < len(train)
    indices = np.arange(len(order))
    before = np.maximum.accumulate(np.where(is_train, indices, -1))
    behind = np.minimum.accumulate(np.where(is_train, indices, len(order))[::-1])[::-1]

    starting = np.flatnonzero(~is_train & onsets[order])
    starts = order[starting]
    longest, sources = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    for nearest in (before[starting], behind[starting]):
        exists = (nearest >= 0) & (nearest < len(order))
        others = order[np.where(exists, nearest, 0)]
        same = np.where(exists & (chords[starts] == chords[others]), 1 + _shared(levels, starts + 1, others + 1), 0)
        longer = same > longest
        longest, sources = np.where(longer, same, longest), np.where(longer, others, sources)
    # Of the shared steps those count that reach to the last one in which a note begins.
    last_onsets = np.maximum.accumulate(np.where(onsets, np.arange(len(onsets)), -1))
    longest = np.where(longest > 0, last_onsets[starts + np.maximum(longest, 1) - 1] - starts + 1, 0)

    passages = []
    for number, piece in enumerate(pieces, start=len(train)):
        mine = np.flatnonzero(owners[starts] == number)
        if not len(mine) or not longest[mine].max():
            passages.append(CopiedPassage(0, 0.0, 0, "", 0))
            continue
        best = mine[np.lexsort((starts[mine], -longest[mine]))[0]]
        source = owners[sources[best]]
        steps = int(longest[best])
        passages.append(
            CopiedPassage(
                steps,
                steps / piece.steps_per_quarter,
                int(starts[best] - firsts[number]),
                train[source].name,
                int(sources[best] - firsts[source]),
            )
        )
    return passages


def _joined(pieces: Sequence[VoicePiece]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Numbers for the steps of all pieces, each piece with one more step behind it that is like no other.

    Returns:
        chords: int64 [time], the same for steps with the same intervals between the voices, onsets and silences.
        moved: int64 [time], the same for the same chords that came from the step before by the same interval.
        onsets: bool [time], whether any note begins.
        ends: bool [time], True for the steps behind the pieces.
    """
    rows, ends = [], []
    for piece in pieces:
        pitches, onsets = piece.pitches.astype(np.int64), begins(piece)
        sounding = pitches != SILENCE
        lowest = np.where(sounding, pitches, 128).min(-1)  # [time]
        # A step of silence lies where the last sound lay, so that the interval over a rest is not lost.
        heard = np.maximum.accumulate(np.where(lowest < 128, np.arange(len(piece)), -1))
        reference = np.where(heard >= 0, lowest[np.maximum(heard, 0)], 0)
        movement = np.diff(reference, prepend=_NEVER)
        relative = np.where(sounding, pitches - reference[:, None], _NEVER)
        rows += [np.column_stack([relative, onsets, movement]), np.zeros((1, 2 * piece.voices + 1), np.int64)]
        ends += [np.zeros(len(piece), bool), np.ones(1, bool)]
    table, ended = np.concatenate(rows), np.concatenate(ends)
    chords = np.unique(table[:, :-1], axis=0, return_inverse=True)[1].ravel()
    moved = np.unique(np.column_stack([chords, table[:, -1]]), axis=0, return_inverse=True)[1].ravel()
    moved[ended] = moved.max() + 1 + np.arange(ended.sum())
    onset = table[:, pieces[0].voices : -1].any(-1)
    return chords, moved, onset, ended


def _ranks(letters: np.ndarray, longest: int) -> list[np.ndarray]:
    """For each power of two up to more than `longest`, int64 [time]: equal where so many letters from there on are equal.

    They are in alphabetical order, too. Beyond the last letter stands one before all others.
    """
    levels = [np.unique(letters, return_inverse=True)[1].ravel()]
    width = 1
    while width <= longest:
        ranks = levels[-1]
        following = np.append(ranks[width:] + 1, np.zeros(min(width, len(ranks)), np.int64))
        levels.append(np.unique(ranks * (len(ranks) + 1) + following, return_inverse=True)[1].ravel())
        width *= 2
    return levels


def _shared(levels: list[np.ndarray], one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns int64 [n], how many letters from `one` on are those from `other` on; places int64 [n] each."""
    shared = np.zeros(len(one), np.int64)
    for power in reversed(range(len(levels))):
        last = len(levels[power]) - 1
        left, right = np.minimum(one + shared, last), np.minimum(other + shared, last)
        shared += np.where(levels[power][left] == levels[power][right], 1 << power, 0)
    return shared
