"""How good translations are, in the numbers that everybody reports: sacrebleu counts, with its signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

BLEU_WORDS = 4  # in the longest run of words that is compared
RESAMPLES = 1_000
GROUPS, LEAST_IN_GROUP = 6, 10  # of source lengths; examples in each


def translation_metrics(
    translations: Sequence[str], references: Sequence[str], tokenized: bool = False
) -> dict[str, float | None]:
    """The metrics by their fixed names, over all sentences.

    `bleu`: cased BLEU, split into words by 13a, as published since 2018. `chrf`: chrF2, which counts characters and
    therefore also says something of short sentences and of languages without spaces. `bleu_tokenized`: lowercased and
    without smoothing, as in older tables. `exact_match`: the share equal to the reference up to white space.

    Text that is already tokens would be split a second time by 13a ("@-@", "&apos;s"), into words that nobody else
    counts. With `tokenized` both BLEU take what stands between spaces as it is: `bleu_tokenized` is then the number of
    `multi-bleu.perl -lc`, and `bleu` the same with case and smoothing, which compares with no published 13a figure.
    `signatures` tells them apart.

    Args:
        translations: at least one; any of them may be empty.
        references: one for each translation, likewise.
        tokenized: the text is tokens with spaces between them.

    Returns:
        `bleu`, `chrf`, `bleu_tokenized` from 0 to 100, `exact_match` from 0 to 1. Both BLEU are None where no reference
        has `BLEU_WORDS` words: they count runs of up to so many, and would be 0, however good the translations are.

    Raises:
        ValueError: no sentences, or not one reference for each.

    Reference:
        Post 2018, A Call for Clarity in Reporting BLEU Scores, arXiv:1804.08771. Popović 2015, chrF: character n-gram
        F-score for automatic MT evaluation, WMT.
    """
    translations, references = _checked(translations, references)
    metrics: dict[str, float | None] = {}
    for name, metric in _metrics(tokenized).items():
        known = not isinstance(metric, BLEU) or _has_long_enough(metric, references)
        metrics[name] = float(metric.corpus_score(translations, [references]).score) if known else None
    same = [" ".join(a.split()) == " ".join(b.split()) for a, b in zip(translations, references, strict=True)]
    return {**metrics, "exact_match": float(np.mean(same))}


def undefined_metrics(metrics: Mapping[str, float | None]) -> dict[str, str]:
    """Why a metric of `translation_metrics` is None: its name to one sentence; empty when all is as usual."""
    reason = f"no reference has {BLEU_WORDS} words, and BLEU counts runs of up to so many; chrf says more here"
    return {name: reason for name in ("bleu", "bleu_tokenized") if metrics[name] is None}


def signatures(tokenized: bool = False) -> dict[str, str]:
    """sacrebleu's own description of how each metric of `translation_metrics` is counted, for whoever compares."""
    found = {}
    for name, metric in _metrics(tokenized).items():
        metric.corpus_score([""], [[""]])  # a signature says how many references there were
        found[name] = str(metric.get_signature())
    return found


