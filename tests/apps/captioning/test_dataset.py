"""If these fail, the bundled scenes cannot be prepared offline, or read back otherwise than they were made."""

import io
import socket

import pytest
import tensorflow_datasets as tfds
from PIL import Image

from apps.captioning import dataset
from apps.captioning.config import SCENE_LANGUAGES
from apps.captioning.dataset import EmojiScenes, config_name
from apps.captioning.scene_captions import read_caption
from apps.captioning.scene_drawing import draw
from apps.captioning.scene_objects import scene_objects
from apps.captioning.scenes import SPLITS, Scene, generate, same_attributes
from common.errors import UserError


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(("language", "large"), [("en", False), ("de", True)])
def test_what_is_prepared_is_what_was_made(monkeypatch, tmp_path, language, large):
    counts = {"train": 120, "validation": 20, "test": 30, "compositions": 25}
    monkeypatch.setattr(dataset, "COUNTS", counts)
    builder = EmojiScenes(config=config_name(language, large), data_dir=str(tmp_path), file_format="array_record")
    builder.download_and_prepare()
    for split, count in counts.items():
        source = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
        examples = [source[index] for index in range(len(source))]
        assert len(examples) == count
        made = list(generate(scene_objects(language, large), split, count, dataset.SEED))
        # TFDS shuffles. The bytes of each picture are as drawn, not encoded again.
        assert {(example["scene"].decode(), example["image"]) for example in examples} == {
            (scene.to_json(), draw(scene, layout)) for scene, layout in made
        }
        for example in examples:
            scene = Scene.from_json(example["scene"].decode())
            assert len(example["captions"]) == 5
            for caption in example["captions"]:
                assert same_attributes(read_caption(caption.decode(), language), scene)
            assert Image.open(io.BytesIO(example["image"])).size == (96, 96)


def test_there_is_a_configuration_for_every_language_and_english_is_the_first():
    names = [*SCENE_LANGUAGES, *(f"{language}_large" for language in SCENE_LANGUAGES)]
    assert list(EmojiScenes.builder_configs) == names
    assert [config_name(language, large) for large in (False, True) for language in SCENE_LANGUAGES] == names
    assert dataset.COUNTS == {"train": 11_500, "validation": 1_000, "test": 2_000, "compositions": 2_000}
    assert tuple(dataset.COUNTS) == SPLITS


def test_a_language_that_does_not_exist():
    with pytest.raises(UserError, match="no language 'english'"):
        config_name("english")
