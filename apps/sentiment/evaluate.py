"""Measures a trained model on one split, beside its baselines, and lists what it got most wrong.

After training and for the verb `evaluate`: raw texts and label names in, `metrics.json`, pictures and
`mistakes.jsonl` in the run directory out. The baselines learn from the same training texts as the model; they
are fitted once in a run and kept there, because they depend on nothing that training changes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from apps.sentiment import data, report
from apps.sentiment.baselines import (
    MOST_TEXTS,
    RECIPE,
    NgramLinear,
    fit_ngram_linear,
    majority_probabilities,
)
from apps.sentiment.ngrams import known_ngrams_of_texts
from common.console import get_console
from common.data.splits import LabelledTexts, Splits
from common.errors import UserError
from common.evaluation import shortened, split_examples
from common.files import atomic_write, reading, to_json, write_json
from common.metrics import bootstrap_interval, classification_metrics, undefined_metrics
from common.runs import Run

if TYPE_CHECKING:
    import keras

    from apps.sentiment.config import Config
    from apps.sentiment.preprocessing import Preprocessor

MISTAKES_KEPT, MISTAKES_SHOWN = 100, 5
_DELETE_CACHE = "delete it and run evaluate again, which makes it anew"
LONGEST_MISTAKE, LONGEST_SHOWN = 5_000, 240  # characters of the text in the file, on the console


def evaluate(
    config: Config, run: Run, splits: Splits, split: str, preprocessor: Preprocessor, model: keras.Model
) -> dict[str, Any]:
    """Measures `model` on one split, and writes metrics, predictions, mistakes and pictures into the run.

    Args:
        config: effective configuration of the run.
        run: where to write; also the home of the fitted baselines.
        splits: raw examples.
        split: `train`, `validation` or `test`.
        preprocessor: adapted on `splits.train`; its n-grams are the baseline's, too.
        model: what `predict_logits` accepts.

    Returns:
        What was written to `run.metrics_path(split)`: `app`, `split`, `examples`, `metrics`, `intervals` (95
        %, `accuracy` only), `baselines`, `undefined` (metric name to the reason why it is null or partial),
        `seconds`, `parameters`, `config`, `notes`.

    Raises:
        UserError: unknown split, an empty split, a label that the training set does not have, or a model that
            predicts NaN.
    """
    examples = split_examples(splits, split)
    label_names = tuple(preprocessor.label_names)
    labels = data.label_ids(examples, label_names)  # [n]
    seconds = {}

    started = time.perf_counter()
    logits = np.asarray(data.predict_logits(model, examples, preprocessor), np.float64)  # [n, classes]
    seconds["predict"] = time.perf_counter() - started
    if not np.all(np.isfinite(logits)):
        raise UserError(
            f"the model of {run.path} predicts NaN or infinity for "
            f"{np.sum(~np.isfinite(logits).all(axis=1))} of {len(examples)} {split} examples; "
            "train again with a smaller --train.learning_rate"
        )
    probabilities = special.softmax(logits, axis=1)  # [n, classes]
    predicted = probabilities.argmax(axis=1)  # [n]

    started = time.perf_counter()
    by_baseline, notes = _baseline_probabilities(config, run, splits, split, labels, preprocessor)
    seconds["baselines"] = time.perf_counter() - started

    result = {
        "app": run.app,
        "split": split,
        "examples": len(examples),
        "metrics": metrics_of(labels, probabilities),
        "intervals": {"accuracy": bootstrap_interval(predicted == labels)},
        "baselines": {name: metrics_of(labels, values) for name, values in by_baseline.items()},
        "undefined": undefined_metrics(labels, len(label_names)),
        "seconds": seconds,
        "parameters": int(model.count_params()),
        "config": config.model_dump(mode="json"),
        "notes": notes,
    }
    mistakes = worst_mistakes(examples, labels, probabilities, label_names)
    with atomic_write(run.path / "mistakes.jsonl") as file:
        file.writelines(to_json({"split": split, **mistake}) + "\n" for mistake in mistakes)
    with atomic_write(report.predictions_path(run, split), "wb") as file:
        np.savez(
            file,
            labels=labels,
            probabilities=probabilities.astype(np.float32),
            label_names=np.array(label_names),
        )

    started = time.perf_counter()
    report.draw_pictures(run, split)
    seconds["pictures"] = time.perf_counter() - started
    write_json(run.metrics_path(split), result)
    _show(result, mistakes)
    return result


def metrics_of(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    """The metrics of the model, and of each baseline: int [n] and float [n, classes] to their numbers by name."""
    return classification_metrics(labels, probabilities)


def worst_mistakes(
    examples: LabelledTexts,
    labels: np.ndarray,
    probabilities: np.ndarray,
    label_names: Sequence[str],
    count: int = MISTAKES_KEPT,
) -> list[dict[str, Any]]:
    """The examples predicted wrong with the least probability for their true label, worst first.

    Args:
        examples: n texts.
        labels: int [n], true class ids.
        probabilities: float [n, classes].
        label_names: one for each class.
        count: how many at most.

    Returns:
        Dictionaries of `index` (position in the split), `text`, `label`, `predicted`, `probability` (of the
        predicted label) and `probability_of_label`.
    """
    rows = np.arange(len(labels))
    predicted = probabilities.argmax(axis=1)  # [n]
    of_label = probabilities[rows, labels]  # [n]
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(of_label[wrong], kind="stable")][:count]
    return [
        {
            "index": int(index),
            "text": shortened(str(examples.texts[index]), LONGEST_MISTAKE),
            "label": label_names[labels[index]],
            "predicted": label_names[predicted[index]],
            "probability": float(probabilities[index, predicted[index]]),
            "probability_of_label": float(of_label[index]),
        }
        for index in wrong
    ]


def _baseline_probabilities(
    config: Config, run: Run, splits: Splits, split: str, labels: np.ndarray, preprocessor: Preprocessor
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns name to float64 [n, classes], and what a person should know about how they came to be."""
    label_names = tuple(preprocessor.label_names)
    examples, train = getattr(splits, split), splits.train
    train_labels = data.label_ids(train, label_names)
    notes = []
    if len(train) > MOST_TEXTS:
        notes.append(
            f"the baseline nbsvm learned from {MOST_TEXTS:,} of the {len(train):,} training texts, "
            "to keep within memory"
        )
    recipe = f"{RECIPE} {config.preprocessing.model_dump_json()}"
    # The folder is named after all that the fit depends on, so a file that is there is also the right one.
    folder = run.path / "baselines" / _fingerprint(train, *label_names, recipe)
    predictions_path = folder / f"{split}-{_fingerprint(examples)}.npy"
    if not predictions_path.exists():
        linear = _linear(folder / "nbsvm.npz", train, preprocessor)
        matrix = known_ngrams_of_texts(examples.texts, preprocessor, linear.keys)
        predictions = linear.probabilities(matrix)
        with atomic_write(predictions_path, "wb") as file:
            np.save(file, predictions, allow_pickle=False)
    with reading(predictions_path, _DELETE_CACHE):
        predictions = np.load(predictions_path, allow_pickle=False)
    return {
        "majority": majority_probabilities(train_labels, len(labels), len(label_names)),
        "nbsvm": predictions,
    }, notes


