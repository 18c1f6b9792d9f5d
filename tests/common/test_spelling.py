"""If these fail, a typing mistake costs the person a search through the help."""

import pytest

from apps.sentiment.config import Config
from common.config_options import options_of
from common.spelling import did_you_mean, listed, nearest


@pytest.mark.parametrize("path", list(options_of(Config)))
def test_one_slip_in_the_name_of_a_setting_finds_it(path):
    section, _, name = path.rpartition(".")
    at = len(name) // 2
    slips = [
        name[:at] + name[at + 1 :],  # dropped
        name[:at] + name[at] + name[at:],  # doubled
        name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :],  # swapped
        name.upper(),
        name.replace("_", "-"),
    ]
    for slip in slips:
        assert nearest(f"{section}.{slip}", options_of(Config)) == path, slip


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("epochs", "train.epochs"),
        ("model.epochs", "train.epochs"),
        ("train.lr", "train.learning_rate"),
        ("train.max_length", "preprocessing.max_length"),
        ("train.flux_capacitor", None),
        ("", None),
    ],
)
def test_what_was_meant(word, meant):
    assert nearest(word, options_of(Config)) == meant


def test_short_words():
    assert nearest("tyni", ["tiny", "base", "overfit"]) == "tiny"
    assert nearest("lsmt", ["simple_rnn", "gru", "lstm"]) == "lstm"
    assert nearest("transformer", ["simple_rnn", "gru", "lstm"]) is None
    assert nearest("x", []) is None


def test_sentences():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a or b",
        "a, b or c",
    ]
    assert did_you_mean("tyni", ["tiny"], prefix="--") == "; did you mean --tiny?"
    assert did_you_mean("zzz", ["tiny"]) == ""
