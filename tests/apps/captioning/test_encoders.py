"""If these fail, the decoder looks at other places or features than it is told, or an encoder learns what it must not."""

import keras
import numpy as np
import pytest

from apps.captioning import encoders
from apps.captioning.config import EFFICIENTNET_LITE0, ENCODERS, KERAS_APPLICATIONS, SMALL_CNN
from apps.captioning.encoders import build_encoder, grid_of, make_feature_function, picture_size_of, weights_digest
from common.errors import UserError


def pictures(size, count=2):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


@pytest.fixture
def without_weights(monkeypatch):
    """Networks of keras.applications with random weights, without a network to download others from."""
    for name in KERAS_APPLICATIONS:
        network = getattr(keras.applications, name)
        monkeypatch.setattr(
            keras.applications, name, lambda network=network, **settings: network(**{**settings, "weights": None})
        )


@pytest.fixture
def stand_in(monkeypatch):
    """A network that is built at once in the place of each of keras.applications."""

    def build(include_top, weights, input_shape):
        assert not include_top and weights == "imagenet"
        layers = [keras.layers.Conv2D(5, 32, 32), keras.layers.BatchNormalization(name="bn"), keras.layers.ReLU()]
        return keras.Sequential([keras.Input(input_shape), *layers])

    for name in KERAS_APPLICATIONS:
        monkeypatch.setattr(keras.applications, name, build)


@pytest.mark.parametrize(("name", "size", "grid"), [(SMALL_CNN, 64, (8, 8)), (EFFICIENTNET_LITE0, 96, (3, 3))])
def test_places_are_the_grid_row_by_row(name, size, grid):
    encoder = build_encoder(name, size)
    assert encoder.name == "encoder" and grid_of(encoder) == grid
    features = make_feature_function(encoder)(pictures(size, 3))
    assert features.shape == (3, grid[0] * grid[1], encoder.output.shape[-1]) and features.dtype == np.float32
    of_grid = keras.Model(encoder.input, encoder.get_layer("places").input)
    found = np.asarray(of_grid(pictures(size, 3)))
    np.testing.assert_allclose(features[:, grid[1] + 1], found[:, 1, 1], atol=1e-3)


@pytest.mark.parametrize("size", [32, 64, 100])
def test_the_small_cnn_reads_every_size(size):
    features = np.asarray(build_encoder(SMALL_CNN, size)(pictures(size)))
    assert np.isfinite(features).all()


def test_the_small_cnn_is_trained_and_its_seed_counts():
    first, again, other = (build_encoder(SMALL_CNN, 32, seed=seed) for seed in (0, 0, 1))
    assert first.trainable_variables
    for one, same in zip(first.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, same)
    assert any((one != another).any() for one, another in zip(first.get_weights(), other.get_weights()))


@pytest.mark.parametrize("name", [EFFICIENTNET_LITE0, "MobileNetV2"])
def test_what_was_learned_from_imagenet_stays_unless_fine_tuned(name, stand_in):
    assert not build_encoder(name, 64).trainable_variables
    tuned = build_encoder(name, 64, fine_tune=True)
    assert tuned.trainable_variables
    before = {variable.path: np.asarray(variable) for variable in tuned.variables}
    tuned.compile(keras.optimizers.SGD(1e-3), loss="mse", jit_compile=False)
    tuned.train_on_batch(pictures(64), np.ones((2, *tuned.output.shape[1:]), np.float32))
    changed = {variable.path for variable in tuned.variables if (np.asarray(variable) != before[variable.path]).any()}
    assert changed and not any("bn" in path.lower() or "batch_normalization" in path.lower() for path in changed)


@pytest.mark.parametrize("name", ["VGG16", "DenseNet121", "EfficientNetV2B0"])
def test_a_network_of_keras_is_the_same_after_saving(name, stand_in, tmp_path):
    encoder = build_encoder(name, 64)
    encoder.save(tmp_path / "encoder.keras")
    again = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(np.asarray(again(pictures(64))), np.asarray(encoder(pictures(64))), atol=1e-5)
    assert grid_of(again) == grid_of(encoder) == (2, 2)


@pytest.mark.parametrize("name", KERAS_APPLICATIONS)
def test_pixels_are_scaled_as_keras_says(name):
    module = {
        "Conv": "convnext",
        "Dens": "densenet",
        "EfficientNetB": "efficientnet",
        "EfficientNetV": "efficientnet_v2",
        "InceptionR": "inception_resnet_v2",
        "InceptionV": "inception_v3",
        "MobileNet": "mobilenet",
        "MobileNetV2": "mobilenet_v2",
        "MobileNetV3": "mobilenet_v3",
        "ResNet": "resnet",
        "ResNet50V2": "resnet_v2",
        "ResNet101V2": "resnet_v2",
        "VGG16": "vgg16",
        "VGG19": "vgg19",
        "Xc": "xception",
    }
    longest = max((prefix for prefix in module if name.startswith(prefix)), key=len)
    expected = getattr(keras.applications, module[longest]).preprocess_input(pictures(8).astype(np.float32))
    found = encoders._scaled(keras.ops.convert_to_tensor(pictures(8)), encoders._SCALING.get(name))
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["MobileNetV3Small", "VGG16"])
def test_a_network_of_keras_can_be_built_at_its_own_size(name, without_weights):
    encoder = build_encoder(name, picture_size_of(name))
    rows, columns = grid_of(encoder)
    assert encoder.output.shape[1] == rows * columns and rows == columns


def test_without_a_network_it_says_what_works_without_one(monkeypatch):
    def fail(**settings):
        raise Exception("URL fetch failure on somewhere: None -- no network")

    monkeypatch.setattr(keras.applications, "VGG16", fail)
    with pytest.raises(UserError, match="VGG16 could not be downloaded .* --model.encoder efficientnet_lite0"):
        build_encoder("VGG16", 64)


def test_pictures_too_small_for_a_network_of_keras(without_weights):
    with pytest.raises(UserError, match="picture_size is 64, which is too small for InceptionV3: .* give 299"):
        build_encoder("InceptionV3", 64)


def test_an_unknown_encoder_is_a_bug():
    with pytest.raises(ValueError, match="'cnn' is none of"):
        build_encoder("cnn", 64)


def test_no_two_encoders_share_a_digest():
    assert len({weights_digest(name) for name in ENCODERS}) == len(ENCODERS)


def test_the_feature_function_leaves_the_compilation_for_training():
    encoder = build_encoder(SMALL_CNN, 32)
    encoder.compile(loss="mse", jit_compile=True)
    make_feature_function(encoder)
    assert encoder.compiled and encoder.jit_compile
