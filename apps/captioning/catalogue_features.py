"""Which features of a TensorFlow Datasets set are a picture and its captions: checked before anything is downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds

from common.data.text_files import shown_names
from common.data.tfds_builders import feature_kind
from common.errors import UserError

IMAGE_SETTING, CAPTION_SETTING = "--data.image_key", "--data.caption_key"


def check_picture_feature(features: Mapping, key: str, origin: str) -> None:
    """Raises UserError unless the feature `key`, which a slash may lead to, is one picture as a camera or a program makes it."""
    *outer, feature = _way(features, key, origin, IMAGE_SETTING)
    is_picture = isinstance(feature, tfds.features.Image) and np.issubdtype(feature.np_dtype, np.unsignedinteger)
    if not is_picture or any(isinstance(each, tfds.features.Sequence) for each in outer):
        raise UserError(
            f"The feature {key!r} of {origin} is {_kind(outer, feature)}, not one picture; choose among {_paths(features)} with "
            f"{IMAGE_SETTING}."
        )


def check_caption_feature(features: Mapping, key: str, origin: str) -> None:
    """Raises UserError unless the feature `key`, which a slash may lead to, is a text or a sequence of texts."""
    *outer, feature = _way(features, key, origin, CAPTION_SETTING)
    if isinstance(feature, tfds.features.Sequence):
        outer, feature = [*outer, feature], feature.feature
    is_text = isinstance(feature, tfds.features.Tensor) and feature.shape == ()
    is_text = is_text and feature.np_dtype in (np.str_, np.object_)
    if not is_text or sum(isinstance(each, tfds.features.Sequence) for each in outer) > 1:
        raise UserError(
            f"The feature {key!r} of {origin} is {_kind(outer, feature)}, neither a text nor a sequence of texts; choose among "
            f"{_paths(features)} with {CAPTION_SETTING}."
        )


def _way(features: Mapping, key: str, origin: str, setting: str) -> list[tfds.features.FeatureConnector]:
    """The features on the way to `key`, that which it names at the end.

    Names may have slashes of their own, such as "image/id".
    """
    way, rest, place = [], key, features
    while rest is not None:
        fitting = [name for name in place if f"{rest}/".startswith(f"{name}/")]
        if not fitting:
            raise UserError(
                f"{origin} has no feature {key!r}, only {_paths(features)}; name the right one with {setting}."
            )
        name = max(fitting, key=len)
        way.append(place[name])
        place, rest = _inside(place[name]), None if rest == name else rest[len(name) + 1 :]
    return way


def _inside(feature: tfds.features.FeatureConnector) -> Mapping:
    """The features inside one, or inside the elements of a sequence."""
    if isinstance(feature, tfds.features.Sequence):
        feature = feature.feature
    return feature if isinstance(feature, tfds.features.FeaturesDict) else {}


def _paths(features: Mapping) -> str:
    def leaves(place, prefix):
        for name, feature in place.items():
            inside = _inside(feature)
            yield from leaves(inside, f"{prefix}{name}/") if inside else [f"{prefix}{name}"]

    return shown_names(list(leaves(features, "")))


def _kind(outer: Sequence, feature: tfds.features.FeatureConnector) -> str:
    depth = sum(isinstance(each, tfds.features.Sequence) for each in outer)
    return "Sequence of " * depth + feature_kind(feature)
