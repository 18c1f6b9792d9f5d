"""What the evaluations of the applications share: the examples of a split, and texts shortened for a person."""

from __future__ import annotations

from typing import Any

from common.errors import UserError

SPLITS = ("train", "validation", "test")


def split_examples(splits: Any, split: str) -> Any:
    """Returns the examples of a split.

    Args:
        splits: has `train`, `validation` and `test`, each with a length and an `origin` for people.
        split: which of them.

    Raises:
        UserError: there is no such split, or it has no examples.
    """
    if split not in SPLITS:
        raise UserError(f"there is no split {split!r}; expected one of {', '.join(SPLITS)}.")
    examples = getattr(splits, split)
    if len(examples) == 0:
        raise UserError(f"the {split} split ({examples.origin}) has no examples; choose another --split or more data.")
    return examples


def shortened(text: str, length: int) -> str:
    """`text` in one line of at most `length` characters; of a longer one the beginning and the end."""
    if len(text) > 4 * length:  # white space of a text of megabytes need not be looked at
        text = text[: 2 * length] + " … " + text[-2 * length :]
    text = " ".join(text.replace("<br />", " ").split())
    if len(text) <= length:
        return text
    head = (length - 3) // 2
    return f"{text[:head]} … {text[len(text) - (length - 3 - head) :]}"
