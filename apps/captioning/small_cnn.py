"""The encoder that is trained from scratch with the decoder, on pictures of drawn things.

pixels -> 3x3, stride 2: 16 -> 3x3, stride 2: 32, residual 3x3 -> 3x3, stride 2: 96, residual 3x3: a place is 8 x 8 pixels
    -> 3x3, stride 2: 128, residual 3x3: nearly the whole picture -> added to each of its four places (Lin et al. 2017,
    arXiv:1612.03144): how many things there are, and of which a part is seen, one place alone does not show.

Of a dozen designs with equal seconds of training under XLA on a CPU this one named most things right: few channels where the
grid is large. Batch normalisation is worth more than the fifth of the time that it takes, layer normalisation less; wider stages
saw too few pictures in that time. XLA computes depthwise convolutions several times as slowly.
"""

import keras
from keras import layers

PICTURE_SIZE = 64
# Filters of each halving of the grid, and the residual convolutions after it.
STAGES = ((16, 0), (32, 1), (96, 1), (128, 1))
MOMENTUM = 0.9  # of the statistics: a training has a few thousand steps, a trial a dozen


def build_small_cnn(picture_size: int = PICTURE_SIZE, seed: int = 0) -> keras.Model:
    """Builds the network.

    Args:
        picture_size: side of the square pictures, in pixels.
        seed: of the initial weights.

    Returns:
        A model from `pixels` uint8 `[batch, picture_size, picture_size, 3]` to float32 `[batch, rows, columns, 96]`.
    """
    pixels = keras.Input((picture_size, picture_size, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(pixels)
    stages = []
    for stage, (filters, residuals) in enumerate(STAGES):
        x = _convolution(x, filters, 2, f"stage{stage}", seed + 10 * stage)
        for index in range(residuals):
            name = f"stage{stage}_residual{index}"
            x = layers.Add(name=f"{name}_add")([x, _convolution(x, filters, 1, name, seed + 10 * stage + index + 1)])
        stages.append(x)
    *_, places, whole = stages
    initializer = keras.initializers.GlorotUniform(seed=seed + 10 * len(STAGES))
    whole = layers.Conv2D(places.shape[-1], 1, kernel_initializer=initializer, name="whole")(whole)
    whole = layers.UpSampling2D(2, name="upsampling")(whole)
    beyond = [(0, up - side) for up, side in zip(whole.shape[1:3], places.shape[1:3], strict=True)]
    whole = layers.Cropping2D(beyond, name="cropping")(whole)  # where the number of places is odd
    return keras.Model(pixels, layers.Add(name="grid")([places, whole]), name="small_cnn")


def _convolution(x, filters, stride, name, seed):
    convolution = layers.Conv2D(
        filters,
        3,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.HeNormal(seed=seed),
        name=name,
    )
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_normalization")(convolution(x))
    return layers.ReLU(name=f"{name}_relu")(x)
