"""From the configuration to raw splits of captioned pictures (`load_splits`).

The first step of every run: the three sources end in the same `Splits`, before anything is learned. Which picture is in which
split depends on the pictures alone, not on a seed or on the order of a file; and the same picture, which photo sites give more
than one name, never stands in two of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from apps.captioning.captioned_files import load_captioned_files
from apps.captioning.pictures import CaptionedPictures, Splits
from common.data.parts import made_disjoint, split_off


@dataclass(frozen=True)
class _Part:
    """Pictures, and what tells which of them are the same.

    Attributes:
        pictures: [pictures].
        digests: bytes [pictures], as good as random, the same for the same picture.
    """

    pictures: CaptionedPictures
    digests: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def origin(self) -> str:
        return self.pictures.origin

    def take(self, indices: np.ndarray) -> _Part:
        indices = np.arange(len(self))[indices]
        return _Part(self.pictures.take(indices), [self.digests[index] for index in indices])

    def limited(self, limit: int) -> _Part:
        """At most `limit` pictures, chosen by digest and name, in the order in which they stand."""
        if len(self) <= limit:
            return self
        order = sorted(range(len(self)), key=lambda index: (self.digests[index], self.pictures.names[index]))
        return self.take(np.array(sorted(order[:limit]), dtype=np.int64))


@dataclass(frozen=True)
class _Found:
    """What a source has: its parts, "train" among them, what makes two pictures the same, and what `Splits` has of it."""

    parts: dict[str, _Part]
    sameness: str
    cache: str | None = None
    notes: list[str] = field(default_factory=list)


def load_splits(config) -> Splits:
    """Loads raw train, validation and test pictures as `config.data` describes them.

    `source` says where they come from: "bundled" (the scenes, with their own splits), "tfds" (`name` of a catalogue set) or
    "files" (`path` and `captions`). Splits that a set brings, or that are given as files, are kept; one that is missing is split
    off the training pictures. Pictures that also stand in the test set are left out of validation and training, those of
    validation out of training, never the other way, so that published test sets stay comparable. Files are the same picture if
    they have the same bytes; pictures of TFDS, which would have to be read for that, if they have the same name.

    Args:
        config: the application's `Config`; only `config.data` is read.

    Returns:
        Splits that share no picture, with `limit` applied, and notes that say what was left out.

    Raises:
        UserError: the data are not there or not as expected; one sentence that says where and what to do.
    """
    data = config.data
    found = _SOURCES[data.source](data)
    parts, notes = dict(found.parts), list(found.notes)
    compositions = parts.pop("compositions", None)
    parts = made_disjoint(parts, notes, what="pictures", sameness=found.sameness)
    parts |= split_off(
        parts["train"],
        [digest.hex() for digest in parts["train"].digests],
        {name: getattr(data, f"{name}_fraction") for name in ("validation", "test") if name not in parts},
        what="pictures",
        sameness="picture",
        advice=" or name others with --data.{name}_captions" if data.source == "files" else "",
    )
    available = None
    if data.limit is not None:
        if max(map(len, parts.values())) > data.limit:
            available = tuple(len(parts[name]) for name in ("train", "validation", "test"))
        parts = {name: part.limited(data.limit) for name, part in parts.items()}
        compositions = compositions and compositions.limited(data.limit)
    return Splits(
        **{name: part.pictures for name, part in parts.items()},
        compositions=compositions and compositions.pictures,
        language=data.language,
        cache=found.cache,
        notes=tuple(notes),
        available=available,
    )


def _load_bundled(data) -> _Found:
    # Imported here, as below: own files need no TensorFlow Datasets.
    from apps.captioning.catalogue_pictures import load_builder_pictures
    from apps.captioning.dataset import EmojiScenes, config_name
    from common.data.tfds_builders import make_folder

    configuration = config_name(data.language, large=data.name.endswith("_large"))
    builder = EmojiScenes(config=configuration, data_dir=str(make_folder(data.cache_dir)))
    origin = f"emoji scenes {configuration} (bundled)"
    return _from_catalogue(
        load_builder_pictures(builder, "image", "captions", origin=origin, meaning_key="scene", quiet=True)
    )


def _load_catalogue(data) -> _Found:
    from apps.captioning.catalogue_pictures import load_catalogue_pictures

    found = load_catalogue_pictures(
        data.name, data.cache_dir, data.image_key, data.caption_key, data.max_unusable_fraction
    )
    return _from_catalogue(found)


def _from_catalogue(found) -> _Found:
    parts = {
        name: _Part(
            pictures, [hashlib.blake2b(each.encode("utf-8"), digest_size=16).digest() for each in pictures.names]
        )
        for name, pictures in found.parts.items()
    }
    return _Found(parts, "name", found.cache, list(found.notes))


def _load_files(data) -> _Found:
    parts, notes = load_captioned_files(data)
    return _Found({name: _Part(part, part.pictures.digests()) for name, part in parts.items()}, "content", notes=notes)


_SOURCES = {"bundled": _load_bundled, "tfds": _load_catalogue, "files": _load_files}
