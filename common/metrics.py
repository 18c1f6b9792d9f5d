"""What a classifier's probabilities are worth: fixed metric names, uncertainty and calibration.

Used after prediction, on NumPy arrays alone. What scikit-learn has, it computes; calibration error is ours
because scikit-learn has none. A number that does not exist for a split (say, the ROC AUC of a split with one
class) is ``None``, never NaN, so that ``metrics.json`` is valid JSON; `undefined_metrics` says why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn import metrics as sklearn_metrics

CALIBRATION_BINS = 15  # the number of bins of Guo et al. 2017, so that figures compare with published ones
BOOTSTRAP_RESAMPLES = 10_000


@dataclass(frozen=True)
class ReliabilityCurve:
    """How often the predicted class was right, by how sure the model was of it.

    Attributes:
        edges: float64 [bins + 1], borders of the equal-width bins from 0 to 1; a bin is (low, high].
        counts: int64 [bins], examples in the bin.
        confidence: float64 [bins], mean probability of the predicted class; 0 where the bin is empty.
        accuracy: float64 [bins], fraction predicted right; 0 where the bin is empty.
        error: expected calibration error, 0-1.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def classification_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    """The five metrics that every classifier here reports.

    A class that no example of the split carries is left out of the means over classes (`macro_f1`,
    `roc_auc`): it has no recall and no ROC curve. Predicting it still costs the true classes their recall.

    Args:
        labels: int [n], class ids in [0, classes).
        probabilities: float [n, classes], rows sum to 1 up to rounding.

    Returns:
        `accuracy`, `macro_f1`, `roc_auc` (two classes: of class 1; more: mean of one class against the rest),
        `expected_calibration_error` and `log_loss` (nats; a probability of 0 counts as 2.2e-16). Python
        floats, or None where undefined, see `undefined_metrics`.

    Raises:
        ValueError: shapes that do not fit, no examples, ids out of range, or probabilities that are none.
    """
    labels, probabilities = _checked(labels, probabilities)
    predicted = probabilities.argmax(axis=1)  # [n]
    present = np.unique(labels)
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "macro_f1": float(
            sklearn_metrics.f1_score(labels, predicted, labels=present, average="macro", zero_division=0)
        ),
        "roc_auc": _roc_auc(labels, probabilities),
        "expected_calibration_error": reliability_curve(labels, probabilities).error,
        "log_loss": float(sklearn_metrics.log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1]))),
    }


def undefined_metrics(labels: np.ndarray, classes: int) -> dict[str, str]:
    """Why a metric of `classification_metrics` is None, or covers fewer classes than there are.

    Args:
        labels: int [n], class ids.
        classes: number of classes of the model.

    Returns:
        Metric name to one sentence; empty when all is as usual.
    """
    present = len(np.unique(labels))
    if present == classes:
        return {}
    reasons = {"macro_f1": f"the mean covers the {present} of {classes} classes that this split holds"}
    if present < 2:
        reasons["roc_auc"] = "undefined, because all examples of this split have the same label"
    elif classes > 2:
        reasons["roc_auc"] = f"the mean covers the {present} of {classes} classes that this split holds"
    return reasons


def reliability_curve(labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> ReliabilityCurve:
    """Accuracy against confidence in equal-width bins, and the expected calibration error:

    `sum over bins of counts / n * |accuracy - confidence|`.

    Args:
        labels: int [n], class ids.
        probabilities: float [n, classes].
        bins: number of bins between 0 and 1, at least 1.

    Raises:
        ValueError: as in `classification_metrics`.

    Reference:
        Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599.
    """
    labels, probabilities = _checked(labels, probabilities)
    confidence = probabilities.max(axis=1)  # [n]
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)  # [n]
    edges = np.linspace(0.0, 1.0, bins + 1)
    # The sum of a normalised row may exceed 1 by rounding; such a confidence belongs to the last bin.
    bin_ids = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)  # [n]
    counts = np.bincount(bin_ids, minlength=bins)  # [bins]
    divisor = np.maximum(counts, 1)
    mean_confidence = np.bincount(bin_ids, weights=confidence, minlength=bins) / divisor  # [bins]
    mean_accuracy = np.bincount(bin_ids, weights=correct, minlength=bins) / divisor  # [bins]
    error = float(np.sum(counts * np.abs(mean_accuracy - mean_confidence)) / len(labels))
    return ReliabilityCurve(edges, counts, mean_confidence, mean_accuracy, error)


def bootstrap_interval(
    correct: np.ndarray, level: float = 0.95, resamples: int = BOOTSTRAP_RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of an accuracy, so that a small test set shows its uncertainty.

    Drawing n examples with replacement and counting the right ones is one draw of a binomial variable, so
    nothing of size [resamples, n] is made. When all or none are right, resampling cannot vary; the interval
    is then the exact one of Clopper and Pearson (10 of 10 right: 0.69 to 1).

    Args:
        correct: bool or 0/1 [n], whether each example was predicted right.
        level: probability that the interval should hold, between 0 and 1.
        resamples: number of resampled test sets.
        seed: of the resampling; the same seed gives the same interval.

    Returns:
        low, high: fractions 0-1.

    Raises:
        ValueError: no examples.
    """
    correct = np.asarray(correct, dtype=bool)
    n, right = len(correct), int(correct.sum())
    if n == 0:
        raise ValueError("bootstrap_interval needs at least one example, got none")
    if right in (0, n):
        exact = stats.binomtest(right, n).proportion_ci(confidence_level=level, method="exact")
        return float(exact.low), float(exact.high)
    accuracies = np.random.default_rng(seed).binomial(n, right / n, size=resamples) / n  # [resamples]
    low, high = np.quantile(accuracies, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    present = np.unique(labels)
    if len(present) < 2:
        return None
    if probabilities.shape[1] == 2:
        return float(sklearn_metrics.roc_auc_score(labels == 1, probabilities[:, 1]))
    # scikit-learn's own one-vs-rest mean refuses a split in which a class of the model is missing.
    areas = [sklearn_metrics.roc_auc_score(labels == label, probabilities[:, label]) for label in present]
    return float(np.mean(areas))


def _checked(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns int64 labels [n] and float64 probabilities [n, classes] whose rows sum to 1 in float64, too."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"expected labels [n] and probabilities [n, classes], got shapes {labels.shape} and {probabilities.shape}"
        )
    if len(labels) == 0:
        raise ValueError("metrics need at least one example, got none")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"expected integer class ids, got labels of type {labels.dtype}")
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"expected class ids from 0 to {probabilities.shape[1] - 1}, got {labels.min()} to {labels.max()}"
        )
    sums = probabilities.sum(axis=1, keepdims=True)  # [n, 1]
    if not np.all(np.isfinite(probabilities)) or probabilities.min() < 0 or np.abs(sums - 1).max() > 1e-2:
        raise ValueError("expected rows of probabilities that sum to 1, got NaN, negative or unnormalised values")
    return labels.astype(np.int64), probabilities / sums
