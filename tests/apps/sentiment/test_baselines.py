"""The baselines say whether a recurrent model is worth its time: a wrong one flatters or shames it."""

import numpy as np
import pytest
from scipy import optimize, special

from apps.sentiment.baselines import NgramLinear, majority_probabilities
from apps.sentiment.ngrams import ngram_matrix


def toy(n=60, ngrams=12, classes=2, seed=0):
    """Texts in which some n-grams are more frequent in one class; int ids of pairs, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    rates = rng.uniform(0.1, 0.6, size=(classes, ngrams))
    row_ids, ngram_ids = np.nonzero(rng.random((n, ngrams)) < rates[labels])
    return row_ids, ngram_ids, labels


def fitted(row_ids, ngram_ids, labels, ngrams=12, classes=2, **settings):
    matrix = ngram_matrix(row_ids, ngram_ids, len(labels), ngrams)
    return NgramLinear.fit(matrix, labels, classes, np.arange(ngrams), **settings)


def dense_reference(x, positive, smoothing, c, r=None):
    """NB-SVM from its definition: the log-count ratio, then liblinear's objective by a general minimizer."""
    p, q = smoothing + x[positive].sum(axis=0), smoothing + x[~positive].sum(axis=0)
    r = np.log((p / p.sum()) / (q / q.sum())) if r is None else r
    unit = np.sqrt(x.sum() / len(x))
    features, signs = np.c_[unit * scaled(x) * r, np.ones(len(x))], np.where(positive, 1.0, -1.0)

    def objective(w):  # liblinear's bias is a weight like any other, and regularised, too
        return 0.5 * w @ w + c * np.sum(np.logaddexp(0, -signs * (features @ w)))

    w = optimize.minimize(objective, np.zeros(features.shape[1]), method="BFGS").x
    return unit * w[:-1] * r, w[-1]


def scaled(x):
    """Rows over the root of the number of their n-grams."""
    return x / np.sqrt(np.maximum(x.sum(axis=1, keepdims=True), 1))


@pytest.mark.parametrize("c", [0.3, 3.0])
def test_two_classes_equal_the_dense_reference(c):
    row_ids, ngram_ids, labels = toy()
    matrix = ngram_matrix(row_ids, ngram_ids, len(labels), 12)
    model = NgramLinear.fit(matrix, labels, 2, np.arange(12), smoothing=1.0, regularisation=c)
    weights, bias = dense_reference(matrix.toarray(), labels == 1, 1.0, c)
    expected = special.expit(scaled(matrix.toarray()) @ weights + bias)
    np.testing.assert_allclose(model.probabilities(matrix)[:, 1], expected, atol=0.01)
    np.testing.assert_allclose(model.weights[:, 1] - model.weights[:, 0], weights, atol=0.02)


def test_more_classes_are_one_against_the_rest():
    row_ids, ngram_ids, labels = toy(n=90, classes=3)
    matrix = ngram_matrix(row_ids, ngram_ids, 90, 12)
    model = NgramLinear.fit(matrix, labels, 3, np.arange(12))
    for k in range(3):
        weights, bias = dense_reference(matrix.toarray(), labels == k, 2.0, 0.3)
        expected = scaled(matrix.toarray()) @ weights + bias
        np.testing.assert_allclose(model.logits(matrix)[:, k], expected, atol=0.03)
    np.testing.assert_allclose(model.probabilities(matrix).sum(axis=1), 1)


