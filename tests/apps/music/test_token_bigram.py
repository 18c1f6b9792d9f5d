"""A baseline of events that is no distribution, or looks at what it predicts, says nothing about the model."""

from math import log

import numpy as np
import pytest

from apps.music.token_bigram import fit_token_bigram, fit_token_unigram


def sequences(seed, count=10):
    rng = np.random.default_rng(seed)
    return [np.cumsum(rng.integers(0, 3, rng.integers(1, 40))) % 7 for _ in range(count)]


def test_rows_are_distributions_without_zeros():
    for table in (fit_token_unigram(sequences(1), 9), fit_token_bigram(sequences(1), 9)):
        assert table.probabilities.shape == (10, 9)
        np.testing.assert_allclose(table.probabilities.sum(-1), 1.0)
        assert table.probabilities.min() > 0


def test_the_formula_by_hand():
    train = [np.array([0, 1, 0, 1, 1]), np.array([0, 2])]
    overall = (np.array([3, 3, 1]) + 0.1) / 7.3
    np.testing.assert_allclose(fit_token_unigram(train, 3).probabilities[2], overall)
    table = fit_token_bigram(train, 3)
    counts = np.array([[0, 2, 1], [1, 1, 0], [0, 0, 0], [2, 0, 0]])
    expected = (counts + table.strength * overall) / (counts.sum(1, keepdims=True) + table.strength)
    np.testing.assert_allclose(table.probabilities, expected)


def test_every_token_is_scored_with_the_one_before():
    table = fit_token_bigram(sequences(2), 7)
    score = table.likelihood([np.array([3, 4]), np.array([], np.int64), np.array([5])])
    p = table.probabilities
    np.testing.assert_allclose(score.nats, -log(p[7, 3] * p[3, 4] * p[7, 5]))
    assert score.notes == 3


def test_the_bigram_knows_more_than_the_unigram():
    train, test = sequences(3, 60), sequences(4)
    assert fit_token_bigram(train, 7).likelihood(test).nats < 0.8 * fit_token_unigram(train, 7).likelihood(test).nats


@pytest.mark.parametrize("train", [[], [np.array([], np.int64)], [np.array([0, 7])], [np.array([-1])]])
def test_ids_that_are_none(train):
    with pytest.raises(ValueError, match="ids from 0 to 6"):
        fit_token_unigram(train, 7)
