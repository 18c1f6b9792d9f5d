"""Pictures with their captions, and the splits of them that a run works with.

What the readers (`captioned_files`, `catalogue_pictures`) give, and everything that learns receives. A picture is
read when it is needed: the pictures of a large set do not fit in memory.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from common.errors import UserError

_READERS = 8  # files that are read at the same time, mostly waiting for the disk


class Pictures(Protocol):
    """Encoded pictures (JPEG, PNG, GIF, WebP or BMP), read one at a time."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, index: int) -> bytes:
        """The bytes of one, as in its file; may be called from several threads."""

    def take(self, indices: np.ndarray) -> Pictures:
        """Those at `indices`, int `[n]`, in that order."""


class PictureFiles:
    """Pictures in files.

    Args:
        paths: one for each picture.
    """

    def __init__(self, paths: Sequence[Path | str]):
        self.paths = [Path(path) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> bytes:
        with _readable(self.paths[index]):
            return self.paths[index].read_bytes()

    def take(self, indices: np.ndarray) -> PictureFiles:
        return PictureFiles([self.paths[index] for index in indices])

    def digests(self) -> list[bytes]:
        """16 bytes for each picture, which two share only if their files have the same bytes; none is read whole."""
        with futures.ThreadPoolExecutor(_READERS) as readers:
            return list(readers.map(_file_digest, self.paths))


def _file_digest(path: Path) -> bytes:
    with _readable(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, functools.partial(hashlib.blake2b, digest_size=16)).digest()


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); put the picture back or give it rights.") from error


@dataclass(frozen=True, eq=False)
class CaptionedPictures:
    """Pictures with one caption or several each.

    Attributes:
        pictures: their bytes.
        captions: object [pictures] of tuple of str, at least one caption each, as found.
        names: object [pictures] of str, for people: the name of the file, or the number in the set.
        origin: for people, where the pictures come from: "photos/captions.csv", or "emoji scenes en (bundled), train".
        meanings: object [pictures] of str, what a made-up scene shows, as `scenes.Scene.to_json`; None for real pictures.
    """

    pictures: Pictures
    captions: np.ndarray
    names: np.ndarray
    origin: str
    meanings: np.ndarray | None = None

    def __post_init__(self):
        for name in ("captions", "names", "meanings"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.pictures):
                raise ValueError(f"{len(self.pictures)} pictures and {len(values)} {name} from {self.origin}")

    def __len__(self) -> int:
        return len(self.pictures)

    @classmethod
    def from_lists(
        cls,
        pictures: Pictures,
        captions: Sequence[Sequence[str]],
        names: Sequence[str],
        origin: str,
        meanings: Sequence[str] | None = None,
    ) -> CaptionedPictures:
        """The same from plain lists."""
        tuples = np.empty(len(captions), dtype=object)
        tuples[:] = [tuple(each) for each in captions]
        meanings = None if meanings is None else np.array(meanings, dtype=object)
        return cls(pictures, tuples, np.array(names, dtype=object), origin, meanings)

    def take(self, indices: np.ndarray) -> CaptionedPictures:
        """The pictures at `indices` (int [n] or bool [pictures])."""
        indices = np.arange(len(self))[indices]
        meanings = None if self.meanings is None else self.meanings[indices]
        return CaptionedPictures(
            self.pictures.take(indices), self.captions[indices], self.names[indices], self.origin, meanings
        )


@dataclass(frozen=True, eq=False)
class Splits:
    """Raw train, validation and test pictures, and what a person should know about how they came to be.

    Attributes:
        train: what the preprocessor and the model learn from.
        validation: what chooses the best epoch.
        test: looked at once.
        compositions: a second test split, of relations and counts that are combined in no picture of the others; None where
            the data have no such thing.
        language: a name for people, such as "en".
        cache: the folder in which the prepared data lie for the next run; None where nothing is prepared.
        notes: sentences for the console, such as how many captions have no picture.
        available: how many pictures train, validation and test have without `data.limit`; None if it left out none.
    """

    train: CaptionedPictures
    validation: CaptionedPictures
    test: CaptionedPictures
    compositions: CaptionedPictures | None = None
    language: str = "en"
    cache: str | None = None
    notes: tuple[str, ...] = ()
    available: tuple[int, int, int] | None = None

    def describe(self) -> dict[str, str]:
        """What a person wants to know first, name to text: how many pictures and captions, where they come from."""
        rows = {}
        for index, name in enumerate(("train", "validation", "test")):
            part = getattr(self, name)
            whole = f" of {self.available[index]:,}" if self.available else ""
            captions = sum(map(len, part.captions))
            rows[name] = f"{len(part):,}{whole} pictures with {captions:,} captions from {part.origin}"
        if self.compositions is not None:
            rows["compositions"] = f"{len(self.compositions):,} pictures from {self.compositions.origin}"
        return rows