def _linear(path: Path, train: LabelledTexts, preprocessor: Preprocessor) -> NgramLinear:
    """Returns the linear model of the training texts: the wide part's, or the one kept at `path`."""
    if preprocessor.linear is not None:
        return preprocessor.linear
    if path.exists():
        with reading(path, _DELETE_CACHE):
            return NgramLinear.load(path)
    linear = fit_ngram_linear(train, preprocessor)
    linear.save(path)
    return linear


def _fingerprint(examples: LabelledTexts, *more: str) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for values in (examples.texts, examples.labels, more):
        for value in (str(len(values)), *values):
            encoded = value.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little") + encoded)  # the length: "ab", "c" is not "a", "bc"
    return digest.hexdigest()


def _show(result: dict[str, Any], mistakes: Sequence[dict[str, Any]]) -> None:
    """Writes what stands beside the table of metrics, which the verb writes."""
    console = get_console()
    low, high = result["intervals"]["accuracy"]
    console.line(
        f"  {result['examples']:,} {result['split']} examples; accuracy is {low:.1%} to {high:.1%} (95 % interval)"
    )
    for name, reason in result["undefined"].items():
        console.warn(f"{name}: {reason}")
    for note in result["notes"]:
        console.line(f"  {note}")
    if mistakes:
        console.heading("Worst mistakes")
    for mistake in mistakes[:MISTAKES_SHOWN]:
        console.line(
            f"  {mistake['label']} taken for {mistake['predicted']} ({mistake['probability']:.1%}): "
            f"{shortened(mistake['text'], LONGEST_SHOWN)}"
        )
