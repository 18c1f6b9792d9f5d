"""If these fail, a caption says something else than its picture shows, or is taken for something else when it is judged."""

import itertools
import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.captioning.config import SCENE_LANGUAGES
from apps.captioning.scene_captions import CAPTIONS, read_caption, write_captions
from apps.captioning.scene_forms import BACKGROUND_PHRASES, FORMS
from apps.captioning.scene_objects import scene_objects
from apps.captioning.scenes import BACKGROUNDS, SPLITS, Group, Scene, generate, same_attributes, same_meaning
from common.errors import UserError

STRAWBERRY_FOX = Scene((Group("strawberry"), Group("fox")), "beside")


def as_words(text):
    """As the words of a tokenizer that knows no punctuation and no capitals."""
    return " ".join(re.findall(r"\w+", text.lower()))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("language", SCENE_LANGUAGES)
def test_every_caption_reads_back_as_what_the_picture_shows(language, large):
    random = Random(5)
    for split in SPLITS:
        for scene, _ in generate(scene_objects(language, large), split, 10 if large else 40, seed=2):
            captions = write_captions(scene, language, random)
            assert len(set(captions)) == len(captions) == CAPTIONS
            for caption in captions:
                assert caption == " ".join(caption.split())
                read = read_caption(caption, language)
                assert same_attributes(read, scene), (caption, read)
                assert read_caption(as_words(caption), language) == read
                assert read_caption(as_words(re.sub(r"[-'’:,]", "", caption)), language) == read
                assert read_caption(caption.upper(), language) == read


@pytest.mark.parametrize("language", SCENE_LANGUAGES)
def test_every_form_and_background_is_used_and_says_one_thing(language):
    assert set(BACKGROUND_PHRASES[language]) == set(BACKGROUNDS)
    assert len(set(BACKGROUND_PHRASES[language].values())) == len(BACKGROUNDS)
    texts = [form for forms in FORMS[language].values() for form in forms]
    assert len(set(texts)) == len(texts)
    for arrangement, forms in FORMS[language].items():
        slots = {"alone": "A", "beside": "AB", "above": "AB"}.get(arrangement, "ABC")
        for form in forms:
            assert sorted(re.findall(r"\b[ABC]\b", form)) == list(slots), form
        assert len(forms) >= CAPTIONS


@pytest.mark.parametrize(
    ("caption", "scene"),
    [
        ("a strawberry left of a fox", STRAWBERRY_FOX),
        ("from left to right: a strawberry and a fox", STRAWBERRY_FOX),
        ("There is a strawberry to the left of a fox.", STRAWBERRY_FOX),
        ("a fox left of a strawberry", Scene(STRAWBERRY_FOX.groups[::-1], "beside")),
        ("two foxes above an automobile", Scene((Group("fox", 2), Group("automobile")), "above")),
        ("from top to bottom two foxes and an automobile", Scene((Group("fox", 2), Group("automobile")), "above")),
        (
            "a small fox left of two large buses on a blue background",
            Scene((Group("fox", 1, "small"), Group("bus", 2, "large")), "beside", "blue"),
        ),
        (
            "a fox a bus and a tulip from left to right",
            Scene((Group("fox"), Group("bus"), Group("tulip")), "row"),
        ),
        (
            "from bottom to top: a tulip, a bus, a fox at night",
            Scene((Group("fox"), Group("bus"), Group("tulip")), "column", "night"),
        ),
        ("these are three tropical fish", Scene((Group("tropical fish", 3),), "alone")),
    ],
)
def test_english_as_people_write_it(caption, scene):
    assert read_caption(caption, "en") == scene


@pytest.mark.parametrize(
    ("language", "caption"),
    [
        ("de", "erdbeere links von fuchs"),
        ("de", "links Erdbeere, rechts Fuchs"),
        ("es", "a la derecha zorro, a la izquierda fresa"),
        ("fr", "à gauche fraise, à droite renard"),
        ("it", "fragola a sinistra di volpe"),
        ("pt", "morango à esquerda de rosto de raposa"),
    ],
)
def test_other_languages_mean_the_same(language, caption):
    assert read_caption(caption, language) == STRAWBERRY_FOX


def test_sizes_and_background_are_said_in_some_captions_and_not_in_all():
    scene = Scene((Group("fox", 1, "small"), Group("bus", 2, "large")), "beside", "blue")
    written = [caption for seed in range(50) for caption in write_captions(scene, "en", Random(seed))]
    for said in ("small", "large", "on a blue background"):
        assert 0.2 < sum(said in caption for caption in written) / len(written) < 0.7


def test_articles_and_verbs_agree():
    random = Random(0)
    for scene, _ in generate(scene_objects("en", large=True), "train", 500, seed=4):
        for caption in write_captions(scene, "en", random):
            assert not re.search(r"\ba [aeio]|\ban [^aeiou]", caption.replace("ewe", "sheep")), caption
            assert not re.search(r"\b(is|this is) (two|three|four)\b|\b(are|these are) an? ", caption), caption


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        "fox",
        "a foxes",
        "two fox",
        "an fox",
        "five foxes",
        "a fox left of",
        "left of a fox",
        "a fox left of a fox left of a fox",
        "a fox and a strawberry",
        "a fox between a strawberry and a bus",
        "a fox on a tartan background",
        "on a blue background",
        "a strawberry left of a fox a fox",
        "a fox " * 1_000,
        "\x00\ud800😀",
    ],
)
def test_what_is_no_caption(text):
    assert read_caption(text, "en") is None


@pytest.mark.parametrize("language", SCENE_LANGUAGES)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_garbage_never_raises(language, data):
    random = Random(data.draw(st.integers(0, 1_000)))
    scene, _ = next(generate(scene_objects(language), "train", 1, seed=random.randrange(1_000)))
    words = " ".join(write_captions(scene, language, random)).split()
    shuffled = " ".join(data.draw(st.lists(st.sampled_from(words), max_size=30)))
    for text in (shuffled, data.draw(st.text(max_size=60))):
        read = read_caption(text, language)
        assert read is None or read.is_possible


def test_an_exchange_of_two_things_is_another_meaning():
    fox, strawberry = STRAWBERRY_FOX.groups
    for arrangement in ("beside", "above"):
        one, other = Scene((fox, strawberry), arrangement), Scene((strawberry, fox), arrangement)
        texts = [
            set(write_captions(scene, "en", Random(seed))) for scene, seed in itertools.product((one, other), (1,))
        ]
        assert texts[0].isdisjoint(texts[1])
        assert not same_meaning(one, other)


def test_a_language_that_does_not_exist():
    with pytest.raises(UserError, match="no language 'xx'"):
        write_captions(STRAWBERRY_FOX, "xx", Random(0))
    with pytest.raises(UserError, match="no language 'xx'"):
        read_caption("a fox", "xx")