def test_logits_are_the_scaled_sum_of_the_weights_of_the_ngrams_present():
    """The wide part of the network computes just this sum inside TensorFlow."""
    row_ids, ngram_ids, labels = toy(classes=3)
    matrix = ngram_matrix(row_ids, ngram_ids, len(labels), 12)
    model = NgramLinear.fit(matrix, labels, 3, np.arange(12))
    assert model.weights.dtype == model.bias.dtype == model.logits(matrix).dtype == np.float32
    assert model.weights.shape == (12, 3) and model.bias.shape == (3,)
    for row in range(5):
        present = sorted(set(ngram_ids[row_ids == row]))
        expected = model.weights[present].sum(axis=0) / np.sqrt(len(present)) + model.bias
        np.testing.assert_allclose(model.logits(matrix)[row], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_in_a_block_of_a_class_an_ngram_counts_once_for_the_ratio(classes):
    """Else the names of one film look like opinions."""
    row_ids, ngram_ids, labels = toy(classes=classes)
    matrix = ngram_matrix(row_ids, ngram_ids, len(labels), 12)
    found = fitted(row_ids, ngram_ids, labels, classes=classes, block=4)
    # Rows of a class in their order, four by four; the last block of two classes holds two.
    blocks = [
        (label, matrix[labels == label][i : i + 4]) for label in range(classes) for i in range(0, 60 // classes, 4)
    ]
    held = [(label, np.asarray(rows.max(axis=0).todense())[0]) for label, rows in blocks]
    for k in (1,) if classes == 2 else range(classes):
        p, q = (2.0 + sum(row for label, row in held if (label == k) == inside) for inside in (True, False))
        ratio = np.log((p / p.sum()) / (q / q.sum()))
        weights = dense_reference(matrix.toarray(), labels == k, 2.0, 0.3, ratio)[0]
        of_class = found.weights[:, 1] - found.weights[:, 0] if classes == 2 else found.weights[:, k]
        np.testing.assert_allclose(of_class, weights, atol=0.02)
    assert np.abs(found.weights - fitted(row_ids, ngram_ids, labels, classes=classes).weights).max() > 0.05


def test_repeated_and_unordered_pairs_count_once():
    matrix = ngram_matrix(np.array([2, 0, 2, 2]), np.array([5, 1, 0, 5]), rows=4, vocabulary_size=6)
    np.testing.assert_array_equal(matrix.toarray(), [[0, 1, 0, 0, 0, 0], [0] * 6, [1, 0, 0, 0, 0, 1], [0] * 6])


def test_texts_without_ngrams_are_predicted_by_the_bias():
    row_ids, ngram_ids, labels = toy()
    model = fitted(row_ids, ngram_ids, labels)
    nothing = ngram_matrix(np.zeros(0, int), np.zeros(0, int), rows=2, vocabulary_size=12)
    np.testing.assert_allclose(model.logits(nothing), [model.bias] * 2)
    # All training texts may be empty, too: an unlucky tokenization must not crash an evaluation.
    empty = fitted(np.zeros(0, int), np.zeros(0, int), labels)
    np.testing.assert_allclose(empty.probabilities(nothing), 0.5, atol=0.05)


def test_the_same_texts_give_the_same_model():
    arrays = toy(n=200, ngrams=500)
    first, second = (fitted(*arrays, ngrams=500) for _ in range(2))
    np.testing.assert_array_equal(first.weights, second.weights)


def test_saved_and_loaded_predict_alike(tmp_path):
    row_ids, ngram_ids, labels = toy(classes=3)
    model = fitted(row_ids, ngram_ids, labels, ngrams=1000, classes=3)
    model.save(tmp_path / "nbsvm.npz")
    loaded = NgramLinear.load(tmp_path / "nbsvm.npz")
    np.testing.assert_array_equal(loaded.keys, model.keys)
    np.testing.assert_array_equal(loaded.weights, model.weights)
    np.testing.assert_array_equal(loaded.bias, model.bias)
    assert loaded.weights.dtype == np.float32


def test_a_class_without_examples_is_named():
    row_ids, ngram_ids, labels = toy()
    with pytest.raises(ValueError, match=r"\[2\]"):
        fitted(row_ids, ngram_ids, labels, classes=3)


def test_majority_predicts_the_frequencies_of_training():
    np.testing.assert_allclose(majority_probabilities(np.array([0, 2, 2, 2]), 2, 3), [[0.25, 0, 0.75]] * 2)
