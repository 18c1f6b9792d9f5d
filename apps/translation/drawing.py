"""Draws values for one split of the phrase book.

A hash of a value decides whether it may stand in the training phrases, in those for validation or in those of the
test, so that no split holds a value of another, whatever the seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import TypeVar

SPLITS = ("train", "validation", "test")

_PARTS = 20  # of the values, one is for validation, one for the test
_ATTEMPTS = 200

T = TypeVar("T")


class NotFoundError(Exception):
    """There is no value of the split among many that were drawn."""


@lru_cache(maxsize=1_000_000)
def split_of(name: str) -> str:
    """The split to which the value of this name belongs."""
    part = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big") % _PARTS
    return {0: "validation", 1: "test"}.get(part, "train")


class Drawer:
    """Draws the values of one split, and keeps the names of those it drew.

    Attributes:
        drawn: names of the values since it was last emptied.
    """

    def __init__(self, random: Random, split: str):
        self.drawn: list[str] = []
        self._random = random
        self._split = split

    def chance(self) -> float:
        """A number from 0 to below 1; the one thing that every version of Python draws alike from the same seed."""
        return self._random.random()

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""
        return low + int(self.chance() * (high - low + 1))

    def choose(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.between(0, len(choices) - 1)]

    def with_digits(self, most: int) -> int:
        """A number of 1 to `most` digits, all lengths alike often."""
        digits = self.between(1, most)
        return self.between(10 ** (digits - 1), 10**digits - 1)

    def value(self, draw: Callable[[], T], name: Callable[[T], str], singular: Callable[[T], bool] | None = None) -> T:
        """A value that belongs to the split.

        Args:
            draw: makes one of any split.
            name: says which it is.
            singular: whether it may have a word that no other value teaches, as one of something has; such a value is for
                training, whatever its hash.

        Raises:
            NotFoundError: no such value was drawn.
        """
        for _ in range(_ATTEMPTS):
            value = draw()
            named = name(value)
            split = "train" if singular is not None and singular(value) else split_of(named)
            if split == self._split:
                self.drawn.append(named)
                return value
        raise NotFoundError
