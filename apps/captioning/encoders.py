"""From the pixels of a picture to features at the places of a grid: what the decoder looks at.

Every encoder scales the pixels itself, so that what is stored, trained on and served is the same `uint8`.
"""

from collections.abc import Callable

import keras
import numpy as np

from apps.captioning import efficientnet_lite, small_cnn
from apps.captioning.config import EFFICIENTNET_LITE0, ENCODERS, KERAS_APPLICATIONS, SMALL_CNN
from common.errors import UserError

# What networks of keras.applications were trained with, other than 224.
_PICTURE_SIZES = {
    SMALL_CNN: small_cnn.PICTURE_SIZE,
    EFFICIENTNET_LITE0: efficientnet_lite.PICTURE_SIZE,
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "Xception": 299,
}
# How networks of keras.applications want their pixels; those that are not here scale them themselves.
_SCALING = {
    "InceptionResNetV2": "tf",
    "InceptionV3": "tf",
    "MobileNet": "tf",
    "MobileNetV2": "tf",
    "ResNet50V2": "tf",
    "ResNet101V2": "tf",
    "Xception": "tf",
    "DenseNet121": "torch",
    "DenseNet169": "torch",
    "DenseNet201": "torch",
    "ResNet50": "caffe",
    "VGG16": "caffe",
    "VGG19": "caffe",
}


def build_encoder(name: str, picture_size: int, fine_tune: bool = False, seed: int = 0) -> keras.Model:
    """Builds an encoder, with the weights of ImageNet unless it is trained from scratch.

    Args:
        name: one of `config.ENCODERS`.
        picture_size: side of the square pictures, in pixels.
        fine_tune: train an encoder that has weights of ImageNet further; the statistics of its batch normalisation stay.
        seed: of the initial weights of `small_cnn`.

    Returns:
        A model named "encoder" from `pixels` uint8 `[batch, picture_size, picture_size, 3]` to features float32
        `[batch, places, features]`, the places of the grid row by row.

    Raises:
        UserError: the weights are not there, or the network cannot read pictures that small.
    """
    if name == SMALL_CNN:
        network = small_cnn.build_small_cnn(picture_size, seed)
    elif name == EFFICIENTNET_LITE0:
        network = efficientnet_lite.build_efficientnet_lite0(picture_size)
    elif name in KERAS_APPLICATIONS:
        network = _build_application(name, picture_size)
    else:
        raise ValueError(f"{name!r} is none of {ENCODERS}")
    grid = network.output  # [batch, rows, columns, features]
    places = keras.layers.Reshape((-1, grid.shape[-1]), dtype="float32", name="places")(grid)
    encoder = keras.Model(network.input, places, name="encoder")
    if name != SMALL_CNN:
        encoder.trainable = fine_tune
        for layer in encoder._flatten_layers(include_self=False):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    return encoder


def picture_size_of(name: str) -> int:
    """The side, in pixels, of the square pictures that an encoder was made for."""
    return _PICTURE_SIZES.get(name, 224)


def grid_of(encoder: keras.Model) -> tuple[int, int]:
    """Rows and columns of the places that an encoder tells features of."""
    _, rows, columns, _ = encoder.get_layer("places").input.shape
    return rows, columns


def weights_digest(name: str) -> str:
    """Changes with the weights that an encoder begins with, for the key of stored features.

    Args:
        name: one of `config.ENCODERS`; `small_cnn` begins with none, so that its features are not worth storing.
    """
    if name == SMALL_CNN:
        return name
    if name == EFFICIENTNET_LITE0:
        return f"{name}-{efficientnet_lite.WEIGHTS_SHA256}"
    return f"{name}-keras-{keras.__version__}"


def make_feature_function(encoder: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """The encoder as a function of arrays, compiled for speed.

    Args:
        encoder: of `build_encoder`; its compilation for training stays as it is.

    Returns:
        A function from `pixels` uint8 `[batch, picture_size, picture_size, 3]` to features float32 `[batch, places, features]`.
    """
    model = keras.Model(encoder.inputs, encoder.outputs)
    # TensorFlow's own kernels convolve several times as fast as what XLA makes for the CPU.
    model.compile(jit_compile=keras.backend.backend() != "tensorflow")
    return model.predict_on_batch


def _build_application(name, picture_size):
    """A network of keras.applications without its classifier, from pixels to a grid."""
    pixels = keras.Input((picture_size, picture_size, 3), dtype="uint8", name="pixels")
    x = _scaled(pixels, _SCALING.get(name))
    try:
        network = getattr(keras.applications, name)(
            include_top=False, weights="imagenet", input_shape=(picture_size, picture_size, 3)
        )
    except Exception as error:
        # What Keras raises for a failed download is a bare Exception.
        if "URL fetch failure" in str(error):
            raise UserError(
                f"the ImageNet weights of {name} could not be downloaded ({error}): connect to a network once, "
                f"or give --model.encoder {EFFICIENTNET_LITE0}, whose weights are a pip package"
            ) from error
        if "Input size must be at least" in str(error):
            raise UserError(
                f"preprocessing.picture_size is {picture_size}, which is too small for {name}: "
                f"leave it out, or give {picture_size_of(name)}"
            ) from error
        raise
    return keras.Model(pixels, network(x), name=name)


def _scaled(pixels, scaling):
    """`pixels` as the network saw them in its training, in the three ways of `keras.applications.imagenet_utils`."""
    if scaling == "tf":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(pixels)
    if scaling == "torch":
        deviations = np.array([0.229, 0.224, 0.225])
        offset = -np.array([0.485, 0.456, 0.406]) / deviations
        return keras.layers.Rescaling(list(1 / (255 * deviations)), offset=list(offset), name="rescaling")(pixels)
    if scaling == "caffe":
        # Blue, green, red, less the mean of ImageNet.
        x = keras.layers.Rescaling(1.0, offset=[-123.68, -116.779, -103.939], name="rescaling")(pixels)
        return keras.ops.flip(x, axis=-1)
    return keras.layers.Rescaling(1.0, name="rescaling")(pixels)
