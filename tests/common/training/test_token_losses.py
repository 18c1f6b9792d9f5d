"""If these fail, the network learns from another loss than the settings say, or the numbers of an epoch are wrong."""

import math

import numpy as np
import pytest
from scipy.special import log_softmax

from common.training.token_losses import SmoothedCrossEntropy, log_loss, token_accuracy, token_figures, token_metrics

BATCH, TIME, VOCABULARY = 4, 9, 11


@pytest.fixture
def values():
    random = np.random.default_rng(0)
    logits = random.normal(scale=3, size=(BATCH, TIME, VOCABULARY)).astype(np.float32)
    labels = random.integers(0, VOCABULARY, (BATCH, TIME)).astype(np.int32)
    labels[0] = logits[0].argmax(axis=-1)
    weights = (random.random((BATCH, TIME)) < 0.7).astype(np.float32)
    return labels, logits, weights


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_loss_is_cross_entropy_with_a_smoothed_target(values, smoothing):
    labels, logits, weights = values
    target = (1 - smoothing) * np.eye(VOCABULARY)[labels] + smoothing / VOCABULARY
    expected = -(target * log_softmax(logits.astype(np.float64), axis=-1)).sum(axis=-1)
    loss = SmoothedCrossEntropy(smoothing)
    np.testing.assert_allclose(loss.call(labels, logits), expected, rtol=1e-5)
    np.testing.assert_allclose(loss(labels, logits, weights), (expected * weights).sum() / weights.sum(), rtol=1e-5)


def test_padding_and_what_stands_there_count_nothing(values):
    labels, logits, weights = values
    loss = SmoothedCrossEntropy(0.1)
    padding = np.zeros((BATCH, 5), np.float32)
    more = [
        np.concatenate([labels, padding.astype(np.int32)], 1),
        np.concatenate([logits, np.ones((BATCH, 5, VOCABULARY))], 1),
    ]
    found = loss(*more, np.concatenate([weights, padding], 1))
    np.testing.assert_allclose(found, loss(labels, logits, weights), rtol=1e-6)
    assert np.isfinite(loss(labels, logits, 0 * weights))


def test_the_loss_of_huge_logits_and_of_half_precision_is_finite(values):
    labels, logits, weights = values
    assert np.isfinite(SmoothedCrossEntropy(0.1)(labels, 1e4 * logits, weights))
    half = SmoothedCrossEntropy(0.1)(labels, logits.astype(np.float16), weights)
    np.testing.assert_allclose(half, SmoothedCrossEntropy(0.1)(labels, logits, weights), rtol=1e-2)


def test_the_numbers_of_an_epoch_are_means_over_its_tokens(values):
    labels, logits, weights = values
    expected = -np.take_along_axis(log_softmax(logits.astype(np.float64), axis=-1), labels[..., None], axis=-1)[..., 0]
    right = logits.argmax(axis=-1) == labels
    np.testing.assert_allclose(log_loss(labels, logits), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(token_accuracy(labels, logits), right)
    accuracy, loss = token_metrics()[:2]
    for part in (slice(0, 3), slice(3, 4)):  # two batches of different sizes
        for metric in (accuracy, loss):
            metric.update_state(labels[part], logits[part], weights[part])
    assert (accuracy.name, loss.name) == ("token_accuracy", "log_loss")
    np.testing.assert_allclose(accuracy.result(), (right * weights).sum() / weights.sum(), rtol=1e-5)
    np.testing.assert_allclose(loss.result(), (expected * weights).sum() / weights.sum(), rtol=1e-5)


def test_the_figures_of_an_evaluation_hold_every_metric_of_the_training():
    """A metric that somebody adds would stand in the history and be missing in metrics.json."""
    found = {"loss": 9.0, "token_accuracy": np.float32(0.5), "mine": 2.0, "log_loss": math.log(3)}
    assert token_figures(found) == {"token_accuracy": 0.5, "mine": 2.0, "perplexity": pytest.approx(3)}
    assert token_figures({"log_loss": 1e4})["perplexity"] == math.inf
