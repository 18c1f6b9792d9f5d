"""Captioning figures are compared across papers: a number counted another way than everybody does is worse than none."""

import math
import types
from collections import Counter
from functools import cache

import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from apps.captioning import scores
from apps.captioning.scores import (
    caption_metrics,
    diversity,
    scored_form,
    sentence_cider,
    signatures,
    undefined_metrics,
)


def made(pictures, seed=0, references=5):
    """Random references of different number and length, and captions that share most of their words with one of them."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{index}" for index in range(40)])
    rows, captions = [], []
    for _ in range(pictures):
        lines = [words[rng.integers(40, size=rng.integers(3, 14))] for _ in range(rng.integers(1, references + 1))]
        captions.append(" ".join(np.where(rng.random(len(lines[0])) < 0.2, "other", lines[0])))
        rows.append(tuple(map(" ".join, lines)))
    return captions, rows


def runs(text, length):
    words = text.split()
    return Counter(tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def cider_by_formula(captions, references):
    """CIDEr-D as equations 1 to 5 of the paper have it, float64 [n]; times 100 for the unit of this application."""
    frequency = Counter(
        run for row in references for length in (1, 2, 3, 4) for run in set().union(*(runs(r, length) for r in row))
    )

    def weighted(text, length):
        return {
            run: count * (math.log(len(references)) - math.log(max(1, frequency[run])))
            for run, count in runs(text, length).items()
        }

    found = []
    for caption, row in zip(captions, references, strict=True):
        total = 0.0
        for length in (1, 2, 3, 4):
            for reference in row:
                mine, theirs = weighted(caption, length), weighted(reference, length)
                size = math.sqrt(sum(v * v for v in mine.values()) * sum(v * v for v in theirs.values()))
                common = sum(min(value, theirs.get(run, 0)) * theirs.get(run, 0) for run, value in mine.items())
                # The paper compares lengths; the published code counts pairs of words, which differ by the same.
                apart = max(0, len(caption.split()) - 1) - max(0, len(reference.split()) - 1)
                total += common / size * math.exp(-(apart**2) / (2 * 6.0**2)) / len(row) if size else 0.0
        found.append(100 * 10 * total / 4)
    return np.array(found)


def rouge_by_recursion(caption, references):
    caption, rows = caption.split(), [reference.split() for reference in references]

    def common(a, b):
        @cache
        def longest(i, j):
            if i == len(a) or j == len(b):
                return 0
            return 1 + longest(i + 1, j + 1) if a[i] == b[j] else max(longest(i + 1, j), longest(i, j + 1))

        return longest(0, 0)

    precision = max(common(caption, row) / len(caption) for row in rows)
    recall = max(common(caption, row) / len(row) for row in rows)
    return (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision) if precision else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_bleu_is_that_of_sacrebleu(seed):
    captions, references = made(50, seed)
    most = max(map(len, references))
    # sacrebleu takes a reference of each number for all sentences; where there are fewer, None.
    columns = [[row[i] if i < len(row) else None for row in references] for i in range(most)]
    metrics = caption_metrics(captions, references)
    for words in (1, 2, 3, 4):
        bleu = BLEU(tokenize="none", force=True, smooth_method="none", effective_order=False, max_ngram_order=words)
        assert metrics[f"bleu_{words}"] == pytest.approx(bleu.corpus_score(captions, columns).score, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_cider_and_rouge_are_those_of_their_formulas(seed):
    captions, references = made(30, seed)
    by_formula = cider_by_formula(captions, references)
    metrics = caption_metrics(captions, references)
    np.testing.assert_allclose(sentence_cider(captions, references), by_formula, rtol=1e-9)
    assert metrics["cider"] == pytest.approx(by_formula.mean())
    rouge = np.mean([rouge_by_recursion(*pair) for pair in zip(captions, references, strict=True)])
    assert metrics["rouge_l"] == pytest.approx(100 * rouge)


def test_captions_that_are_references_get_all_points():
    references = [("a dog runs on grass", "a dog runs on grass"), ("two red cars in a street",)]
    metrics = caption_metrics([row[0] for row in references], references)
    assert [metrics[f"bleu_{words}"] for words in (1, 2, 3, 4)] == pytest.approx([100] * 4, rel=1e-6)
    assert metrics["rouge_l"] == pytest.approx(100)
    assert metrics["cider"] == pytest.approx(1_000)  # ten times the cosine, in hundredths


def test_only_words_count():
    """A caption of the network has neither capitals nor punctuation, its references have."""
    assert scored_form("  A man's T-shirt, “red & blue”; 45 $!") == "a mans tshirt red blue 45"
    assert scored_form("¿Dónde está el PERRO? ¡Aquí!") == "dónde está el perro aquí"
    assert scored_form("Ein Bär\u200a–\u00a0groß…") == "ein bär groß"
    assert scored_form("u\u0308ber") == scored_form("Über") == "über"
    assert scored_form("हिन्दी में।") == "हिन्दी में"  # vowel signs are no punctuation
    assert scored_form("...") == scored_form("") == ""
    plain = caption_metrics(["a dog runs fast", "two cats"], [("a dog runs home",), ("two cats",)])
    marked = caption_metrics(["A dog, runs fast.", "Two cats!"], [("“A dog runs home.”",), ("Two ... cats",)])
    assert plain == marked


def test_nothing_is_printed(capsys):
    caption_metrics(*made(3))
    assert capsys.readouterr().out == ""


def test_empty_captions_get_nothing_and_stop_nothing():
    references = [("a dog runs on grass", "a dog"), ("two red cars in a street",)]
    metrics = caption_metrics(["", "..."], references)
    assert metrics | {"meteor": 0} == dict.fromkeys(metrics, 0)
    half = caption_metrics(["", "two red cars in a street"], references)
    assert all(0 < half[name] < 100 for name in ("bleu_4", "rouge_l")) and 0 < half["cider"] < 1_000
    assert sentence_cider(["", "two red cars in a street"], references)[0] == 0


def test_a_reference_without_words_does_not_count():
    captions = ["a dog runs on grass", "two red cars", ""]
    with_empty = [("a dog runs on grass", "", "!"), ("two red cars in a street",), ("a blue boat",)]
    without = [("a dog runs on grass",), ("two red cars in a street",), ("a blue boat",)]
    assert caption_metrics(captions, with_empty) == caption_metrics(captions, without)
    wordless = caption_metrics(captions, [("!",), ("two red cars in a street",), ("a blue boat",)])
    assert all(math.isfinite(value) for name, value in wordless.items() if name != "meteor")


def test_a_single_picture_has_no_cider():
    """All its words stand in all pictures, so CIDEr-D would be 0 for the best of captions."""
    metrics = caption_metrics(["a dog runs on grass"], [("a dog runs on grass",)])
    assert metrics["cider"] is None and metrics["bleu_4"] == pytest.approx(100)
    assert "more pictures" in undefined_metrics(metrics)["cider"]
    same = caption_metrics(["a dog"] * 3, [("a dog", "a cat")] * 3)
    assert same["cider"] is None
    ordered = caption_metrics(["a b", "b a"], [("a b",), ("b a",)])  # told apart by the order of words alone
    assert ordered["cider"] is not None


def test_bleu_of_runs_longer_than_the_references_is_not_defined():
    metrics = caption_metrics(["red car", "blue car"], [("red car",), ("blue boat",)])
    assert metrics["bleu_3"] is metrics["bleu_4"] is None and metrics["bleu_2"] > 0
    reasons = undefined_metrics(metrics)
    assert "3 words" in reasons["bleu_3"] and "4 words" in reasons["bleu_4"] and "bleu_2" not in reasons


def test_bleu_without_a_common_run_is_zero():
    """pycocoevalcap would give three points to captions of three words for BLEU-4, of which they have no run at all."""
    references = [("a dog runs on grass",), ("two red cars in a street",)]
    metrics = caption_metrics(["a dog runs", "two red cars"], references)
    assert metrics["bleu_4"] == 0 and metrics["bleu_3"] > 0


@pytest.mark.parametrize("captions, references", [([], []), (["a"], []), (["a", "b"], [("a",), ()])])
def test_pictures_without_caption_or_reference_are_refused(captions, references):
    with pytest.raises(ValueError, match="expected at least one reference"):
        caption_metrics(captions, references)


class Synonyms:
    """A WordNet in which a car is an auto."""

    def synsets(self, word):
        lemmas = [types.SimpleNamespace(name=lambda name=name: name) for name in ("car", "auto")]
        return [types.SimpleNamespace(lemmas=lambda: lemmas)] if word in ("car", "auto") else []


def test_meteor_counts_words_stems_and_synonyms(monkeypatch):
    monkeypatch.setattr(scores, "_wordnet", Synonyms)
    captions = ["a red auto", "boats"]
    metrics = caption_metrics(captions, [("the tall red car", "nothing at all"), ("a boat",)])
    # red and auto in one chunk: precision 2/3, recall 2/4; boats: precision 1/1, recall 1/2, one chunk of one match.
    first = (2 / 3) * (2 / 4) / (0.9 * 2 / 3 + 0.1 * 2 / 4) * (1 - 0.5 * (1 / 2) ** 3)
    second = 1 * 0.5 / (0.9 * 1 + 0.1 * 0.5) * (1 - 0.5)
    assert metrics["meteor"] == pytest.approx(100 * (first + second) / 2)
    assert "meteor" not in undefined_metrics(metrics)
    assert caption_metrics(["", "boats"], [("a car",), ("a boat",)])["meteor"] == pytest.approx(100 * second / 2)


def test_why_there_is_no_meteor(monkeypatch):
    monkeypatch.setattr(scores, "_wordnet", lambda: None)
    metrics = caption_metrics(*made(3))
    assert metrics["meteor"] is None and "WordNet" in undefined_metrics(metrics)["meteor"]
    monkeypatch.setattr(scores, "_wordnet", Synonyms)
    metrics = caption_metrics(*made(3), language="de")
    assert metrics["meteor"] is None and "de" in undefined_metrics(metrics, language="de")["meteor"]


def test_wordnet_that_is_missing_or_incomplete_is_none(monkeypatch, tmp_path):
    import nltk
    from nltk.corpus.reader import WordNetCorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    for folder in ("nothing", "corpora/wordnet"):
        tmp_path.joinpath(folder).mkdir(parents=True)
        monkeypatch.setattr(nltk.corpus, "wordnet", LazyCorpusLoader("wordnet", WordNetCorpusReader, object()))
        assert scores._wordnet() is None


def test_signatures_say_how_it_was_counted():
    found = signatures()
    assert "pycocoevalcap" in found["bleu"] and "CIDEr-D" in found["cider"] and "METEOR 1.5" in found["meteor"]


def test_diversity():
    captions = ["A dog.", "a dog", "two cats", "a red car"]
    train = [("two cats!", "cats"), ("a dog runs",)]
    assert diversity(captions, train) == {"distinct": 3 / 4, "words": 6, "from_training": 1 / 4}
