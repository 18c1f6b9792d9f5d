"""The three networks: shapes, no look into the future, saving, and the same step in training and sampling."""

import keras
import numpy as np
import pytest
from keras import ops

from apps.forecasting.config import ModelConfig
from apps.forecasting.forecaster import with_fitted_quantiles
from apps.forecasting.model import build_model
from apps.forecasting.train import loss_function
from apps.forecasting.windows import Windows
from tests.apps.forecasting.made_series import adapted, configured, splits, waves

KINDS = {
    "segrnn, shared": {"model__kind": "segrnn"},
    "segrnn, mixed": {"model__kind": "segrnn", "model__channels": "mixed", "model__last_weight": 0.5},
    "segrnn, point": {"model__kind": "segrnn", "model__output": "point", "model__normalization": "standard"},
    "segrnn, uneven": {"model__kind": "segrnn", "model__segment": 7},
    "seq2seq": {"model__kind": "seq2seq", "model__layers": 2, "model__last_weight": 0},
    "seq2seq, attention": {"model__kind": "seq2seq", "model__attention": "true", "model__channels": "mixed"},
    "deepar": {"model__kind": "deepar", "model__normalization": "scale", "model__samples": 20},
    "deepar, mixed": {
        "model__kind": "deepar",
        "model__channels": "mixed",
        "model__last_weight": 0.5,
        "model__likelihood": "student_t",
        "model__samples": 20,
    },
    "deepar, counts": {
        "model__kind": "deepar",
        "model__likelihood": "negative_binomial",
        "model__normalization": "scale",
        "model__samples": 20,
    },
}
DATA = {"everything": {}, "targets alone": {"past": (), "known": (), "times": False}}


def test_the_weight_of_the_last_value_is_refused_where_nothing_reads_it():
    with pytest.raises(ValueError, match="model.last_weight is 0.5, but belongs to normalization last"):
        ModelConfig(last_weight=0.5, normalization="standard")


def built(kind, data):
    config = configured(**KINDS[kind])
    made = splits(waves(rows=420, **DATA[data]), config)
    preprocessor = adapted(config, made.train)
    return config, made, preprocessor, build_model(config, preprocessor)


# Without further columns there is less that could go wrong, and each training takes seconds.
@pytest.mark.parametrize("data", ["everything", pytest.param("targets alone", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_trains_and_gives_finite_ascending_quantiles_that_survive_saving(kind, data, tmp_path):
    config, made, preprocessor, network = built(kind, data)
    training = Windows(made.train, preprocessor, 48, 12, 16)
    network.compile("adam", loss_function(config.model), jit_compile=True)
    before = [np.array(weight) for weight in network.trainable_weights]
    history = network.fit(training.dataset(), steps_per_epoch=2, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    moved = [not np.array_equal(old, new) for old, new in zip(before, network.trainable_weights)]
    assert all(moved), [weight.path for weight, changed in zip(network.trainable_weights, moved) if not changed]

    validation = Windows(made.validation, preprocessor, 48, 12, 16)
    model = with_fitted_quantiles(network, config.model, validation)
    inputs, _ = preprocessor.prepare(validation.raw(np.arange(5)))
    inputs = {name: np.asarray(value) for name, value in inputs.items() if name in model.input}
    answers = model.predict_on_batch(inputs)
    assert answers["forecast"].shape == (5, 12, 2) and answers["quantiles"].shape == (5, 12, 2, 5)
    assert np.isfinite(answers["quantiles"]).all()
    assert (np.diff(answers["quantiles"], axis=-1) >= 0).all()

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    again = loaded.predict_on_batch(inputs)
    alone = loaded.predict_on_batch({name: value[2:3] for name, value in inputs.items()})
    for name in answers:
        np.testing.assert_allclose(again[name], answers[name], atol=1e-5)
        np.testing.assert_allclose(alone[name][0], answers[name][2], atol=1e-4)


@pytest.mark.parametrize("kind", [kind for kind in sorted(KINDS) if "deepar" not in kind])
def test_what_is_known_of_a_step_reaches_the_forecast(kind):
    _, made, preprocessor, network = built(kind, "everything")
    inputs, _ = preprocessor.prepare(Windows(made.train, preprocessor, 48, 12, 16).raw(np.arange(3)))
    inputs = {name: np.array(value) for name, value in inputs.items()}
    before = ops.convert_to_numpy(network(inputs))
    inputs["future"][:, 4, 0] += 1.0
    after = ops.convert_to_numpy(network(inputs))
    assert np.abs(after - before)[:, 4].max() > 1e-6


@pytest.mark.parametrize("kind", [kind for kind in sorted(KINDS) if "deepar" in kind])
def test_sampling_makes_the_steps_of_training(kind):
    """Feeding what was drawn through the training network gives the distributions that it was drawn from."""
    _, made, preprocessor, network = built(kind, "everything")
    decoder = network.get_layer("autoregression")
    inputs, _ = preprocessor.prepare(Windows(made.train, preprocessor, 48, 12, 16).raw(np.arange(3)))
    history, future = np.asarray(inputs["history"]), np.asarray(inputs["future"])
    paths = ops.convert_to_numpy(decoder.sample(history, future))
    assert paths.shape == (3, 20, 12, 2)
    noise = decoder.distribution.noise((12, 1, 20, 2), decoder.constant, decoder.seed)
    for sample in (0, 7, 19):
        parameters = decoder(history, future, paths[:, sample], training=False)[:, -12:]
        parameters = [parameters[..., index] for index in range(parameters.shape[-1])]
        drawn = decoder.distribution.draw(noise[:, 0, sample][None], *parameters)
        np.testing.assert_allclose(drawn, paths[:, sample], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", ["deepar", "deepar, mixed"])
def test_deepar_does_not_see_the_value_it_forecasts(kind):
    _, made, preprocessor, network = built(kind, "everything")
    inputs, _ = preprocessor.prepare(Windows(made.train, preprocessor, 48, 12, 16).raw(np.arange(2)))
    inputs = {name: np.array(value) for name, value in inputs.items()}
    before = ops.convert_to_numpy(network(inputs))
    inputs["future_targets"][:, 5:] += 3.0
    after = ops.convert_to_numpy(network(inputs))
    first = 47 + 5  # the parameters of forecast step 5
    np.testing.assert_allclose(after[:, : first + 1], before[:, : first + 1], atol=1e-6)
    assert np.abs(after[:, first + 1 :] - before[:, first + 1 :]).max() > 1e-4
