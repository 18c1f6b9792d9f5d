"""Metrics by their definitions, baselines by loops, and quantiles that keep what they promise."""

import numpy as np

from apps.forecasting.baselines import LinearMap, SeasonsBefore, drift, last_value, seasonal_naive
from apps.forecasting.forecaster import fit_widths
from apps.forecasting.scores import METRICS, Scores
from apps.forecasting.windows import Windows
from tests.apps.forecasting.made_series import adapted, configured, splits, waves

LEVELS = [0.1, 0.25, 0.5, 0.75, 0.9]


def test_metrics_are_those_of_their_definitions_whatever_the_batches():
    random = np.random.default_rng(0)
    truth, forecast = random.normal(5, 2, (2, 30, 6, 2))
    quantiles = np.sort(random.normal(5, 2, (30, 6, 2, 5)), axis=-1)
    std, scale = np.array([2.0, 0.5]), np.array([1.5, 0.25])
    scores = Scores(std, scale, LEVELS)
    for start in range(0, 30, 7):
        part = slice(start, start + 7)
        scores.add(truth[part], forecast[part], quantiles[part])
    found = scores.metrics()
    assert tuple(found) == METRICS
    error = truth - forecast
    np.testing.assert_allclose(found["mse"], np.mean((error / std) ** 2))
    np.testing.assert_allclose(found["mae"], np.mean(np.abs(error) / std))
    np.testing.assert_allclose(found["smape"], np.mean(2 * np.abs(error) / (np.abs(truth) + np.abs(forecast))))
    np.testing.assert_allclose(found["mase"], np.mean(np.abs(error).mean((0, 1)) / scale))
    losses = []
    for target in range(2):
        total = 0.0
        for index, level in enumerate(LEVELS):
            beyond = truth[..., target] - quantiles[..., target, index]
            total += np.where(beyond > 0, level * beyond, (level - 1) * beyond).sum()
        losses.append(2 * total / 5 / np.abs(truth[..., target]).sum())
    np.testing.assert_allclose(found["wql"], np.mean(losses))
    inside = (quantiles[..., 0] <= truth) & (truth <= quantiles[..., -1])
    np.testing.assert_allclose(found["coverage_80"], inside.mean())
    np.testing.assert_allclose(np.concatenate(scores.window_mae), np.mean(np.abs(error) / std, axis=(1, 2)), rtol=1e-6)


def test_a_point_forecast_is_all_its_quantiles_and_has_no_interval():
    random = np.random.default_rng(0)
    truth, forecast = random.normal(5, 2, (2, 30, 6, 1))
    point, same = Scores(np.ones(1), np.ones(1)), Scores(np.ones(1), np.ones(1), LEVELS)
    point.add(truth, forecast)
    same.add(truth, forecast, np.repeat(forecast[..., None], 5, axis=-1))
    np.testing.assert_allclose(point.metrics()["wql"], same.metrics()["wql"])
    assert point.metrics()["coverage_80"] is None


def test_naive_baselines():
    history = np.arange(10.0).reshape(1, 10, 1)
    np.testing.assert_array_equal(last_value(history, 3)[0, :, 0], [9, 9, 9])
    np.testing.assert_array_equal(seasonal_naive(history, 5, 3)[0, :, 0], [7, 8, 9, 7, 8])
    np.testing.assert_array_equal(seasonal_naive(history, 2, 11)[0, :, 0], [9, 9])
    np.testing.assert_allclose(drift(history, 3)[0, :, 0], [10, 11, 12])
    np.testing.assert_allclose(drift(history[:, :1], 2)[0, :, 0], [0, 0])


def test_the_linear_map_is_least_squares():
    config = configured()
    made = splits(waves(rows=400), config)
    preprocessor = adapted(config, made.train)
    cut = Windows(made.train, preprocessor, 48, 12, 64)
    mean, std = preprocessor.mean[:2], preprocessor.std[:2]
    linear = LinearMap.fit(cut, mean, std, batch=17)
    raw = cut.raw(np.arange(cut.count))
    history, future = raw["history"][..., :2], raw["future"][..., :2]
    scaled, ahead = (history - mean) / std, (future - mean) / std
    inputs = np.concatenate(
        [np.concatenate([(scaled - scaled[:, -1:])[..., k], np.ones((len(scaled), 1))], 1) for k in (0, 1)]
    )
    outputs = np.concatenate([(ahead - scaled[:, -1:])[..., k] for k in (0, 1)])
    expected = np.mean((inputs @ np.linalg.lstsq(inputs, outputs, rcond=None)[0] - outputs) ** 2)
    found = np.mean(((linear(history) - future) / std) ** 2)
    assert expected <= found + 1e-9 and found < 1.02 * expected


def test_a_season_before_the_look_back_is_repeated_as_by_a_loop():
    config = configured(model__look_back=10, model__horizon=7)
    made = splits(waves(rows=300, series=2), config)
    whole = waves(rows=300, series=2).series
    for part, unseen in ((made.test, 0), (made.train, 2 * 30)):
        cut = Windows(part, adapted(config, made.train), 10, 7, 16)
        seasonal = SeasonsBefore(part, cut, 40)
        assert seasonal.unseen == unseen
        history = cut.raw(np.arange(cut.count))["history"][..., :2]
        found, place = seasonal(history, np.arange(cut.count)), 0
        for each, rows, count in zip(part.series, whole, cut.counts):
            for index in range(count):
                time = each.times[max(10, each.context) + index]
                origin = int(np.searchsorted(rows.times, time))
                season = (
                    rows.values[origin - 40 : origin - 33, :2] if origin >= 40 else rows.values[[origin - 1] * 7, :2]
                )
                np.testing.assert_allclose(found[place], season, rtol=1e-6)
                place += 1


def test_fitted_widths_give_each_quantile_its_level():
    random = np.random.default_rng(0)
    truth = random.standard_t(4, size=(4000, 3, 2)) * 2 + 1
    quantiles = np.broadcast_to(1 + np.array([-0.5, -0.2, 0.0, 0.2, 0.5]), (4000, 3, 2, 5))
    widths = fit_widths(truth, quantiles, LEVELS)
    fitted = 1 + (quantiles - 1) * widths
    below = (truth[..., None] <= fitted).mean((0, 1))
    assert widths.shape == (3, 2, 5)
    np.testing.assert_allclose(below, np.broadcast_to(LEVELS, (2, 5)), atol=0.02)
