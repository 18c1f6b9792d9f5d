"""Reads pairs of sentences out of TensorFlow Datasets: a set of the catalogue, or the phrase book.

Stands at the start of the flow of data, above `common.data.tfds_builders`, for `--data.source tfds` and `bundled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow_datasets as tfds

from apps.translation.pairs import SentencePairs
from common.data.tfds_builders import check_text_feature, find_splits, open_builder, prepare, read_features

LANGUAGE_SETTINGS = ("--data.source_language", "--data.target_language")


@dataclass(frozen=True, eq=False)
class CataloguePairs:
    """What a set offers.

    Attributes:
        parts: "train", and "validation" and "test" where the set has them.
        cache: the folder of the prepared data.
    """

    parts: Mapping[str, SentencePairs]
    cache: str


def load_catalogue_pairs(name: str, data_dir: str, source_language: str, target_language: str) -> CataloguePairs:
    """Loads a set of the TensorFlow Datasets catalogue, downloading and preparing it the first time.

    Args:
        name: such as "ted_hrlr_translate/pt_to_en", "wmt16_translate/de-en", "para_crawl/ende", "opus/medical".
        data_dir: folder for downloads and prepared data; made if needed.
        source_language: feature of the source sentences. It may be one of the set or, with `target_language`, inside one
            such as a `tfds.features.Translation`.
        target_language: feature of the target sentences.

    Raises:
        UserError: the set, its configuration or a feature does not exist, or it cannot be downloaded or prepared here.
    """
    builder = open_builder(name, data_dir)
    return load_builder_pairs(builder, source_language, target_language, origin=f"{name} (tfds)")


def load_builder_pairs(
    builder: tfds.core.DatasetBuilder,
    source_key: str,
    target_key: str,
    *,
    origin: str,
    quiet: bool = False,
) -> CataloguePairs:
    """Prepares the data of a builder unless that was done before, and reads its pairs.

    Args:
        builder: made with an explicit `data_dir`.
        source_key: feature of the source sentences.
        target_key: feature of the target sentences.
        origin: what to call the data for people; the name of the part is added.
        quiet: no progress bars and messages of TFDS; for data that download nothing.

    Raises:
        UserError: as for `load_catalogue_pairs`.
    """
    keys = (source_key, target_key)
    within, features = _place_of_languages(builder.info.features or {}, keys)
    for key, setting in zip(keys, LANGUAGE_SETTINGS, strict=True):
        check_text_feature(features, key, origin, setting)
    prepare(builder, origin, quiet)
    parts = {}
    for part, split in find_splits(builder, origin).items():
        sources, targets = read_features(builder, split, keys, origin, within)
        parts[part] = SentencePairs.from_lists(sources, targets, f"{origin}, {split}")
    return CataloguePairs(parts, str(builder.data_dir))


def _place_of_languages(
    features: Mapping[str, tfds.features.FeatureConnector], keys: tuple[str, str]
) -> tuple[str | None, Mapping[str, tfds.features.FeatureConnector]]:
    """The feature that has both languages inside it, None for the set itself; and what stands beside them there.

    Where none has both, the one that most probably should: it has one of them, or is made for translations.
    """
    places = {None: features} | {
        name: feature for name, feature in features.items() if isinstance(feature, tfds.features.FeaturesDict)
    }

    def fitness(name: str | None) -> tuple[int, bool]:
        place = places[name]
        return sum(key in place for key in keys), isinstance(place, tfds.features.Translation)

    best = max(places, key=fitness)
    return best, places[best]
