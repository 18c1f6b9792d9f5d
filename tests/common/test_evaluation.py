"""What every evaluation tells a person: which split is missing, and texts in one line."""

import types

import pytest

from common.errors import UserError
from common.evaluation import shortened, split_examples


class Examples(list):
    origin = "a file"


SPLITS = types.SimpleNamespace(train=Examples("ab"), validation=Examples("a"), test=Examples())


def test_a_split_is_found_by_its_name():
    assert split_examples(SPLITS, "train") is SPLITS.train


@pytest.mark.parametrize(
    ("split", "message"), [("tests", "train, validation, test"), ("test", "a file.* has no examples")]
)
def test_a_split_that_is_missing_or_empty_is_named(split, message):
    with pytest.raises(UserError, match=message):
        split_examples(SPLITS, split)


def test_long_texts_keep_their_beginning_and_end():
    text = "In the beginning<br />" + "very " * 1_000_000 + "\n\nit was bad."
    short = shortened(text, 60)
    assert len(short) <= 60 and short.startswith("In the beginning very") and short.endswith("it was bad.")
    assert shortened("a\n b", 60) == "a b"
