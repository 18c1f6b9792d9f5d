"""A baseline whose probabilities do not sum to 1 makes the model look better or worse than it is."""

from collections import Counter
from math import log

import numpy as np

from apps.music.likelihood import HOLD, REST, SILENT, START, states_and_symbols, symbols_of
from apps.music.voice_markov import STRENGTHS, VoiceTable, fit_bigram, fit_repeat_last
from tests.apps.music.voice_pieces import piece_of, random_pieces


def test_every_row_is_a_distribution_over_what_is_possible():
    for table in (fit_repeat_last(random_pieces(1)), fit_bigram(random_pieces(1))):
        np.testing.assert_allclose(table.probabilities.sum(-1), 1.0, rtol=1e-12)
        impossible = np.zeros(table.probabilities.shape, bool)
        impossible[:, SILENT, REST] = impossible[:, START, HOLD] = True
        assert (table.probabilities[impossible] == 0).all()
        assert (table.probabilities[~impossible] > 0).all()


def test_repeat_last_knows_how_often_a_voice_holds_and_not_from_where():
    pieces = random_pieces(2)
    table = fit_repeat_last(pieces).probabilities
    states, symbols = states_and_symbols(pieces)
    for voice in range(4):
        sounding = states[:, voice] < 128
        held = (symbols[sounding, voice] == HOLD).mean()
        np.testing.assert_allclose(table[voice, :128, HOLD], held, atol=2e-3)
        # Apart from the pitch itself, which is no move, every pitch gives the same proportions.
        others = [pitch for pitch in range(128) if pitch not in (60, 70)]
        np.testing.assert_allclose(
            table[voice, 60, others] / table[voice, 60, 80], table[voice, 70, others] / table[voice, 70, 80]
        )


def test_the_bigram_is_the_formula():
    pieces = random_pieces(3)
    table, simpler = fit_bigram(pieces), fit_repeat_last(pieces)
    pairs, firsts = Counter(), Counter()
    for piece in pieces:
        before = START
        for pitch, symbol in zip(piece.pitches[:, 2].tolist(), symbols_of(piece)[:, 2].tolist()):
            pairs[before, symbol] += 1
            firsts[before] += 1
            before = SILENT if pitch == -1 else pitch
    for (before, symbol), count in pairs.items():
        expected = count + table.strength * simpler.probabilities[2, before, symbol]
        np.testing.assert_allclose(table.probabilities[2, before, symbol], expected / (firsts[before] + table.strength))


def test_likelihood_counts_every_note_once():
    piece = piece_of([[60, 50], [60, 52], [-1, 52]])
    probabilities = np.full((2, 130, 130), 1 / 130)
    probabilities[:, :, HOLD] += 0.01
    score = VoiceTable(probabilities).likelihood([piece, piece])
    np.testing.assert_allclose(score.nats, -2 * (4 * log(1 / 130) + 2 * log(1 / 130 + 0.01)))
    assert (score.notes, score.correct) == (12, 4)


def test_pitches_as_symbols_give_the_same_numbers():
    """Where notes begin where pitches change, holding is the pitch itself once more."""
    rng = np.random.default_rng(4)
    pieces = [piece_of(60 + rng.integers(0, 4, (50, 2)).repeat(3, axis=0)) for _ in range(8)]
    table, simpler = fit_bigram(pieces), fit_repeat_last(pieces)
    nats, notes = 0.0, 0
    for voice in range(2):
        counts = Counter()
        for piece in pieces:
            counts.update(zip(piece.pitches[:-1, voice].tolist(), piece.pitches[1:, voice].tolist()))
        for (before, after), count in counts.items():
            symbol = HOLD if before == after else after
            total = sum(number for (first, _), number in counts.items() if first == before)
            smoothed = count + table.strength * simpler.probabilities[voice, before, symbol]
            nats -= count * log(smoothed / (total + table.strength))
            notes += count
        nats -= sum(log(table.probabilities[voice, START, int(piece.pitches[0, voice])]) for piece in pieces)
        notes += len(pieces)
    score = table.likelihood(pieces)
    np.testing.assert_allclose((score.nats, score.notes), (nats, notes))


def test_the_strength_is_chosen_by_pieces_that_are_not_counted():
    """Pieces that repeat each other need little smoothing, random ones much."""
    again = [piece_of([[60], [62], [64], [65]] * 10) for _ in range(10)]
    rng = np.random.default_rng(5)
    noise = [piece_of(rng.integers(50, 90, (40, 1))) for _ in range(10)]
    assert fit_bigram(again).strength == STRENGTHS[0] < 16 < fit_bigram(noise).strength


def test_one_piece_is_enough():
    piece = piece_of([[60], [62], [-1]])
    assert np.isfinite(fit_bigram([piece]).likelihood([piece_of([[20], [127], [127], [-1]])]).nats)
