"""If these fail, a setting of the network does not do what it says, or a trained one cannot be saved."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.translation.batches import make_training_data
from apps.translation.model import build_model
from common.data.token_vocabulary import PAD_ID
from common.training.token_losses import SmoothedCrossEntropy
from tests.apps.translation.small_model import (
    SENTENCES,
    forced,
    make_config,
    make_network,
    make_pairs,
    make_preprocessor,
)


@pytest.fixture(scope="module")
def shared():
    return make_preprocessor(make_config())


def inputs_of(preprocessor, texts=SENTENCES):
    source_ids = preprocessor(tf.constant(texts))["source_ids"]
    target_ids = preprocessor.target_ids(tf.constant(texts[::-1])).to_tensor(PAD_ID)
    return {"source_ids": source_ids, "target_inputs": forced(target_ids)}


def test_logits_are_of_the_vocabulary_of_the_target_and_repeatable():
    preprocessor = make_preprocessor(make_config(shared=False, unit="word"))
    config = make_config(shared=False, unit="word")
    first, second = make_network(config, preprocessor), make_network(config, preprocessor)
    inputs = inputs_of(preprocessor)
    logits = first(inputs)
    assert logits.shape == (*inputs["target_inputs"].shape, preprocessor.target_size) and logits.dtype == tf.float32
    np.testing.assert_array_equal(logits, second(inputs))


def test_what_comes_later_in_the_target_changes_nothing_before(shared):
    """Else it learns to copy, and cannot translate."""
    network = make_network(make_config(), shared)
    inputs = inputs_of(shared)
    changed = inputs["target_inputs"].numpy()
    changed[:, 3:] = 7
    one, other = network(inputs).numpy(), network(inputs | {"target_inputs": tf.constant(changed)}).numpy()
    np.testing.assert_array_equal(one[:, :3], other[:, :3])
    assert np.abs(one[:, 3:] - other[:, 3:]).max() > 0.1


def test_each_dropout_acts_in_training_alone(shared):
    inputs = inputs_of(shared)
    for name in ("embedding_dropout", "context_dropout", "output_dropout"):
        rates = {"embedding_dropout": 0.0, "context_dropout": 0.0, "output_dropout": 0.0}
        plain = make_network(make_config(model=rates), shared)
        network = make_network(make_config(model={**rates, name: 0.5}), shared)
        expected = plain(inputs).numpy()
        np.testing.assert_allclose(network(inputs, training=False), expected, atol=1e-5)
        np.testing.assert_allclose(plain(inputs, training=True), expected, atol=1e-5)
        one, other = (network(inputs, training=True).numpy() for _ in range(2))
        assert np.abs(one - expected).max() > 0.1 < np.abs(one - other).max(), name


def test_tied_vectors_are_fewer(shared):
    counts = {
        tied: build_model(make_config(model={"tied": tied}), shared).count_params()
        for tied in ("none", "decoder", "all")
    }
    vectors = shared.target_size * 8
    assert counts["none"] == counts["decoder"] + vectors == counts["all"] + 2 * vectors


@pytest.mark.parametrize("settings", [{}, {"form": "input_feeding", "attention": "multiplicative", "coverage": True}])
def test_a_saved_network_answers_the_same(shared, settings, tmp_path):
    config = make_config(model={"encoder_layers": 2, **settings}, train={"scheduled_sampling": 0.5})
    network = make_network(config, shared)
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    inputs = inputs_of(shared)
    np.testing.assert_allclose(loaded(inputs), network(inputs), atol=1e-6)


def test_a_few_pairs_are_learned_by_heart():
    """Else there is a mistake somewhere between the tokens and the loss."""
    pairs = make_pairs(60, most=3)
    pairs = pairs.take(np.array([len(source.split()) == 3 for source in pairs.sources]))  # one shape
    rates = {"embedding_dropout": 0.0, "context_dropout": 0.0, "output_dropout": 0.0}
    config = make_config(model={"units": 24, "embedding_dim": 16, **rates}, unit="word", length_buckets=1)
    preprocessor = make_preprocessor(config, pairs)
    data, _ = make_training_data(pairs, preprocessor, config)
    keras.utils.set_random_seed(0)
    network = build_model(config, preprocessor)
    network.compile(keras.optimizers.Adam(2e-2), SmoothedCrossEntropy(0.0), jit_compile=False)
    network.fit(data.dataset(), steps_per_epoch=60, epochs=1, shuffle=False, verbose=0)
    assert network.evaluate(data.evaluation_dataset(), verbose=0) < 0.1
