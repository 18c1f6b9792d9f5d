"""Pictures with captions, a preprocessor and a network of a few units, for the tests of this folder."""

import io

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from apps.captioning.config import Config
from apps.captioning.model import build_model
from apps.captioning.pictures import CaptionedPictures
from apps.captioning.preprocessing import Preprocessor
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID

COLORS = {"red": (230, 20, 20), "green": (10, 170, 30), "blue": (20, 40, 220), "black": (0, 0, 0)}
SIZE = 32


class InMemory(list):
    """Pictures that lie in memory."""

    def take(self, indices):
        return InMemory(self[index] for index in indices)


class Arrays:
    """What `store_inputs` would have stored, in memory."""

    def __init__(self, values, usable=None):
        self.values = np.asarray(values)
        self.shape, self.dtype = self.values.shape[1:], self.values.dtype
        self.usable = np.ones(len(self.values), bool) if usable is None else usable

    def __len__(self):
        return len(self.values)

    def gather(self, rows):
        rows = np.asarray(rows)
        gathered = self.values[np.maximum(rows, 0)].copy()
        gathered[rows < 0] = 0
        return gathered


def encoded(pixels, kind="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def two_colors(left, right, height=SIZE, width=SIZE):
    """A picture of two colours side by side: uint8 `[height, width, 3]`."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = COLORS[left], COLORS[right]
    return pixels


PAIRS = [(left, right) for left in COLORS for right in COLORS if left != right]


def make_pictures(count=12, seed=0):
    """Pictures of two colours, with one to four captions of different lengths."""
    random = np.random.default_rng(seed)
    pictures, captions = InMemory(), []
    for index in range(count):
        left, right = PAIRS[index % len(PAIRS)]
        height, width = random.integers(20, 60, 2)
        pictures.append(encoded(two_colors(left, right, height, width)))
        said = (
            f"{left} left of {right}",
            f"a field of {left} and to the right of it a field of {right}",
            f"{left} and {right}",
            f"{right} to the right of {left}",
        )
        captions.append(said[: 1 + index % 4])
    names = [f"{seed}-{index}.png" for index in range(count)]
    return CaptionedPictures.from_lists(pictures, captions, names, "made pictures")


def make_config(model=None, train=None, decoding=None, data=None, **preprocessing):
    return Config(
        data=data or {},
        preprocessing={"picture_size": SIZE, "max_length": 16, "length_buckets": 2, **preprocessing},
        model={"embedding_dim": 8, "units": 8, "attention_units": 8, **(model or {})},
        train={"epochs": 1, "batch_size": 4, "captions_per_picture": 2, "learning_rate": 1e-2, **(train or {})},
        decoding={"beam_width": 3, **(decoding or {})},
    )


def make_preprocessor(config, pictures=None):
    preprocessor = Preprocessor.from_config(config)
    preprocessor.adapt(make_pictures() if pictures is None else pictures)
    return preprocessor


def make_network(config, preprocessor, scale=0.6):
    """A network whose weights of the decoder are all different, and large enough that it says something."""
    keras.utils.set_random_seed(0)
    network = build_model(config, preprocessor)
    random = np.random.default_rng(0)
    decoder = network.get_layer("decoder")
    decoder.set_weights([weight + random.normal(scale=scale, size=weight.shape) for weight in decoder.get_weights()])
    return network


def pixels_of(preprocessor, pictures):
    """Uint8 `[pictures, size, size, 3]`."""
    return preprocessor(tf.constant(list(pictures), tf.string))["pixels"].numpy()


def forced(ids):
    """What a decoder reads that is to say `ids`: int `[..., time]`, the end behind each, to int32 of the same shape."""
    ids = np.asarray(ids, np.int32)
    inputs = np.concatenate([np.full((*ids.shape[:-1], 1), START_ID, np.int32), ids[..., :-1]], axis=-1)
    return np.where(ids == PAD_ID, PAD_ID, np.where(inputs == END_ID, PAD_ID, inputs))
