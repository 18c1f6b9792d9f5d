"""The rows beside which `evaluate` puts the model."""

import numpy as np

from apps.music.baselines import baselines, token_baselines
from apps.music.chord_markov import ChordMarkov
from apps.music.pieces import Pieces
from tests.apps.music.voice_pieces import piece_of, random_pieces


def test_the_more_a_baseline_looks_at_the_better_it_is():
    """Two voices that walk up and down in parallel: the pitch tells the next one, and one voice the other."""
    rng = np.random.default_rng(1)
    walks = [60 + np.abs(np.cumsum(rng.choice([-1, 0, 1], 80)) % 14 - 7) for _ in range(12)]
    pieces = [piece_of(np.stack([walk + 7, walk], axis=1)) for walk in walks]
    table = baselines(Pieces(tuple(pieces[:8]), "a test"), Pieces(tuple(pieces[8:]), "a test"))
    assert list(table) == ["repeat_last", "bigram", "chord_markov"]
    nats = [row["nats_per_note"] for row in table.values()]
    assert nats[0] > nats[1] > 1.5 * nats[2]
    assert all(set(row) >= {"nats_per_note", "note_accuracy"} for row in table.values())


def test_a_chain_that_is_there_already_is_used():
    train, test = Pieces(tuple(random_pieces(1)), "a test"), Pieces(tuple(random_pieces(2)), "a test")
    chain = ChordMarkov.fit(train.pieces)
    assert baselines(train, test, chain) == baselines(train, test)


def test_of_tokens():
    table = token_baselines([np.arange(20) % 5] * 6, [np.arange(10) % 5], 5)
    assert list(table) == ["unigram", "bigram"]
    assert table["bigram"]["token_accuracy"] == 1.0
    assert table["bigram"]["nats_per_token"] < 0.2 < 1.5 < table["unigram"]["nats_per_token"]
