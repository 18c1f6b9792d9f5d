"""If these fail, test figures flatter the model: a text is in two splits, or two runs split differently."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common.data.splits import LabelledTexts, sort_labels, text_digest
from common.data.splitting import BLOCKS, make_splits, split_by_block, split_by_text
from common.errors import UserError

REPOSITORY = Path(__file__).parents[3]


def examples(texts_by_label, origin="own.csv"):
    pairs = [(text, label) for label, texts in texts_by_label.items() for text in texts]
    return LabelledTexts.from_lists([text for text, _ in pairs], [label for _, label in pairs], origin)


def numbered(label, count, start=0):
    return [f"{label} {number}" for number in range(start, start + count)]


def test_every_example_once_equal_texts_together_and_labels_in_proportion():
    texts = numbered("a", 600) + [text.upper() + "  " for text in numbered("a", 100)] + numbered("b", 200)
    labels = ["a"] * 700 + ["b"] * 200
    parts = split_by_text(texts, labels, 0.1, 0.2)
    assert sorted(np.concatenate(parts).tolist()) == list(range(900))
    digests = [{text_digest(texts[index]) for index in part} for part in parts]
    assert not (digests[0] & digests[1] or digests[0] & digests[2] or digests[1] & digests[2])
    assert [len(found) for found in digests] == [560, 80, 160]
    assert [sum(labels[index] == "b" for index in part) for part in parts] == [140, 20, 40]


def test_the_split_depends_on_the_texts_alone():
    texts, labels = numbered("a", 50) + numbered("b", 50), ["a"] * 50 + ["b"] * 50
    shuffled = np.random.default_rng(0).permutation(100)
    first = split_by_text(texts, labels, 0.1, 0.1)
    second = split_by_text([texts[i] for i in shuffled], [labels[i] for i in shuffled], 0.1, 0.1)
    for part, other in zip(first, second, strict=True):
        assert {texts[index] for index in part} == {texts[shuffled[index]] for index in other}
    # In another process, too, where Python's own hash of strings is another one.
    code = (
        "from common.data.splitting import split_by_text as s\n"
        f"print([p.tolist() for p in s({texts!r}, {labels!r}, .1, .1)])"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY).stdout
    assert output.strip() == str([part.tolist() for part in first])


def test_texts_without_labels_are_one_group():
    texts = [*numbered("a", 100), "A  1"]
    parts = split_by_text(texts, None, 0.1, 0.2)
    assert [part.tolist() for part in parts] == [part.tolist() for part in split_by_text(texts, ["x"] * 101, 0.1, 0.2)]
    assert len({text_digest(texts[index]) for index in parts[2]}) == 20


def test_ten_examples_are_enough():
    splits = make_splits(examples({"pos": numbered("p", 5), "neg": numbered("n", 5)}))
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [6, 2, 2]
    assert splits.label_names == ("neg", "pos")
    for part in (splits.train, splits.validation, splits.test):
        assert set(part.labels) == {"neg", "pos"}


@pytest.mark.parametrize("fractions", [(0.45, 0.45), (0.9, 0.05), (0.05, 0.9)])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_train_never_loses_a_label(count, fractions):
    train, validation, test = split_by_text(numbered("a", count), ["a"] * count, *fractions)
    assert len(train) >= 1
    assert (len(validation) >= 1 and len(test) >= 1) == (count >= 3)


def test_a_rare_label_stays_in_train():
    splits = make_splits(examples({"pos": numbered("p", 9), "neg": numbered("n", 9), "odd": ["only one"]}))
    assert "odd" in splits.train.labels
    assert splits.label_names == ("neg", "odd", "pos")


def test_twenty_labels():
    splits = make_splits(examples({str(label): numbered(f"t{label}", 10) for label in range(20)}))
    assert splits.label_names == tuple(str(label) for label in range(20))
    assert len(splits.test) == 20


def test_order_of_labels():
    assert sort_labels(["10", "9", "-1", "2.5"]) == ("-1", "2.5", "9", "10")
    assert sort_labels(["10", "9", "nan"]) == ("10", "9", "nan")


def test_given_sets_lose_shared_texts_from_train_only():
    train = examples({"pos": [*numbered("p", 10), "The  Same"], "neg": numbered("n", 10)}, "train.csv")
    validation = examples({"pos": ["p 1", "fresh"], "neg": ["m 1", "the same"]}, "validation.csv")
    test = examples({"pos": ["the same"], "neg": ["n 0", "n 1", "m 0"]}, "test.csv")
    splits = make_splits(train, validation, test)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [17, 3, 4]
    assert "1 validation examples" in splits.notes[0] and "test.csv" in splits.notes[0]
    assert any("1 training examples" in note and "validation.csv" in note for note in splits.notes)
    assert any("3 training examples" in note and "test.csv" in note for note in splits.notes)


def test_a_given_test_set_leaves_validation_to_be_split():
    train = examples({"pos": numbered("p", 50), "neg": numbered("n", 50)})
    test = examples({"pos": ["x"], "neg": ["y"]}, "test.csv")
    splits = make_splits(train, test=test, validation_fraction=0.2)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [80, 20, 2]


def test_limit_keeps_every_label_and_the_proportions():
    train = examples({"a": numbered("a", 300), "b": numbered("b", 100), "c": numbered("c", 5)})
    splits = make_splits(train, limit=40)
    counts = {label: list(splits.train.labels).count(label) for label in "abc"}
    assert sum(counts.values()) == 40
    assert counts["c"] >= 1 and 27 <= counts["a"] <= 31
    assert splits.label_names == ("a", "b", "c")
    again = make_splits(train.take(np.arange(len(train))[::-1]), limit=40)
    assert set(again.train.texts) == set(splits.train.texts)
    with pytest.raises(UserError, match="data.limit is 2, but there are 3 labels"):
        make_splits(train, limit=2)


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ({"train": {"pos": ["a", "b"]}}, "own.csv have the label 'pos'"),
        ({"train": {"pos": ["a", "b"], "neg": ["c", "d"]}}, "too few to split a validation set"),
        ({"train": {"pos": ["a", "b"], "neg": ["c"]}, "test": {}}, "test.csv has no examples"),
        (
            {"train": {"pos": list("abcdef"), "neg": list("ghijkl")}, "test": {"new": ["z"]}},
            "label 'new' .* test.csv .*'neg', 'pos'",
        ),
        (
            {"train": {"pos": ["a"], "neg": ["b"]}, "test": {"pos": ["a"], "neg": ["b"]}},
            "Every training example of own.csv",
        ),
        (
            {"train": {"pos": ["a"], "neg": ["b", "c"]}, "test": {"pos": ["a"], "neg": ["d"]}},
            "have the label 'neg'",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_said_in_a_sentence(sets, expected):
    sets = {name: examples(content, "own.csv" if name == "train" else f"{name}.csv") for name, content in sets.items()}
    with pytest.raises(UserError, match=expected):
        make_splits(**sets)


def test_fractions_that_leave_nothing():
    with pytest.raises(UserError, match="below 1"):
        split_by_text(["a"], ["x"], 0.5, 0.5)


def test_blocks_keep_neighbours_together_and_the_labels_in_proportion():
    """Reviews of one film stand side by side; if they were on both sides, validation would flatter."""
    labels = ["a", "b"] * 500
    train, validation, test = split_by_block(labels, 0.1, 0.2)
    assert sorted([*train, *validation, *test]) == list(range(1000))
    assert [len(part) for part in (train, validation, test)] == [700, 100, 200]
    for part in (train, validation, test):
        assert [labels[index] for index in part].count("a") == len(part) / 2
        stretches = 1 + np.count_nonzero(np.diff(part) > 2)  # labels alternate, so neighbours of a label are 2 apart
        assert stretches <= 2 * BLOCKS
    none = split_by_block(labels, 0.1, 0.0)[2]
    assert len(none) == 0


def test_a_text_on_both_sides_of_a_block_is_left_out_of_training():
    texts = [f"text {index // 2}" for index in range(399)] + ["text 0"]
    examples = LabelledTexts.from_lists(texts, ["a", "b"] * 200, "a test")
    splits = make_splits(examples, validation_fraction=0.1, test_fraction=0.1, by_block=True)
    parts = [set(part.texts) for part in (splits.train, splits.validation, splits.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert any("left out" in note for note in splits.notes)
