"""How much each part of the model is believed. If these fail, probabilities lie about how sure the model is."""

import itertools

import numpy as np
import pytest
from scipy import special

from apps.sentiment.calibration import BOUNDS, fit_scales


def example(parts, classes=3, examples=80, seed=0):
    """Logits that know something of the labels, each part too sure or not sure enough of itself."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, examples)
    known = 1.5 * np.eye(classes)[labels]
    return [
        (scale * (known + random.normal(size=known.shape))).astype("float32") for scale in (4.0, 0.3)[:parts]
    ], labels


def log_loss(scales, parts, labels):
    logits = sum(scale * part.astype("float64") for scale, part in zip(scales, parts, strict=True))
    return -np.mean(special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels])


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_no_scales_on_a_grid_are_better(parts, seed):
    logits, labels = example(parts, seed=seed)
    scales = fit_scales(logits, labels)
    grid = itertools.product(np.linspace(0, 10, 41), repeat=parts)
    assert log_loss(scales, logits, labels) <= min(log_loss(each, logits, labels) for each in grid) + 1e-6
    assert log_loss(scales, logits, labels) <= log_loss([1.0] * parts, logits, labels), "it must never hurt"


def test_one_scale_changes_no_prediction_even_of_a_model_that_is_always_wrong():
    (logits,), labels = example(1)
    for truth in (labels, (logits.argmax(axis=1) + 1) % 3):
        (scale,) = fit_scales([logits], truth)
        assert scale >= BOUNDS[0] > 0
        np.testing.assert_array_equal((scale * logits).argmax(axis=1), logits.argmax(axis=1))


def test_certainty_stays_finite_when_nothing_is_wrong():
    labels = np.arange(12) % 3
    (scale,) = fit_scales([5 * np.eye(3, dtype="float32")[labels]], labels)
    assert 1 < scale <= BOUNDS[1]


def test_without_examples_the_parts_stay_as_they_are():
    assert fit_scales([np.zeros((0, 2)), np.zeros((0, 2))], np.zeros(0, int)) == [1.0, 1.0]
