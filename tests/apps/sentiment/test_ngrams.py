"""Which n-grams a text holds. If these fail, the linear model learns from n-grams that no text has, or serves others."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from apps.sentiment.config import PreprocessingConfig
from apps.sentiment.ngrams import (
    FINGERPRINT_BITS,
    KINDS,
    TAIL,
    distinct_pairs,
    find_known_ngrams,
    find_ngrams,
    known_ngrams_of_texts,
    learn_vocabulary,
)
from apps.sentiment.preprocessing import Preprocessor

TEXTS = ["a b a b a b", "c", "", "a b c d e f", " ".join(f"w{index}" for index in range(TAIL + 5))]


def words(*texts):
    return tf.strings.split(tf.constant(texts))


def brute_force(text):
    """Every n-gram of a text with the places of its first word: {(kind, words): [starts]}."""
    row, found = text.split(), collections.defaultdict(list)
    for kind in KINDS:
        for start in range(len(row) - kind.offsets[-1]):
            if not kind.in_tail or len(row) - start <= TAIL:
                found[kind, tuple(row[start + offset] for offset in kind.offsets)].append(start)
    return found


def test_every_ngram_has_one_fingerprint_and_all_its_places():
    found = find_ngrams(words(*TEXTS))
    shift = np.cumsum([0, *(len(text.split()) for text in TEXTS)])
    numbers = {}
    for index, text in enumerate(TEXTS):
        places = collections.defaultdict(list)
        for kind, of_kind in zip(KINDS, found, strict=True):
            here = of_kind.rows.numpy() == index
            for start, ngram in zip(of_kind.starts.numpy()[here] - shift[index], of_kind.ngrams.numpy()[here]):
                places[kind, tuple(text.split()[start + offset] for offset in kind.offsets)].append(int(start))
                key = kind, tuple(text.split()[start + offset] for offset in kind.offsets)
                assert numbers.setdefault(key, ngram) == ngram
        assert places == brute_force(text)
    assert len(set(numbers.values())) == len(numbers), "no two n-grams have the same fingerprint"
    assert min(numbers.values()) >= 0 and max(numbers.values()) < 2**FINGERPRINT_BITS


def test_each_text_holds_an_ngram_once_however_often_it_occurs():
    rows, _ = distinct_pairs(find_ngrams(words(*TEXTS)), tf.constant(2**FINGERPRINT_BITS, tf.int64))
    counts = np.bincount(rows.numpy(), minlength=len(TEXTS))
    np.testing.assert_array_equal(counts, [len(brute_force(text)) for text in TEXTS])


def test_the_vocabulary_holds_what_two_texts_hold():
    preprocessor = Preprocessor(PreprocessingConfig())
    texts = np.array(["x y z", "x y", "y x", "q q q"], object)
    keys = learn_vocabulary(texts, preprocessor, 1_000)
    counts = collections.Counter(key for text in texts for key in brute_force(text))
    assert len(keys) == sum(count > 1 for count in counts.values())
    assert (np.diff(keys) > 0).all()
    matrix = known_ngrams_of_texts(texts, preprocessor, keys).toarray()
    np.testing.assert_array_equal(matrix.sum(axis=1), [6, 6, 4, 0])  # x, y and "x y", each anywhere and in the tail
    few = learn_vocabulary(texts, preprocessor, 4)
    assert len(few) == 4 and set(few) < set(keys)
    np.testing.assert_array_equal(known_ngrams_of_texts(texts, preprocessor, few).sum(axis=0), [[3, 3, 3, 3]])


@pytest.mark.parametrize("text", ["unseen", ""])
def test_what_is_not_in_the_vocabulary_is_not_found(text):
    assert not any(len(of_kind.ngrams) for of_kind in find_known_ngrams(words(text), tf.constant([-1], tf.int64)))
