"""What a model of notes is scored by, and the notes of pieces as symbols that can be predicted.

Every voice has one symbol at every step of the grid, and each of them counts as one note: the pitch that begins, `HOLD`
where the note or the silence of the step before goes on, `REST` where a silence begins. Where notes begin exactly where
pitches change, this is the same as predicting pitches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.music.pieces import SILENCE, VoicePiece

PITCHES = 128
# Symbols: 0 to 127 are pitches that begin.
HOLD, REST = PITCHES, PITCHES + 1
SYMBOLS = PITCHES + 2
# States, what a voice did in the step before: 0 to 127 are pitches that sounded.
SILENT, START = PITCHES, PITCHES + 1
STATES = PITCHES + 2

_HELD_OUT = 5  # one piece in so many chooses the smoothing


@dataclass(frozen=True)
class Likelihood:
    """How well notes were predicted.

    Attributes:
        nats: minus the logarithm of the probability of all notes.
        notes: how many there were.
        correct: how many of them were the most likely symbol.
    """

    nats: float
    notes: int
    correct: int

    @property
    def nats_per_note(self) -> float:
        return self.nats / self.notes

    @property
    def note_accuracy(self) -> float:
        """0 to 1."""
        return self.correct / self.notes

    def figures(self) -> dict[str, float]:
        """They by their names in tables."""
        return figures(self.nats_per_note, self.note_accuracy)


def figures(nats_per_note: float, note_accuracy: float) -> dict[str, float]:
    """The metrics by their names in tables, the same for a trained model and for what it is compared with."""
    return {"nats_per_note": nats_per_note, "note_accuracy": note_accuracy}


def symbols_of(piece: VoicePiece) -> np.ndarray:
    """Returns int64 [time, voices], what each voice does: a pitch that begins, `HOLD` or `REST`."""
    states, pitches = states_before(piece), piece.pitches.astype(np.int64)
    sounding = pitches != SILENCE
    held = np.where(sounding, (pitches == states) & ~piece.onsets, states == SILENT)
    return np.where(held, HOLD, np.where(sounding, pitches, REST))


def states_before(piece: VoicePiece) -> np.ndarray:
    """Returns int64 [time, voices], what sounded in the step before: a pitch, `SILENT` or `START`."""
    pitches = piece.pitches.astype(np.int64)
    states = np.where(pitches == SILENCE, SILENT, pitches)
    return np.concatenate([np.full((1, piece.voices), START), states[:-1]])[: len(piece)]


def states_and_symbols(pieces: Sequence[VoicePiece]) -> tuple[np.ndarray, np.ndarray]:
    """Both for all pieces, one behind the other.

    Returns:
        states: int64 [steps of all pieces, voices].
        symbols: int64 [steps of all pieces, voices].

    Raises:
        ValueError: no step at all, or pieces with different numbers of voices.
    """
    if not sum(map(len, pieces)) or len({piece.voices for piece in pieces}) != 1:
        raise ValueError("expected pieces with at least one step in all, and the same number of voices in each")
    return np.concatenate([states_before(p) for p in pieces]), np.concatenate([symbols_of(p) for p in pieces])


def fitted_and_held_out(examples: Sequence) -> tuple[list, list]:
    """A part of the training examples to count, and another that chooses how to smooth the counts.

    Of a single example both are that one.
    """
    examples = list(examples)
    if len(examples) == 1:
        return examples, examples
    step = min(_HELD_OUT, len(examples))
    held_out = examples[step - 1 :: step]
    return [example for index, example in enumerate(examples) if index % step != step - 1], held_out
