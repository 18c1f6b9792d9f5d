"""If these fail, a picture shows something else than its scene means: things overlap, leave it, or stand otherwise."""

import itertools

import pytest

from apps.captioning.scene_layouts import PICTURE_SIZE
from apps.captioning.scene_objects import scene_objects
from apps.captioning.scenes import SPLITS, generate


@pytest.fixture(scope="module")
def arranged():
    """(scene, groups of placements, layout) of every split."""
    made = []
    for split in SPLITS:
        for scene, layout in generate(scene_objects("de"), split, 1_500, seed=3):
            placements = iter(layout.placements)
            made.append((scene, [[next(placements) for _ in range(count)] for count in scene.counts], layout))
            assert next(placements, None) is None
    return made


def middle(placements):
    return tuple(sum(getattr(placement, axis) for placement in placements) / len(placements) for axis in "xy")


def test_every_thing_of_the_scene_is_placed(arranged):
    for scene, groups, _ in arranged:
        assert tuple(placements[0].name for placements in groups) == scene.names
        assert all(len({placement.name for placement in placements}) == 1 for placements in groups)


def test_things_are_within_the_picture_and_hardly_overlap(arranged):
    for scene, _, layout in arranged:
        for one in layout.placements:
            assert 26 <= one.side <= 75
            for position in (one.x, one.y):
                assert one.side / 2 - 2 <= position <= PICTURE_SIZE - one.side / 2 + 2, scene
        for one, other in itertools.combinations(layout.placements, 2):
            apart = max(abs(one.x - other.x), abs(one.y - other.y))
            assert apart >= (one.side + other.side) / 2 - 5, scene


def test_the_order_of_groups_is_what_the_arrangement_says(arranged):
    for scene, groups, _ in arranged:
        if scene.arrangement == "alone":
            continue
        along, across = (0, 1) if scene.arrangement in ("beside", "row") else (1, 0)
        axis = "xy"[along]
        for first, second in itertools.pairwise(groups):
            # Also the nearest two are in order, and the groups are much more beside than above each other.
            assert max(getattr(thing, axis) for thing in first) + 20 <= min(getattr(thing, axis) for thing in second)
            (one, other) = middle(first), middle(second)
            assert other[along] - one[along] > 1.5 * abs(other[across] - one[across]), scene


def test_sizes_can_be_told_apart(arranged):
    for scene, groups, _ in arranged:
        for group, placements in zip(scene.groups, groups, strict=True):
            sides = [placement.side for placement in placements]
            if group.size == "small":
                assert max(sides) <= 32
            elif group.size == "large":
                assert min(sides) >= 43
            elif group.count <= 2 and len(groups) < 3:
                # Two in a row beside a third one have least room.
                has_size = any(each.size for each in scene.groups)
                assert (33 if has_size else 30) <= min(sides) <= max(sides) <= 48
