"""What a trained model has to beat: the source left as it is, and the most similar sentence of the training pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from apps.translation.pairs import SentencePairs

MOST_PAIRS = 100_000  # in the translation memory; fitting it and 1,000 look-ups then take about ten seconds
_NGRAM = 3  # characters; 2 to 4 together take three times as long and find no better sentences
_CHUNK_CELLS = 2**24  # similarities computed at a time, 64 MiB


def copy_source(pairs: SentencePairs) -> list[str]:
    """Every source as its own translation: right about names, numbers and what needs no translation."""
    return list(pairs.sources)


def translation_memory(train: SentencePairs, sources: Sequence[str]) -> list[str]:
    """The target of the training pair with the most similar source, as translators look it up.

    Similar is the cosine of the counts of three characters in a row, within words, weighed by how rare they are
    (TF-IDF). Of equally similar ones the earliest is taken; also the first of all where nothing is similar.

    Args:
        train: at least one pair; of more than `MOST_PAIRS` so many at random are looked at.
        sources: what to translate.
    """
    train = _at_most(train, MOST_PAIRS)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(_NGRAM, _NGRAM), dtype=np.float32)
    try:
        known = vectorizer.fit_transform(train.sources).T.tocsr()  # [ngrams, pairs]
    except ValueError:  # all training sources are empty
        return [train.targets[0]] * len(sources)
    rows = max(1, _CHUNK_CELLS // len(train))
    found: list[str] = []
    for start in range(0, len(sources), rows):
        asked = vectorizer.transform(sources[start : start + rows])  # [rows, ngrams]
        nearest = (asked @ known).toarray().argmax(axis=1)  # [rows]; argmax takes the first of equal ones
        found.extend(train.targets[nearest])
    return found


def _at_most(train: SentencePairs, most: int) -> SentencePairs:
    if len(train) <= most:
        return train
    return train.take(np.sort(np.random.default_rng(0).permutation(len(train))[:most]))
