"""The encoder that is trained from scratch with the decoder, on pictures of drawn things."""

import keras
from keras import layers

PICTURE_SIZE = 64
FILTERS = (32, 64, 128)


def build_small_cnn(picture_size: int = PICTURE_SIZE, seed: int = 0) -> keras.Model:
    """Builds the network; a place of its grid is 8 x 8 pixels.

    Args:
        picture_size: side of the square pictures, in pixels.
        seed: of the initial weights.

    Returns:
        A model from `pixels` uint8 `[batch, picture_size, picture_size, 3]` to float32 `[batch, rows, columns, features]`.
    """
    pixels = keras.Input((picture_size, picture_size, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(pixels)
    for index, filters in enumerate(FILTERS):
        initializer = keras.initializers.HeNormal(seed=seed + index)
        x = layers.Conv2D(filters, 3, 2, padding="same", kernel_initializer=initializer, name=f"convolution{index}")(x)
        x = layers.ReLU(name=f"relu{index}")(x)
    return keras.Model(pixels, x, name="small_cnn")
