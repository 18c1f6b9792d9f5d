"""What a person reads on the console about an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.captioning.scene_scores import PARTS
from common.console import get_console
from common.evaluation import shortened

SHOWN = 2  # of the best, the middling and the worst captions
LONGEST_SHOWN = 240  # characters


def show_evaluation(result: dict[str, Any], rows: Sequence[dict[str, Any]], chosen: dict[str, list[int]]) -> None:
    """Writes what stands beside the table of metrics, which the verb writes.

    Args:
        result: what `evaluate` returns.
        rows: of each picture `name`, `caption`, `references` and `cider`.
        chosen: kind, such as best, to the rows of this kind; the first `SHOWN` of each are written.
    """
    console, varied = get_console(), result["diversity"]
    console.line(
        f"  {result['examples']:,} {result['split']} pictures; {varied['distinct']:.0%} of the captions are distinct, "
        f"of {varied['words']:,} words; {varied['from_training']:.0%} stand word for word in training"
    )
    for name, reason in result["undefined"].items():
        if name == "meteor":  # usual, and nothing to be warned of
            console.line(f"  {name}: {reason}")
        else:
            console.warn(f"{name}: {reason}")
    for note in result["notes"]:
        console.line(f"  {note}")
    for split, scores in result["scenes"].items():
        _show_scenes(split, scores)
    for kind, indices in chosen.items():
        shown = indices[:SHOWN]
        if shown:
            console.heading(f"{kind.capitalize()} caption{'s' if len(shown) > 1 else ''}, with CIDEr")
        for index in shown:
            row = rows[index]
            score = "  -" if row["cider"] is None else f"{row['cider']:3.0f}"
            console.line(f"  {score}  picture    {shortened(row['name'], LONGEST_SHOWN)}")
            console.line(f"       caption    {shortened(row['caption'], LONGEST_SHOWN)}")
            console.line(f"       reference  {shortened(row['references'][0], LONGEST_SHOWN)}")


def _show_scenes(split: str, scores: dict[str, Any]) -> None:
    console = get_console()
    console.heading(f"Scenes of {split}: share of captions that are right, by how many kinds of things there are")
    columns = {
        f"{group['groups']} ({group['examples']:,})": {part: group[part] for part in PARTS}
        for group in scores["by_groups"]
    }
    console.metrics({part: scores[part] for part in PARTS}, columns, name="all")
