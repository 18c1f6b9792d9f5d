"""Whether captions of made-up scenes say what the scenes show: all of it, and each part by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from apps.captioning.scene_captions import read_caption
from apps.captioning.scenes import Scene, same_meaning

PARTS = ("accuracy", "objects", "counts", "arrangement", "understood")


def right_scenes(captions: Sequence[str], meanings: Sequence[str], language: str) -> np.ndarray:
    """Which captions name all things of their scenes, how many there are and how they stand, bool [n].

    Args:
        captions: one for each scene.
        meanings: the scenes as `Scene.to_json`.
        language: of the captions.
    """
    return _judged(captions, meanings, language)[:, 0]


def scene_accuracy(captions: Sequence[str], meanings: Sequence[str], language: str) -> float:
    """The share of captions that `right_scenes` finds right, 0 to 1."""
    return float(right_scenes(captions, meanings, language).mean())


def scene_scores(captions: Sequence[str], meanings: Sequence[str], language: str) -> dict[str, Any]:
    """What is right about captions of scenes.

    Args:
        captions: one for each scene, at least one.
        meanings: the scenes as `Scene.to_json`.
        language: of the captions.

    Returns:
        Shares of the captions from 0 to 1. `accuracy`: all is right. `objects`: the same things, in whatever order. `counts`: each
        thing as many times as it is there; of wrong things, as many as of the right one in its place. `arrangement`: beside,
        above, in a row or column as they are, and in the same order if they are the right things. `understood`: the caption
        describes some scene. And `by_groups`: for scenes of one, two and three groups the same, with `groups` and `examples`.
    """
    judged = _judged(captions, meanings, language)
    groups = np.array([len(Scene.from_json(meaning).groups) for meaning in meanings])  # [n]
    by_groups = [
        {"groups": int(number), "examples": int(np.sum(groups == number)), **_shares(judged[groups == number])}
        for number in np.unique(groups)
    ]
    return {**_shares(judged), "by_groups": by_groups}


def _shares(judged: np.ndarray) -> dict[str, float]:
    return dict(zip(PARTS, judged.mean(axis=0).tolist(), strict=True))


def _judged(captions: Sequence[str], meanings: Sequence[str], language: str) -> np.ndarray:
    """What is right of each caption, bool [n, PARTS]."""
    pairs = zip(captions, meanings, strict=True)
    rows = [_right_parts(read_caption(caption, language), Scene.from_json(meaning)) for caption, meaning in pairs]
    return np.array(rows, bool).reshape(-1, len(PARTS))


def _right_parts(said: Scene | None, shown: Scene) -> tuple[bool, ...]:
    """What is right of one caption, as in `PARTS`."""
    if said is None:
        return (False,) * len(PARTS)
    objects = sorted(said.names) == sorted(shown.names)
    if objects:
        counts = sorted(zip(said.names, said.counts, strict=True)) == sorted(
            zip(shown.names, shown.counts, strict=True)
        )
    else:
        counts = said.counts == shown.counts
    arrangement = said.arrangement == shown.arrangement and (not objects or said.names == shown.names)
    return same_meaning(said, shown), objects, counts, arrangement, True
