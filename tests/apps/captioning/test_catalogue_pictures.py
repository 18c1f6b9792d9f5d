"""Sets of TensorFlow Datasets and the bundled scenes: each picture with its own captions, whatever a set calls them."""

import io
import socket
import sys
from concurrent import futures

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from apps.captioning import dataset
from apps.captioning.catalogue_pictures import PictureRecords
from apps.captioning.config import PRESETS, Config
from apps.captioning.data import load_splits
from common.config import resolve_config
from common.errors import UserError

PARTS = ("train", "validation", "test")


def picture(number, form="JPEG"):
    """A small picture of a color of its own."""
    stream = io.BytesIO()
    color = (number * 7 % 256, number * 13 % 256, number // 256)
    Image.new("RGB", (8, 6), color).save(stream, form)
    return stream.getvalue()


def load(**settings):
    return load_splits(
        resolve_config(Config, PRESETS, overrides={f"data.{key}": value for key, value in settings.items()})
    )


def lengths(splits):
    return [len(getattr(splits, part)) for part in PARTS]


def names(splits):
    return [set(getattr(splits, part).names) for part in PARTS]


def everything(splits):
    return {
        name: (captions, part.pictures[index])
        for part in (getattr(splits, each) for each in PARTS)
        for index, (name, captions) in enumerate(zip(part.names, part.captions))
    }


class _Scenes(tfds.core.GeneratorBasedBuilder):
    """Numbers as pictures."""

    VERSION = tfds.core.Version("1.0.0")
    SPLITS = {"train": range(30)}

    def _info(self):
        features = {"image": tfds.features.Image(encoding_format="jpeg"), **self._more()}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(numbers) for name, numbers in self.SPLITS.items()}

    def _generate_examples(self, numbers):
        for number in numbers:
            yield number, {"image": io.BytesIO(picture(number)), **self._example(number)}


class TinyCaptions(_Scenes):
    """In the form of coco_captions, with its splits; picture 3 has no caption, and those of one have different numbers."""

    SPLITS = {"train": range(30), "restval": range(40, 50), "val": range(50, 54), "test": [54, 55, 2]}

    def _more(self):
        captions = tfds.features.Sequence({"text": np.str_, "id": np.int64})
        return {"image/filename": tfds.features.Text(), "image/id": np.int64, "captions": captions}

    def _example(self, number):
        texts = [] if number == 3 else [f"caption {number} {which}" for which in range(1 + number % 5)]
        captions = [{"text": text, "id": 0} for text in [*texts, " "]]
        return {"image/filename": f"{number}.jpg", "image/id": number, "captions": captions}


class TinyTexts(_Scenes):
    """A single caption inside another feature, training only, and a test split whose captions are kept secret."""

    SPLITS = {"train": range(30), "test": range(30, 34)}

    def _more(self):
        about = {"en": tfds.features.Text(), "tags": tfds.features.Sequence(tfds.features.Text()), "score": np.float32}
        depth = tfds.features.Image(shape=(2, 2, 1), dtype=np.float32)
        frames = tfds.features.Sequence({"image": tfds.features.Image(), "texts": tfds.features.Sequence(np.str_)})
        return {"about": about, "depth": depth, "frames": frames}

    def _example(self, number):
        about = {"en": f"caption {number}" if number < 30 else "", "tags": ["a", "ü"], "score": 0.5}
        return {"about": about, "depth": np.zeros((2, 2, 1), np.float32), "frames": []}


class TinySilence(_Scenes):
    """No captions at all."""

    def _more(self):
        return {"captions": tfds.features.Sequence({"text": np.str_})}

    def _example(self, number):
        return {"captions": []}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def from_catalogue(data_dir):
    return lambda name, **settings: load(source="tfds", name=name, **{"cache_dir": data_dir} | settings)


def test_coco_as_everybody_divides_it(from_catalogue, data_dir, capsys):
    splits = from_catalogue("tiny_captions")
    assert lengths(splits) == [38, 4, 3]  # 30 and 10, less one without a caption and one that stands in the test split
    assert splits.notes == (
        "1 of 40 pictures of tiny_captions (tfds), train+restval have no caption (the first: 3.jpg); left out.",
        "1 training pictures were left out because their name also stands in the test set (tiny_captions (tfds), test).",
    )
    assert everything(splits) == {
        f"{n}.jpg": (tuple(f"caption {n} {which}" for which in range(1 + n % 5)), picture(n))
        for n in (*range(30), *range(40, 56))
        if n != 3
    }
    assert splits.cache.startswith(data_dir) and capsys.readouterr().out == ""
    assert splits.train.origin == "tiny_captions (tfds), train+restval"
    with pytest.raises(UserError, match="1 of 40 pictures of .* more than data.max_unusable_fraction, 0.02, allows"):
        from_catalogue("tiny_captions", max_unusable_fraction=0.02)


