"""The chain is the strongest baseline: it has to be a distribution, and its samples have to be drawn from it."""

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from apps.music.chord_markov import ChordMarkov
from apps.music.likelihood import HOLD, PITCHES, REST, SILENT, START, SYMBOLS, states_and_symbols
from tests.apps.music.voice_pieces import piece_of, random_pieces

EVERY_PAIR = np.array(list(product(range(SYMBOLS), repeat=2)))


@pytest.fixture(scope="module")
def chain():
    return ChordMarkov.fit(random_pieces(1, voices=2, pitches=3, steps=200))


@pytest.mark.parametrize("state", [(60, 58), (67, 61), (SILENT, 61), (SILENT, SILENT), (START, START), (90, 40)])
def test_probabilities_of_all_chords_sum_to_one(chain, state):
    states = np.tile(state, (len(EVERY_PAIR), 1))
    chances = chain.probabilities(states, EVERY_PAIR)
    assert chances.min() >= 0
    np.testing.assert_allclose(chances.sum(), 1.0, rtol=1e-9)


@pytest.mark.parametrize("strengths", [(0.5, 3.0), (1e-6, 2.0), (4096.0, 4096.0)])
def test_and_with_other_strengths(chain, strengths):
    states = np.tile((66, 61), (len(EVERY_PAIR), 1))
    np.testing.assert_allclose(replace(chain, strengths=strengths).probabilities(states, EVERY_PAIR).sum(), 1.0)


def test_what_transposition_takes_out_of_range_is_never_more_than_one():
    chain = ChordMarkov.fit([piece_of([[60, 50], [72, 62], [60, 50]] * 9)])
    states = np.tile((127, 117), (len(EVERY_PAIR), 1))
    assert 0 < chain.probabilities(states, EVERY_PAIR).sum() < 1
    assert chain.likely(states[:1]).max() < SYMBOLS


def test_the_most_likely_chord_is_that_of_a_search_through_all(chain):
    for state in [(66, 61), (70, 60), (SILENT, 62), (START, START), (100, 90)]:
        chances = chain.probabilities(np.tile(state, (len(EVERY_PAIR), 1)), EVERY_PAIR)
        found = chain.likely(np.array([state]))
        np.testing.assert_allclose(chain.probabilities(np.array([state]), found), chances.max())


def test_the_tables_are_the_formula():
    pieces = random_pieces(2, voices=2, pitches=3)
    chain = ChordMarkov.fit(pieces)
    states, symbols = states_and_symbols(pieces)
    singly = chain.voices.note_probabilities(states, symbols).prod(-1)

    def up_to_transposition(state, symbol):
        lowest = min((pitch for pitch in state if pitch < PITCHES), default=0)
        return tuple(("at", code - lowest) if code < PITCHES else code for code in (*state, *symbol))

    absolute, relative = Counter(), Counter()
    for state, symbol in zip(states.tolist(), symbols.tolist()):
        for table, key in ((absolute, (*state, *symbol)), (relative, up_to_transposition(state, symbol))):
            table[key] += 1
            table[key[:2]] += 1
    first, second = chain.strengths
    for state, symbol, alone, chance in zip(
        states.tolist(), symbols.tolist(), singly, chain.probabilities(states, symbols)
    ):
        key = up_to_transposition(state, symbol)
        expected = (relative[key] + second * alone) / (relative[key[:2]] + second)
        expected = (absolute[*state, *symbol] + first * expected) / (absolute[tuple(state)] + first)
        np.testing.assert_allclose(chance, expected)


def test_chords_that_were_only_heard_in_another_key_are_known():
    tune = [[67, 60], [69, 60], [67, 59], [65, 57]] * 6
    chain = ChordMarkov.fit([piece_of(np.array(tune) + shift) for shift in range(4)])
    there, elsewhere = piece_of(np.array(tune) + 6), piece_of(np.array(tune)[:, ::-1] + 6)
    assert chain.likelihood([there]).nats < chain.voices.likelihood([there]).nats / 2
    assert chain.likelihood([there]).nats < chain.likelihood([elsewhere]).nats / 2


def test_likelihood_counts_the_notes_of_chords(chain):
    pieces = random_pieces(5, voices=2, count=2, steps=30)
    states, symbols = states_and_symbols(pieces)
    score = chain.likelihood(pieces)
    assert score.notes == 120
    np.testing.assert_allclose(score.nats, -np.log(chain.probabilities(states, symbols)).sum())
    assert score.correct == (chain.likely(states) == symbols).sum()


@pytest.mark.parametrize("strengths", [(4.0, 0.5), (0.5, 4.0), (1000.0, 4.0), (1000.0, 1000.0)])
def test_symbols_are_drawn_as_often_as_they_are_likely(strengths):
    pieces = [piece_of([[64, 60], [65, 60], [64, 60], [64, 57]] * 2), piece_of([[66, 62], [69, 62]])]
    chain = replace(ChordMarkov.fit(pieces), strengths=strengths)
    random, draws = np.random.default_rng(7), 3000
    for state in [(64, 60), (66, 62), (65, 61)]:
        drawn = Counter(tuple(chain._draw(np.array(state), random).tolist()) for _ in range(draws))
        for symbols in [*chain.absolute[64, 60], (67, 62), (HOLD, HOLD), (66, HOLD), (HOLD, 58)]:
            chance = chain.probabilities(np.array([state]), np.array([symbols]))[0]
            allowed = 4.5 * np.sqrt(max(chance * (1 - chance), 1 / draws) / draws)
            assert abs(drawn[symbols] / draws - chance) < allowed, (state, symbols)


def test_samples_are_pieces_like_those_of_the_training():
    train = [piece_of([[67, 60]] * 5, metre=(3, 4), steps_per_quarter=2, tempo=80.0)] * 2
    first, second = ChordMarkov.fit(train).sample(length=14, seed=1, count=2)
    assert (first.metre, first.steps_per_quarter, first.tempo, first.steps_per_bar) == ((3, 4), 2, 80.0, 6)
    assert first.positions.tolist() == [*range(6), *range(6), 0, 1]
    assert first.pitches.shape == first.onsets.shape == (14, 2)
    assert first.name != second.name
    assert not (first.onsets & (first.pitches == -1)).any()


def test_a_seed_gives_the_same_pieces(chain):
    one, again, other = (chain.sample(length=30, seed=seed, count=1)[0].pitches for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_nothing_impossible_is_drawn():
    chain = ChordMarkov.fit([piece_of([[120, 10], [127, 0], [-1, -1], [127, 0]] * 20)])
    for piece in chain.sample(length=200, seed=0, count=3):
        assert piece.pitches.min() >= -1
        assert piece.pitches.max() <= 127
        states, symbols = states_and_symbols([piece])
        assert not ((states == START) & (symbols == HOLD)).any()
        assert not ((states == SILENT) & (symbols == REST)).any()
