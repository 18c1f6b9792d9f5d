"""If these fail, test figures flatter the model (a source sentence stands in two splits), or pairs vanish unsaid.

The catalogue sets here are small builders defined below, which TFDS registers under their names. No network.
"""

import random
import socket
import sys
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds

from apps.translation.config import PRESETS, Config
from apps.translation.data import load_splits
from common.config import resolve_config
from common.data.splits import text_digest
from common.errors import UserError

PARTS = ("train", "validation", "test")


def sentences(count, start=0):
    return [(f"This is sentence {n}.", f"Das ist Satz {n}.") for n in range(start, start + count)]


def written(path, pairs):
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), "utf-8")
    return str(path)


def load(**settings):
    return load_splits(
        resolve_config(Config, PRESETS, overrides={f"data.{key}": value for key, value in settings.items()})
    )


def from_files(path, **settings):
    return load(source="files", path=str(path), **settings)


def refused(call, **settings):
    with pytest.raises(UserError) as caught:
        call(**settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pairs_of(part):
    return list(zip(part.sources, part.targets, strict=True))


def everything(splits):
    return [pair for part in PARTS for pair in pairs_of(getattr(splits, part))]


def lengths(splits):
    return [len(getattr(splits, part)) for part in PARTS]


def assert_disjoint(splits):
    digests = [{text_digest(source) for source in getattr(splits, part).sources} for part in PARTS]
    assert not (digests[0] & digests[1] or digests[0] & digests[2] or digests[1] & digests[2])


# Files


def test_a_source_sentence_is_in_one_split_with_all_its_translations(tmp_path):
    pairs = sentences(200) + [(f"  this IS sentence {n}. ", f"Satz {n} ist das.") for n in range(200)]
    splits = from_files(written(tmp_path / "a.tsv", pairs), validation_fraction=0.1, test_fraction=0.2)
    assert_disjoint(splits)
    assert lengths(splits) == [280, 40, 80]
    assert sorted(everything(splits)) == sorted(pairs)
    assert splits.notes == () and splits.available is None and splits.cache is None
    assert splits.describe()["train"] == f"280 pairs from {tmp_path / 'a.tsv'}"
    assert splits.describe()["languages"] == "en → de"


def test_the_split_does_not_depend_on_the_order_of_the_file(tmp_path):
    pairs = sentences(100)
    first = from_files(written(tmp_path / "a.tsv", pairs))
    random.Random(1).shuffle(pairs)
    second = from_files(written(tmp_path / "b.tsv", pairs))
    for part in PARTS:
        assert sorted(pairs_of(getattr(first, part))) == sorted(pairs_of(getattr(second, part)))
    for limit in (1, 7):
        first = from_files(tmp_path / "a.tsv", limit=limit)
        second = from_files(tmp_path / "b.tsv", limit=limit)
        assert lengths(first) == [limit, min(limit, 5), min(limit, 5)]
        assert first.available == (90, 5, 5)
        for part in PARTS:
            assert sorted(pairs_of(getattr(first, part))) == sorted(pairs_of(getattr(second, part)))


def test_pairs_that_stand_twice_are_kept(tmp_path):
    splits = from_files(written(tmp_path / "a.tsv", sentences(50) * 2))
    assert sum(lengths(splits)) == 100
    assert_disjoint(splits)


def test_own_files_for_validation_and_test_lose_nothing_but_what_test_has(tmp_path):
    train, validation, test = sentences(50), sentences(10, 45), sentences(10, 54)
    splits = from_files(
        written(tmp_path / "train.tsv", [*train, ("THIS is  sentence 46.", "noch einmal")]),
        validation_path=written(tmp_path / "validation.tsv", validation),
        test_path=written(tmp_path / "test.tsv", [*test, ("This is sentence 1.", "anders")]),
    )
    assert lengths(splits) == [44, 9, 11]
    assert_disjoint(splits)
    assert [note.partition(" because their source sentence also stands in ")[::2] for note in splits.notes] == [
        ("1 validation pairs were left out", f"the test set ({tmp_path / 'test.tsv'})."),
        ("6 training pairs were left out", f"the validation set ({tmp_path / 'validation.tsv'})."),
        ("1 training pairs were left out", f"the test set ({tmp_path / 'test.tsv'})."),
    ]


@pytest.mark.parametrize(("given", "split"), [("validation", "test"), ("test", "validation")])
def test_a_set_that_is_not_given_is_split_off(tmp_path, given, split):
    path, other = written(tmp_path / "a.tsv", sentences(100)), written(tmp_path / "b.tsv", sentences(20, 90))
    splits = from_files(path, **{f"{given}_path": other, f"{split}_fraction": 0.1})
    assert len(getattr(splits, given)) == 20 and len(getattr(splits, split)) == 9 and len(splits.train) == 81
    assert_disjoint(splits)


def test_two_text_files_in_each_place_and_the_other_direction(tmp_path):
    paths = {}
    for part, pairs in (("", sentences(9)), ("validation_", sentences(2, 20)), ("test_", sentences(3, 30))):
        for side, name in zip(zip(*pairs, strict=True), ("path", "target_path"), strict=True):
            file = tmp_path / f"{part}{name}.txt"
            file.write_text("\n".join(side) + "\n")
            paths[part + name] = str(file)
    splits = load(source="files", swap=True, source_language="de", target_language="en", **paths)
    assert lengths(splits) == [9, 2, 3]
    assert pairs_of(splits.test)[0] == ("Das ist Satz 30.", "This is sentence 30.")
    assert splits.describe()["languages"] == "de → en"


def test_languages_are_the_keys_of_json(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"pt": "um {n}", "tr": "bir {n}"}}\n' for n in range(9)))
    splits = from_files(path, source_language="tr", target_language="pt")
    assert sum(lengths(splits)) == 9 and splits.train.sources[0].startswith("bir")
    assert "--data.source_language" in refused(from_files, path=path)
    assert "exchange" in refused(from_files, path=path, swap=True, source_language="tr", target_language="pt")


