"""What a recurrent model has to beat: the most frequent label, and a linear model of word n-grams.

Both learn from the same training texts as the model. Which n-grams a text holds is the business of
`ngrams.py`, so that the linear model can also stand inside the SavedModel, as the wide part of the
network: its logits are nothing but the sum of one weight row for each distinct n-gram of the text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse, special
from sklearn.linear_model import LogisticRegression

from apps.sentiment.bursts import blocks_of_texts
from apps.sentiment.data import label_ids
from apps.sentiment.ngrams import KINDS, TAIL, known_ngrams_of_texts, learn_vocabulary
from common.data.splits import LabelledTexts
from common.files import atomic_write

if TYPE_CHECKING:
    from apps.sentiment.preprocessing import Preprocessor

# Chosen on held-out films of the bundled reviews: blocks of the official order, in which the reviews of a film stand
# side by side. Regularisation and tolerance hardly matter there; 1, the smoothing of the paper, costs 0.15 points.
SMOOTHING = 2.0  # added to every n-gram count before the log-count ratio
REGULARISATION = 0.3  # liblinear's C; 0.1 and 1 are within 0.1 points
TOLERANCE = 1e-2  # liblinear's stopping rule; 1e-3 takes longer and predicts the same
MOST_TEXTS = 50_000  # more need more than the 4 GiB that training itself may need
MOST_WEIGHTS = 2**26  # 256 MiB; with many classes fewer n-grams are used

# Names what was fitted, so that a fit kept in a run is not taken for one of another recipe.
RECIPE = f"nbsvm smoothing={SMOOTHING} regularisation={REGULARISATION} tolerance={TOLERANCE} {KINDS} tail={TAIL}"


@dataclass(frozen=True)
class NgramLinear:
    """NB-SVM with the logistic loss: a linear model of n-grams scaled by their naive Bayes ratio.

    For each class k against the rest, with `p` and `q` the smoothed counts of the n-grams inside and outside
    of k:

        r = log((p / sum(p)) / (q / sum(q)))
        w, b = logistic regression on x * r        (x: 1 where the text holds the n-gram, else 0)
        score_k = x @ (r * w) / sqrt(n-grams of the text) + b

    The root, which the paper does not have, keeps a long text from being surer of itself for its length alone; on held-out
    reviews it is worth 0.1 points of accuracy and a twentieth of the log loss. `r` is folded into `weights`. Two classes need one such model: their logits are minus and plus half its
    score, so that the softmax of the logits is the sigmoid of the score.

    With `block` an n-gram counts once in so many consecutive texts of a class, since what is said of one thing only would
    look like an opinion (see `bursts.py`); `p` and `q` are then numbers of blocks.

    Attributes:
        keys: int64 [vocabulary], fingerprints of the n-grams in ascending order.
        weights: float32 [vocabulary, classes], one row for each n-gram.
        bias: float32 [classes].

    Reference:
        Wang & Manning 2012, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, ACL.
    """

    keys: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    @classmethod
    def fit(
        cls,
        matrix: sparse.csr_matrix,
        labels: np.ndarray,
        classes: int,
        keys: np.ndarray,
        smoothing: float = SMOOTHING,
        regularisation: float = REGULARISATION,
        block: int = 1,
    ) -> NgramLinear:
        """Learns from the training texts; the same arrays give the same model.

        Args:
            matrix: float64 [n, vocabulary] of 0 and 1, from `ngram_matrix`.
            labels: int [n], class ids; every class must occur.
            classes: number of classes, at least 2.
            keys: int64 [vocabulary], see the attributes.
            smoothing: alpha of the paper, above 0.
            regularisation: inverse strength of the L2 penalty (liblinear's C), above 0.
            block: in how many rows of a class, in their order, an n-gram counts once for the ratio; at least 1.

        Raises:
            ValueError: a class without an example.
        """
        labels = np.asarray(labels)
        missing = np.setdiff1d(np.arange(classes), labels)
        if classes < 2 or len(missing):
            raise ValueError(f"expected examples of at least 2 classes and of each; none of {missing.tolist()}")
        weights = np.zeros((matrix.shape[1], classes), np.float32)
        bias = np.zeros(classes, np.float32)
        scales = _scales(matrix)
        counted, counted_labels = _in_blocks(matrix, labels, block)
        # The typical row keeps its size, so that `regularisation` means the same for short and long texts.
        unit = math.sqrt(max(matrix.nnz / matrix.shape[0], 1.0))
        for label in (1,) if classes == 2 else range(classes):
            ratio = _log_count_ratio(counted, counted_labels == label, smoothing)
            column, bias[label] = _one_against_rest(matrix, unit * scales, labels == label, ratio, regularisation)
            weights[:, label] = unit * column
        if classes == 2:
            weights[:, 1], bias[1] = weights[:, 1] / 2, bias[1] / 2
            weights[:, 0], bias[0] = -weights[:, 1], -bias[1]
        return cls(keys, weights, bias)

    def logits(self, matrix: sparse.csr_matrix) -> np.ndarray:
        """float32 [n, classes]: the scaled sum of the weights of the n-grams present, plus the bias."""
        scales = _scales(matrix)[:, None].astype(np.float32)  # [n, 1]
        return scales * np.asarray(matrix @ self.weights, np.float32) + self.bias

    def probabilities(self, matrix: sparse.csr_matrix) -> np.ndarray:
        """float64 [n, classes]: softmax of the logits."""
        return special.softmax(self.logits(matrix).astype(np.float64), axis=1)

    def save(self, path: str | Path) -> None:
        """Writes the arrays as `.npz`, whole or not at all."""
        with atomic_write(path, "wb") as file:
            np.savez(file, keys=self.keys, weights=self.weights, bias=self.bias)

    @classmethod
    def load(cls, path: str | Path) -> NgramLinear:
        """Reads what `save` wrote."""
        with np.load(path, allow_pickle=False) as saved:
            return cls(saved["keys"], saved["weights"], saved["bias"])


def fit_ngram_linear(train: LabelledTexts, preprocessor: Preprocessor) -> NgramLinear:
    """The linear model of the training texts, of at most about `MOST_TEXTS` of them.

    Args:
        train: raw texts with label names.
        preprocessor: has `label_names`, `words(texts)`, and in its `config` the `topic_block`.
    """
    labels, classes = label_ids(train, preprocessor.label_names), len(preprocessor.label_names)
    chosen = _chosen_texts(labels)  # [m]
    texts = train.texts[chosen]
    keys = learn_vocabulary(texts, preprocessor, MOST_WEIGHTS // classes)
    matrix = known_ngrams_of_texts(texts, preprocessor, keys)
    return NgramLinear.fit(matrix, labels[chosen], classes, keys, block=preprocessor.config.topic_block)


def _chosen_texts(labels: np.ndarray) -> np.ndarray:
    """Returns int64 [m], ascending: about `MOST_TEXTS` at random, at least one of each label."""
    if len(labels) <= MOST_TEXTS:
        return np.arange(len(labels))
    order = np.random.default_rng(0).permutation(len(labels))
    first_of_each = order[np.unique(labels[order], return_index=True)[1]]
    return np.union1d(order[:MOST_TEXTS], first_of_each)


def majority_probabilities(train_labels: np.ndarray, rows: int, classes: int) -> np.ndarray:
    """float64 [rows, classes]: the label frequencies of the training set, whatever the text says."""
    frequencies = np.bincount(train_labels, minlength=classes) / len(train_labels)  # [classes]
    return np.tile(frequencies, (rows, 1))


def _scales(matrix: sparse.csr_matrix) -> np.ndarray:
    """Returns float64 [n], by what the sum of a text's weights is multiplied."""
    return 1 / np.sqrt(np.maximum(np.diff(matrix.indptr), 1))


def _in_blocks(matrix: sparse.csr_matrix, labels: np.ndarray, size: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """What is counted for the ratio: which block of `size` rows of a class holds which n-gram, and the class of each block."""
    if size == 1:
        return matrix, labels
    blocks = blocks_of_texts(labels, size)  # [n]
    membership = sparse.csr_matrix((np.ones(len(blocks)), (blocks, np.arange(len(blocks)))))  # [blocks, n]
    counted = (membership @ matrix).tocsr()
    counted.data[:] = 1.0
    return counted, labels[np.unique(blocks, return_index=True)[1]]


def _log_count_ratio(counted: sparse.csr_matrix, positive: np.ndarray, smoothing: float) -> np.ndarray:
    """Returns float64 [vocabulary]: how much more frequent each n-gram is in the positive rows of `counted`."""
    inside = smoothing + counted.T @ positive.astype(np.float64)  # [vocabulary]
    outside = smoothing + counted.T @ (~positive).astype(np.float64)  # [vocabulary]
    return np.log(inside / inside.sum()) - np.log(outside / outside.sum())


def _one_against_rest(
    matrix: sparse.csr_matrix,
    scales: np.ndarray,
    positive: np.ndarray,
    ratio: np.ndarray,
    regularisation: float,
) -> tuple[np.ndarray, float]:
    """Returns weights float64 [vocabulary], with the log-count ratio folded in, and the intercept."""
    # Only the values are new; the indices, most of the memory, are shared with `matrix`.
    values = ratio[matrix.indices] * np.repeat(scales, np.diff(matrix.indptr))  # [nonzero]
    scaled = sparse.csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)
    # The dual solver is the fast one where n-grams outnumber texts; its random order of texts is seeded.
    model = LogisticRegression(solver="liblinear", dual=True, C=regularisation, tol=TOLERANCE, random_state=0)
    model.fit(scaled, positive)
    return ratio * model.coef_[0], float(model.intercept_[0])
