"""Wrong metrics mislead every decision about a model; each is compared with an independent reference."""

import json
import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from common.metrics import bootstrap_interval, classification_metrics, reliability_curve, undefined_metrics


def random_predictions(n, classes, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), size=n)
    labels = np.where(rng.random(n) < 0.6, probabilities.argmax(axis=1), rng.integers(classes, size=n))
    return labels, probabilities


def brute_force_calibration_error(labels, probabilities, bins):
    total = 0.0
    for k in range(bins):
        low, high = k / bins, (k + 1) / bins
        inside = []
        for label, row in zip(labels, probabilities, strict=True):
            if low < max(row) <= high or (k == 0 and max(row) == 0):
                inside.append((max(row), float(np.argmax(row) == label)))
        if inside:
            confidences, hits = zip(*inside, strict=True)
            total += len(inside) / len(labels) * abs(sum(hits) / len(hits) - sum(confidences) / len(confidences))
    return total


@pytest.mark.parametrize("classes", [2, 3, 20])
def test_metrics_equal_their_definitions(classes):
    labels, probabilities = random_predictions(400, classes)
    predicted = probabilities.argmax(axis=1)
    found = classification_metrics(labels, probabilities)

    assert list(found) == ["accuracy", "macro_f1", "roc_auc", "expected_calibration_error", "log_loss"]
    assert all(type(value) is float for value in found.values())
    f1 = []
    for k in range(classes):
        hits = np.sum((predicted == k) & (labels == k))
        f1.append(2 * hits / (np.sum(predicted == k) + np.sum(labels == k)))
    assert found["accuracy"] == pytest.approx(np.mean(labels == predicted))
    assert found["macro_f1"] == pytest.approx(np.mean(f1))
    assert found["log_loss"] == pytest.approx(-np.mean(np.log(probabilities[np.arange(400), labels])))
    assert found["expected_calibration_error"] == pytest.approx(
        brute_force_calibration_error(labels, probabilities, 15)
    )
    areas = []
    for k in range(classes):  # the probability that a random positive scores above a random negative
        positive, negative = probabilities[labels == k, k], probabilities[labels != k, k]
        areas.append(np.mean(positive[:, None] > negative[None, :]))
    assert found["roc_auc"] == pytest.approx(np.mean(areas))


def test_multi_class_roc_auc_is_scikit_learns_one_vs_rest():
    labels, probabilities = random_predictions(300, 4)
    expected = sklearn_metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert classification_metrics(labels, probabilities)["roc_auc"] == pytest.approx(expected)


def test_a_missing_class_neither_crashes_nor_hides():
    """A small test split often lacks a rare label; the others must still be measured, and the person told."""
    labels, probabilities = random_predictions(200, 4)
    keep = labels != 2
    labels, probabilities = labels[keep], probabilities[keep]
    found = classification_metrics(labels, probabilities)
    areas = [sklearn_metrics.roc_auc_score(labels == k, probabilities[:, k]) for k in (0, 1, 3)]
    assert found["roc_auc"] == pytest.approx(np.mean(areas))
    assert all(math.isfinite(value) for value in found.values())
    assert "3 of 4 classes" in undefined_metrics(labels, 4)["roc_auc"]
    assert undefined_metrics(np.array([0, 1, 2, 3]), 4) == {}


def test_predicting_a_class_that_the_split_lacks_costs_the_true_class_only():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.1, 0.1, 0.8], [0.1, 0.9, 0.0]])  # the second is taken for 2
    found = classification_metrics(np.array([0, 0, 1]), probabilities)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize("classes", [2, 3])
def test_one_class_only_gives_null_with_a_reason_and_never_nan(classes):
    labels, probabilities = np.ones(5, int), random_predictions(5, classes)[1]
    found = classification_metrics(labels, probabilities)
    assert found["roc_auc"] is None
    assert "same label" in undefined_metrics(labels, classes)["roc_auc"]
    json.dumps(found, allow_nan=False)


def test_a_probability_of_zero_for_the_truth_is_a_large_but_finite_loss():
    found = classification_metrics(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]], np.float32))
    assert 10 < found["log_loss"] < 40


def test_float32_rows_that_sum_to_one_up_to_rounding_give_no_warning(recwarn):
    labels, probabilities = random_predictions(100, 7)
    rounded = probabilities.astype(np.float32)
    assert classification_metrics(labels, rounded)["log_loss"] == pytest.approx(
        classification_metrics(labels, probabilities)["log_loss"], rel=1e-5
    )
    assert len(recwarn) == 0


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_reliability_curve_counts_every_example_once(bins):
    labels, probabilities = random_predictions(300, 3)
    # Confidences exactly on a border belong to the bin below it, as in the brute force.
    probabilities[:3] = [[0.4, 0.3, 0.3], [0.6, 0.2, 0.2], [1.0, 0.0, 0.0]]
    curve = reliability_curve(labels, probabilities, bins)
    assert curve.counts.sum() == 300 and len(curve.edges) == bins + 1
    assert np.sum(curve.counts * curve.accuracy) == pytest.approx(np.sum(probabilities.argmax(1) == labels))
    assert curve.error == pytest.approx(brute_force_calibration_error(labels, probabilities, bins))


def test_a_confidence_on_a_border_counts_in_the_bin_below_it():
    curve = reliability_curve(np.array([0, 0]), np.array([[0.5, 0.5], [0.75, 0.25]]), bins=2)
    assert curve.counts.tolist() == [1, 1]


def test_calibrated_predictions_have_little_error():
    rng = np.random.default_rng(0)
    positive = rng.random(100_000)
    labels = (rng.random(100_000) < positive).astype(int)
    assert reliability_curve(labels, np.stack([1 - positive, positive], axis=1)).error < 0.01


def test_bootstrap_interval_equals_drawing_the_examples():
    correct = np.arange(60) < 45
    rng = np.random.default_rng(1)
    drawn = [correct[rng.integers(60, size=60)].mean() for _ in range(20_000)]
    low, high = bootstrap_interval(correct)
    assert low == pytest.approx(np.quantile(drawn, 0.025), abs=0.02)
    assert high == pytest.approx(np.quantile(drawn, 0.975), abs=0.02)
    assert bootstrap_interval(correct) == (low, high)  # seeded


def test_ten_of_ten_right_is_not_certainty():
    low, high = bootstrap_interval(np.ones(10))
    assert high == 1 and low == pytest.approx(0.025 ** (1 / 10))  # so rare would ten hits in a row be
    assert bootstrap_interval(np.zeros(10)) == pytest.approx((0, 1 - low))


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], np.zeros((0, 2)), "at least one"),
        ([0, 2], [[0.5, 0.5]] * 2, "from 0 to 1"),
        ([0], [[0.5, 0.5]] * 2, "shapes"),
        ([0.0], [[0.5, 0.5]], "integer"),
        ([0], [[np.nan, 0.5]], "NaN"),
        ([0], [[3.0, -2.0]], "negative"),
    ],
)
def test_impossible_input_is_named(labels, probabilities, message):
    labels = np.array(labels, int) if len(labels) == 0 else np.array(labels)
    with pytest.raises(ValueError, match=message):
        classification_metrics(labels, np.array(probabilities, float))
