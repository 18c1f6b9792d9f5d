"""The network. If these fail, a review's answer depends on its neighbours in the batch, or changes when it is saved."""

from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.sentiment.config import ModelConfig
from apps.sentiment.layers import PhraseEmbedding, WordDropout
from apps.sentiment.model import build_model, with_fitted_scales
from apps.sentiment.preprocessing import NO_PHRASE_ID
from apps.sentiment.vocabulary import PAD_ID, UNKNOWN_ID
from common.layers.by_name import LAYERS
from tests.apps.sentiment.small_model import LONG, TEXTS, make_config, make_final, make_network, make_preprocessor

POOLINGS = get_args(ModelConfig.model_fields["pooling"].annotation)


@pytest.fixture(scope="module")
def preprocessor():
    return make_preprocessor(make_config())


def logits_of(model, preprocessor, *texts):
    return model(preprocessor(tf.constant(texts)), training=False).numpy()


def test_every_cell_of_the_configuration_has_its_layer():
    assert set(get_args(ModelConfig.model_fields["cell"].annotation)) == set(LAYERS)


@pytest.mark.parametrize(
    "settings",
    [
        *({"cell": cell} for cell in LAYERS),
        *({"pooling": pooling} for pooling in POOLINGS),
        {"bag": False},
        {"bidirectional": False},
        {"layers": 2, "recurrent_dropout": 0.2},
    ],
    ids=str,
)
def test_neither_padding_nor_batch_mates_change_a_logit(settings, preprocessor):
    model = make_network(make_config(**settings), preprocessor)
    texts = [*TEXTS, "", LONG, "unseen"]
    together = logits_of(model, preprocessor, *texts)
    assert together.shape == (len(texts), 3)
    assert together.dtype == np.float32
    assert len({tuple(row) for row in together[:3].round(4).tolist()}) == 3, "the text matters"
    for index in (0, 2, 6, 7):
        alone = logits_of(model, preprocessor, texts[index])
        np.testing.assert_allclose(together[index : index + 1], alone, rtol=1e-5, atol=1e-5)


def test_training_drops_and_serving_does_not(preprocessor):
    model = make_network(make_config(), preprocessor)
    inputs = preprocessor(tf.constant(TEXTS))
    np.testing.assert_array_equal(model(inputs), model(inputs, training=False))
    first, second = model(inputs, training=True), model(inputs, training=True)
    assert np.abs(first - second).max() > 1e-3


def test_every_weight_learns(preprocessor):
    model = make_network(make_config(layers=2, pooling="attention"), preprocessor)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(preprocessor(tf.constant(TEXTS)), training=False) ** 2)
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        assert np.any(tf.convert_to_tensor(gradient)), variable.path


def test_the_seed_decides_the_weights(preprocessor):
    def first_weights(seed):
        keras.utils.set_random_seed(seed)
        return build_model(make_config(), preprocessor).get_weights()[0]

    np.testing.assert_array_equal(first_weights(1), first_weights(1))
    assert np.any(first_weights(1) != first_weights(2))


def test_scales_multiply_the_logits_of_each_part():
    model, preprocessor = make_final(wide=True, scales=(0.5, 2.0))
    network = model.get_layer("network")
    inputs = preprocessor(tf.constant(TEXTS))
    expected = 0.5 * network({"token_ids": inputs["token_ids"]}) + 2 * inputs["wide_logits"]
    np.testing.assert_allclose(model(inputs), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wide", [False, True])
def test_saved_and_loaded_it_answers_the_same(wide, tmp_path):
    model, preprocessor = make_final(wide=wide, scales=(0.5, 2.0)[: 1 + wide])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    texts = [*TEXTS, "", LONG]
    np.testing.assert_array_equal(logits_of(loaded, preprocessor, *texts), logits_of(model, preprocessor, *texts))


def test_the_final_form_leaves_the_trained_network_as_it_was(preprocessor):
    network = make_network(make_config(), preprocessor)
    before = network.get_weights()
    with_fitted_scales(network, [3.0])
    for one, other in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


# --- its own layers


def test_word_dropout_hits_words_and_every_phrase_that_holds_one():
    ids = np.zeros((50, 9, 3), "int32")
    ids[:, :7] = 10 + np.arange(3)  # columns say their kind; two steps of padding
    dropped = np.asarray(WordDropout(0.3, seed=1)(ids, training=True))
    gone = dropped[:, :7, 0] == UNKNOWN_ID
    assert 0.2 < gone.mean() < 0.4
    assert not dropped[:, 7:, 0].any(), "padding stays padding"
    for column in (1, 2):
        for step in range(7):
            broken = gone[:, max(step - column, 0) : step + 1].any(axis=1)
            np.testing.assert_array_equal(dropped[:, step, column], np.where(broken, NO_PHRASE_ID, 10 + column))
    np.testing.assert_array_equal(WordDropout(0.3)(ids), ids)
    assert WordDropout(0.3)(ids[:, :1], training=True).shape == (50, 1, 3), "shorter than a phrase"
    assert PAD_ID == 0


def test_no_phrase_adds_nothing():
    layer = PhraseEmbedding(5, 2)
    ids = np.array([[[0, 0], [1, 0], [2, 3]]], "int32")
    vectors = np.asarray(layer(ids))
    table = np.asarray(layer.embeddings)
    np.testing.assert_allclose(vectors[0], [[0, 0], table[1], table[2] + table[3]], rtol=1e-6)
