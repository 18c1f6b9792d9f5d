"""The linear highway is the ridge regression that it says it is."""

import keras
import numpy as np

from apps.forecasting.highway import PENALTIES, LinearHighway, fit_highway
from apps.forecasting.model import build_model
from apps.forecasting.windows import Windows
from tests.apps.forecasting.made_series import adapted, configured, splits, waves


def network_and_windows(**data):
    config = configured(model__output="point", model__dropout=0.0)
    made = splits(waves(rows=420, **data), config)
    preprocessor = adapted(config, made.train)
    network = build_model(config, preprocessor)
    # Without what the recurrent part starts with, the highway is the whole forecast.
    network.get_layer("outputs").set_weights(
        [np.zeros_like(weight) for weight in network.get_layer("outputs").get_weights()]
    )
    return network, Windows(made.train, preprocessor, 48, 12, 16), Windows(made.validation, preprocessor, 48, 12, 16)


def test_it_is_ridge_regression_on_past_covariates_and_what_is_known():
    network, training, validation = network_and_windows()
    penalty = fit_highway(network, training, validation)
    assert penalty in PENALTIES
    inputs, truth = training.prepared(np.arange(training.count))
    history, targets = inputs["history"], 2
    last = history[:, -1:, :targets]
    rows, outputs = [], []
    for target in range(targets):
        own = (history[..., :targets] - last)[..., target]
        others = history[:, -12:, targets:].reshape(len(own), -1)
        known = inputs["future"][:, :, 0]
        calendar, columns = history[:, -1, targets + 2 :], history[:, -1, targets : targets + 2]
        times_own = [own[:, step] * calendar[:, place] for step in range(-12, 0) for place in range(calendar.shape[1])]
        times_columns = [columns[:, k] * calendar[:, place] for k in range(2) for place in range(calendar.shape[1])]
        rows.append(np.concatenate([own, np.stack(times_own, 1), others, known, np.stack(times_columns, 1)], axis=1))
        outputs.append((truth - last)[..., target])
    rows, outputs = np.concatenate(rows).astype(np.float64), np.concatenate(outputs).astype(np.float64)
    center, mean = rows.mean(0), outputs.mean(0)
    squares = (rows - center).T @ (rows - center)
    size = penalty * np.trace(squares) / len(squares)
    kernel = np.linalg.solve(squares + size * np.eye(len(squares)), (rows - center).T @ (outputs - mean))
    expected = rows @ kernel + mean - center @ kernel
    found = network.predict_on_batch(inputs)[..., 0] - last
    np.testing.assert_allclose(np.concatenate([found[..., 0], found[..., 1]]), expected, atol=2e-3)


def test_it_finds_what_is_linear():
    network, training, validation = network_and_windows(past=(), times=False)
    fit_highway(network, training, validation)
    inputs, truth = validation.prepared(np.arange(validation.count))
    error = np.abs(network.predict_on_batch(inputs)[..., 0] - truth).mean()
    naive = np.abs(inputs["history"][:, -24:-12, :2] - truth).mean()
    assert error < 0.7 * naive


def test_it_survives_its_configuration_and_is_not_trained():
    layer = LinearHighway(5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    layer(np.zeros((2, 3, 7)), np.zeros((2, 4)))
    assert not layer.trainable_weights and layer.kernel.shape == (11, 5)
