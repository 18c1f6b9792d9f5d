"""Measures a trained model on one split, beside its baselines, and lists its translations.

After training and for the verb `evaluate`: raw pairs in; `metrics.json`, every translation with its score and pictures
in the run directory out.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.translation import report
from apps.translation.baselines import MOST_PAIRS, copy_source, translation_memory
from apps.translation.pairs import SentencePairs, Splits
from apps.translation.scores import (
    bleu_interval,
    metrics_by_length,
    sentence_scores,
    signatures,
    translation_metrics,
    undefined_metrics,
)
from apps.translation.translate import attention_of, teacher_forced, translate
from common.console import get_console
from common.errors import UserError
from common.evaluation import ranked, shortened, split_examples
from common.files import atomic_write, to_json, write_json
from common.runs import Run

if TYPE_CHECKING:
    import keras

    from apps.translation.config import Config
    from apps.translation.preprocessing import Preprocessor

SHOWN = 2  # of the best, the middling and the worst translations
LONGEST_SHOWN = 240  # characters
WITHOUT_SPACES = ("zh", "ja", "th", "lo", "km", "my")  # languages that do not part their words


def evaluate(
    config: Config, run: Run, splits: Splits, split: str, preprocessor: Preprocessor, model: keras.Model
) -> dict[str, Any]:
    """Measures `model` on one split, and writes metrics, translations and pictures into the run.

    Args:
        config: effective configuration of the run; `decoding` says how translations are searched for.
        run: where to write.
        splits: raw pairs.
        split: `train`, `validation` or `test`.
        preprocessor: adapted on `splits.train`.
        model: in its final form, as `train` returns it.

    Returns:
        What was written to `run.metrics_path(split)`: `app`, `split`, `examples`, `metrics`, `intervals` (95 %, `bleu`
        only), `baselines`, `undefined` (metric name to the reason why it is null), `signatures` (how sacrebleu counted),
        `by_source_length` (`unit`, and `groups` with the metrics of the model and of each baseline), `seconds`,
        `parameters`, `config`, `notes`.

    Raises:
        UserError: unknown split, an empty split, or a model that predicts NaN.
    """
    pairs, tokenized = split_examples(splits, split), config.data.tokenized
    references = list(pairs.targets)
    seconds = {}

    started = time.perf_counter()
    forced = teacher_forced(model, preprocessor, pairs)
    seconds["teacher_forced"] = time.perf_counter() - started
    if not math.isfinite(forced["perplexity"]):
        raise UserError(
            f"the model of {run.path} predicts NaN or infinity for {split} sentences; "
            "train again with a smaller --train.learning_rate"
        )

    started = time.perf_counter()
    translations, model_scores = translate(model, preprocessor, list(pairs.sources))
    seconds["translate"] = time.perf_counter() - started

    started = time.perf_counter()
    baselines = {"copy": copy_source(pairs), "translation_memory": translation_memory(splits.train, pairs.sources)}
    seconds["baselines"] = time.perf_counter() - started

    started = time.perf_counter()
    unit, lengths = _source_lengths(pairs, tokenized)
    sentence_chrf = sentence_scores(translations, references)  # [n]
    metrics = translation_metrics(translations, references, tokenized)
    interval = bleu_interval(translations, references, tokenized)
    result = {
        "app": run.app,
        "split": split,
        "examples": len(pairs),
        "metrics": {**metrics, **forced},
        "intervals": {} if interval is None else {"bleu": list(interval)},
        "baselines": {name: translation_metrics(answers, references, tokenized) for name, answers in baselines.items()},
        "undefined": undefined_metrics(metrics),
        "signatures": signatures(tokenized),
        "by_source_length": {
            "unit": unit,
            "groups": metrics_by_length(lengths, {"model": translations, **baselines}, references, tokenized),
        },
        "seconds": seconds,
        "parameters": int(model.count_params()),
        "config": config.model_dump(mode="json"),
        "notes": _notes(splits, split, tokenized),
    }
    seconds["scores"] = time.perf_counter() - started

    rows = [
        {
            "source": str(source),
            "reference": str(reference),
            "translation": translation,
            "chrf": round(float(chrf), 2),
            "score": float(score),
        }
        for source, reference, translation, chrf, score in zip(
            pairs.sources, pairs.targets, translations, sentence_chrf, model_scores, strict=True
        )
    ]
    with atomic_write(run.path / f"translations-{split}.jsonl") as file:
        file.writelines(to_json(row) + "\n" for row in rows)
    source = str(pairs.sources[_typical(lengths, sentence_chrf)])
    source_tokens, target_tokens, weights = attention_of(model, preprocessor, source)
    if np.size(weights):
        report.save_attention(run, split, source_tokens, target_tokens, weights)
    write_json(run.metrics_path(split), result)
    report.draw_pictures(run, split)
    _show(result, rows, lengths)
    return result


def _source_lengths(pairs: SentencePairs, tokenized: bool) -> tuple[str, np.ndarray]:
    """Returns the unit, and int64 [n]. Characters, because not every language parts its words."""
    if tokenized:
        return "tokens", np.array([len(str(source).split()) for source in pairs.sources])
    return "characters", np.array([len(str(source)) for source in pairs.sources])


def _typical(lengths: np.ndarray, chrf: np.ndarray) -> int:
    """Returns the middling translation among the sources from the median to the 90th percentile of length."""
    low, high = np.quantile(lengths, [0.5, 0.9], method="inverted_cdf")
    among = np.flatnonzero((low <= lengths) & (lengths <= high))
    return int(among[np.argsort(chrf[among], kind="stable")[len(among) // 2]])


def _notes(splits: Splits, split: str, tokenized: bool) -> list[str]:
    notes = []
    if split == "train":
        notes.append("the baseline translation_memory looked up the very sentences that it knows")
    if len(splits.train) > MOST_PAIRS:
        notes.append(
            f"the baseline translation_memory looked at {MOST_PAIRS:,} of the {len(splits.train):,} training pairs"
        )
    if not tokenized and splits.target_language.lower()[:2] in WITHOUT_SPACES:
        notes.append(
            f"{splits.target_language} is written without spaces, where bleu takes a whole sentence for one word; "
            "go by chrf"
        )
    return notes


def _show(result: dict[str, Any], rows: list[dict[str, Any]], lengths: np.ndarray) -> None:
    """Writes what stands beside the table of metrics, which the verb writes."""
    console = get_console()
    line = f"  {result['examples']:,} {result['split']} sentences"
    if "bleu" in result["intervals"]:
        low, high = result["intervals"]["bleu"]
        line += f"; bleu is {low:.1f} to {high:.1f} (95 % interval)"
    console.line(line)
    for name, reason in result["undefined"].items():
        console.warn(f"{name}: {reason}")
    for note in result["notes"]:
        console.line(f"  {note}")
    by_length = result["by_source_length"]
    console.heading(f"chrf by {by_length['unit']} of the source")
    names = [f"{report.span(group)} ({group['examples']:,})" for group in by_length["groups"]]
    columns = {
        system: {name: group["systems"][system]["chrf"] for name, group in zip(names, by_length["groups"], strict=True)}
        for system in ("model", *result["baselines"])
    }
    console.metrics(columns.pop("model"), columns)
    chosen = ranked(np.array([row["chrf"] for row in rows]), lengths, SHOWN)
    for kind, indices in chosen.items():
        if indices:
            console.heading(f"{kind.capitalize()} translation{'s' if len(indices) > 1 else ''}, with chrf")
        for index in indices:
            row = rows[index]
            console.line(f"  {row['chrf']:3.0f}  source       {shortened(row['source'], LONGEST_SHOWN)}")
            console.line(f"       translation  {shortened(row['translation'], LONGEST_SHOWN)}")
            console.line(f"       reference    {shortened(row['reference'], LONGEST_SHOWN)}")
