"""If these fail, a public data set is read with wrong labels, or a mistyped name ends in a page of traceback.

The sets here are small builders defined below, which TFDS registers under their names like those of its
catalogue. No network.
"""

import socket
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds

from common.data import catalogue
from common.data.catalogue import load_builder, load_catalogue
from common.errors import UserError

LABELLED = [(f"text {number} 映画", number % 2) for number in range(10)]


class TinyReviews(tfds.core.GeneratorBasedBuilder):
    """In the form of GLUE: train and dev have labels, test has none; a picture stands beside the text."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="plain"), tfds.core.BuilderConfig(name="partly")]

    def _info(self):
        features = {
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["bad", "good"]),
            "stars": np.int64,
            "spoiler": np.bool_,
            "author": tfds.features.Text(),
            "score": np.float32,
            "picture": tfds.features.Image(shape=(2, 2, 3)),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        unlabelled = [(f"test {number}", -1) for number in range(4)]
        train = LABELLED + (unlabelled if self.builder_config.name == "partly" else [])
        return {
            "train": self._generate_examples(train),
            "dev": self._generate_examples(LABELLED[:2]),
            "test": self._generate_examples(unlabelled),
        }

    def _generate_examples(self, pairs):
        for key, (text, label) in enumerate(pairs):
            yield (
                key,
                {
                    "text": text,
                    "label": label,
                    "stars": label * 4 + 1,
                    "spoiler": bool(label),
                    "author": f" author {label}",
                    "score": 0.5,
                    "picture": np.zeros((2, 2, 3), np.uint8),
                },
            )


class TinyOffline(tfds.core.GeneratorBasedBuilder):
    """A set that cannot be downloaded."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text(), "label": np.int64})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        raise requests.ConnectionError("a long story", request=requests.Request("GET", "https://example.org/data.zip"))

    def _generate_examples(self):
        raise NotImplementedError


class TinyTestOnly(TinyOffline):
    """A set without a split to train on."""

    VERSION = tfds.core.Version("1.0.0")

    def _split_generators(self, dl_manager):
        return {"test": iter([(0, {"text": "a", "label": 1})])}


class TinySentences(TinyOffline):
    """A set with other names for text and label."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"sentence": tfds.features.Text(), "polarity": np.int32})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        examples = [("a", 0), ("b", 4)]
        return {"train": ((text, {"sentence": text, "polarity": polarity}) for text, polarity in examples)}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def pairs(examples):
    return sorted(zip(examples.texts, examples.labels, strict=True))


def test_class_names_become_labels_and_parts_without_labels_are_left_out(data_dir, capsys):
    found = load_catalogue("tiny_reviews", data_dir)
    assert pairs(found.parts["train"]) == sorted((text, ("bad", "good")[label]) for text, label in LABELLED)
    assert len(found.parts["validation"]) == 2  # the set calls it dev
    assert "test" not in found.parts
    assert "4 examples" in found.notes[0] and "test" in found.notes[0]
    assert Path(found.cache).is_relative_to(data_dir)
    assert found.parts["train"].origin == "tiny_reviews (tfds), train"
    assert capsys.readouterr().out == ""  # where --json writes its results
    again = load_catalogue("tiny_reviews", data_dir)
    assert list(again.parts["train"].texts) == list(found.parts["train"].texts)


def test_examples_without_label_are_dropped_one_by_one(data_dir):
    found = load_catalogue("tiny_reviews/partly", data_dir)
    assert len(found.parts["train"]) == 10
    assert set(found.parts["train"].labels) == {"bad", "good"}


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        ("stars", {"1", "5", "-3"}),
        ("spoiler", {"false", "true"}),
        ("author", {"author 0", "author 1", "author -1"}),
    ],
)
def test_labels_of_other_kinds(data_dir, key, labels):
    parts = load_catalogue("tiny_reviews", data_dir, label_key=key).parts
    assert {label for part in parts.values() for label in part.labels} == labels


def test_known_sets_need_no_keys(data_dir, monkeypatch):
    monkeypatch.setitem(catalogue._KNOWN_KEYS, "tiny_sentences", ("sentence", "polarity"))
    parts = load_catalogue("tiny_sentences", data_dir).parts
    assert pairs(parts["train"]) == [("a", "0"), ("b", "4")]
    with pytest.raises(UserError, match="no feature 'review'"):  # what the user names is never replaced
        load_catalogue("tiny_sentences", data_dir, text_key="review")


@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("tiny_review", {}, "no set 'tiny_review'.*near it are.*tiny_reviews"),
        ("tiny_reviews/none", {}, "no configuration 'none', only plain, partly"),
        ("tiny_offline/none", {}, "no configuration 'none', only itself"),
        ("tiny_offline:9.9.9", {}, "version 9.9.9"),
        ("", {}, "''.*cannot be opened"),
        ("imdb", {}, "near it are imdb_reviews"),
        (
            "tiny_reviews",
            {"text_key": "sentence"},
            "no feature 'sentence', only 'text', 'label', 'stars'.*--data.text_key",
        ),
        ("tiny_reviews", {"label_key": "class"}, "no feature 'class'.*--data.label_key"),
        ("tiny_reviews", {"text_key": "picture"}, "'picture' of .* is Image.*, not a text"),
        ("tiny_reviews", {"text_key": "stars"}, "'stars' of .* of int64, not a text"),
        ("tiny_reviews", {"label_key": "score"}, "'score' of .* of float32, not a class"),
        ("tiny_offline", {}, "cannot be downloaded.*no connection to example.org.*network"),
        ("tiny_test_only", {}, "no split 'train', only test"),
    ],
)
def test_what_goes_wrong_is_one_sentence(data_dir, name, keys, expected):
    with pytest.raises(UserError, match=expected) as caught:
        load_catalogue(name, data_dir, **keys)
    assert "\n" not in str(caught.value)


def test_damaged_and_unwritable_folders(tmp_path):
    cache = Path(load_catalogue("tiny_reviews", tmp_path).cache)
    for path in cache.glob("*train*"):
        path.write_bytes(path.read_bytes()[:-5] + b"12345")
    with pytest.raises(UserError, match="cannot be read.*delete this folder"):
        load_catalogue("tiny_reviews", tmp_path)
    (cache / "dataset_info.json").unlink()
    with pytest.raises(UserError, match="not whole; delete this folder"):
        load_catalogue("tiny_reviews", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--data.cache_dir"):
        load_catalogue("tiny_reviews", tmp_path / "file" / "data")


def test_another_process_was_faster(tmp_path, monkeypatch):
    builder, other = (TinyReviews(data_dir=str(tmp_path)) for _ in range(2))
    prepare = builder._download_and_prepare

    def slowly(**arguments):
        other.download_and_prepare()
        prepare(**arguments)

    monkeypatch.setattr(builder, "_download_and_prepare", slowly)
    assert len(load_builder(builder, origin="tiny").parts["train"]) == 10
    assert [path.name for path in (tmp_path / "tiny_reviews" / "plain").iterdir()] == ["1.0.0"]
