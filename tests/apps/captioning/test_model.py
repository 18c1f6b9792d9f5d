"""If these fail, a setting of the network does not do what it says, or a trained one cannot be saved."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.captioning.batches import make_batches
from apps.captioning.captioner import caption_pictures
from apps.captioning.model import build_model, trained_part
from common.data.token_vocabulary import PAD_ID
from common.training.token_losses import SmoothedCrossEntropy
from tests.apps.captioning.small_model import (
    Arrays,
    forced,
    make_config,
    make_network,
    make_pictures,
    make_preprocessor,
    pixels_of,
)

RATES = {"word_dropout": 0.0, "embedding_dropout": 0.0, "feature_dropout": 0.0, "output_dropout": 0.0}
FORMS = ("show_attend_tell", "up_down")


@pytest.fixture(scope="module")
def shared():
    return make_preprocessor(make_config())


def inputs_of(preprocessor, count=5, captions=2):
    """Pixels of pictures and random captions of different lengths."""
    random = np.random.default_rng(3)
    ids = random.integers(4, preprocessor.vocabulary.size, (count, captions, 9))
    ids[np.arange(9) >= random.integers(2, 10, (count, captions, 1))] = PAD_ID
    return {
        "pixels": pixels_of(preprocessor, make_pictures(count).pictures),
        "caption_inputs": forced(ids),
    }


def test_logits_are_of_the_vocabulary_and_repeatable(shared):
    config = make_config()
    first, second = make_network(config, shared), make_network(config, shared)
    inputs = inputs_of(shared)
    logits = first(inputs)
    assert logits.shape == (5, 2, 9, shared.vocabulary.size) and logits.dtype == tf.float32
    np.testing.assert_array_equal(logits, second(inputs))


@pytest.mark.parametrize("form", FORMS)
def test_what_comes_later_in_the_caption_changes_nothing_before(shared, form):
    """Else it learns to copy, and cannot say anything."""
    network = make_network(make_config(model={"form": form}), shared)
    inputs = inputs_of(shared)
    changed = inputs["caption_inputs"].copy()
    changed[..., 3:] = 7
    one, other = network(inputs).numpy(), network(inputs | {"caption_inputs": changed}).numpy()
    np.testing.assert_array_equal(one[:, :, :3], other[:, :, :3])
    assert np.abs(one[:, :, 3:] - other[:, :, 3:]).max() > 0.1


def test_another_picture_changes_what_is_said_of_it_alone(shared):
    network = make_network(make_config(), shared)
    inputs = inputs_of(shared)
    changed = inputs["pixels"].copy()
    changed[2] = 255 - changed[2]
    one, other = network(inputs).numpy(), network(inputs | {"pixels": changed}).numpy()
    others = np.arange(5) != 2
    np.testing.assert_allclose(one[others], other[others], atol=1e-5)
    assert np.abs(one[2] - other[2]).max() > 0.1


def test_each_dropout_acts_in_training_alone(shared):
    def part(rates):
        """Of features: the encoder has batch normalisation, which acts in training, too."""
        return trained_part(make_network(make_config(model=rates), shared), encoder_is_trained=False)

    plain = part(RATES)
    features = np.random.default_rng(0).normal(size=(5, *plain.input["features"].shape[1:])).astype(np.float32)
    inputs = {"features": features, "caption_inputs": inputs_of(shared)["caption_inputs"]}
    expected = plain(inputs).numpy()
    np.testing.assert_allclose(plain(inputs, training=True), expected, atol=1e-5)
    for name in RATES:
        network = part({**RATES, name: 0.5})
        np.testing.assert_allclose(network(inputs, training=False), expected, atol=1e-5)
        one, other = (network(inputs, training=True).numpy() for _ in range(2))
        assert np.abs(one - expected).max() > 0.1 < np.abs(one - other).max(), name


@pytest.mark.parametrize("form", FORMS)
def test_the_gate_can_be_left_out(shared, form):
    counts = [
        build_model(make_config(model={"form": form, "context_gate": gate}), shared).count_params()
        for gate in (False, True)
    ]
    assert counts[0] < counts[1]


@pytest.mark.parametrize("settings", [{}, {"form": "up_down", "cell": "slstm", "doubly_stochastic": 0.0}])
def test_a_saved_network_answers_the_same(shared, settings, tmp_path):
    network = make_network(make_config(model=settings), shared)
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    inputs = inputs_of(shared)
    np.testing.assert_allclose(loaded(inputs), network(inputs), atol=1e-6)
    assert loaded.get_layer("decoder").options == network.get_layer("decoder").options


def test_a_decoder_alone_is_that_of_the_network(shared):
    network = make_network(make_config(), shared)
    assert trained_part(network, encoder_is_trained=True) is network
    part, inputs = trained_part(network, encoder_is_trained=False), inputs_of(shared)
    features = network.get_layer("encoder")(inputs["pixels"]).numpy()
    found = part({"features": features, "caption_inputs": inputs["caption_inputs"]})
    np.testing.assert_allclose(found, network(inputs), atol=1e-5)
    assert {id(each) for each in part.weights} == {id(each) for each in network.get_layer("decoder").weights}
    # As they are stored.
    stored = part({"features": features.astype(np.float16), "caption_inputs": inputs["caption_inputs"]})
    np.testing.assert_allclose(stored, network(inputs), atol=0.02)


def test_four_pictures_are_learned_by_heart():
    """Else there is a mistake somewhere between the pixels and the loss."""
    pictures = make_pictures(4)
    pictures = type(pictures).from_lists(
        pictures.pictures, [each[-1:] for each in pictures.captions], pictures.names, pictures.origin
    )
    model = {"units": 24, "embedding_dim": 16, "doubly_stochastic": 0.0, "lexicon": 0.0, **RATES}
    settings = {"train": {"captions_per_picture": 1}, "decoding": {"beam_width": 1}}
    config = make_config(model=model, length_buckets=1, **settings)
    preprocessor = make_preprocessor(config, pictures)
    inputs = Arrays(pixels_of(preprocessor, pictures.pictures))
    data = make_batches(pictures, inputs, preprocessor, config, "pixels", True)
    keras.utils.set_random_seed(0)
    network = build_model(config, preprocessor)
    network.compile(keras.optimizers.Adam(1e-2), SmoothedCrossEntropy(0.0), jit_compile=False)
    network.fit(data.dataset(), steps_per_epoch=120, epochs=1, shuffle=False, verbose=0)
    assert network.evaluate(data.evaluation_dataset(), verbose=0) < 0.05
    captions, _ = caption_pictures(network, preprocessor, inputs)
    assert captions == [each[0] for each in pictures.captions]
