"""Word vectors from the training texts alone: words that stand among the same words start from the same place.

A rare word then need not be learned from the few reviews that hold it. No other data and no download are needed.
"""

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from apps.sentiment.vocabulary import FIRST_WORD_ID

WINDOW = 5  # words on each side that count as neighbours, nearer ones more
CONTEXT_POWER = 0.75  # frequent neighbours tell less than their frequency says
LENGTH = 0.5  # L2 norm of every vector


def word_vectors(
    word_ids: np.ndarray, text_lengths: np.ndarray, vocabulary_size: int, dim: int, seed: int
) -> np.ndarray:
    """Factorizes the positive pointwise mutual information of words and their neighbours.

    Args:
        word_ids: int `[words]`, the training texts one after the other.
        text_lengths: int `[texts]`, words of each.
        vocabulary_size: number of word ids, padding and unknown included.
        dim: size of a vector.
        seed: of the randomized factorization.

    Returns:
        float32 `[vocabulary_size, dim]`; zeros for padding, the unknown word, and words without known neighbours.

    Reference:
        Levy, Goldberg and Dagan 2015, "Improving distributional similarity with lessons learned from word embeddings", TACL.
    """
    counts = _neighbour_counts(word_ids, text_lengths, vocabulary_size)
    of_word = np.asarray(counts.sum(axis=1)).ravel()
    of_context = of_word**CONTEXT_POWER / max((of_word**CONTEXT_POWER).sum(), 1e-12)
    counts = counts.tocoo()
    information = np.log(counts.data / (of_word[counts.row] * of_context[counts.col]))
    positive = information > 0
    matrix = sparse.csr_matrix(
        (information[positive], (counts.row[positive], counts.col[positive])), shape=counts.shape, dtype=np.float32
    )
    found = min(dim, vocabulary_size - 1)
    left, values, _ = randomized_svd(matrix, found, n_iter=3, random_state=seed)
    vectors = np.zeros((vocabulary_size, dim), np.float32)
    vectors[:, :found] = left * np.sqrt(values)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.where(norms > 1e-6, vectors * (LENGTH / np.maximum(norms, 1e-6)), 0.0)
    vectors[:FIRST_WORD_ID] = 0.0
    return vectors.astype(np.float32)


def _neighbour_counts(word_ids, text_lengths, vocabulary_size):
    """Sparse float32 `[vocabulary, vocabulary]`, symmetric: how often, weighted by nearness, two words stand together."""
    texts = np.repeat(np.arange(len(text_lengths)), text_lengths)
    known = word_ids >= FIRST_WORD_ID
    counts = sparse.csr_matrix((vocabulary_size, vocabulary_size), dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        pair = (texts[distance:] == texts[:-distance]) & known[distance:] & known[:-distance]
        first, second = word_ids[:-distance][pair], word_ids[distance:][pair]
        weights = np.full(len(first), 1 / distance, np.float32)
        counts += sparse.csr_matrix((weights, (first, second)), shape=counts.shape)
    return counts + counts.T
