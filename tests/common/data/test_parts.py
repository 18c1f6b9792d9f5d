"""Train, validation and test out of the parts that a set brings. If these fail, a test example was trained on, or a published
test set lost examples and compares to nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from common.data.parts import made_disjoint, split_off
from common.errors import UserError


@dataclass(frozen=True)
class Words:
    words: Sequence[str]
    origin: str = "words.txt"

    @property
    def digests(self):
        return [word.encode() for word in self.words]

    def __len__(self):
        return len(self.words)

    def take(self, indices):
        return Words(tuple(np.array(self.words, object)[indices]), self.origin)


def disjoint(**parts):
    notes = []
    found = made_disjoint(
        {name: Words(tuple(words)) for name, words in parts.items()}, notes, what="words", sameness="spelling"
    )
    return {name: "".join(part.words) for name, part in found.items()}, notes


def test_the_test_set_stays_whole_and_the_others_lose_what_it_has():
    found, notes = disjoint(train="abcdefd", validation="bcd", test="cx")
    assert found == {"train": "aef", "validation": "bd", "test": "cx"}
    assert len(notes) == 3
    assert notes[0] == (
        "1 validation words were left out because their spelling also stands in the test set (words.txt)."
    )


def test_parts_that_share_nothing_stay_as_they_are_without_a_word():
    assert disjoint(train="abc", test="de") == ({"train": "abc", "test": "de"}, [])


def test_nothing_left_is_one_sentence():
    with pytest.raises(UserError, match=r"Every training word of words.txt also stands in the test set"):
        disjoint(train="ab", test="abc")


def split(words, fractions, advice=""):
    return split_off(Words(words), words, fractions, what="words", sameness="word", advice=advice)


def test_what_is_missing_is_split_off_without_an_example_in_two_parts():
    words = [f"word {index % 60}" for index in range(100)]
    found = split(words, {"validation": 0.1, "test": 0.2})
    assert sorted(word for part in found.values() for word in part.words) == sorted(words)
    kinds = {name: set(part.words) for name, part in found.items()}
    assert {name: len(kind) for name, kind in kinds.items()} == {"train": 42, "validation": 6, "test": 12}
    assert len(set.union(*kinds.values())) == 60


def test_only_the_missing_part_is_split_off():
    assert set(split([f"word {index}" for index in range(10)], {"test": 0.5})) == {"train", "test"}
    assert split(["word"], {}) == {}


def test_too_few_are_one_sentence_that_says_what_helps():
    with pytest.raises(UserError) as caught:
        split(["a", "b", "a"], {"validation": 0.1, "test": 0.1}, " or give --data.{name}_path")
    assert str(caught.value) == (
        "words.txt: 2 different words are too few to split a validation and a test set from, at least 3 are needed; "
        "add words or give --data.validation_path."
    )