def test_captions_inside_other_features_and_a_split_without_any(from_catalogue):
    settings = {"caption_key": "about/en", "validation_fraction": 0.1, "test_fraction": 0.2}
    splits = from_catalogue("tiny_texts", **settings)
    assert lengths(splits) == [21, 3, 6]
    assert splits.notes == ("tiny_texts (tfds), test has no captions, so it counts as missing.",)
    number = {name: captions[0].removeprefix("caption ") for name, (captions, _) in everything(splits).items()}
    assert all(data == picture(int(number[name])) for name, (_, data) in everything(splits).items())
    assert set(number) == {f"train/{n}" for n in range(30)}
    again = from_catalogue("tiny_texts", limit=5, **settings)
    assert lengths(again) == [5, 3, 5] and again.available == (21, 3, 6)
    assert all(few <= all_ for few, all_ in zip(names(again), names(splits)))
    tags = from_catalogue("tiny_texts", caption_key="about/tags")
    assert tags.train.captions[0] == ("a", "ü") and len(tags.test) == 4


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        (
            "tiny_captions",
            {"caption_key": "text"},
            "no feature 'text', only .*'captions/text'.*with --data.caption_key",
        ),
        (
            "tiny_captions",
            {"caption_key": "captions"},
            "'captions' of .* is Sequence of FeaturesDict, neither a text nor",
        ),
        ("tiny_captions", {"caption_key": "captions/id"}, "is Sequence of Tensor of int64, neither a text nor"),
        ("tiny_captions", {"caption_key": "captions/text/en"}, "no feature 'captions/text/en'"),
        ("tiny_captions", {"image_key": "image/"}, "no feature 'image/'"),
        ("tiny_captions", {"image_key": "picture"}, "no feature 'picture', only .*'image'.*with --data.image_key"),
        ("tiny_captions", {"image_key": "image/id"}, "'image/id' of .* is Tensor of int64, not one picture"),
        ("tiny_texts", {"image_key": "depth", "caption_key": "about/en"}, "'depth' .* not one picture"),
        (
            "tiny_texts",
            {"image_key": "frames/image", "caption_key": "about/en"},
            "is Sequence of Image, not one picture",
        ),
        ("tiny_texts", {"caption_key": "frames/texts"}, "Sequence of Sequence of Tensor of object, neither"),
        ("tiny_texts", {"caption_key": "about"}, "'about' of .* is FeaturesDict, neither"),
        ("tiny_silence", {}, "no captions in 'captions/text' to train on; name others with --data.caption_key"),
        ("tiny_caption", {}, "no set 'tiny_caption'.*near it are.*tiny_captions"),
    ],
)
def test_what_goes_wrong_is_one_sentence(from_catalogue, name, settings, expected):
    with pytest.raises(UserError, match=expected) as caught:
        from_catalogue(name, **settings)
    assert "\n" not in str(caught.value)


def test_data_that_were_prepared_without_random_access(from_catalogue, tmp_path):
    tfds.builder("tiny_captions", data_dir=str(tmp_path)).download_and_prepare()
    with pytest.raises(
        UserError, match="as tfrecord, from which single pictures cannot be read; choose another folder"
    ):
        from_catalogue("tiny_captions", cache_dir=str(tmp_path))


def test_damaged_records(from_catalogue, tmp_path):
    from_catalogue("tiny_captions", cache_dir=str(tmp_path))
    (file,) = tmp_path.glob("**/*-train.array_record*")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="cannot be read .*; delete this folder and run again"):
        from_catalogue("tiny_captions", cache_dir=str(tmp_path))
    for record in (b"", b"no example"):
        with pytest.raises(UserError, match="^The file is broken"):
            PictureRecords([record], "image", [0], lambda error: "The file is broken")[0]


def test_pictures_are_read_in_several_threads(from_catalogue):
    pictures = from_catalogue("tiny_captions").train
    expected = [picture(int(name.removesuffix(".jpg"))) for name in pictures.names]
    with futures.ThreadPoolExecutor(8) as threads:
        assert list(threads.map(pictures.pictures.__getitem__, range(len(pictures)))) == expected


def test_without_array_record(from_catalogue, monkeypatch):
    monkeypatch.setitem(sys.modules, "array_record.python.array_record_data_source", None)
    with pytest.raises(UserError, match="package array_record, which is not installed .*pip install array_record"):
        from_catalogue("tiny_captions")


# The bundled scenes


def test_the_scenes_have_their_own_splits_and_meanings(tmp_path, monkeypatch):
    counts = {"train": 30, "validation": 4, "test": 4, "compositions": 5}
    monkeypatch.setattr(dataset, "COUNTS", counts)
    splits = load(language="de", cache_dir=str(tmp_path))
    assert lengths(splits) == [30, 4, 4] and len(splits.compositions) == 5 and splits.notes == ()
    assert splits.train.origin == "emoji scenes de (bundled), train" and splits.language == "de"
    assert splits.cache == str(tmp_path / "emoji_scenes" / "de" / "1.1.0")
    # The same as TFDS reads it out of records of its own, in its order.
    builder = dataset.EmojiScenes(config="de", data_dir=str(tmp_path / "tfrecord"))
    builder.download_and_prepare()
    for name in counts:
        part = getattr(splits, name)
        found = {
            (part.meanings[index], part.captions[index], Image.open(io.BytesIO(part.pictures[index])).tobytes())
            for index in range(len(part))
        }
        assert found == {
            (
                example["scene"].decode(),
                tuple(caption.decode() for caption in example["captions"]),
                Image.open(io.BytesIO(example["image"])).tobytes(),
            )
            for example in tfds.as_numpy(builder.as_dataset(split=name, decoders={"image": tfds.decode.SkipDecoding()}))
        }
    few = load(language="de", cache_dir=str(tmp_path), limit=3)
    assert lengths(few) == [3, 3, 3] and len(few.compositions) == 3 and few.available == (30, 4, 4)
