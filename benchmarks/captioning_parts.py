"""What the benchmarks of captioning measure: photographs, the way to their features, networks without a training, and batches."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageFilter

from apps.captioning.config import PRESETS, Config
from apps.captioning.encoders import build_encoder, make_feature_function
from apps.captioning.input_computation import store_inputs
from apps.captioning.inputs import FEATURES
from apps.captioning.model import build_model, trained_part
from apps.captioning.preprocessing import Preprocessor
from common.config import resolve_config
from common.console import Console, use_console
from common.data.token_vocabulary import END_ID, START_ID
from common.errors import UserError
from common.training.optimizer import make_optimizer
from common.training.token_losses import SmoothedCrossEntropy, token_metrics

PHOTOGRAPH_ENDINGS = (".jpg", ".jpeg")


@dataclass(frozen=True)
class _Vocabulary:
    """What `build_model` reads of one."""

    size: int


@dataclass(frozen=True)
class Sizes:
    """What `build_model` reads of a preprocessor."""

    vocabulary: _Vocabulary
    picture_size: int

    @classmethod
    def of(cls, tokens: int, config: Config) -> "Sizes":
        """So many tokens, and the pictures of the configuration."""
        return cls(_Vocabulary(tokens), Preprocessor.from_config(config).picture_size)


def configured(preset: str, **settings: str) -> Config:
    """The settings of a preset, without a mean of the weights and with a learning rate that does not depend on the step."""
    steady = {"train.schedule": "constant", "train.warmup_fraction": "0", "train.weight_average": "0"}
    return resolve_config(Config, PRESETS, preset, overrides={**steady, **settings})


def network_of(vocabulary: int, config: Config, metrics: bool = True) -> keras.Model:
    """What is trained of the application's network, compiled as `apps.captioning.train` compiles it; without its metrics if
    they are not wanted."""
    network = trained_part(build_model(config, Sizes.of(vocabulary, config)), config.model.encoder_is_trained)
    network.compile(
        optimizer=make_optimizer(config.train, total_steps=1),
        loss=SmoothedCrossEntropy(config.train.label_smoothing),
        weighted_metrics=token_metrics() if metrics else None,
        jit_compile=config.train.jit_compile,
    )
    return network


def batch_of(network: keras.Model, pictures: int, captions: int, time: int, vocabulary: int):
    """A batch as the application makes it, of random numbers without padding, for what `network_of` returns."""
    rng = np.random.default_rng(0)
    (name,) = set(network.input) - {"caption_inputs"}
    shape = (pictures, *network.input[name].shape[1:])
    read = rng.integers(0, 256, shape, np.uint8) if name == "pixels" else rng.random(shape).astype(np.float16)
    labels = rng.integers(END_ID + 1, vocabulary, (pictures, captions, time), np.int32)
    start = np.full((pictures, captions, 1), START_ID, np.int32)
    inputs = np.concatenate([start, labels[:, :, :-1]], axis=2)
    return {name: read, "caption_inputs": inputs}, labels, np.ones(labels.shape, np.float32)


def made_up_photograph(width: int, height: int, seed: int) -> bytes:
    """A JPEG with large and small structure; at 320x240 as many bytes as the mean of those of Flickr8k."""
    rng = np.random.default_rng([seed, width, height])
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    grain = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).filter(ImageFilter.GaussianBlur(1))
    target = io.BytesIO()
    Image.blend(coarse, grain, 0.5).save(target, "JPEG", quality=90)
    return target.getvalue()


def photographs_of(folder: Path, most: int) -> list[bytes]:
    """The first JPEG files of a folder, by name.

    Raises:
        UserError: there is none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOGRAPH_ENDINGS)[:most]
    if not paths:
        raise UserError(f"there are no JPEG pictures in the folder {folder}")
    return [path.read_bytes() for path in paths]


class FeatureMaker:
    """From encoded pictures to features, as a training with an encoder that stays as it is makes them.

    Args:
        config: `preprocessing` and `model.encoder` are read.
        pictures: whole files.
    """

    def __init__(self, config: Config, pictures: Sequence[bytes]):
        self.config, self.pictures = config, list(pictures)
        preprocessor = Preprocessor.from_config(config)
        self.size = preprocessor.picture_size
        self._encoder = build_encoder(config.model.encoder, self.size)
        self._encode: Callable[[np.ndarray], np.ndarray] = make_feature_function(self._encoder)
        self._decode = tf.function(lambda images: preprocessor(images)["pixels"], [tf.TensorSpec([None], tf.string)])

    def compute(self, images: list[bytes]) -> np.ndarray:
        """Float16 `[batch, places, channels]`."""
        return self._encode(self._decode(tf.constant(images)).numpy()).astype(np.float16)

    def decode(self) -> np.ndarray:
        """All pictures to pixels uint8 `[pictures, size, size, 3]`."""
        batches = [self.pictures[start : start + FEATURES] for start in range(0, len(self.pictures), FEATURES)]
        return np.concatenate([self._decode(tf.constant(batch)).numpy() for batch in batches])

    def encode(self, pixels: np.ndarray) -> None:
        """Pixels to features, which are thrown away."""
        for start in range(0, len(pixels), FEATURES):
            self._encode(pixels[start : start + FEATURES])

    def store(self, folder: Path) -> None:
        """All pictures to features in files of `folder`, which must have none of them."""
        use_console(Console(stream=io.StringIO()))  # its progress bar would stand between the tables
        store_inputs(
            self.pictures,
            list(map(str, range(len(self.pictures)))),
            self.compute,
            shape=tuple(self._encoder.output_shape[1:]),
            dtype=np.float16,
            key="measured",
            folder=folder,
            batch_size=FEATURES,
        )
