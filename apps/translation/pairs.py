"""Pairs of sentences, and the three splits of them that a run works with.

What the readers (`pair_files`, the catalogue, the phrase book) give, and everything that learns receives.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.data.splits import text_digest


@dataclass(frozen=True, eq=False)
class SentencePairs:
    """Sentences with one translation each.

    Attributes:
        sources: object [pairs] of str, as found: nothing is cleaned before the preprocessor.
        targets: object [pairs] of str, likewise.
        origin: for people, where the pairs come from: a file, or "phrase book en-de (bundled), train".
    """

    sources: np.ndarray
    targets: np.ndarray
    origin: str

    def __post_init__(self):
        if len(self.sources) != len(self.targets):
            raise ValueError(f"{len(self.sources)} sources and {len(self.targets)} targets from {self.origin}")

    def __len__(self) -> int:
        return len(self.sources)

    @classmethod
    def from_lists(cls, sources: Sequence[str], targets: Sequence[str], origin: str) -> SentencePairs:
        """The same from plain lists of str."""
        return cls(np.array(sources, dtype=object), np.array(targets, dtype=object), origin)

    @functools.cached_property
    def digests(self) -> list[bytes]:
        """`text_digest` of every source, [pairs]."""
        return [text_digest(source) for source in self.sources]

    def take(self, indices: np.ndarray) -> SentencePairs:
        """The pairs at `indices` (int [n] or bool [pairs])."""
        return SentencePairs(self.sources[indices], self.targets[indices], self.origin)


@dataclass(frozen=True, eq=False)
class Splits:
    """Raw train, validation and test pairs, and what a person should know about how they came to be.

    Attributes:
        train: what the preprocessor and the model learn from.
        validation: what chooses the best epoch.
        test: looked at once.
        source_language: a name for people, such as "en".
        target_language: likewise.
        cache: the folder in which the prepared data lie for the next run; None where nothing is prepared.
        notes: sentences for the console, such as how many pairs were left out, and why.
        available: how many pairs train, validation and test have without `data.limit`; None if it left out none.
    """

    train: SentencePairs
    validation: SentencePairs
    test: SentencePairs
    source_language: str
    target_language: str
    cache: str | None = None
    notes: tuple[str, ...] = ()
    available: tuple[int, int, int] | None = None

    def describe(self) -> dict[str, str]:
        """What a person wants to know first, name to text: the languages, how many pairs, where they come from."""
        rows = {"languages": f"{self.source_language} → {self.target_language}"}
        for index, name in enumerate(("train", "validation", "test")):
            part = getattr(self, name)
            whole = f" of {self.available[index]:,}" if self.available else ""
            rows[name] = f"{len(part):,}{whole} pairs from {part.origin}"
        return rows