def test_a_mistake_in_the_file_of_a_split_names_its_setting(tmp_path):
    path = written(tmp_path / "a.tsv", sentences(9))
    (tmp_path / "b.txt").write_text("x\n")
    assert "--data.test_target_path" in refused(from_files, path=path, test_path=str(tmp_path / "b.txt"))


def test_filters_are_for_training_pairs_alone_and_say_what_they_did(tmp_path):
    long, uneven, short = ("a" * 101, "b" * 90), ("c" * 81, "d"), ("e", "f" * 40)
    path = written(tmp_path / "a.tsv", [*sentences(9), long, uneven, short])
    others = {
        f"{part}_path": written(tmp_path / f"{part}.tsv", [(f"{part} {s}", t) for s, t in (long, uneven, short)])
        for part in ("validation", "test")
    }
    splits = from_files(path, **others, max_characters=100, max_ratio=4)
    assert lengths(splits) == [10, 3, 3]
    assert pairs_of(splits.train)[-1] == short
    assert splits.notes == (
        f"Training pairs of {path} were left out: 1 because a side is longer than 100 characters (data.max_characters), "
        "1 because one side is more than 4 times as long as the other (data.max_ratio).",
    )
    assert from_files(path, **others).notes == ()
    assert from_files(path, **others, max_characters=101, max_ratio=4.05).notes == ()  # the bounds belong to it


def test_filters_that_leave_nothing(tmp_path):
    path = written(tmp_path / "a.tsv", [("a" * 50, f"b{n}") for n in range(4)] + [("c" * 40, "d")])
    others = {f"{part}_path": written(tmp_path / f"{part}.tsv", [(part, "x")]) for part in ("validation", "test")}
    sentence = refused(from_files, path=path, max_characters=49, max_ratio=1, **others)
    assert sentence.startswith(f"All 5 training pairs of {path} would be left out, 4 because")
    assert "(data.max_characters)" in sentence and "1 because one side" in sentence and "(data.max_ratio)" in sentence


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_to_split(tmp_path, count):
    path = written(tmp_path / "a.tsv", sentences(count) * 5)
    sentence = refused(from_files, path=path)
    assert f"{count} different source sentences are too few to split a validation and a test set" in sentence
    assert "at least 3 are needed" in sentence and "--data.validation_path" in sentence


def test_three_are_enough(tmp_path):
    assert lengths(from_files(written(tmp_path / "a.tsv", sentences(3)))) == [1, 1, 1]


def test_the_training_file_given_once_more(tmp_path):
    path = written(tmp_path / "a.tsv", sentences(9))
    sentence = refused(from_files, path=path, test_path=path)
    assert "Every training pair" in sentence and "different source sentences" in sentence


def test_a_million_combining_marks_and_every_script(tmp_path):
    odd = [
        ("e" + "\u0301" * 1_000_000, "é"),
        ("שלום עולם", "مرحبا بالعالم"),
        ("映画を見る。", "ดูหนัง"),
        ("👩‍👩‍👧 \x00 \x85", "a\u2028b\u2029c"),
    ]
    splits = from_files(written(tmp_path / "a.tsv", odd + sentences(9)), max_characters=2_000_000, max_ratio=1_000_000)
    assert sum(lengths(splits)) == 13
    assert set(odd) <= set(everything(splits))


# The catalogue


class _Pairs(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=self._features())

    def _split_generators(self, dl_manager):
        return {name: enumerate(map(self._example, pairs)) for name, pairs in self.PAIRS.items()}

    def _generate_examples(self):
        raise NotImplementedError

    def _example(self, pair):
        return dict(zip(("pt", "en"), pair, strict=True))


class TinyTalks(_Pairs):
    """In the form of ted_hrlr_translate, wmt, para_crawl and opus; sets of its own for everything."""

    PAIRS = {
        "train": [*sentences(40), ("映画\u2028を", "\x85 ดู")],
        "validation": sentences(4, 38),
        "test": sentences(4, 41),
    }

    def _features(self):
        return tfds.features.Translation(languages=("en", "pt"))


