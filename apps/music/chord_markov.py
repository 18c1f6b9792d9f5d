"""A Markov chain of whole chords: what a model that looks at more than the last chord has to beat, and sounds like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.music.likelihood import (
    HOLD,
    PITCHES,
    REST,
    SILENT,
    START,
    Likelihood,
    fitted_and_held_out,
    states_and_symbols,
)
from apps.music.pieces import SILENCE, VoicePiece
from apps.music.voice_markov import STRENGTHS, VoiceTable, fit_bigram

_FAR = 1_000  # added to what is no pitch, so that it differs from every interval

Table = dict[tuple[int, ...], Counter]  # for each chord, how often each tuple of symbols followed it


@dataclass(frozen=True, eq=False)
class ChordMarkov:
    """The next symbols of all voices together, given the pitches of all voices in the step before.

    Three tables, each smoothed with the next: chords as they are, chords up to transposition, and each voice on its own.

        p_voices(symbols | states)   = product of the voices' bigrams
        p_relative(symbols | states) = (count up to transposition + s_2 * p_voices) / (count of states + s_2)
        p(symbols | states)          = (count as they are + s_1 * p_relative) / (count of states + s_1)

    The strengths s are those with which four fifths of the training pieces predict the last fifth best. Each table is a
    distribution over all tuples of symbols, but for chords that transposition would take beyond MIDI's 128 pitches.

    Attributes:
        absolute: for each tuple of states, how often each tuple of symbols followed.
        relative: the same with all pitches counted from the lowest one that sounded.
        voices: the bigrams of the single voices.
        strengths: s_1 and s_2.
        steps_per_quarter: of most of the pieces that were learned from, and so of samples.
        metre: likewise.
        tempo: likewise.
    """

    absolute: Table
    relative: Table
    voices: VoiceTable
    strengths: tuple[float, float]
    steps_per_quarter: int = 4
    metre: tuple[int, int] = (4, 4)
    tempo: float = 96.0

    @classmethod
    def fit(cls, train: Sequence[VoicePiece]) -> ChordMarkov:
        """Learns from pieces with the same number of voices."""
        train = list(train)
        fitted, held_out = fitted_and_held_out(train)
        trial = cls(*_tables(fitted), fit_bigram(fitted), (1.0, 1.0))
        evidence = trial._evidence(*states_and_symbols(held_out))
        pairs = [(first, second) for first in STRENGTHS for second in STRENGTHS]
        nats = [-np.log(_mixed(*evidence, pair)).sum() for pair in pairs]
        metres = Counter((piece.steps_per_quarter, piece.metre, piece.tempo) for piece in train)
        return cls(
            *_tables(train),
            fit_bigram(train),
            pairs[int(np.argmin(nats))],
            *metres.most_common(1)[0][0],
        )

    def probabilities(self, states: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Returns float64 [time], of whole tuples of symbols, for int [time, voices] of states and of symbols."""
        return _mixed(*self._evidence(states, symbols), self.strengths)

    def likely(self, states: np.ndarray) -> np.ndarray:
        """Returns int64 [time, voices], the most likely tuple of symbols after each tuple of states."""
        different, places = np.unique(states, axis=0, return_inverse=True)
        references = _references(different)
        singly = self.voices.likely(different)
        relative = _relative(different, references, SILENT)
        owners, candidates = [], []
        for index, state in enumerate(map(tuple, different.tolist())):
            # A tuple that neither table has seen is at most as likely as the one of the voices on their own.
            rows = [tuple(singly[index].tolist()), *self.absolute.get(state, ())]
            shift = int(references[index])
            rows += [_at(row, shift) for row in self.relative.get(tuple(relative[index].tolist()), ())]
            rows = [row for row in rows if _is_possible(row)]
            candidates += rows
            owners += [index] * len(rows)
        owners, candidates = np.array(owners), np.array(candidates)
        chances = self.probabilities(different[owners], candidates)
        order = np.lexsort((-np.arange(len(owners)), chances, owners))  # the best of each owner is its last
        last = np.append(owners[order][1:] != owners[order][:-1], True)
        return candidates[order][last][places.ravel()]

    def likelihood(self, pieces: Sequence[VoicePiece]) -> Likelihood:
        """Scores every note of every piece; a chord of four voices counts as four notes."""
        states, symbols = states_and_symbols(pieces)
        nats = -np.log(self.probabilities(states, symbols)).sum()
        return Likelihood(float(nats), symbols.size, int((self.likely(states) == symbols).sum()))

    def sample(self, length: int, seed: int, count: int) -> list[VoicePiece]:
        """Draws pieces; the same seed gives the same ones.

        Args:
            length: steps of each.
            seed: of the random numbers, at least 0.
            count: how many pieces.
        """
        random = np.random.default_rng(seed)
        pieces = []
        for number in range(count):
            pitches = np.full((length, self.voices.probabilities.shape[0]), SILENCE, np.int16)
            onsets = np.zeros(pitches.shape, bool)
            state = np.full(pitches.shape[1], START)
            for step in range(length):
                symbols = self._draw(state, random)
                onsets[step] = symbols < PITCHES
                state = np.where(symbols == HOLD, state, np.where(symbols == REST, SILENT, symbols))
                pitches[step] = np.where(state == SILENT, SILENCE, state)
            piece = VoicePiece(
                f"chord_markov-{1 + number}",
                pitches,
                onsets,
                np.zeros(length, np.int16),
                self.steps_per_quarter,
                self.metre,
                tempo=self.tempo,
            )
            piece.positions[:] = np.arange(length) % piece.steps_per_bar
            pieces.append(piece)
        return pieces

    def _draw(self, state: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Returns int64 [voices], symbols to follow int64 [voices] of states."""
        reference = _references(state[None])
        relative = tuple(_relative(state[None], reference, SILENT)[0].tolist())
        while True:
            for table, key, shift, strength in (
                (self.absolute, tuple(state.tolist()), 0, self.strengths[0]),
                (self.relative, relative, int(reference[0]), self.strengths[1]),
            ):
                followers = table.get(key)
                seen = followers.total() if followers else 0
                place = random.random() * (seen + strength) if seen else 0.0
                if place < seen:
                    ends = np.cumsum(list(followers.values()))
                    drawn = list(followers)[int(np.searchsorted(ends, place, side="right"))]
                    symbols = _at(drawn, shift)
                    break
            else:
                rows = self.voices.probabilities[np.arange(len(state)), state].cumsum(-1)  # [voices, symbols]
                places = random.random((len(state), 1)) * rows[:, -1:]
                symbols = (rows <= places).sum(-1)
            if _is_possible(symbols):
                return np.asarray(symbols)

    def _evidence(self, states: np.ndarray, symbols: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What `_mixed` mixes.

        Returns:
            counts: float64 [tables, time], how often these symbols followed these states.
            totals: float64 [tables, time], how often anything did.
            voices: float64 [time], the product of the voices' bigrams.
        """
        references = _references(states)
        keys = (
            (self.absolute, states, symbols),
            (self.relative, _relative(states, references, SILENT), _relative(symbols, references, HOLD)),
        )
        counts, totals = np.zeros((2, len(states))), np.zeros((2, len(states)))
        for row, (table, before, after) in enumerate(keys):
            sums = {key: followers.total() for key, followers in table.items()}
            befores = list(map(tuple, before.tolist()))
            totals[row] = [sums.get(key, 0) for key in befores]
            counts[row] = [
                table[key][then] if key in table else 0 for key, then in zip(befores, map(tuple, after.tolist()))
            ]
        return counts, totals, self.voices.note_probabilities(states, symbols).prod(-1)


def _mixed(counts: np.ndarray, totals: np.ndarray, voices: np.ndarray, strengths: tuple[float, float]) -> np.ndarray:
    """Returns float64 [time]; see `ChordMarkov`."""
    relative = (counts[1] + strengths[1] * voices) / (totals[1] + strengths[1])
    return (counts[0] + strengths[0] * relative) / (totals[0] + strengths[0])


def _tables(pieces: Sequence[VoicePiece]) -> tuple[Table, Table]:
    states, symbols = states_and_symbols(pieces)
    references = _references(states)
    relative = _relative(states, references, SILENT), _relative(symbols, references, HOLD)
    return _table(states, symbols), _table(*relative)


def _table(states: np.ndarray, symbols: np.ndarray) -> Table:
    table = defaultdict(Counter)
    for before, after in zip(map(tuple, states.tolist()), map(tuple, symbols.tolist())):
        table[before][after] += 1
    return dict(table)


def _references(states: np.ndarray) -> np.ndarray:
    """Returns int64 [time], the lowest pitch that sounded, 0 where none did, of int [time, voices]."""
    lowest = states.min(-1)
    return np.where(lowest < PITCHES, lowest, 0)


def _relative(codes: np.ndarray, references: np.ndarray, first_other: int) -> np.ndarray:
    """Returns int64 [time, voices]: pitches counted from the references; codes from `first_other` on keep their own."""
    return np.where(codes < first_other, codes - references[:, None], codes + _FAR)


def _at(symbols: tuple[int, ...], reference: int) -> tuple[int, ...]:
    """Symbols of a table, whose pitches count from `reference` (0 where they are as they are); -1 for pitches out of range."""
    placed = []
    for code in symbols:
        if code >= _FAR:
            placed.append(code - _FAR)
        elif code >= PITCHES:
            placed.append(code)
        else:
            placed.append(code + reference if code + reference < PITCHES else -1)
    return tuple(placed)


def _is_possible(symbols: Sequence[int]) -> bool:
    """Whether no transposed pitch has left MIDI's range."""
    return all(code >= 0 for code in symbols)
