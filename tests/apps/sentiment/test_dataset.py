"""If these fail, the bundled reviews are mislabelled, leak between splits, or want a network that a fresh
machine does not have."""

import itertools
import socket
from collections import Counter
from types import SimpleNamespace

import pytest

from apps.sentiment.data import load_splits
from apps.sentiment.dataset import read_package
from common.errors import UserError


def configured(cache_dir, **data):
    values = {
        "source": "bundled",
        "name": "rotten_tomatoes",
        "path": None,
        "validation_path": None,
        "test_path": None,
        "split": "text",
        "text_key": "text",
        "label_key": "label",
        "validation_fraction": 0.1,
        "test_fraction": 0.1,
        "limit": None,
        "cache_dir": str(cache_dir),
    }
    return SimpleNamespace(data=SimpleNamespace(**(values | data)))


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def parts(splits):
    return splits.train, splits.validation, splits.test


@pytest.mark.parametrize(
    ("name", "total", "sizes"),
    [("imdb", 25_000, (20_000, 2_503, 2_497)), ("rotten_tomatoes", 8_530, (6_826, 852, 852))],
)
def test_the_bundled_sets_are_whole_balanced_and_share_no_text(cache_dir, name, total, sizes):
    splits = load_splits(configured(cache_dir, name=name))
    assert sum(map(len, parts(splits))) == total
    # Figures of two versions of this repository can be compared only while the splits stay; to change them,
    # raise MovieReviews.VERSION.
    assert tuple(map(len, parts(splits))) == sizes
    assert splits.label_names == ("negative", "positive")
    assert splits.notes == ()
    assert str(cache_dir) in splits.cache
    counts = Counter(label for part in parts(splits) for label in part.labels)
    assert counts["negative"] == counts["positive"] == total // 2
    seen = [{" ".join(text.lower().split()) for text in part.texts} for part in parts(splits)]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    for part in parts(splits)[1:]:
        assert 0.095 < len(part) / total < 0.105
        assert abs(list(part.labels).count("positive") / len(part) - 0.5) < 0.01


def test_labels_mean_what_their_names_say(cache_dir):
    splits = load_splits(configured(cache_dir))
    labels = {text: label for part in parts(splits) for text, label in zip(part.texts, part.labels, strict=True)}
    assert labels["simplistic , silly and tedious ."] == "negative"
    assert labels["effective but too-tepid biopic"] == "positive"


def test_limit_and_the_same_order_each_time(cache_dir):
    first, second = (load_splits(configured(cache_dir, limit=64)) for _ in range(2))
    assert list(first.train.texts) == list(second.train.texts)
    assert [Counter(part.labels) for part in parts(first)] == [{"negative": 32, "positive": 32}] * 3


def test_given_test_and_validation_files_set_all_bundled_texts_free_for_training(cache_dir, tmp_path):
    test = tmp_path / "test.csv"
    test.write_text('text,label\n"Simplistic ,  silly and tedious .",negative\nsomething new,positive\n')
    with_test = load_splits(configured(cache_dir, test_path=str(test)))
    assert len(with_test.test) == 2
    assert len(with_test.train) + len(with_test.validation) == 8_529
    assert len(with_test.validation) in (852, 853)
    assert "1 " in with_test.notes[0] and "test.csv" in with_test.notes[0]
    validation = tmp_path / "validation.csv"
    validation.write_text("text,label\nanother one,positive\n")
    with_both = load_splits(configured(cache_dir, test_path=str(test), validation_path=str(validation)))
    assert [len(part) for part in parts(with_both)] == [8_529, 1, 2]


def test_own_files(tmp_path):
    train = tmp_path / "train.tsv"
    train.write_text("review\tstars\n" + "".join(f"text {number}\t{number % 3}\n" for number in range(60)))
    splits = load_splits(configured(tmp_path, source="files", path=str(train), text_key="review", label_key="stars"))
    assert [len(part) for part in parts(splits)] == [48, 6, 6]
    assert splits.label_names == ("0", "1", "2")
    assert splits.cache is None
    assert not (tmp_path / "movie_reviews").exists()
    test = tmp_path / "test.tsv"
    test.write_text("review\tstars\nfine\t9\n")
    settings = {
        "source": "files",
        "path": str(train),
        "text_key": "review",
        "label_key": "stars",
        "test_path": str(test),
    }
    with pytest.raises(UserError, match=r"label '9' .*test.tsv"):
        load_splits(configured(tmp_path, **settings))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            {"name": "imdb_reviews"},
            "no bundled data named 'imdb_reviews'; choose among imdb, rotten_tomatoes",
        ),
        ({"source": "files"}, "needs --data.path"),
        ({"path": "mine.csv"}, "add --data.source files"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path, data, expected):
    with pytest.raises(UserError, match=expected):
        load_splits(configured(tmp_path, **data))


def test_blocks_of_the_bundled_reviews_are_blocks_of_the_package(cache_dir):
    """The package keeps the reviews of a film side by side; TFDS shuffles what it prepares."""
    splits = load_splits(configured(cache_dir, split="block"))
    places = {text: index for index, text in enumerate(read_package("rotten_tomatoes")[0])}
    validation = sorted(places[text] for text in splits.validation.texts)
    far_apart = sum(after - before > 4 for before, after in itertools.pairwise(validation))
    assert far_apart < 40 < len(validation)
