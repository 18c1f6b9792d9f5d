"""Pieces on a grid put one behind the other, and the notes in them, so that statistics need no loop over either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.music.pieces import SILENCE, VoicePiece


@dataclass(frozen=True, eq=False)
class JoinedPieces:
    """All steps of some pieces, each piece with one step of silence before it and one after the last.

    Attributes:
        pitches: int64 [time, voices], `SILENCE` where nothing sounds.
        onsets: bool [time, voices].
        steps: how many belong to pieces.
        bars: how many bars these are, with fractions.
    """

    pitches: np.ndarray
    onsets: np.ndarray
    steps: int
    bars: float

    @classmethod
    def of(cls, pieces: Sequence[VoicePiece]) -> JoinedPieces:
        """Joins pieces.

        Raises:
            ValueError: no piece, none with a step, or different numbers of voices.
        """
        if not sum(map(len, pieces)) or len({piece.voices for piece in pieces}) != 1:
            raise ValueError("expected pieces with at least one step in all, and the same number of voices in each")
        gap = np.full((1, pieces[0].voices), SILENCE, np.int64)
        pitches, onsets = [gap], [gap != SILENCE]
        for piece in pieces:
            pitches += [piece.pitches.astype(np.int64), gap]
            onsets += [begins(piece), gap != SILENCE]
        bars = sum(len(piece) / piece.steps_per_bar for piece in pieces)
        return cls(np.concatenate(pitches), np.concatenate(onsets), sum(map(len, pieces)), bars)

    @property
    def voices(self) -> int:
        return self.pitches.shape[1]

    def notes_of(self, voice: int) -> VoiceNotes:
        """The notes of one voice, in order."""
        pitches, onsets = self.pitches[:, voice], self.onsets[:, voice]
        starts = np.flatnonzero(onsets)
        boundaries = np.flatnonzero(onsets | (pitches == SILENCE))
        ends = boundaries[np.searchsorted(boundaries, starts, side="right")]  # there is silence behind every note
        return VoiceNotes(starts, ends, pitches[starts])


@dataclass(frozen=True, eq=False)
class VoiceNotes:
    """Notes of one voice: int64 [notes] each, in order of time.

    Attributes:
        starts: steps of `JoinedPieces`.
        ends: the steps after the last one that sounds.
        pitches: MIDI numbers.
    """

    starts: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """int64 [notes], steps."""
        return self.ends - self.starts

    @property
    def intervals(self) -> np.ndarray:
        """int64, semitones from each note to the one that follows without a rest."""
        return np.diff(self.pitches)[self.starts[1:] == self.ends[:-1]]


def begins(piece: VoicePiece) -> np.ndarray:
    """Returns bool [time, voices], where notes begin: the piece's onsets, and wherever the pitch is another one."""
    before = np.concatenate([np.full_like(piece.pitches[:1], SILENCE), piece.pitches[:-1]])
    return (piece.pitches != SILENCE) & (piece.onsets | (piece.pitches != before))
