"""How much each part of the model is believed: one positive scale for its logits, fitted on validation data."""

import numpy as np
from scipy import optimize, special

# Above, or a validation set without a mistake would ask for infinite certainty; below, because 0 forgets every prediction.
BOUNDS = (1e-3, 10.0)


def fit_scales(parts, labels) -> list[float]:
    """Fits the scales that make the sum of scaled logits most probable.

    With one part this is temperature scaling (the scale is one over the temperature). The problem is convex in the scales.

    Args:
        parts: list of float32 `[examples, classes]`, logits of each part of the model.
        labels: int `[examples]`.

    Returns:
        One float for each part, within `BOUNDS`. Ones where there is nothing to fit on.

    Reference:
        Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599.
    """
    if len(labels) == 0:
        return [1.0] * len(parts)
    stacked = np.stack([np.asarray(part, np.float64) for part in parts])  # [parts, examples, classes]
    rows = np.arange(len(labels))

    def loss_and_gradient(scales):
        logits = np.tensordot(scales, stacked, axes=1)  # [examples, classes]
        log_normalizer = special.logsumexp(logits, axis=1)
        loss = np.mean(log_normalizer - logits[rows, labels])
        error = np.exp(logits - log_normalizer[:, None])
        error[rows, labels] -= 1
        return loss, np.einsum("pec,ec->p", stacked, error) / len(labels)

    start = np.full(len(parts), 1 / len(parts))
    result = optimize.minimize(loss_and_gradient, start, jac=True, bounds=[BOUNDS] * len(parts), method="L-BFGS-B")
    return [float(scale) for scale in result.x]
