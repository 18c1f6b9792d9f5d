"""What a bundled scene means, and which scenes stand in which split.

A scene is made up before it is drawn (`scene_drawing`) and described (`scene_captions`). What it means, which things, how many and
how they stand, is a `Scene`; where on the picture each thing is, is its `Layout`, from `scene_layouts`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from apps.captioning.scene_layouts import Layout, arrange
from apps.captioning.scene_objects import SceneObject
from common.errors import UserError
from common.spelling import listed

SPLITS = ("train", "validation", "test", "compositions")
SIZES = ("small", "large")
BACKGROUNDS = (
    *("white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black"),
    *("grass", "sand", "sky", "night", "snow", "water"),
)
ALONE, BESIDE, ABOVE, ROW, COLUMN = "alone", "beside", "above", "row", "column"
ARRANGEMENTS = {1: (ALONE,), 2: (BESIDE, ABOVE), 3: (ROW, COLUMN)}  # by number of groups
MOST_OF_ONE = 4
MOST_SIZED = 2  # groups of more things than this are all drawn about as large as they fit
_PAIR_COUNTS = tuple(itertools.product((1, 2, 3), repeat=2))
# What stands in the split `compositions` alone. Each arrangement and each pair of counts is in training with another, and so is in
# each arrangement each count on each side.
HELD_OUT_COMPOSITIONS = frozenset({(BESIDE, (2, 1)), (BESIDE, (1, 3)), (ABOVE, (1, 2)), (ABOVE, (3, 1))})

_SHARES = (("validation", 0.1), ("test", 0.1))  # of combinations; the rest is for training
_GROUPS = (1, 2, 3)
_GROUP_WEIGHTS = (0.2, 0.5, 0.3)
_SIZE_WEIGHTS = (0.25, 0.25, 0.5)  # small, large, neither


@dataclass(frozen=True)
class Group:
    """Things of one kind that stand together.

    Attributes:
        name: English name of the thing, as `SceneObject.name`.
        count: 1 to 4.
        size: small or large; None where it is neither, or where a caption does not say it.
    """

    name: str
    count: int = 1
    size: str | None = None


@dataclass(frozen=True)
class Scene:
    """What a picture shows, or what a caption says that it shows.

    Attributes:
        groups: one to three, from left to right or from top to bottom.
        arrangement: alone, beside (the first left of the second), above (the first above the second), row (three from left to
            right) or column (three from top to bottom).
        background: one of `BACKGROUNDS`; None where a caption does not say it.
    """

    groups: tuple[Group, ...]
    arrangement: str
    background: str | None = None

    def to_json(self) -> str:
        """The scene as text: one meaning, one string."""
        groups = [[group.name, group.count, group.size] for group in self.groups]
        content = {"arrangement": self.arrangement, "groups": groups, "background": self.background}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Scene:
        """The scene that `to_json` wrote.

        Raises:
            UserError: the text is no scene.
        """
        try:
            content = json.loads(text)
            groups = tuple(Group(name, count, size) for name, count, size in content["groups"])
            scene = cls(groups, content["arrangement"], content["background"])
        except (ValueError, TypeError, KeyError, RecursionError):
            scene = None
        if scene is None or not scene.is_possible:
            raise UserError(
                f"{text[:80]!r} is no scene, which has from one to three groups, an arrangement and a background; "
                "prepare the scenes anew."
            )
        return scene

    @property
    def is_possible(self) -> bool:
        """Whether every value is of the right kind and within its bounds."""
        arrangements = ARRANGEMENTS.get(len(self.groups), ())
        return (
            self.arrangement in arrangements
            and (self.background is None or self.background in BACKGROUNDS)
            and all(
                isinstance(group.name, str)
                and type(group.count) is int
                and 1 <= group.count <= MOST_OF_ONE
                and (group.size is None or group.size in SIZES)
                for group in self.groups
            )
        )

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(group.count for group in self.groups)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(group.name for group in self.groups)

    def without_attributes(self) -> Scene:
        """The same things, counts and arrangement; nothing about sizes and background."""
        return Scene(tuple(replace(group, size=None) for group in self.groups), self.arrangement)


def same_meaning(one: Scene | None, other: Scene | None) -> bool:
    """Whether things, counts and arrangement are the same; sizes and background do not matter. None is never the same."""
    return one is not None and other is not None and one.without_attributes() == other.without_attributes()


def same_attributes(said: Scene | None, shown: Scene | None) -> bool:
    """Whether `said` means the same as `shown`, and every size and background that it says is right."""
    if not same_meaning(said, shown):
        return False
    sizes = all(mine.size in (None, theirs.size) for mine, theirs in zip(said.groups, shown.groups, strict=True))
    return sizes and said.background in (None, shown.background)


def split_of(scene: Scene) -> str:
    """The split whose scenes may hold this combination of things: train, validation or test.

    What decides is a hash of the names, or of name and count where there is one group. Three things are for training only if
    each two of them are, otherwise for "none": what is together in a scene of two groups for validation or for the test is never
    seen together in training, not even beside a third thing.
    """
    if len(scene.groups) == 1:
        return _share(f"{scene.groups[0].name} {scene.groups[0].count}")
    names = sorted(scene.names)
    split = _share(" + ".join(names))
    if split == "train" and len(names) == 3:
        pairs = itertools.combinations(names, 2)
        return "train" if all(_share(" + ".join(pair)) == "train" for pair in pairs) else "none"
    return split


def _share(combination: str) -> str:
    digest = hashlib.blake2b(combination.encode(), digest_size=8).digest()
    position = int.from_bytes(digest, "big") / 2**64
    for split, share in _SHARES:
        if position < share:
            return split
        position -= share
    return "train"


def generate(objects: Sequence[SceneObject], split: str, count: int, seed: int = 0) -> Iterator[tuple[Scene, Layout]]:
    """Makes scenes and where everything is on them: the same for the same arguments, everywhere.

    Args:
        objects: what they are made of, three at least.
        split: one of `SPLITS`. The combinations of one stand in no other, whatever the seed; those of `compositions` are two groups
            of things from the combinations of the test, with counts and arrangement as in no other split.
        count: how many.
        seed: any whole number; the bundled data are those of 0.

    Raises:
        UserError: the split does not exist.
    """
    if split not in SPLITS:
        raise UserError(f"The scenes have no split {split!r}, only {listed(SPLITS, 'and')}.")
    return _generate([thing.name for thing in objects], split, count, seed)


def _generate(names: Sequence[str], split: str, count: int, seed: int) -> Iterator[tuple[Scene, Layout]]:
    start = hashlib.blake2b(f"{split} {seed}".encode(), digest_size=8).digest()
    random = Random(int.from_bytes(start, "big"))
    draw = _draw_composition if split == "compositions" else _draw_scene
    combinations = "test" if split == "compositions" else split
    for _ in range(count):
        # The number of groups is drawn once: of three things fewer combinations are for training than of two.
        number = random.choices(_GROUPS, _GROUP_WEIGHTS)[0]
        scene = draw(names, number, random)
        while split_of(scene) != combinations:
            scene = draw(names, number, random)
        yield scene, arrange(scene, random)


def _draw_scene(names: Sequence[str], number: int, random: Random) -> Scene:
    arrangement = random.choice(ARRANGEMENTS[number])
    if number == 1:
        counts = (random.randint(1, MOST_OF_ONE),)
    elif number == 2:
        counts = random.choice([pair for pair in _PAIR_COUNTS if (arrangement, pair) not in HELD_OUT_COMPOSITIONS])
    else:
        counts = (1, 1, 1)
    return _dressed(random.sample(names, number), counts, arrangement, random)


def _draw_composition(names: Sequence[str], number: int, random: Random) -> Scene:
    del number  # always two
    arrangement, counts = random.choice(sorted(HELD_OUT_COMPOSITIONS))
    return _dressed(random.sample(names, 2), counts, arrangement, random)


def _dressed(names: Sequence[str], counts: Sequence[int], arrangement: str, random: Random) -> Scene:
    groups = []
    for name, count in zip(names, counts, strict=True):
        has_size = len(names) < 3 and count <= MOST_SIZED
        size = random.choices((*SIZES, None), _SIZE_WEIGHTS)[0] if has_size else None
        groups.append(Group(name, count, size))
    return Scene(tuple(groups), arrangement, random.choice(BACKGROUNDS))
