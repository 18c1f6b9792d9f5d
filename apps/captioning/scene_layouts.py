"""Where each thing of a bundled scene stands on the picture.

Groups get parts of the picture of their own, so what is left of what, or above it, is never in doubt; within its part a group is
in one of several formations. Numbers are in pixels of the picture, from its upper left corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # scenes imports this module
    from collections.abc import Iterator

    from apps.captioning.scenes import Group, Scene

PICTURE_SIZE = 96
_MARGIN = 1
_FREE = PICTURE_SIZE - 2 * _MARGIN
_OFF_LINE = 6  # most that a group is off the line that groups stand on
_ANGLES = (-8, -4, 0, 4, 8)  # degrees; more, and a bear lies on its back. Few, so that turned pictures can be kept
# Longer side of a thing by its size, in pixels. One thing alone has more room.
_SIDES = {"small": (27, 30), None: (35, 40), "large": (45, 49)}
_SIDES_ALONE = {"small": (27, 31), None: (37, 46), "large": (50, 62)}
_SMALLEST = 27
# Columns and rows of a group, by its count. Four in a line would be too small.
_FORMATIONS = {1: ((1, 1),), 2: ((1, 2), (2, 1)), 3: ((1, 3), (3, 1), (2, 2)), 4: ((2, 2),)}


@dataclass(frozen=True)
class Placement:
    """Where one thing stands.

    Attributes:
        name: English name of the thing.
        x, y: its centre, in pixels.
        side: its longer side, in pixels.
        angle: turned by so many degrees, counterclockwise.
        mirrored: left and right exchanged.
    """

    name: str
    x: int
    y: int
    side: int
    angle: int
    mirrored: bool


@dataclass(frozen=True)
class Layout:
    """Where all things of a scene stand.

    Attributes:
        placements: one for each thing, group by group.
        background_seed: of the shade and texture of the background.
    """

    placements: tuple[Placement, ...]
    background_seed: int


def arrange(scene: Scene, random: Random) -> Layout:
    """Places every thing of a scene.

    Args:
        scene: what is to be seen.
        random: drawn from.
    """
    is_downwards = scene.arrangement in ("above", "column")
    # There is room for one group of two things along the line of groups, if nothing is large there.
    thick = None if any(group.size for group in scene.groups) else random.randrange(len(scene.groups))
    formations = [
        _formation(group.count, len(scene.groups), is_downwards, 2 if index == thick else 1, random)
        for index, group in enumerate(scene.groups)
    ]
    # A group gets its share of the line of groups by how large it is drawn, and how many things it is thick there.
    thicknesses = [rows if is_downwards else columns for columns, rows in formations]
    weights = [sum(_SIDES[group.size]) * each for group, each in zip(scene.groups, thicknesses, strict=True)]
    lengths = [_FREE * weight / sum(weights) for weight in weights]
    widest = max(columns if is_downwards else rows for columns, rows in formations)
    # Groups stand about on one line across or down, or "left of" could as well be "above".
    reach = max(_FREE / 2 - widest * max(sum(_SIDES[group.size]) for group in scene.groups) / 4, 0)
    line = PICTURE_SIZE / 2 + random.uniform(-reach, reach)
    placements: list[Placement] = []
    start = float(_MARGIN)
    for group, formation, length in zip(scene.groups, formations, lengths, strict=True):
        if len(scene.groups) == 1:
            part = (_MARGIN, _MARGIN, _FREE, _FREE)
            placements.extend(_place(group, formation, part, None, is_downwards, random))
        else:
            part = (_MARGIN, start, _FREE, length) if is_downwards else (start, _MARGIN, length, _FREE)
            placements.extend(_place(group, formation, part, line, is_downwards, random))
        start += length
    return Layout(tuple(placements), random.getrandbits(32))


def _formation(count: int, groups: int, is_downwards: bool, most: int, random: Random) -> tuple[int, int]:
    """Columns and rows of a group: the same ones beside a group as above one, so that a number looks the same in both.

    Args:
        most: things along the line of groups.
    """
    formations = _FORMATIONS[count]
    if groups > 1:
        formations = [each for each in formations if each[is_downwards] <= most]
    return random.choice(formations)


def _place(
    group: Group,
    formation: tuple[int, int],
    part: tuple[float, float, float, float],
    line: float | None,
    is_downwards: bool,
    random: Random,
) -> Iterator[Placement]:
    """The placements of one group within its part: left, top, width and height.

    Args:
        line: what the group is about centred on, across its part; None where it may be anywhere.
    """
    left, top, width, height = part
    columns, rows = formation
    sides = _SIDES_ALONE if line is None and group.count == 1 else _SIDES
    fitting = min(width / columns, height / rows)
    side = max(min(random.uniform(*sides[group.size]), fitting), _SMALLEST)
    # Gaps within a group are small, so that it looks like one.
    cell = min(side * random.uniform(1.0, 1.12), fitting)
    left += _offset(width, columns * cell, line if is_downwards else None, random)
    top += _offset(height, rows * cell, None if is_downwards else line, random)
    cells = [(column, row) for row in range(rows) for column in range(columns)]
    if group.count < len(cells):
        cells.remove(random.choice(cells))
    for column, row in cells:
        own_side = min(side * random.uniform(0.95, 1.04), cell)
        slack = (cell - own_side) / 2
        yield Placement(
            group.name,
            round(left + (column + 0.5) * cell + random.uniform(-slack, slack)),
            round(top + (row + 0.5) * cell + random.uniform(-slack, slack)),
            round(own_side),
            random.choice(_ANGLES),
            random.random() < 0.5,
        )


def _offset(room: float, extent: float, line: float | None, random: Random) -> float:
    """Where something of `extent` begins in `room`: anywhere, or so that its middle is near `line` of the picture."""
    most = max(room - extent, 0)
    if line is None:
        return random.uniform(0, most)
    middle = line - _MARGIN + random.uniform(-_OFF_LINE, _OFF_LINE)
    return min(max(middle - extent / 2, 0), most)
