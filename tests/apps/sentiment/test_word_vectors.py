"""Start vectors: if these fail, words start from noise or from what the texts do not say."""

import numpy as np

from apps.sentiment.vocabulary import FIRST_WORD_ID
from apps.sentiment.word_vectors import LENGTH, WINDOW, _neighbour_counts, word_vectors


def texts(seed=0):
    """Texts over ten words; word 3 and word 4 stand among the same words, word 5 among others."""
    random = np.random.default_rng(seed)
    flat, lengths = [], []
    for _ in range(400):
        topic = random.integers(2)
        middle = [5] if topic else [random.choice([3, 4])]
        around = list(random.choice([8, 9] if topic else [6, 7], 4))
        flat += around[:2] + middle + around[2:]
        lengths.append(5)
    return np.array(flat), np.array(lengths)


def test_words_with_the_same_neighbours_start_near_each_other():
    vectors = word_vectors(*texts(), vocabulary_size=10, dim=4, seed=0)
    assert vectors.dtype == np.float32 and vectors.shape == (10, 4)
    assert vectors[3] @ vectors[4] > 0.8 * LENGTH**2 > vectors[3] @ vectors[5]
    np.testing.assert_allclose(np.linalg.norm(vectors[3:], axis=1), LENGTH, rtol=1e-5)
    assert not vectors[:FIRST_WORD_ID].any()


def test_neighbours_are_counted_within_a_text_only_and_by_nearness():
    flat, lengths = np.array([2, 3, 1, 4, 2, 5, 5]), np.array([4, 3])
    expected = np.zeros((6, 6))
    for row in np.split(flat, np.cumsum(lengths)[:-1]):
        for i, one in enumerate(row):
            for j, other in enumerate(row):
                if i != j and abs(i - j) <= WINDOW and min(one, other) >= FIRST_WORD_ID:
                    expected[one, other] += 1 / abs(i - j)
    np.testing.assert_allclose(_neighbour_counts(flat, lengths, 6).toarray(), expected, rtol=1e-6)


def test_more_dimensions_than_words_are_filled_with_zeros():
    vectors = word_vectors(*texts(), vocabulary_size=10, dim=32, seed=0)
    assert vectors.shape == (10, 32) and np.isfinite(vectors).all()
