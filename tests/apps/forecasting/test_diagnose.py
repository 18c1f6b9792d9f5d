"""If these fail, the picture of the gradient is of another recurrence than that of the model it is shown for."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from apps.forecasting.diagnose import diagnose, recurrence
from apps.forecasting.forecaster import with_fitted_quantiles
from apps.forecasting.model import build_model
from apps.forecasting.windows import Windows
from tests.apps.forecasting.made_series import adapted, configured, splits, waves

KINDS = {
    "segrnn": ({"model__kind": "segrnn", "model__segment": 12, "model__cell": "lstm"}, 4, 2),
    "segrnn, mixed": ({"model__kind": "segrnn", "model__channels": "mixed"}, 4, 1),
    "seq2seq": ({"model__kind": "seq2seq", "model__layers": 2}, 48, 2),
    "seq2seq, mixed": ({"model__kind": "seq2seq", "model__channels": "mixed"}, 48, 1),
    "deepar": ({"model__kind": "deepar", "model__samples": 5, "model__layers": 2}, 47, 2),
    "deepar, mixed": ({"model__kind": "deepar", "model__samples": 5, "model__channels": "mixed"}, 47, 1),
}


def trained(settings):
    config = configured(**settings)
    made = splits(waves(rows=420), config)
    preprocessor = adapted(config, made.train)
    network = build_model(config, preprocessor)
    random = np.random.default_rng(0)
    network.set_weights([weight + 0.1 * random.normal(size=weight.shape) for weight in network.get_weights()])
    windows = Windows(made.validation, preprocessor, 48, 12, 16)
    return config, made, preprocessor, network, with_fitted_quantiles(network, config.model, windows)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_cell_is_that_of_the_trained_network_and_reads_what_it_reads(kind, tmp_path):
    settings, steps, rows = KINDS[kind]
    config, made, preprocessor, network, model = trained(settings)
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    inputs, _ = preprocessor.prepare(Windows(made.train, preprocessor, 48, 12, 16).raw(np.arange(3)))
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    cell, sequence = recurrence(model, config.model, inputs)
    assert sequence.shape[:2] == (3 * rows, steps)
    built, same = recurrence(network, config.model, inputs)
    np.testing.assert_allclose(sequence, same, atol=1e-6)
    for one, other in zip(cell.get_weights(), built.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_states_of_the_cell_are_those_of_the_network():
    """The encoder's last state, made step by step of what `recurrence` gives, is what the network hands to its decoder."""
    config, made, preprocessor, network, model = trained(KINDS["seq2seq"][0])
    inputs, _ = preprocessor.prepare(Windows(made.train, preprocessor, 48, 12, 16).raw(np.arange(3)))
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    cell, sequence = recurrence(model, config.model, inputs)
    states = [ops.zeros((len(sequence), size)) for size in cell.state_sizes]
    for step in range(sequence.shape[1]):
        _, states = cell(sequence[:, step], states)
    encoder = keras.Model(network.input, network.get_layer("encoder_0").output)
    np.testing.assert_allclose(states[0], encoder(inputs)[1], atol=1e-5)


@pytest.mark.parametrize("kind", ["segrnn", "seq2seq", "deepar"])
def test_trained_weights_make_the_picture(kind, tmp_path):
    config, made, preprocessor, _, model = trained(KINDS[kind][0])
    found = {}
    for name, given in (("trained", model), ("untrained", None)):
        (tmp_path / name).mkdir()
        found[name] = diagnose(config, tmp_path / name, made, preprocessor, given)
        assert (tmp_path / name / "gradient_through_time.png").stat().st_size > 0
        drawn = json.loads((tmp_path / name / "gradient_through_time.json").read_text())
        assert list(drawn) == list(found[name]) and all(name in label for label in list(drawn)[:1])
    one, other = (next(iter(each.values()))["norms"] for each in found.values())
    assert len(one) == KINDS[kind][1] and not np.allclose(one, other)
