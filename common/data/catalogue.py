"""Reads texts and labels out of TensorFlow Datasets: the public catalogue by name, or a builder of our own.

Stands at the start of the flow of data, for `--data.source tfds` and, through `load_builder`, for the bundled
sets. How a set is prepared and read is in `tfds_builders`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from common.data.splits import LabelledTexts
from common.data.tfds_builders import (
    check_text_feature,
    feature_kind,
    find_splits,
    named_feature,
    open_builder,
    prepare,
    read_features,
)
from common.errors import UserError

# Sets that name their text or label otherwise than "text" and "label".
_KNOWN_KEYS = {
    "ag_news_subset": ("description", "label"),
    "glue/cola": ("sentence", "label"),
    "glue/sst2": ("sentence", "label"),
    "sentiment140": ("text", "polarity"),
    "trec": ("text", "label-coarse"),
}


@dataclass(frozen=True, eq=False)
class CatalogueTexts:
    """What a set of the catalogue offers.

    Attributes:
        parts: "train", and "validation" and "test" where the set has them with labels.
        cache: the folder of the prepared data.
        notes: sentences for the console.
    """

    parts: Mapping[str, LabelledTexts]
    cache: str
    notes: tuple[str, ...] = ()


def load_catalogue(name: str, data_dir: str | Path, text_key: str = "text", label_key: str = "label") -> CatalogueTexts:
    """Loads a set of the TensorFlow Datasets catalogue, downloading and preparing it the first time.

    Args:
        name: such as "imdb_reviews", "glue/sst2", "yelp_polarity_reviews".
        data_dir: folder for downloads and prepared data; made if needed.
        text_key: feature that holds the text. For a few well-known sets the default finds the right one by
            itself.
        label_key: feature that holds the label: a class, a whole number, a truth value or a string.

    Returns:
        The parts with labels. Examples without one (-1 in GLUE) are left out, and a part that has none left
        is left out whole.

    Raises:
        UserError: the set, its configuration or a feature does not exist, or it cannot be downloaded or
            prepared here.
    """
    builder = open_builder(name, data_dir)
    features = builder.info.features or {}
    known_text, known_label = _KNOWN_KEYS.get(name.split(":")[0], (text_key, label_key))
    if text_key == "text" and text_key not in features:
        text_key = known_text
    if label_key == "label" and label_key not in features:
        label_key = known_label
    return load_builder(builder, text_key, label_key, origin=f"{name} (tfds)")


def load_builder(
    builder: tfds.core.DatasetBuilder,
    text_key: str = "text",
    label_key: str = "label",
    *,
    origin: str,
    quiet: bool = False,
) -> CatalogueTexts:
    """Prepares the data of a builder unless that was done before, and reads their texts and labels.

    Args:
        builder: made with an explicit `data_dir`.
        text_key: feature that holds the text.
        label_key: feature that holds the label.
        origin: what to call the data for people; the name of the part is added.
        quiet: no progress bars and messages of TFDS; for data that download nothing.

    Raises:
        UserError: as for `load_catalogue`.
    """
    _check_features(builder, text_key, label_key, origin)
    prepare(builder, origin, quiet)
    parts, notes = {}, []
    for part, split in find_splits(builder, origin).items():
        texts, values = read_features(builder, split, (text_key, label_key), origin)
        labels = [_label_name(value, builder.info.features[label_key]) for value in values]
        labelled = [index for index, label in enumerate(labels) if label is not None]
        if len(labelled) < len(labels):
            notes.append(f"{len(labels) - len(labelled):,} examples without label in {origin}, {split}, were left out.")
        if labelled:
            examples = LabelledTexts.from_lists(texts, labels, f"{origin}, {split}")
            parts[part] = examples.take(np.array(labelled, dtype=np.int64))
    if "train" not in parts:
        raise UserError(f"{origin} has no training example with a {label_key!r}; name another with --data.label_key.")
    return CatalogueTexts(parts, str(builder.data_dir), tuple(notes))


def _check_features(builder: tfds.core.DatasetBuilder, text_key: str, label_key: str, origin: str) -> None:
    features = builder.info.features or {}
    for key, option in ((text_key, "--data.text_key"), (label_key, "--data.label_key")):
        named_feature(features, key, origin, option)
    check_text_feature(features, text_key, origin, "--data.text_key")
    label = features[label_key]
    if not isinstance(label, tfds.features.Tensor) or label.shape != () or np.dtype(label.np_dtype).kind not in "biuUO":
        raise UserError(
            f"The feature {label_key!r} of {origin} is {feature_kind(label)}, not a class, a whole number or a "
            f"string; choose among {', '.join(map(repr, features))} with --data.label_key."
        )


def _label_name(value: int | bool | str, feature: tfds.features.FeatureConnector) -> str | None:
    if isinstance(feature, tfds.features.ClassLabel):
        return feature.int2str(value) if value >= 0 else None
    if isinstance(value, str):
        return value.strip() or None
    return str(value).lower()  # a truth value as JSON and most tables spell it
