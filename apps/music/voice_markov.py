"""Chains of one voice alone: how often it holds, and what follows the pitch that sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.music.likelihood import (
    HOLD,
    PITCHES,
    REST,
    SILENT,
    START,
    STATES,
    SYMBOLS,
    Likelihood,
    fitted_and_held_out,
    states_and_symbols,
)
from apps.music.pieces import VoicePiece

STRENGTHS = tuple(2.0**power for power in range(-3, 13))  # notes; what the smoothing is chosen from
_RARE = 0.1  # added to every count, so that what training lacks is not impossible


@dataclass(frozen=True, eq=False)
class VoiceTable:
    """The probability of each symbol of a voice, given what it did in the step before.

    Attributes:
        probabilities: float64 [voices, states, symbols]; rows sum to 1. A silence cannot begin in a silence, and nothing can
            be held at the start: these have probability 0.
        strength: notes' worth of the simpler table that smooths this one; 0 where there is none.
    """

    probabilities: np.ndarray
    strength: float = 0.0

    def note_probabilities(self, states: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Returns float64 [time, voices] for int [time, voices] of states and of symbols."""
        return self.probabilities[np.arange(states.shape[1]), states, symbols]

    def likely(self, states: np.ndarray) -> np.ndarray:
        """Returns int64 [time, voices], the most likely symbols."""
        return self.probabilities.argmax(-1)[np.arange(states.shape[1]), states]

    def likelihood(self, pieces: Sequence[VoicePiece]) -> Likelihood:
        """Scores every note of every piece."""
        states, symbols = states_and_symbols(pieces)
        nats = -np.log(self.note_probabilities(states, symbols)).sum()
        return Likelihood(float(nats), symbols.size, int((self.likely(states) == symbols).sum()))


def fit_repeat_last(train: Sequence[VoicePiece]) -> VoiceTable:
    """Whether a voice holds, rests, repeats its note or moves, and for a move how often each pitch begins.

    The four have fixed probabilities in each voice, apart for a voice that sounds, is silent or has not begun; the pitch to
    which it moves does not depend on the one before, only that it is another one.
    """
    counts = _counts(*states_and_symbols(train))
    return VoiceTable(np.stack([_repeat_last(voice) for voice in counts]))


def fit_bigram(train: Sequence[VoicePiece]) -> VoiceTable:
    """What follows each pitch in each voice, smoothed with `fit_repeat_last`.

        p(symbol | state) = (count(state, symbol) + strength * repeat_last(symbol | state)) / (count(state) + strength)

    One strength for all, the one with which four fifths of the training pieces predict the last fifth best.

    Reference:
        MacKay & Peto 1995, A Hierarchical Dirichlet Language Model, Natural Language Engineering 1.
    """
    fitted, held_out = fitted_and_held_out(train)
    counts, simpler = _counts(*states_and_symbols(fitted)), fit_repeat_last(fitted)
    likelihoods = [_smoothed(counts, simpler, strength).likelihood(held_out).nats for strength in STRENGTHS]
    strength = STRENGTHS[int(np.argmin(likelihoods))]
    return _smoothed(_counts(*states_and_symbols(train)), fit_repeat_last(train), strength)


def _smoothed(counts: np.ndarray, simpler: VoiceTable, strength: float) -> VoiceTable:
    rows = counts + strength * simpler.probabilities  # [voices, states, symbols]
    return VoiceTable(rows / (counts.sum(-1, keepdims=True) + strength), strength)


def _counts(states: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Returns float64 [voices, states, symbols], how often each symbol followed each state."""
    voices = states.shape[1]
    cells = (np.arange(voices) * STATES + states) * SYMBOLS + symbols  # [time, voices]
    shape = (voices, STATES, SYMBOLS)
    return np.bincount(cells.ravel(), minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)


def _repeat_last(counts: np.ndarray) -> np.ndarray:
    """Returns float64 [states, symbols] for the counts of one voice of the same shape."""
    pitches = np.arange(PITCHES)
    begins = counts[:, :PITCHES].sum(0) + _RARE  # [pitches]
    repeats = counts[pitches, pitches].sum() + _RARE
    table = np.zeros((STATES, SYMBOLS))

    # While a pitch sounds all four are possible; the pitch itself is no move.
    moves = np.tile(begins, (PITCHES, 1))
    moves[pitches, pitches] = 0.0
    moves /= moves.sum(-1, keepdims=True)
    sounding = counts[:PITCHES]
    holds, rests = sounding[:, HOLD].sum() + _RARE, sounding[:, REST].sum() + _RARE
    moved = sounding[:, :PITCHES].sum() - (repeats - _RARE) + _RARE
    total = holds + rests + repeats + moved
    table[:PITCHES, :PITCHES] = moves * moved / total
    table[pitches, pitches] = repeats / total
    table[:PITCHES, HOLD], table[:PITCHES, REST] = holds / total, rests / total

    for state, stays in ((SILENT, HOLD), (START, REST)):
        stayed, began = counts[state, stays] + _RARE, counts[state, :PITCHES].sum() + _RARE
        table[state, :PITCHES] = begins / begins.sum() * began / (stayed + began)
        table[state, stays] = stayed / (stayed + began)
    return table
