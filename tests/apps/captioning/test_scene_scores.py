"""A caption that counts as right though it is not would make a network look better than it is."""

from random import Random

import numpy as np
import pytest

from apps.captioning.scene_captions import write_captions
from apps.captioning.scene_objects import scene_objects
from apps.captioning.scene_scores import right_scenes, scene_accuracy, scene_scores
from apps.captioning.scenes import Group, Scene, generate

NAMES = [thing.name for thing in scene_objects("en")][:4]
A, B, C, D = NAMES


def said(arrangement, *groups):
    """A caption that says just this."""
    scene = Scene(tuple(Group(name, count) for name, count in groups), arrangement, "grass")
    return write_captions(scene, "en", Random(0))[0]


def parts(caption, shown):
    scores = scene_scores([caption], [shown.to_json()], "en")
    return {name: scores[name] for name in ("accuracy", "objects", "counts", "arrangement", "understood")}


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_every_caption_of_a_scene_is_right(language):
    made = [scene for scene, _ in generate(scene_objects(language), "test", 20, seed=3)]
    captions = [write_captions(scene, language, Random(index)) for index, scene in enumerate(made)]
    for number in range(3):
        chosen = [row[number] for row in captions]
        assert scene_accuracy(chosen, [scene.to_json() for scene in made], language) == 1
    moved = [row[0] for row in captions[1:] + captions[:1]]
    assert scene_accuracy(moved, [scene.to_json() for scene in made], language) < 0.2


SHOWN = Scene((Group(A, 1), Group(B, 2)), "beside", "grass")


@pytest.mark.parametrize(
    ("caption", "wrong"),
    [
        (said("beside", (A, 1), (B, 2)), set()),
        (said("above", (A, 1), (B, 2)), {"accuracy", "arrangement"}),
        (said("beside", (B, 2), (A, 1)), {"accuracy", "arrangement"}),
        (said("beside", (A, 2), (B, 1)), {"accuracy", "counts"}),
        (said("beside", (A, 1), (B, 3)), {"accuracy", "counts"}),
        (said("beside", (A, 1), (C, 2)), {"accuracy", "objects"}),
        (said("beside", (C, 2), (D, 1)), {"accuracy", "objects", "counts"}),
        (said("alone", (A, 1)), {"accuracy", "objects", "counts", "arrangement"}),
        ("something else", {"accuracy", "objects", "counts", "arrangement", "understood"}),
        ("", {"accuracy", "objects", "counts", "arrangement", "understood"}),
    ],
)
def test_each_part_is_judged_by_itself(caption, wrong):
    assert {name for name, share in parts(caption, SHOWN).items() if share == 0} == wrong


def test_scores_by_number_of_groups():
    alone, three = Scene((Group(A, 3),), "alone", "sky"), Scene((Group(A), Group(B), Group(C)), "row", "sky")
    captions = [said("alone", (A, 3)), said("row", (A, 1), (B, 1), (C, 1)), said("column", (A, 1), (B, 1), (C, 1)), ""]
    meanings = [scene.to_json() for scene in (alone, three, three, three)]
    scores = scene_scores(captions, np.array(meanings, dtype=object), "en")
    assert (scores["accuracy"], scores["objects"], scores["understood"]) == (0.5, 0.75, 0.75)
    one, of_three = scores["by_groups"]
    assert (one["groups"], one["examples"], one["accuracy"]) == (1, 1, 1)
    assert (of_three["groups"], of_three["examples"]) == (3, 3)
    assert of_three["accuracy"] == pytest.approx(1 / 3) and of_three["objects"] == pytest.approx(2 / 3)
    assert right_scenes(captions, meanings, "en").tolist() == [True, True, False, False]
