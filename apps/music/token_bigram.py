"""How often each token follows each other: what a model of events has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.music.likelihood import Likelihood, fitted_and_held_out
from apps.music.voice_markov import STRENGTHS

_RARE = 0.1  # added to the count of every token


@dataclass(frozen=True, eq=False)
class TokenTable:
    """The probability of each token of a sequence, given the one before.

    Attributes:
        probabilities: float64 [1 + tokens, tokens]; rows sum to 1, the last one is for the first token of a sequence.
        strength: tokens' worth of the overall frequencies that smooth the rows; infinite where these are all there is.
    """

    probabilities: np.ndarray
    strength: float

    def likelihood(self, sequences: Sequence[np.ndarray]) -> Likelihood:
        """Scores every token of every sequence; a token counts as a note."""
        before, after = _transitions(sequences, self.probabilities.shape[1])
        nats = -np.log(self.probabilities[before, after]).sum()
        return Likelihood(float(nats), len(after), int((self.probabilities.argmax(-1)[before] == after).sum()))


def fit_token_unigram(train: Sequence[np.ndarray], tokens: int) -> TokenTable:
    """How frequent each token is, whatever stood before.

    Args:
        train: int [length] each, ids from 0.
        tokens: how many ids there are.
    """
    frequencies = _frequencies(_counts(train, tokens))
    return TokenTable(np.tile(frequencies, (tokens + 1, 1)), np.inf)


def fit_token_bigram(train: Sequence[np.ndarray], tokens: int) -> TokenTable:
    """How frequent each token is after each other, smoothed with how frequent it is anywhere.

        p(after | before) = (count(before, after) + strength * p(after)) / (count(before) + strength)

    The strength is the one with which four fifths of the sequences predict the last fifth best.

    Args:
        train: int [length] each, ids from 0.
        tokens: how many ids there are.
    """
    fitted, held_out = fitted_and_held_out(train)
    counts = _counts(fitted, tokens)
    nats = [_smoothed(counts, strength).likelihood(held_out).nats for strength in STRENGTHS]
    return _smoothed(_counts(train, tokens), STRENGTHS[int(np.argmin(nats))])


def _smoothed(counts: np.ndarray, strength: float) -> TokenTable:
    rows = counts + strength * _frequencies(counts)
    return TokenTable(rows / (counts.sum(-1, keepdims=True) + strength), strength)


def _frequencies(counts: np.ndarray) -> np.ndarray:
    """Returns float64 [tokens]."""
    sums = counts.sum(0) + _RARE
    return sums / sums.sum()


def _counts(sequences: Sequence[np.ndarray], tokens: int) -> np.ndarray:
    """Returns float64 [1 + tokens, tokens]."""
    before, after = _transitions(sequences, tokens)
    counts = np.bincount(before * tokens + after, minlength=(tokens + 1) * tokens)
    return counts.reshape(tokens + 1, tokens).astype(np.float64)


def _transitions(sequences: Sequence[np.ndarray], tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Every token, int64 [tokens of all sequences], and the one before it, which is `tokens` where there is none.

    Raises:
        ValueError: no token at all, or an id that is none.
    """
    filled = [np.asarray(sequence, np.int64) for sequence in sequences if len(sequence)]
    after = np.concatenate(filled) if filled else np.zeros(0, np.int64)
    if not len(after) or after.min() < 0 or after.max() >= tokens:
        raise ValueError(f"expected at least one token, and ids from 0 to {tokens - 1}")
    return np.concatenate([np.append(tokens, sequence[:-1]) for sequence in filled]), after
