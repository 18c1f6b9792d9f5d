"""What a trained model has to beat, by the likelihood of notes or tokens that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.music.chord_markov import ChordMarkov
from apps.music.pieces import Pieces
from apps.music.token_bigram import fit_token_bigram, fit_token_unigram
from apps.music.voice_markov import fit_bigram, fit_repeat_last


def baselines(train: Pieces, pieces: Pieces, chain: ChordMarkov | None = None) -> dict[str, dict[str, float]]:
    """Scores of the simple models of voices.

    Args:
        train: `VoicePiece`s to learn from, all of them with the same number of voices.
        pieces: `VoicePiece`s to predict.
        chain: a chain of `train`'s chords, for who has one already.

    Returns:
        `nats_per_note` and `note_accuracy`, for each of `repeat_last`, `bigram` and `chord_markov`.
    """
    models = {
        "repeat_last": fit_repeat_last(train.pieces),
        "bigram": fit_bigram(train.pieces),
        "chord_markov": chain or ChordMarkov.fit(train.pieces),
    }
    return {name: model.likelihood(pieces.pieces).figures() for name, model in models.items()}


def token_baselines(
    train: Sequence[np.ndarray], sequences: Sequence[np.ndarray], tokens: int
) -> dict[str, dict[str, float]]:
    """Scores of the simple models of events.

    Args:
        train: int [length] each, ids of tokens to learn from.
        sequences: int [length] each, to predict.
        tokens: how many ids there are.

    Returns:
        `nats_per_token` and `token_accuracy`, for each of `unigram` and `bigram`.
    """
    scores = {
        "unigram": fit_token_unigram(train, tokens).likelihood(sequences),
        "bigram": fit_token_bigram(train, tokens).likelihood(sequences),
    }
    return {
        name: {"nats_per_token": score.nats_per_note, "token_accuracy": score.note_accuracy}
        for name, score in scores.items()
    }
