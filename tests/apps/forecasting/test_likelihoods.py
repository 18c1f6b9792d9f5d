"""The distributions beside SciPy's."""

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from apps.forecasting.likelihoods import LIKELIHOODS, _log_gamma, poisson_quantile

ZERO, ONE = np.zeros((1, 1), "float32"), np.ones((1, 1), "float32")


def parameters(name, raw, weights):
    likelihood = LIKELIHOODS[name]()
    return likelihood, likelihood.distribution(np.float32(raw), np.float32(weights), ZERO, ONE)


def test_log_gamma():
    x = np.geomspace(1e-3, 1e5, 200).astype("float32")
    np.testing.assert_allclose(_log_gamma(x), special.gammaln(x), rtol=2e-5, atol=2e-4)


def test_gaussian_likelihood():
    likelihood, (mean, deviation) = parameters("gaussian", [[[1.0, 0.5]]], [[0.0]])
    values = np.linspace(-3, 4, 9, dtype="float32").reshape(-1, 1, 1)
    expected = -stats.norm.logpdf(values, float(mean[0, 0]), float(deviation[0, 0]))
    np.testing.assert_allclose(likelihood.negative_log_likelihood(values, mean, deviation), expected, rtol=1e-4)


def test_student_likelihood():
    likelihood, given = parameters("student_t", [[[1.0, 0.5]]], [[0.7]])
    mean, deviation, freedom = (float(np.asarray(each).ravel()[0]) for each in given)
    values = np.linspace(-3, 9, 9, dtype="float32").reshape(-1, 1, 1)
    expected = -stats.t.logpdf(values, freedom, mean, deviation)
    np.testing.assert_allclose(likelihood.negative_log_likelihood(values, *given), expected, rtol=1e-4)


def test_negative_binomial_likelihood():
    likelihood, given = parameters("negative_binomial", [[[2.0]]], [[0.3]])
    mean, dispersion = (float(np.asarray(each).ravel()[0]) for each in given)
    values = np.arange(12, dtype="float32").reshape(-1, 1, 1)
    count = 1 / dispersion
    expected = -stats.nbinom.logpmf(values, count, count / (count + mean))
    np.testing.assert_allclose(likelihood.negative_log_likelihood(values, *given), expected, rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_draws_follow_the_distribution(name):
    likelihood = LIKELIHOODS[name]()
    weights = np.full((1, 1), 0.4, "float32")
    raw = np.array([[[1.5] if likelihood.parameters == 1 else [1.5, 0.3]]], "float32")
    given = likelihood.distribution(raw, weights, ZERO, ONE)
    draws = ops.convert_to_numpy(likelihood.draw(likelihood.noise((40_000, 1), weights, 3), *given)).ravel()
    values = [float(np.asarray(each).ravel()[0]) for each in given]
    if name == "gaussian":
        reference = stats.norm(*values)
    elif name == "student_t":
        reference = stats.t(values[2], values[0], values[1])
    else:
        reference = stats.nbinom(1 / values[1], 1 / (1 + values[1] * values[0]))
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        point = reference.ppf(level)
        assert abs((draws <= point).mean() - reference.cdf(point)) < 0.012


@pytest.mark.parametrize("rate", [0.05, 1.0, 7.3, 19.0, 25.0, 300.0])
def test_poisson_quantiles(rate):
    below = np.linspace(0.01, 0.99, 50)
    counts = poisson_quantile(np.full(50, rate, "float32"), stats.norm.ppf(below).astype("float32"))
    np.testing.assert_allclose(counts, stats.poisson.ppf(below, rate), atol=1)
    assert np.mean(ops.convert_to_numpy(counts) == stats.poisson.ppf(below, rate)) > 0.8
