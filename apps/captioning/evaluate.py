"""Measures a trained model on one split, beside its baselines, and lists its captions.

After training and for the verb `evaluate`: pictures with captions in; `metrics.json`, every caption with its score and pictures in
the run directory out.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from apps.captioning import report
from apps.captioning.baselines import most_frequent_caption, nearest_picture_captions
from apps.captioning.captioner import attention_of, caption_pictures, mean_features, teacher_forced
from apps.captioning.evaluation_view import show_evaluation
from apps.captioning.inputs import inputs_of
from apps.captioning.pictures import CaptionedPictures, Splits
from apps.captioning.scene_scores import right_scenes, scene_accuracy, scene_scores
from apps.captioning.scores import caption_metrics, diversity, sentence_cider, signatures, undefined_metrics
from apps.captioning.thumbnails import thumbnail
from common.errors import UserError
from common.evaluation import ranked, split_examples
from common.files import atomic_write, to_json, write_json
from common.runs import Run

if TYPE_CHECKING:
    import keras

    from apps.captioning.config import Config
    from apps.captioning.preprocessing import Preprocessor
    from apps.captioning.stored_inputs import StoredInputs

DRAWN = 4  # of the best, the middling and the worst captions
COMPOSITIONS = "compositions"


def evaluate(
    config: Config, run: Run, splits: Splits, split: str, preprocessor: Preprocessor, model: keras.Model
) -> dict[str, Any]:
    """Measures `model` on one split, and writes metrics, captions and pictures into the run.

    Args:
        config: effective configuration of the run; `decoding` says how captions are searched for.
        run: where to write.
        splits: raw pictures with captions. With `compositions` these are measured together with the test split.
        split: `train`, `validation` or `test`.
        preprocessor: adapted on `splits.train`.
        model: in its final form, as `train` returns it.

    Returns:
        What was written to `run.metrics_path(split)`: `app`, `split`, `examples`, `metrics`, `baselines` (`most_frequent` and
        `nearest_picture`, the same metrics but those of teacher forcing), `diversity` of the captions, `scenes` (split name to
        `scene_scores.scene_scores`; empty for real pictures), `undefined` (metric name to the reason why it is null or left
        out), `signatures` (how metrics are counted), `seconds`, `parameters`, `config`, `notes`.

    Raises:
        UserError: unknown split, an empty split or one without a picture that can be read, or a model that predicts NaN.
    """
    given, language = split_examples(splits, split), config.data.language
    seconds: dict[str, float] = {}
    with _timed(seconds, "inputs"):
        pictures, inputs, notes = _readable(given, split, preprocessor, config, model)
        if given is splits.train:
            train, train_inputs = pictures, inputs
            notes.append("the baseline nearest_picture looked up the very pictures that it knows")
        else:
            train, train_inputs, _ = _readable(splits.train, "train", preprocessor, config, model)
    if len(pictures) == 0:
        raise UserError(f"none of the {split} pictures ({given.origin}) can be read; give pictures that can.")

    with _timed(seconds, "teacher_forced"):
        forced = teacher_forced(model, preprocessor, inputs, pictures.captions)
    if not math.isfinite(forced["perplexity"]):
        raise UserError(
            f"the model of {run.path} predicts NaN or infinity for {split} captions; "
            "train again with a smaller --train.learning_rate"
        )

    with _timed(seconds, "caption"):
        captions, model_scores = caption_pictures(model, preprocessor, inputs)
    with _timed(seconds, "baselines"):
        memory = _Memory(model, preprocessor, train_inputs, train.captions)
        answers = {"model": captions, **memory.baselines(inputs)}

    with _timed(seconds, "scores"):
        references = list(pictures.captions)
        metrics = {name: caption_metrics(answer, references, language) for name, answer in answers.items()}
        undefined = undefined_metrics(metrics["model"], language)
        cider = sentence_cider(captions, references)  # [n]
    right, scenes = None, {}
    if pictures.meanings is not None:
        with _timed(seconds, "scenes"):
            right = right_scenes(captions, pictures.meanings, language)  # [n]
            scenes[split] = scene_scores(captions, pictures.meanings, language)
            _add_accuracy(metrics, "scene_accuracy", answers, pictures, language)
    if split == "test" and splits.compositions is not None:
        with _timed(seconds, COMPOSITIONS):
            composed, composed_inputs, more = _readable(splits.compositions, COMPOSITIONS, preprocessor, config, model)
            notes += more
            said, _ = caption_pictures(model, preprocessor, composed_inputs)
            scenes[COMPOSITIONS] = scene_scores(said, composed.meanings, language)
            composed_answers = {"model": said, **memory.baselines(composed_inputs)}
            _add_accuracy(metrics, "composition_accuracy", composed_answers, composed, language)
    for each in metrics.values():
        if each["meteor"] is None:  # not every machine has WordNet, and a table would have an empty row
            del each["meteor"]
    result = {
        "app": run.app,
        "split": split,
        "examples": len(pictures),
        "metrics": metrics.pop("model") | forced,
        "baselines": metrics,
        "diversity": diversity(captions, train.captions),
        "scenes": scenes,
        "undefined": undefined,
        "signatures": signatures(),
        "seconds": seconds,
        "parameters": int(model.count_params()),
        "config": config.model_dump(mode="json"),
        "notes": notes,
    }

    rows = _rows(pictures, captions, model_scores, None if "cider" in undefined else cider, right)
    with atomic_write(run.path / f"captions-{split}.jsonl") as file:
        file.writelines(to_json(row) + "\n" for row in rows)
    chosen = ranked(cider, np.array([len(caption.split()) for caption in captions]), DRAWN)
    _save_examples(config, run, split, pictures, rows, chosen)
    typical = (chosen["median"] or chosen["best"])[0]
    tokens, weights = attention_of(model, preprocessor, pictures.pictures[typical])
    small = thumbnail(pictures.pictures[typical], config.preprocessing.fit)
    report.save_attention(run, split, small, tokens, weights)
    with atomic_write(run.path / "example.png", "wb") as file:  # for the verb predict
        Image.fromarray(small).save(file, "PNG")
    write_json(run.metrics_path(split), result)
    report.draw_pictures(run, split)
    show_evaluation(result, rows, chosen)
    return result


class _Memory:
    """The baselines, which know the training pictures and captions."""

    def __init__(
        self, model: keras.Model, preprocessor: Preprocessor, inputs: StoredInputs, captions: Sequence[Sequence[str]]
    ):
        self._model, self._preprocessor, self._captions = model, preprocessor, captions
        self._vectors = mean_features(model, preprocessor, inputs)  # [training pictures, features]
        self._most_frequent = most_frequent_caption(captions)

    def baselines(self, inputs: StoredInputs) -> dict[str, list[str]]:
        """The captions of each baseline for some pictures."""
        vectors = mean_features(self._model, self._preprocessor, inputs)  # [pictures, features]
        return {
            "most_frequent": [self._most_frequent] * len(vectors),
            "nearest_picture": nearest_picture_captions(self._vectors, self._captions, vectors),
        }


def _readable(
    pictures: CaptionedPictures, split: str, preprocessor: Preprocessor, config: Config, model: keras.Model
) -> tuple[CaptionedPictures, StoredInputs, list[str]]:
    """The pictures that can be read, what the network reads of them, and notes about the others."""
    inputs = inputs_of(pictures, preprocessor, config, model)
    if inputs.usable.all():
        return pictures, inputs, []
    usable, notes = pictures.take(inputs.usable), [f"{split}: {note}" for note in inputs.notes]
    # What was computed a moment ago is found again, known by the content of each picture.
    return usable, inputs_of(usable, preprocessor, config, model), notes


@contextlib.contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - started


def _add_accuracy(
    metrics: dict[str, dict[str, Any]],
    name: str,
    answers: dict[str, list[str]],
    pictures: CaptionedPictures,
    language: str,
) -> None:
    for system, captions in answers.items():
        metrics[system][name] = scene_accuracy(captions, pictures.meanings, language)


def _rows(
    pictures: CaptionedPictures,
    captions: Sequence[str],
    scores: np.ndarray,
    cider: np.ndarray | None,
    right: np.ndarray | None,
) -> list[dict[str, Any]]:
    """What is kept of each picture, as JSON."""
    rows = []
    for index, caption in enumerate(captions):
        row = {
            "name": str(pictures.names[index]),
            "caption": caption,
            "references": list(pictures.captions[index]),
            "cider": None if cider is None else round(float(cider[index]), 2),
            "score": float(scores[index]),
        }
        rows.append(row if right is None else row | {"right": bool(right[index])})
    return rows


def _save_examples(
    config: Config,
    run: Run,
    split: str,
    pictures: CaptionedPictures,
    rows: list[dict[str, Any]],
    chosen: dict[str, list[int]],
) -> None:
    order = [(kind, index) for kind, indices in chosen.items() for index in indices]
    examples = report.Examples(
        pictures=[thumbnail(pictures.pictures[index], config.preprocessing.fit) for _, index in order],
        captions=[rows[index]["caption"] for _, index in order],
        references=[rows[index]["references"][0] for _, index in order],
        remarks=[_remark(rows[index]) for _, index in order],
        kinds=[kind for kind, _ in order],
    )
    report.save_examples(run, split, examples)


def _remark(row: dict[str, Any]) -> str:
    remarks = [] if row["cider"] is None else [f"CIDEr {row['cider']:.0f}"]
    if "right" in row:
        remarks.append("right" if row["right"] else "wrong")
    return ", ".join(remarks)
