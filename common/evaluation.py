"""What the evaluations of the applications share: the examples of a split, what was evaluated, and what a person is shown of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import UserError

if TYPE_CHECKING:
    from common.runs import Run

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


def require_evaluated(run: Run, split: str, path: Path) -> None:
    """Raises UserError unless `path` is there, a file that `evaluate` leaves in the run for a split."""
    if not path.exists():
        raise UserError(f"{path} does not exist; run evaluate --run {run.path} --split {split} first")


def ranked(scores: np.ndarray, lengths: np.ndarray, count: int) -> dict[str, list[int]]:
    """Which examples to show: `best`, `median` and `worst`, up to `count` of each, none twice.

    Of equally good ones the longer is better, because it says more of the model.

    Args:
        scores: float [n], of each example, more is better.
        lengths: int [n], of what was read or said.
        count: how many of each.
    """
    order = np.lexsort((lengths, scores))[::-1].tolist()  # [n], best first
    count = min(count, max(1, len(order) // 3))
    middle = max(count, (len(order) - count) // 2)
    return {
        "best": order[:count],
        "median": order[middle : middle + count][: max(0, len(order) - 2 * count)],
        "worst": order[max(count, len(order) - count) :][::-1],
    }


def shortened(text: str, length: int) -> str:
    """`text` in one line of at most `length` characters; of a longer one the beginning and the end."""
    if len(text) > 4 * length:  # white space of a text of megabytes need not be looked at
        text = text[: 2 * length] + " … " + text[-2 * length :]
    text = " ".join(text.replace("<br />", " ").split())
    if len(text) <= length:
        return text
    head = (length - 3) // 2
    return f"{text[:head]} … {text[len(text) - (length - 3 - head) :]}"
