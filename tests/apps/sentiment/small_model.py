"""A preprocessor and a network of a few units, with weights that are all different, for the tests of this folder."""

import keras
import numpy as np

from apps.sentiment.config import Config
from apps.sentiment.model import build_model, with_fitted_scales
from apps.sentiment.preprocessing import Preprocessor
from common.data.splits import LabelledTexts

TEXTS = ("a good film", "a bad film", "not a good film , not at all", "the film is fine", "good good good", "so so")
LABELS = ("pos", "neg", "neg", "mixed", "pos", "mixed")
LONG = "not a good film at all , the end is bad . " * 3


def make_config(cell="gru", wide=False, train=None, **model):
    return Config(
        preprocessing={"min_count": 1, "phrase_min_count": 1, "max_length": 12},
        model={"cell": cell, "units": 3, "embedding_dim": 4, "wide": wide, **model},
        **({"train": train} if train else {}),
    )


def make_preprocessor(config):
    preprocessor = Preprocessor.from_config(config)
    preprocessor.adapt(LabelledTexts(np.array(TEXTS, object), np.array(LABELS, object), "test"))
    return preprocessor


def make_network(config, preprocessor):
    network = build_model(config, preprocessor)
    random = np.random.default_rng(0)
    network.set_weights([random.normal(scale=0.7, size=weight.shape) for weight in network.get_weights()])
    return network


def make_final(wide=False, scales=(1.5,), **model):
    """Returns (model in its final form, preprocessor)."""
    keras.utils.set_random_seed(0)
    config = make_config(wide=wide, **model)
    preprocessor = make_preprocessor(config)
    return with_fitted_scales(make_network(config, preprocessor), scales), preprocessor
