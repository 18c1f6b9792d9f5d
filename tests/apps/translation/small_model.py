"""Pairs, a preprocessor and a network of a few units, for the tests of this folder."""

import keras
import numpy as np
import tensorflow as tf

from apps.translation.config import Config
from apps.translation.model import build_model
from apps.translation.pairs import SentencePairs
from apps.translation.preprocessing import Preprocessor
from common.data.token_vocabulary import START_ID

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ZIFFERN = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
SENTENCES = ("one two three", "Nine, eight!", "", "four", "six six six six six six six six", "zero one")


def make_pairs(count=80, seed=0, most=8):
    """Digits in words, in two languages: a translation that can be learned, word by word."""
    random = np.random.default_rng(seed)
    rows = [random.integers(0, 10, random.integers(1, most + 1)) for _ in range(count)]
    sources, targets = ([" ".join(words[digit] for digit in row) for row in rows] for words in (DIGITS, ZIFFERN))
    return SentencePairs.from_lists(sources, targets, "made pairs")


def make_config(model=None, train=None, decoding=None, **preprocessing):
    return Config(
        preprocessing={"vocabulary_size": 80, "max_length": 40, "length_buckets": 2, **preprocessing},
        model={"embedding_dim": 8, "units": 8, **(model or {})},
        train={"epochs": 1, "batch_size": 200, "learning_rate": 1e-2, **(train or {})},
        decoding={"beam_width": 3, **(decoding or {})},
    )


def make_preprocessor(config, pairs=None):
    preprocessor = Preprocessor.from_config(config)
    preprocessor.adapt(make_pairs() if pairs is None else pairs)
    return preprocessor


def make_network(config, preprocessor, scale=0.6):
    """A network whose weights are all different, and large enough that it says something."""
    keras.utils.set_random_seed(0)
    network = build_model(config, preprocessor)
    random = np.random.default_rng(0)
    network.set_weights([weight + random.normal(scale=scale, size=weight.shape) for weight in network.get_weights()])
    return network


def forced(ids):
    """What a decoder reads that is to say `ids`: int `[batch, time]` to int32 tensor of the same shape."""
    ids = np.asarray(ids, np.int32)
    return tf.constant(np.concatenate([np.full((len(ids), 1), START_ID, np.int32), ids[:, :-1]], axis=1))
