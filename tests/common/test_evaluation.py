"""What every evaluation tells a person: which split is missing, and texts in one line."""

import types

import pytest

from common.errors import UserError
from common.evaluation import require_evaluated, shortened, split_examples


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


def test_what_was_not_evaluated_is_told_with_the_command(tmp_path):
    run = types.SimpleNamespace(path=tmp_path)
    path = tmp_path / "metrics.json"
    with pytest.raises(
        UserError, match=f"metrics.json does not exist; run evaluate --run {tmp_path} --split test first"
    ):
        require_evaluated(run, "test", path)
    path.touch()
    require_evaluated(run, "test", path)
