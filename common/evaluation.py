"""What the evaluations of the applications share: the examples of a split, what was evaluated, and texts shortened for a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def shortened(text: str, length: int) -> str:
    """`text` in one line of at most `length` characters; of a longer one the beginning and the end."""
    if len(text) > 4 * length:  # white space of a text of megabytes need not be looked at
        text = text[: 2 * length] + " … " + text[-2 * length :]
    text = " ".join(text.replace("<br />", " ").split())
    if len(text) <= length:
        return text
    head = (length - 3) // 2
    return f"{text[:head]} … {text[len(text) - (length - 3 - head) :]}"
