"""If these fail, the network learns from other tokens than the settings say."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.translation.batches import make_training_data
from apps.translation.layers import ScheduledSampling
from apps.translation.model import build_model
from common.data.token_vocabulary import PAD_ID, START_ID
from common.training.token_losses import SmoothedCrossEntropy
from tests.apps.translation.small_model import make_config, make_pairs, make_preprocessor

BATCH, TIME, VOCABULARY = 4, 9, 11


@pytest.fixture
def logits():
    random = np.random.default_rng(0)
    return random.normal(scale=3, size=(BATCH, TIME, VOCABULARY)).astype(np.float32)


@pytest.fixture
def read():
    random = np.random.default_rng(1)
    tokens = random.integers(4, VOCABULARY, (BATCH, TIME)).astype(np.int32)
    tokens[:, 0], tokens[1, 5:] = START_ID, PAD_ID
    return tokens


def sampled(layer, tokens, logits, times=1):
    for _ in range(times):
        found = np.asarray(layer(tokens, logits, training=True))
    return found


def test_all_tokens_are_guesses_but_the_first_and_padding(logits, read):
    layer = ScheduledSampling(1.0, steps=1, seed=0)
    np.testing.assert_array_equal(sampled(layer, read, logits), read)  # at step 0 none
    found = sampled(layer, read, logits)
    expected = np.concatenate([read[:, :1], logits.argmax(-1)[:, :-1]], axis=1)
    np.testing.assert_array_equal(found, np.where(read == PAD_ID, PAD_ID, expected))
    assert found.dtype == read.dtype


def test_nothing_changes_with_a_share_of_zero_or_outside_training(logits, read):
    np.testing.assert_array_equal(sampled(ScheduledSampling(0.0, 1, seed=0), read, logits, 3), read)
    layer = ScheduledSampling(1.0, 1, seed=0)
    sampled(layer, read, logits, 2)
    for training in (False, None):
        np.testing.assert_array_equal(np.asarray(layer(read, logits, training=training)), read)
    assert float(layer.step) == 2


def test_the_share_rises_from_zero_and_stays_at_its_end():
    tokens = np.full((40, 50), 5, np.int32)
    logits = np.eye(VOCABULARY, dtype=np.float32)[np.full((40, 50), 7)]
    layer = ScheduledSampling(0.6, steps=4, seed=0)
    shares = [float((sampled(layer, tokens, logits)[:, 1:] == 7).mean()) for _ in range(7)]
    np.testing.assert_allclose(shares, [0, 0.15, 0.3, 0.45, 0.6, 0.6, 0.6], atol=0.05)
    again = ScheduledSampling(0.6, steps=4, seed=0)
    assert shares == [float((sampled(again, tokens, logits)[:, 1:] == 7).mean()) for _ in range(7)]


def test_no_gradient_flows_back_through_the_guesses(logits, read):
    logits = tf.constant(logits)
    layer = ScheduledSampling(1.0, 1, seed=0)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(tf.cast(layer(read, logits, training=True), tf.float32))
    assert tape.gradient(total, logits) is None


def test_the_layer_comes_back_from_its_settings():
    layer = ScheduledSampling(0.3, 7, seed=2, name="mine")
    again = ScheduledSampling.from_config(layer.get_config())
    assert (again.fraction, again.steps, again.seed, again.name) == (0.3, 7, 2, "mine")


def test_a_step_of_training_with_it_is_compiled():
    config = make_config({"cell": "simple_rnn", "form": "bahdanau"}, {"scheduled_sampling": 1.0})
    preprocessor = make_preprocessor(config)
    network = build_model(config, preprocessor, steps=2)
    network.compile(keras.optimizers.Adam(1e-2), SmoothedCrossEntropy(0.1), jit_compile=True)
    data, _ = make_training_data(make_pairs(), preprocessor, config)
    batch = next(iter(data.dataset()))
    losses = [float(network.train_on_batch(*batch)) for _ in range(4)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    assert float(network.get_layer("scheduled_sampling").step) == 4
    before = network(batch[0], training=False).numpy()
    np.testing.assert_array_equal(network(batch[0], training=False), before)
