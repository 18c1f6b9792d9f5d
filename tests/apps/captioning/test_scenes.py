"""If these fail, a scene for the test was seen in training, or a scene is stored otherwise than it was meant."""

import hashlib
import itertools
import subprocess
import sys
from collections import Counter

import pytest

from apps.captioning.scene_objects import scene_objects
from apps.captioning.scenes import (
    BACKGROUNDS,
    HELD_OUT_COMPOSITIONS,
    SPLITS,
    Group,
    Scene,
    generate,
    same_attributes,
    same_meaning,
)
from common.errors import UserError

FOX_LEFT_OF_TWO_CARS = Scene((Group("fox", 1, "small"), Group("automobile", 2)), "beside", "blue")


@pytest.fixture(scope="module")
def splits():
    """split to scenes, as many as the bundled data have."""
    objects = scene_objects("de")  # the same as in English, without waiting for inflect
    counts = {"train": 11_500, "validation": 1_000, "test": 2_000, "compositions": 2_000}
    return {split: [scene for scene, _ in generate(objects, split, count)] for split, count in counts.items()}


def combinations(scenes):
    return {(frozenset(scene.names), scene.counts if len(scene.groups) == 1 else None) for scene in scenes}


def test_no_combination_stands_in_two_splits(splits):
    for one, other in itertools.combinations(SPLITS, 2):
        shared = combinations(splits[one]) & combinations(splits[other])
        assert not shared or {one, other} == {"test", "compositions"}


def test_two_things_of_the_test_are_not_together_in_training_beside_a_third_either(splits):
    trained = {frozenset(pair) for scene in splits["train"] for pair in itertools.combinations(sorted(scene.names), 2)}
    for split in ("validation", "test", "compositions"):
        assert not trained & {frozenset(scene.names) for scene in splits[split] if len(scene.groups) == 2}


def test_counts_and_arrangements_of_compositions_stand_in_no_other_split_but_each_part_does(splits):
    def two(split):
        return {(scene.arrangement, scene.counts) for scene in splits[split] if len(scene.groups) == 2}

    assert two("compositions") == HELD_OUT_COMPOSITIONS
    for split in ("train", "validation", "test"):
        assert not two(split) & HELD_OUT_COMPOSITIONS
        assert {arrangement for arrangement, _ in two(split)} == {"beside", "above"}
        assert {counts for _, counts in two(split)} == set(itertools.product((1, 2, 3), repeat=2))
        # In each arrangement each number stands on each side.
        sides = {(arrangement, side, counts[side]) for arrangement, counts in two(split) for side in (0, 1)}
        assert len(sides) == 2 * 2 * 3
    assert all(len(scene.groups) == 2 for scene in splits["compositions"])


def test_each_thing_is_often_in_training_and_in_each_number(splits):
    often = Counter(name for scene in splits["train"] for name in scene.names)
    numbers = Counter((group.name, group.count) for scene in splits["train"] for group in scene.groups)
    fours = {name for name, count in numbers if count == 4}
    for thing in scene_objects("de"):
        assert often[thing.name] >= 200
        assert min(numbers[thing.name, count] for count in (1, 2, 3)) >= 5
    # Four of a kind stand alone, so where they are held out they are not seen in training.
    held_out = {scene.names[0] for split in ("validation", "test") for scene in splits[split] if scene.counts == (4,)}
    assert fours.isdisjoint(held_out)
    assert len(fours) >= 50


def test_every_arrangement_size_and_background_is_in_every_split(splits):
    for split, scenes in splits.items():
        assert {scene.background for scene in scenes} == set(BACKGROUNDS)
        assert {group.size for scene in scenes for group in scene.groups} == {None, "small", "large"}
        if split != "compositions":
            assert {scene.arrangement for scene in scenes} == {"alone", "beside", "above", "row", "column"}
            assert 0.15 < sum(len(scene.groups) == 1 for scene in scenes) / len(scenes) < 0.25
    for scene in itertools.chain.from_iterable(splits.values()):
        assert scene.is_possible
        assert len(set(scene.names)) == len(scene.names)
        assert sum(scene.counts) <= 6


def test_the_same_scenes_each_time_and_in_another_process(splits):
    digest = hashlib.sha256("".join(scene.to_json() for scene in splits["test"][:200]).encode()).hexdigest()
    code = (
        "import hashlib; from apps.captioning.scenes import generate; "
        "from apps.captioning.scene_objects import scene_objects; "
        "made = [scene.to_json() for scene, _ in generate(scene_objects('fr'), 'test', 200)]; "
        "print(hashlib.sha256(''.join(made).encode()).hexdigest())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == digest
    other = [scene for scene, _ in generate(scene_objects("de"), "test", 200, seed=1)]
    assert other != splits["test"][:200]
    assert not combinations(other) & combinations(splits["train"])


def test_a_scene_reads_back_from_its_text(splits):
    for scene in itertools.chain(*(scenes[:500] for scenes in splits.values()), [FOX_LEFT_OF_TWO_CARS]):
        assert Scene.from_json(scene.to_json()) == scene
    texts = {scene.to_json() for scene in splits["train"]}
    assert len(texts) == len(set(splits["train"]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a fox",
        "[]",
        "null",
        "3",
        "{}",
        "[" * 100_000,
        '{"arrangement":"alone","groups":[],"background":null}',
        '{"arrangement":"beside","groups":[["fox",1,null]],"background":null}',
        '{"arrangement":"alone","groups":[["fox",9,null]],"background":null}',
        '{"arrangement":"alone","groups":[["fox",true,null]],"background":null}',
        '{"arrangement":"alone","groups":[["fox",1,"huge"]],"background":null}',
        '{"arrangement":"alone","groups":[[3,1,null]],"background":null}',
        '{"arrangement":"alone","groups":[["fox",1,null]],"background":"tartan"}',
        '{"arrangement":"alone","groups":[["fox",1]],"background":null}',
        '{"arrangement":["alone"],"groups":[["fox",1,null]],"background":null}',
    ],
)
def test_a_text_that_is_no_scene(text):
    with pytest.raises(UserError, match="is no scene"):
        Scene.from_json(text)


def test_meaning_is_things_counts_and_arrangement():
    shown = FOX_LEFT_OF_TWO_CARS
    plain = shown.without_attributes()
    fox, cars = plain.groups
    assert same_meaning(plain, shown)
    assert not same_meaning(None, shown)
    assert not same_meaning(None, None)
    for other in (
        Scene((cars, fox), "beside"),
        Scene((fox, cars), "above"),
        Scene((fox, Group("automobile", 1)), "beside"),
        Scene((fox, Group("bus", 2)), "beside"),
        Scene((fox,), "alone"),
    ):
        assert not same_meaning(other, shown)
    assert same_attributes(plain, shown)
    assert same_attributes(shown, shown)
    assert not same_attributes(Scene(plain.groups, "beside", "red"), shown)
    assert not same_attributes(Scene((Group("fox", 1, "large"), cars), "beside"), shown)
    assert not same_attributes(Scene((fox, Group("automobile", 2, "large")), "beside"), shown)


def test_a_split_that_does_not_exist():
    with pytest.raises(UserError, match="no split 'dev', only train, validation, test and compositions"):
        generate(scene_objects("de"), "dev", 1)
