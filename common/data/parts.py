"""The parts that a set of data brings, made into train, validation and test without an example in two of them.

For examples of any kind that know what makes two of them the same; `splitting` does the same for labelled texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from common.data.splitting import split_by_text, without_texts_of
from common.errors import UserError


class Part(Protocol):
    """Examples of one part.

    Attributes:
        origin: for people, where the examples come from.
        digests: bytes [examples], equal for examples that are the same.
    """

    origin: str
    digests: Sequence[bytes]

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> Part:
        """The examples at `indices` (int [n] or bool [examples])."""


_Part = TypeVar("_Part", bound=Part)


def made_disjoint(parts: Mapping[str, _Part], notes: list[str], *, what: str, sameness: str) -> dict[str, _Part]:
    """The parts without the examples of the test set and of validation where they must not be.

    Examples of the test are left out of validation and training, those of validation out of training, never the other
    way, so that published test sets stay comparable.

    Args:
        parts: by name: "train", and "validation" and "test" where the set has them.
        notes: a sentence is added for each part that loses something.
        what: the word for examples, such as "pairs".
        sameness: the word for what makes them the same, such as "source sentence".

    Raises:
        UserError: nothing is left of a part.
    """
    parts = dict(parts)
    for name, held_out in (("validation", "test"), ("train", "validation"), ("train", "test")):
        if name in parts and held_out in parts:
            shown = "training" if name == "train" else name
            parts[name] = without_texts_of(
                parts[held_out], parts[name], held_out, shown, notes, what=what, text=sameness
            )
    return parts


def split_off(
    whole: _Part,
    identities: Sequence[str],
    fractions: Mapping[str, float],
    *,
    what: str,
    sameness: str,
    advice: str = "",
) -> dict[str, _Part]:
    """Splits what is missing off the training examples, by a hash of what makes them the same.

    Args:
        whole: all examples for training.
        identities: str [examples], equal for examples that are the same.
        fractions: share of the examples by name, "validation" and "test", of those that are missing.
        what: the word for examples, such as "pairs".
        sameness: the word for one of those that are different, such as "source sentence".
        advice: what else than more examples would help, in the words of a command; may hold `{name}`, the first that is missing.

    Returns:
        "train", smaller than `whole`, and the missing ones; empty if none is missing.

    Raises:
        UserError: there are too few different examples.
    """
    if not fractions:
        return {}
    split = split_by_text(identities, None, fractions.get("validation", 0.0), fractions.get("test", 0.0))
    indices = dict(zip(("train", "validation", "test"), split, strict=True))
    if not all(len(indices[name]) for name in fractions):
        instead = advice.format(name=next(iter(fractions)))
        raise UserError(
            f"{whole.origin}: {len(set(identities))} different {sameness}s are too few to split a "
            f"{' and a '.join(fractions)} set from, at least {1 + len(fractions)} are needed; add {what}{instead}."
        )
    return {name: whole.take(indices[name]) for name in ("train", *fractions)}
