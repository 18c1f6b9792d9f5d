"""Reads pictures with captions out of TensorFlow Datasets: a set of the catalogue, or the bundled scenes.

Stands at the start of the flow of data, above `common.data.tfds_builders`, for `--data.source tfds` and `bundled`. The sets
are prepared as ArrayRecord, from which one example can be read without those before it: the captions are read once, the
pictures when they are needed, so they are never all in memory.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf.message import DecodeError

from apps.captioning.catalogue_features import CAPTION_SETTING, check_caption_feature, check_picture_feature
from apps.captioning.pictures import CaptionedPictures
from common.data.tfds_builders import find_splits, open_builder, prepare, unreadable
from common.errors import UserError

_READ_BATCH = 256  # records at once where the captions are read: 40 MB of COCO, and a fifth of the time of one by one
COMPOSITIONS = "compositions"
_RANDOM_ACCESS = tfds.core.FileFormat.ARRAY_RECORD
# Of Karpathy's division of COCO: what its published training sets have beside "train".
_REST_OF_TRAIN = "restval"
# Features that identify a picture in all splits of a set. Not "id", which in some counts from 0 in each.
_NAME_KEYS = ("image/filename", "image/id", "image_id")


@dataclass(frozen=True, eq=False)
class CataloguePictures:
    """What a set offers.

    Attributes:
        parts: "train", and "validation", "test" and "compositions" where the set has them with captions.
        cache: the folder of the prepared data.
        notes: sentences for the console.
    """

    parts: Mapping[str, CaptionedPictures]
    cache: str
    notes: tuple[str, ...] = ()


class PictureRecords:
    """The pictures of a split, each read from its record.

    Args:
        records: serialized `tf.train.Example`s by number, as `builder.as_data_source` gives them undecoded; may be read from
            several threads.
        key: name of the picture in them.
        indices: int `[pictures]`, numbers of the records.
        unreadable: the sentence for a record that cannot be read, a function of the error.
    """

    def __init__(
        self, records: Sequence[bytes], key: str, indices: np.ndarray, unreadable: Callable[[Exception], str]
    ) -> None:
        self._records, self._key, self._unreadable = records, key, unreadable
        self.indices = np.asarray(indices, np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> bytes:
        number = int(self.indices[index])
        with _explained(self._unreadable):
            example = _example(self._records[number], self._key)
        return example.features.feature[self._key].bytes_list.value[0]

    def take(self, indices: np.ndarray) -> PictureRecords:
        return PictureRecords(self._records, self._key, self.indices[indices], self._unreadable)


def load_catalogue_pictures(
    name: str, data_dir: str, image_key: str, caption_key: str, max_unusable_fraction: float
) -> CataloguePictures:
    """Loads a set of the TensorFlow Datasets catalogue, downloading and preparing it the first time.

    Args:
        name: such as "coco_captions".
        data_dir: folder for downloads and prepared data; made if needed.
        image_key: the feature that is the picture; a slash leads into a feature.
        caption_key: the feature that is the caption, or the captions, of a picture.
        max_unusable_fraction: share of the pictures of a split that may be without a caption.

    Raises:
        UserError: the set, its configuration or a feature does not exist, it cannot be downloaded or prepared here, or too many
            pictures have no caption.
    """
    builder = open_builder(name, data_dir)
    return load_builder_pictures(
        builder, image_key, caption_key, origin=f"{name} (tfds)", max_unusable_fraction=max_unusable_fraction
    )


def load_builder_pictures(
    builder: tfds.core.DatasetBuilder,
    image_key: str,
    caption_key: str,
    *,
    origin: str,
    meaning_key: str | None = None,
    max_unusable_fraction: float = 0.0,
    quiet: bool = False,
) -> CataloguePictures:
    """Prepares the data of a builder unless that was done before, and reads their captions.

    Args:
        builder: made with an explicit `data_dir`.
        image_key: as for `load_catalogue_pictures`.
        caption_key: likewise.
        origin: what to call the data for people; the name of the split is added.
        meaning_key: the feature that says what a picture shows; None if the set has none.
        max_unusable_fraction: as for `load_catalogue_pictures`.
        quiet: no progress bars and messages of TFDS; for data that download nothing.

    Returns:
        The parts with captions. The split "compositions", where there is one, is a part of its own, and "restval" of COCO
        belongs to training, as everybody has it who publishes results.

    Raises:
        UserError: as for `load_catalogue_pictures`.
    """
    features = builder.info.features or {}
    check_picture_feature(features, image_key, origin)
    check_caption_feature(features, caption_key, origin)
    _check_reader(origin)
    prepare(builder, origin, quiet, _RANDOM_ACCESS.value)
    if _RANDOM_ACCESS not in builder.info.available_file_formats():
        raise UserError(
            f"{origin} is prepared in {builder.data_dir} as {builder.info.file_format.value}, from which single pictures "
            "cannot be read; choose another folder with --data.cache_dir, or delete this one and run again."
        )
    sentence = functools.partial(unreadable, builder, origin)
    keys = (caption_key, next((key for key in _NAME_KEYS if key in features), None), meaning_key)
    parts, notes = {}, []
    for part, split in _splits(builder, origin).items():
        title = f"{origin}, {split}"
        records = builder.as_data_source(
            split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES, file_format=_RANDOM_ACCESS
        )
        captions, identities, meanings = _read_columns(records, keys, image_key, sentence)
        usable = np.array([bool(each) for each in captions])  # [pictures]
        names = [f"{split}/{number}" if identity is None else identity for number, identity in enumerate(identities)]
        if not usable.any():
            notes.append(f"{title} has no captions, so it counts as missing.")
            continue
        _tell_uncaptioned(names, usable, title, max_unusable_fraction, notes)
        indices = np.flatnonzero(usable)
        parts[part] = CaptionedPictures.from_lists(
            PictureRecords(records, image_key, indices, sentence),
            [captions[index] for index in indices],
            [names[index] for index in indices],
            title,
            None if meaning_key is None else [meanings[index] for index in indices],
        )
    if "train" not in parts:
        raise UserError(f"{origin} has no captions in {caption_key!r} to train on; name others with {CAPTION_SETTING}.")
    return CataloguePictures(parts, str(builder.data_dir), tuple(notes))


def _splits(builder: tfds.core.DatasetBuilder, origin: str) -> dict[str, str]:
    """The split, or splits joined by "+", of each part; none is empty."""
    splits = find_splits(builder, origin)
    available = builder.info.splits
    if _REST_OF_TRAIN in available:
        splits["train"] += f"+{_REST_OF_TRAIN}"
    if COMPOSITIONS in available:
        splits[COMPOSITIONS] = COMPOSITIONS
    if not available[splits["train"]].num_examples:
        raise UserError(f"{origin}, {splits['train']} has no pictures; choose another set.")
    return {part: split for part, split in splits.items() if available[split].num_examples}


def _read_columns(
    records: Sequence[bytes],
    keys: tuple[str, str | None, str | None],
    image_key: str,
    unreadable: Callable[[Exception], str],
) -> list[list]:
    """Captions (tuple of str), names and meanings (str) of all records; None where a key is."""
    columns = captions, *others = [], [], []
    for start in range(0, len(records), _READ_BATCH):
        with _explained(unreadable):
            numbers = list(range(start, min(start + _READ_BATCH, len(records))))
            examples = [_example(record, image_key) for record in records.__getitems__(numbers)]
        for example in examples:
            captions.append(tuple(text for text in _texts(example, keys[0]) if text.strip()))
            for key, column in zip(keys[1:], others, strict=True):
                column.append(None if key is None else next(iter(_texts(example, key)), ""))
    return columns


def _example(record: bytes, image_key: str) -> tf.train.Example:
    example = tf.train.Example.FromString(record)
    # Of a file that is cut off, records come back empty.
    if not example.features.feature[image_key].bytes_list.value:
        raise ValueError(f"a record has no {image_key!r}")
    return example


@contextlib.contextmanager
def _explained(unreadable: Callable[[Exception], str]) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError, LookupError, DecodeError) as error:
        raise UserError(unreadable(error)) from error


def _texts(example: tf.train.Example, key: str) -> list[str]:
    """The values of a feature as TFDS stores it: those inside another under "outer/inner", sequences flat."""
    feature = example.features.feature[key]
    if feature.HasField("int64_list"):
        return [str(value) for value in feature.int64_list.value]
    return [value.decode("utf-8", "replace") for value in feature.bytes_list.value]


def _check_reader(origin: str) -> None:
    try:
        importlib.import_module("array_record.python.array_record_data_source")
    except ImportError as error:
        raise UserError(
            f"{origin} is read with the package array_record, which is not installed or does not work here ({error}); install "
            "it with pip install array_record, or use --data.source files, which does without."
        ) from error


def _tell_uncaptioned(names: list[str], usable: np.ndarray, origin: str, most: float, notes: list[str]) -> None:
    count = len(usable) - int(usable.sum())
    if not count:
        return
    sentence = f"{count:,} of {len(usable):,} pictures of {origin} have no caption (the first: {names[int(np.argmin(usable))]})"
    if count > most * len(usable):
        raise UserError(
            f"{sentence}, which is more than data.max_unusable_fraction, {most:g}, allows; name other captions with "
            f"{CAPTION_SETTING}, or allow more."
        )
    notes.append(f"{sentence}; left out.")