class TinyCrawl(_Pairs):
    """Train only, some sides empty."""

    PAIRS = {"train": [*sentences(40), ("a", ""), (" ", "b")]}

    def _features(self):
        return tfds.features.FeaturesDict(
            {"pt": tfds.features.Text(), "en": tfds.features.Text(), "score": tfds.features.Scalar(np.float32)}
        )

    def _example(self, pair):
        return super()._example(pair) | {"score": 0.5}


class TinyNested(_Pairs):
    """As Hugging Face writes it, with a picture beside the sentences; it calls validation dev."""

    PAIRS = {"train": sentences(40), "dev": sentences(3, 50)}

    def _features(self):
        translation = tfds.features.Translation(languages=("en", "pt"))
        picture = tfds.features.Image(shape=(2, 2, 3))
        return tfds.features.FeaturesDict({"id": tfds.features.Text(), "picture": picture, "translation": translation})

    def _example(self, pair):
        return {"id": "x", "picture": np.zeros((2, 2, 3), np.uint8), "translation": super()._example(pair)}


class TinyPhrases(_Pairs):
    """In the form of the phrase book."""

    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="de_tr")]
    PAIRS = {"train": sentences(30), "validation": sentences(4, 30), "test": sentences(4, 34)}

    def _features(self):
        return tfds.features.FeaturesDict({name: tfds.features.Text() for name in ("source", "target", "kind")})

    def _example(self, pair):
        return {"source": pair[0], "target": pair[1], "kind": "date"}


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
    def call(name, **settings):
        languages = {"source_language": "pt", "target_language": "en"} | settings
        return load(source="tfds", name=name, cache_dir=data_dir, **languages)

    return call


def test_published_splits_are_kept_and_training_loses_what_they_have(from_catalogue, data_dir, capsys):
    splits = from_catalogue("tiny_talks")
    assert lengths(splits) == [39, 3, 4]  # two of training stand in validation, one of validation in test
    assert_disjoint(splits)
    assert ("映画\u2028を", "\x85 ดู") in pairs_of(splits.train)
    assert len(splits.notes) == 2 and "tiny_talks (tfds), test" in splits.notes[0] and "2 training" in splits.notes[1]
    assert splits.cache.startswith(data_dir)
    assert splits.train.origin == "tiny_talks (tfds), train"
    assert capsys.readouterr().out == ""
    assert pairs_of(from_catalogue("tiny_talks").train) == pairs_of(splits.train)
    other = from_catalogue("tiny_talks", source_language="en", target_language="pt")
    assert sorted(pairs_of(other.test)) == sorted((b, a) for a, b in TinyTalks.PAIRS["test"])


def test_missing_splits_are_split_off_and_empty_sides_are_left_out_of_training(from_catalogue):
    splits = from_catalogue("tiny_crawl", validation_fraction=0.1, test_fraction=0.1)
    assert_disjoint(splits)
    assert lengths(splits)[1:] == [4, 4]
    assert sum(lengths(splits)) + int(splits.notes[0].split(": ")[1].split()[0]) == 42
    assert "because a side is empty" in splits.notes[0]


def test_languages_inside_another_feature(from_catalogue):
    splits = from_catalogue("tiny_nested", test_fraction=0.1)
    assert lengths(splits) == [36, 3, 4]
    assert sorted(pairs_of(splits.validation)) == sorted(TinyNested.PAIRS["dev"])
    assert splits.validation.origin == "tiny_nested (tfds), dev"


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        (
            "tiny_talks",
            {"target_language": "de"},
            "no feature 'de', only 'en', 'pt'; name the right one with --data.target_",
        ),
        (
            "tiny_talks",
            {"source_language": "ru", "target_language": "de"},
            "no feature 'ru', only 'en', 'pt'.*source_lang",
        ),
        ("tiny_nested", {"source_language": "ru"}, "no feature 'ru', only 'en', 'pt'"),
        ("tiny_nested", {"source_language": "ru", "target_language": "de"}, "no feature 'ru', only 'en', 'pt'"),
        ("tiny_crawl", {"source_language": "score"}, "'score' of .* of float32, not a text.*--data.source_language"),
        ("tiny_talk", {}, "no set 'tiny_talk'.*near it are.*tiny_talks"),
        ("phrase_book", {}, "'phrase_book', which is bundled"),
        ("tiny_crawl", {"swap": True}, "data.swap is true.*exchange"),
    ],
)
def test_what_goes_wrong_is_one_sentence(from_catalogue, name, settings, expected):
    with pytest.raises(UserError, match=expected) as caught:
        from_catalogue(name, **settings)
    assert "\n" not in str(caught.value)


# The phrase book


def test_the_phrase_book_has_its_own_splits(data_dir, monkeypatch):
    module = types.ModuleType("apps.translation.dataset")
    module.PhraseBook = TinyPhrases
    monkeypatch.setitem(sys.modules, "apps.translation.dataset", module)
    splits = load(source_language="de", target_language="tr", cache_dir=data_dir)
    assert lengths(splits) == [30, 4, 4] and splits.notes == ()
    assert splits.train.origin == "phrase book de-tr (bundled), train"
    assert sorted(pairs_of(splits.test)) == sorted(TinyPhrases.PAIRS["test"])
