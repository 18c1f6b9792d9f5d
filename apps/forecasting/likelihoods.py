"""The distributions of a next value: their parameters, their likelihood, and how to draw from them.

Draws are made of random numbers that do not depend on the batch, so a row's answer does not depend on its neighbours.
"""

import math

import keras
from keras import ops

_MOST_SUMMED = (
    64  # counts whose probabilities are added up one by one; of larger rates the normal expansion is exact to a count
)
_LARGE_RATE = 20.0


class Gaussian:
    """Mean and standard deviation."""

    parameters = 2
    weights = 0  # learned numbers for each target that are the same at every step

    def distribution(self, raw, weights, shift, scale):
        """Raw network outputs float `[..., 2]` to mean and standard deviation in the units of the inputs."""
        mean, deviation = raw[..., 0], ops.softplus(raw[..., 1]) + 1e-4
        return mean * scale + shift, deviation * scale

    def negative_log_likelihood(self, values, mean, deviation):
        return 0.5 * ops.square((values - mean) / deviation) + ops.log(deviation) + 0.5 * math.log(2 * math.pi)

    def noise(self, shape, weights, seed):
        return keras.random.normal(shape, seed=seed)

    def draw(self, noise, mean, deviation):
        return mean + deviation * noise


class StudentT:
    """Location and scale, and degrees of freedom that each target keeps: for values with rare, large surprises."""

    parameters = 2
    weights = 1

    def distribution(self, raw, weights, shift, scale):
        mean, deviation = raw[..., 0], ops.softplus(raw[..., 1]) + 1e-4
        return mean * scale + shift, deviation * scale, 2.0 + ops.softplus(weights[..., 0])

    def negative_log_likelihood(self, values, mean, deviation, freedom):
        half = (freedom + 1) / 2
        constant = _log_gamma(freedom / 2) - _log_gamma(half) + 0.5 * ops.log(freedom * math.pi)
        return constant + ops.log(deviation) + half * ops.log1p(ops.square((values - mean) / deviation) / freedom)

    def noise(self, shape, weights, seed):
        freedom = 2.0 + ops.softplus(weights[..., 0])  # [targets], the last axis of shape
        chi_square = 2 * keras.random.gamma(shape, ops.broadcast_to(freedom / 2, shape), seed=seed + 1)
        return keras.random.normal(shape, seed=seed) * ops.sqrt(freedom / ops.maximum(chi_square, 1e-6))

    def draw(self, noise, mean, deviation, freedom):
        return mean + deviation * noise


class NegativeBinomial:
    """Mean, and a dispersion that each target keeps: for counts."""

    parameters = 1
    weights = 1

    def distribution(self, raw, weights, shift, scale):
        return (ops.softplus(raw[..., 0]) + 1e-4) * scale, ops.softplus(weights[..., 0]) + 1e-3

    def negative_log_likelihood(self, values, mean, dispersion):
        count = 1 / dispersion
        log_ratio = ops.log1p(dispersion * mean)
        return (
            _log_gamma(count)
            + _log_gamma(values + 1)
            - _log_gamma(values + count)
            + count * log_ratio
            - values * (ops.log(dispersion * mean) - log_ratio)
        )

    def noise(self, shape, weights, seed):
        dispersion = ops.softplus(weights[..., 0]) + 1e-3
        rate = keras.random.gamma(shape, ops.broadcast_to(1 / dispersion, shape), seed=seed) * dispersion  # of mean 1
        return ops.stack([rate, keras.random.normal(shape, seed=seed + 1)], axis=-1)

    def draw(self, noise, mean, dispersion):
        return poisson_quantile(mean * noise[..., 0], noise[..., 1])


LIKELIHOODS = {"gaussian": Gaussian, "student_t": StudentT, "negative_binomial": NegativeBinomial}


def poisson_quantile(rate, normal):
    """The count whose distribution function a standard normal number points at: float of any shape, twice, to the same.

    Small rates by adding up probabilities; large ones by the expansion of Cornish and Fisher.
    """
    small = ops.minimum(rate, _LARGE_RATE)[..., None]
    counts = ops.arange(_MOST_SUMMED, dtype=rate.dtype)
    log_probability = counts * ops.log(ops.maximum(small, 1e-9)) - small - _log_gamma(counts + 1)
    below = 0.5 * (1 + ops.erf(normal / math.sqrt(2)))
    exact = ops.sum(ops.cast(ops.cumsum(ops.exp(log_probability), axis=-1) < below[..., None], rate.dtype), axis=-1)
    expanded = ops.round(rate + ops.sqrt(rate) * normal + (ops.square(normal) - 1) / 6)
    return ops.where(rate < _LARGE_RATE, exact, ops.maximum(expanded, 0.0))


def _log_gamma(x):
    """The logarithm of the gamma function of positive numbers: Stirling's series after eight steps of the recurrence."""
    shifted = x + 8.0
    inverse = 1 / shifted
    series = inverse * (1 / 12 - ops.square(inverse) * (1 / 360 - ops.square(inverse) / 1260))
    product = x * (x + 1) * (x + 2) * (x + 3)
    rest = (x + 4) * (x + 5) * (x + 6) * (x + 7)
    return (
        (shifted - 0.5) * ops.log(shifted)
        - shifted
        + 0.5 * math.log(2 * math.pi)
        + series
        - ops.log(product)
        - ops.log(rest)
    )
