"""What every evaluation tells a person: which split is missing, which examples are good and bad, and texts in one line."""

import types

import numpy as np
import pytest

from common.errors import UserError
from common.evaluation import ranked, require_evaluated, shortened, split_examples


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


@pytest.mark.parametrize(
    ("examples", "kinds"), [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (5, (1, 1, 1)), (9, (2, 2, 2))]
)
def test_no_example_is_shown_twice(examples, kinds):
    chosen = ranked(np.arange(examples, dtype=float), np.ones(examples, int), 2)
    assert tuple(len(chosen[kind]) for kind in ("best", "median", "worst")) == kinds
    shown = [index for indices in chosen.values() for index in indices]
    assert len(set(shown)) == len(shown) and chosen["best"][0] == examples - 1
    assert examples == 1 or chosen["worst"][0] == 0


def test_of_equally_good_examples_the_longest_is_shown():
    assert ranked(np.array([100.0, 100, 100, 0]), np.array([3, 9, 5, 4]), 2)["best"][:1] == [1]