def sentence_scores(translations: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """chrF2 of each sentence, float64 [n], 0 to 100: BLEU says little of one sentence."""
    chrf = CHRF()
    pairs = zip(*_checked(translations, references), strict=True)
    return np.array([chrf.sentence_score(translation, [reference]).score for translation, reference in pairs])


def bleu_interval(
    translations: Sequence[str],
    references: Sequence[str],
    tokenized: bool = False,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """The percentile bootstrap interval of `bleu`: how far it moves with the sentences of the test set.

    Args:
        translations, references, tokenized: as in `translation_metrics`.
        level: probability that the interval should hold, between 0 and 1.
        resamples: number of resampled test sets.
        seed: of the resampling; the same seed gives the same interval.

    Returns:
        low, high: BLEU; of one sentence both are its score, because resampling cannot vary it. None where BLEU is.

    Reference:
        Koehn 2004, Statistical Significance Tests for Machine Translation Evaluation, EMNLP.
    """
    translations, references = _checked(translations, references)
    metric, sentences = _metrics(tokenized)["bleu"], len(references)
    if not _has_long_enough(metric, references):
        return None
    counts = _bleu_counts(metric, translations, references)  # [n, 2 + 2·BLEU_WORDS]
    rng, scores = np.random.default_rng(seed), []
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(sentences, size=sentences), minlength=sentences)  # [n], how often each
        scores.append(_bleu_of(metric, drawn @ counts))
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def length_bounds(lengths: np.ndarray, groups: int = GROUPS) -> np.ndarray:
    """The longest length of each group, int64 [groups or fewer], ascending: about as many sentences in each group.

    Fewer groups where `LEAST_IN_GROUP` sentences for each are not there, or where many have the same length.
    """
    lengths = np.asarray(lengths)
    groups = max(1, min(groups, len(lengths) // LEAST_IN_GROUP))
    return np.unique(np.quantile(lengths, np.arange(1, groups + 1) / groups, method="inverted_cdf")).astype(np.int64)


def metrics_by_length(
    lengths: np.ndarray, systems: Mapping[str, Sequence[str]], references: Sequence[str], tokenized: bool = False
) -> list[dict[str, Any]]:
    """`translation_metrics` of groups of sentences of about the same source length, short ones first.

    Args:
        lengths: int [n], of the sources, in whatever unit.
        systems: name to the n translations of this system.
        references: n.
        tokenized: as in `translation_metrics`.

    Returns:
        For each group `shortest` and `longest` length, `examples`, and `systems`: name to metrics.
    """
    lengths, references = np.asarray(lengths), np.array(references, dtype=object)
    systems = {name: np.array(translations, dtype=object) for name, translations in systems.items()}
    ids = np.searchsorted(length_bounds(lengths), lengths, side="left")  # [n]
    groups = []
    for group in range(ids.max() + 1):
        rows = np.flatnonzero(ids == group)
        groups.append(
            {
                "shortest": int(lengths[rows].min()),
                "longest": int(lengths[rows].max()),
                "examples": len(rows),
                "systems": {
                    name: translation_metrics(translations[rows], references[rows], tokenized)
                    for name, translations in systems.items()
                },
            }
        )
    return groups


def _metrics(tokenized: bool) -> dict[str, BLEU | CHRF]:
    tokenizer = "none" if tokenized else "13a"
    # Without `force` sacrebleu warns of every text that looks like tokens, also where it was told so.
    return {
        "bleu": BLEU(tokenize=tokenizer, force=True),
        "chrf": CHRF(),
        "bleu_tokenized": BLEU(tokenize=tokenizer, lowercase=True, smooth_method="none", force=True),
    }


def _has_long_enough(metric: BLEU, references: Sequence[str]) -> bool:
    return any(metric.corpus_score([text], [[text]]).ref_len >= BLEU_WORDS for text in references)


def _bleu_counts(metric: BLEU, translations: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """What BLEU adds up over sentences, int64 [n, 2 + 2·BLEU_WORDS]: two lengths, matches and totals of 1 to 4 words."""
    rows = []
    for translation, reference in zip(translations, references, strict=True):
        score = metric.corpus_score([translation], [[reference]])
        rows.append([score.sys_len, score.ref_len, *score.counts, *score.totals])
    return np.array(rows)


def _bleu_of(metric: BLEU, counts: np.ndarray) -> float:
    lengths, matches, totals = (
        counts[:2].tolist(),
        counts[2 : 2 + BLEU_WORDS].tolist(),
        counts[2 + BLEU_WORDS :].tolist(),
    )
    return metric.compute_bleu(matches, totals, *lengths, smooth_method=metric.smooth_method).score


def _checked(translations: Sequence[str], references: Sequence[str]) -> tuple[list[str], list[str]]:
    translations, references = [str(text) for text in translations], [str(text) for text in references]
    if not references or len(translations) != len(references):
        raise ValueError(
            f"expected one reference for each of at least one translation, got {len(translations)} translations and "
            f"{len(references)} references"
        )
    return translations, references
