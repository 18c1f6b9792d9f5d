"""If these fail, the network that composes is another one than the network that was trained."""

import numpy as np
import pytest
import tensorflow as tf

from apps.music.steps import StepwiseNetwork
from apps.music.vocabulary import HOLD
from common.layers.by_name import LAYERS
from tests.apps.music.small_music import inputs_of, make_config, make_network, make_preprocessor, random_symbols

CELLS = sorted(set(LAYERS) - {"qrnn"})  # which the configuration refuses
LENGTHS = (9, 6)  # steps of time of the two pieces


def compare(config, preprocessor, told=True, some_given=True, lengths=LENGTHS):
    """Compares the logits of single steps with those of teacher forcing, and returns these."""
    network = make_network(config, preprocessor)
    symbols = random_symbols(preprocessor.vocabulary, (len(lengths), max(lengths)), holds=0.6)
    inside = np.arange(max(lengths)) < np.array(lengths)[:, None]
    is_given = np.zeros(symbols.shape, bool)
    is_given[:, 2:5, -1] = is_given[:, 5, 0] = some_given
    inputs = inputs_of(symbols, told=told, given=np.where(is_given, symbols, 0))
    if told:
        inputs["remaining"] = np.maximum(np.array(lengths)[:, None] - np.arange(max(lengths)), 0).astype(np.int32)
    padded = {
        name: np.where(inside.reshape(*inside.shape, *[1] * (each.ndim - 2)), each, 0) for name, each in inputs.items()
    }
    whole = network(padded).numpy()
    step, state = StepwiseNetwork(network).start(
        *(tf.constant(padded[name]) for name in ("positions", "remaining", "given")), tf.constant(lengths)
    )
    said, found = symbols.reshape(len(lengths), -1), []
    for index in range(said.shape[1]):
        before = said[:, index - 1] if index else np.zeros(len(lengths), np.int32)
        logits, state = step(tf.constant(before), state)
        found.append(logits.numpy())
    found = np.stack(found, axis=1).reshape(whole.shape)
    assert found.dtype == np.float32 and np.isfinite(whole).all()
    possible = whole[inside][whole[inside] > -1e8]
    # Relative to the largest logit: with exponential gates it is 40 here, and a product rounds as the processor adds up.
    tolerance = max(1e-4, 5e-4 * np.abs(possible).max()) if config.model.cell == "slstm" else 1e-4
    np.testing.assert_allclose(found[inside], whole[inside], atol=tolerance, rtol=1e-4)
    return whole


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell):
    config = make_config({"model.cell": cell, "data.voices": 2})
    whole = compare(config, make_preprocessor(config))
    assert np.abs(np.diff(whole, axis=1)).max() > 0.05, "it does not read what came before"


@pytest.mark.parametrize("chord", [False, True], ids=["", "chord"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_layers_above_each_other_and_four_voices(cell, chord):
    config = make_config({"model.cell": cell, "model.layers": 3, "preprocessing.chord": chord})
    compare(config, make_preprocessor(config))


@pytest.mark.parametrize("silent", ["train.given_fraction", "train.end_fraction"])
def test_a_network_that_does_not_look_ahead_or_is_not_told_of_the_end(silent):
    config = make_config({silent: 0.0, "data.voices": 2})
    compare(config, make_preprocessor(config))


def test_nothing_told_and_nothing_given():
    config = make_config({"data.voices": 2})
    compare(config, make_preprocessor(config), told=False, some_given=False)


@pytest.mark.parametrize("config", [make_config({"data.voices": 1}), make_config(events=True)], ids=["voice", "events"])
def test_a_single_slot(config):
    compare(config, make_preprocessor(config))


def test_a_note_held_for_longer_than_is_counted():
    config = make_config({"data.voices": 1})
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor)
    symbols = np.full((1, 40, 1), HOLD, np.int32)
    symbols[0, 0] = 5
    inputs = inputs_of(symbols)
    assert inputs["ages"].max() == 39
    none = tf.zeros((1, 40), tf.int32)
    step, state = StepwiseNetwork(network).start(
        tf.constant(inputs["positions"]), none, none[..., None], tf.constant([40])
    )
    for index in range(40):
        logits, state = step(tf.constant(symbols[:, index - 1, 0] if index else [0]), state)
    np.testing.assert_allclose(logits, network(inputs)[:, -1, 0], atol=1e-4, rtol=1e-4)
