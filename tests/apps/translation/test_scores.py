"""BLEU is compared across papers: a number counted another way than its signature says is worse than none."""

import math
import time

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from apps.translation.scores import (
    bleu_interval,
    length_bounds,
    metrics_by_length,
    sentence_scores,
    signatures,
    translation_metrics,
    undefined_metrics,
)

REFERENCES = [
    "The cat doesn't sit on the mat.",
    "A well-known man (45) walks his dog in the park.",
    "It is two o'clock, isn't it?",
    "Good morning!",
]
TRANSLATIONS = [
    "The Cat doesn't sit on a mat.",
    "A well-known man (45) walks a dog in the park .",
    "It is two o'clock, isn't it?",
    "",
]


def made(sentences, seed=0):
    """Random sentences, and the same with a fifth of the words changed."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{index}" for index in range(50)])
    references = [words[rng.integers(50, size=rng.integers(1, 30))] for _ in range(sentences)]
    translations = [np.where(rng.random(len(line)) < 0.2, "other", line) for line in references]
    return [" ".join(line) for line in translations], [" ".join(line) for line in references]


def test_metrics_are_those_of_sacrebleu():
    metrics = translation_metrics(TRANSLATIONS, REFERENCES)
    assert metrics["bleu"] == pytest.approx(BLEU().corpus_score(TRANSLATIONS, [REFERENCES]).score)
    assert metrics["chrf"] == pytest.approx(CHRF().corpus_score(TRANSLATIONS, [REFERENCES]).score)
    lowercased = BLEU(lowercase=True).corpus_score(TRANSLATIONS, [REFERENCES]).score
    assert metrics["bleu_tokenized"] == pytest.approx(lowercased) and lowercased > metrics["bleu"]
    assert metrics["exact_match"] == 0.25


def test_bleu_counted_by_hand():
    """`the cat sat on the mat .` for `the cat sat on a mat .`: 6 of 7 words, 4 of 6 pairs, 2 of 5, 1 of 4."""
    metrics = translation_metrics(["the cat sat on the mat ."], ["the cat sat on a mat ."], tokenized=True)
    by_hand = 100 * (6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** 0.25
    assert metrics["bleu"] == metrics["bleu_tokenized"] == pytest.approx(by_hand)
    shorter = translation_metrics(["the cat sat on"], ["the cat sat on a mat ."], tokenized=True)
    assert shorter["bleu"] == pytest.approx(100 * math.exp(1 - 7 / 4))  # the brevity penalty alone


def test_tokens_are_counted_as_they_are():
    """13a would split and unescape them, into words that no table with tokenised BLEU has counted."""
    references = ["a man &apos;s well @-@ known dog &amp; cat run .", "Two O'Clock , said the man ."]
    translations = ["a man &apos;s well @-@ known dogs &amp; cat run .", "two o'clock , says the man ."]
    metrics = translation_metrics(translations, references, tokenized=True)
    plain = BLEU(tokenize="none", lowercase=True).corpus_score(translations, [references]).score
    assert metrics["bleu_tokenized"] == pytest.approx(plain)
    assert metrics["bleu"] == pytest.approx(BLEU(tokenize="none").corpus_score(translations, [references]).score)
    natural = translation_metrics(translations, references)
    assert natural["bleu_tokenized"] != pytest.approx(plain)


def test_bleu_of_older_tables_is_not_smoothed():
    translation, reference = ["one two three five"], ["one two three four"]
    assert translation_metrics(translation, reference)["bleu"] > 0
    assert translation_metrics(translation, reference)["bleu_tokenized"] == 0  # as multi-bleu.perl says


def test_signatures_say_how_it_was_counted():
    natural, tokens = signatures(), signatures(tokenized=True)
    assert natural["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert natural["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    assert "case:lc" in tokens["bleu_tokenized"] and "tok:none" in tokens["bleu_tokenized"]
    assert "tok:none" in tokens["bleu"]


def test_empty_texts_are_counted_without_a_warning(caplog):
    reference = "a b c d e"
    zero = {"bleu": 0, "chrf": 0, "bleu_tokenized": 0, "exact_match": 0}
    assert translation_metrics([""], [reference]).items() >= zero.items()
    assert translation_metrics(["", reference], ["", reference])["exact_match"] == 1
    assert translation_metrics([reference], [""])["exact_match"] == 0
    translation_metrics(["an end ."] * 200, ["an end of it ."] * 200)  # sacrebleu takes this for tokens
    sentence_scores(["", "a"], ["a", ""])
    bleu_interval(["", "a"], ["a b c d", ""])
    assert not caplog.records
    for arguments in (([], []), (["a"], [])):
        with pytest.raises(ValueError, match="at least one"):
            translation_metrics(*arguments)


def test_too_short_references_have_no_bleu():
    """Else an application that writes dates right has a BLEU of 0."""
    metrics = translation_metrics(["24 May", "3"], ["24 May", "3"])
    assert metrics.items() >= {"bleu": None, "chrf": 100, "bleu_tokenized": None, "exact_match": 1}.items()
    assert "4 words" in undefined_metrics(metrics)["bleu"]
    assert bleu_interval(["24 May"], ["24 May"]) is None
    assert undefined_metrics(translation_metrics(TRANSLATIONS, REFERENCES)) == {}


def test_sentences_are_ranked_by_chrf():
    scores = sentence_scores(TRANSLATIONS, REFERENCES)
    expected = [CHRF().sentence_score(a, [b]).score for a, b in zip(TRANSLATIONS, REFERENCES, strict=True)]
    np.testing.assert_allclose(scores, expected)
    assert scores[2] == pytest.approx(100) and scores[3] == 0


def test_the_interval_is_that_of_resampled_sentences():
    translations, references = made(60)
    rng = np.random.default_rng(1)
    resampled = []
    for _ in range(200):
        rows = rng.integers(60, size=60)
        resampled.append(
            BLEU().corpus_score([translations[row] for row in rows], [[references[row] for row in rows]]).score
        )
    low, high = bleu_interval(translations, references)
    np.testing.assert_allclose([low, high], np.quantile(resampled, [0.025, 0.975]), atol=1.0)
    assert low < translation_metrics(translations, references)["bleu"] < high
    assert bleu_interval(translations, references) == (low, high)
    one = translation_metrics(translations[:1], references[:1])["bleu"]
    assert bleu_interval(translations[:1], references[:1]) == pytest.approx((one, one))


def test_the_interval_of_a_thousand_sentences_is_no_stage_of_its_own():
    translations, references = made(1_000)
    started = time.process_time()
    bleu_interval(translations, references)
    assert time.process_time() - started < 2


def test_groups_of_length_are_about_as_large_as_each_other():
    lengths = np.random.default_rng(0).poisson(30, 600)
    bounds = length_bounds(lengths)
    counts = np.bincount(np.searchsorted(bounds, lengths, side="left"))
    assert len(bounds) == len(counts) == 6 and bounds[-1] == lengths.max()
    assert counts.min() > 60 and counts.sum() == 600


@pytest.mark.parametrize(
    ("lengths", "bounds"), [([5], [5]), ([3] * 100, [3]), ([1] * 50 + [9] * 50, [1, 9]), (list(range(19)), [18])]
)
def test_few_lengths_make_few_groups(lengths, bounds):
    assert length_bounds(np.array(lengths)).tolist() == bounds


def test_every_sentence_is_in_the_group_of_its_length():
    translations, references = made(100)
    lengths = np.array([len(line.split()) for line in references])
    groups = metrics_by_length(lengths, {"model": translations, "copy": references}, references)
    assert sum(group["examples"] for group in groups) == 100
    for group in groups:
        rows = np.flatnonzero((lengths >= group["shortest"]) & (lengths <= group["longest"]))
        assert len(rows) == group["examples"] and group["systems"]["copy"]["exact_match"] == 1
        expected = translation_metrics([translations[row] for row in rows], [references[row] for row in rows])
        assert group["systems"]["model"] == expected
    short = metrics_by_length([1], {"model": ["a"]}, ["a"])
    assert short[0]["systems"]["model"]["bleu"] is None
