"""Which n-grams a text holds, and where: what the linear model sees of it, in training and inside the SavedModel.

Everything is TensorFlow operations. An n-gram is known by a fingerprint of 54 bits, so that the vocabulary is a sorted
vector of numbers, which a SavedModel keeps and searches without a table of strings.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import sparse

from common.data.text_datasets import as_dataset

FINGERPRINT_BITS = 54  # so that the row in a batch of a few hundred texts goes before it into 63 bits
TAIL = 120  # words; of 60, 120, 160, 200 and half of the text the best on held-out films

_SPREAD = 0x369DEA0F31A53F85  # odd, so that the product with it loses nothing; products wrap around


class Kind(NamedTuple):
    """One kind of n-gram.

    Attributes:
        offsets: which words it is made of, counted from its first one.
        in_tail: whether it has to begin among the last `TAIL` words. Verdicts stand at the end, so that the same words
            weigh more there.
    """

    offsets: tuple[int, ...]
    in_tail: bool = False


# One to three words side by side, and two with one or two or three words between them ("not ... good").
KINDS = (
    *(Kind(offsets) for offsets in ((0,), (0, 1), (0, 1, 2), (0, 2), (0, 3), (0, 4))),
    *(Kind(offsets, in_tail=True) for offsets in ((0,), (0, 1), (0, 1, 2))),
)


class Found(NamedTuple):
    """All n-grams of one kind in a batch of texts.

    Attributes:
        offsets: see `Kind`.
        starts: int64 `[found]`, the first word of each, as a position in `words.flat_values`.
        rows: int64 `[found]`, the text.
        ngrams: int64 `[found]`, the fingerprint, in `[0, 2**FINGERPRINT_BITS)`; or the number in a vocabulary.
    """

    offsets: tuple[int, ...]
    starts: tf.Tensor
    rows: tf.Tensor
    ngrams: tf.Tensor


def find_ngrams(words) -> list[Found]:
    """Finds the n-grams of all `KINDS`; their `ngrams` are fingerprints.

    Args:
        words: ragged tf.string `[batch, (words)]`.
    """
    hashes = tf.strings.to_hash_bucket_fast(words.flat_values, 2**FINGERPRINT_BITS)
    rows, lengths = words.value_rowids(), words.row_lengths()
    words_to_end = tf.repeat(lengths, lengths) - tf.ragged.range(lengths).flat_values
    found = []
    for number, kind in enumerate(KINDS, 1):
        # The last word has to stand in the same text.
        inside = words_to_end > kind.offsets[-1]
        starts = tf.where(tf.logical_and(inside, words_to_end <= TAIL) if kind.in_tail else inside)[:, 0]
        mixed = tf.fill(
            tf.shape(starts), tf.constant(number, tf.int64)
        )  # the same words are another n-gram in each kind
        for offset in kind.offsets:
            mixed = mixed * _SPREAD + tf.gather(hashes, starts + offset)
        fingerprints = tf.bitwise.bitwise_and(mixed, tf.constant(2**FINGERPRINT_BITS - 1, tf.int64))
        found.append(Found(kind.offsets, starts, tf.gather(rows, starts), fingerprints))
    return found


def find_known_ngrams(words, keys) -> list[Found]:
    """Finds the n-grams that stand in a vocabulary; their `ngrams` are positions in `keys`.

    Args:
        words: ragged tf.string `[batch, (words)]`.
        keys: int64 `[vocabulary]`, fingerprints in ascending order, at least one.
    """
    known = []
    for offsets, starts, rows, fingerprints in find_ngrams(words):
        positions = tf.searchsorted(keys, fingerprints, out_type=tf.int64)
        positions = tf.minimum(positions, tf.size(keys, tf.int64) - 1)
        here = tf.equal(tf.gather(keys, positions), fingerprints)
        known.append(Found(offsets, *(tf.boolean_mask(values, here) for values in (starts, rows, positions))))
    return known


def known_ngrams_of_texts(texts: np.ndarray, preprocessor, keys: np.ndarray) -> sparse.csr_matrix:
    """float64 [n, vocabulary] of 0 and 1: which text (object [n] of str) holds which n-gram of the vocabulary `keys`."""
    captured = tf.constant(keys)  # as an array it would be copied into the graph once for each kind

    def distinct(batch):
        found = find_known_ngrams(preprocessor.words(batch), captured)
        return *distinct_pairs(found, len(keys)), tf.size(batch)

    batches = as_dataset(texts).map(distinct, tf.data.AUTOTUNE).as_numpy_iterator()
    # The pairs of a large set do not fit into memory at once.
    parts = [ngram_matrix(row_ids, ngram_ids, rows, len(keys)) for row_ids, ngram_ids, rows in batches]
    return sparse.vstack(parts, format="csr")


def distinct_pairs(found: list[Found], count):
    """Which text holds which n-gram, each pair once.

    Args:
        found: of the n-grams of some texts.
        count: int64, above every number in `ngrams`.

    Returns:
        Two int64 vectors of equal length: the row in the batch, and the n-gram.
    """
    pairs = tf.unique(tf.concat([of_kind.rows * count + of_kind.ngrams for of_kind in found], axis=0))[0]
    return pairs // count, pairs % count


def ngram_matrix(row_ids: np.ndarray, ngram_ids: np.ndarray, rows: int, vocabulary_size: int) -> sparse.csr_matrix:
    """Which text holds which n-gram, once, however often it holds it.

    Args:
        row_ids: int [pairs], which text.
        ngram_ids: int [pairs], which n-gram, in `[0, vocabulary_size)`. Pairs may repeat and come in any order.
        rows: number of texts; a text without n-grams is a row of zeros.
        vocabulary_size: number of columns.

    Returns:
        float64 [rows, vocabulary_size] of 0 and 1 (the type that liblinear reads without a copy), indices sorted.
    """
    ones = np.ones(len(row_ids), np.float64)
    matrix = sparse.csr_matrix((ones, (row_ids, ngram_ids)), shape=(rows, vocabulary_size))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def learn_vocabulary(texts: np.ndarray, preprocessor, most: int) -> np.ndarray:
    """The n-grams that stand in at least two of the texts: what only one holds cannot be learned from it.

    Args:
        texts: object `[n]` of str.
        preprocessor: has `words(texts)`.
        most: if there are more, those that stand in most texts are kept.

    Returns:
        int64 `[vocabulary]`, fingerprints in ascending order; at least one, if only one that no n-gram has.
    """

    def distinct(batch):
        return distinct_pairs(find_ngrams(preprocessor.words(batch)), tf.constant(2**FINGERPRINT_BITS, tf.int64))[1]

    batches = as_dataset(texts).map(distinct, tf.data.AUTOTUNE).as_numpy_iterator()
    all_ngrams = np.concatenate(list(batches))  # one of each text that holds it
    all_ngrams.sort()
    # Each n-gram as often as it stands in a further text; three quarters of them stand in no further one.
    keys, counts = np.unique(all_ngrams[1:][all_ngrams[1:] == all_ngrams[:-1]], return_counts=True)
    if len(keys) > most:
        keys = np.sort(keys[np.argsort(-counts, kind="stable")[:most]])
    return keys if len(keys) else np.array([-1], np.int64)
