"""Reads texts and labels out of TensorFlow Datasets: the public catalogue by name, or a builder of our own.

Stands at the start of the flow of data, for `--data.source tfds` and, through `load_builder`, for the bundled
sets. Data are prepared once into a folder that the caller names and read from there afterwards. Nothing but a
download that a catalogue set itself asks for touches the network: cloud storage is never asked.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import absl.logging
import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader

from common.data.splits import LabelledTexts
from common.errors import UserError

# Sets that name their text or label otherwise than "text" and "label".
_KNOWN_KEYS = {
    "ag_news_subset": ("description", "label"),
    "glue/cola": ("sentence", "label"),
    "glue/sst2": ("sentence", "label"),
    "sentiment140": ("text", "polarity"),
    "trec": ("text", "label-coarse"),
}
_VALIDATION_NAMES = ("validation", "valid", "val", "dev")
_PREPARATION_ERRORS = (
    OSError,
    ImportError,
    tf.errors.OpError,
    tfds.download.DownloadError,
    tfds.download.download_manager.NonMatchingChecksumError,
    tfds.download.extractor.ExtractError,
)
_READ_BATCH = 1024  # examples per step out of tf.data; only speed depends on it


@dataclass(frozen=True, eq=False)
class CatalogueTexts:
    """What a set of the catalogue offers.

    Attributes:
        parts: "train", and "validation" and "test" where the set has them with labels.
        cache: the folder of the prepared data.
        notes: sentences for the console.
    """

    parts: Mapping[str, LabelledTexts]
    cache: str
    notes: tuple[str, ...] = ()


def make_folder(data_dir: str | Path) -> Path:
    """Makes the folder for prepared data if it is not there, and returns its absolute path.

    Raises:
        UserError: it cannot be made.
    """
    folder = Path(data_dir).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder for prepared data {folder} cannot be made ({error.strerror}); "
            "choose another with --data.cache_dir."
        ) from error
    return folder


def load_catalogue(name: str, data_dir: str | Path, text_key: str = "text", label_key: str = "label") -> CatalogueTexts:
    """Loads a set of the TensorFlow Datasets catalogue, downloading and preparing it the first time.

    Args:
        name: such as "imdb_reviews", "glue/sst2", "yelp_polarity_reviews".
        data_dir: folder for downloads and prepared data; made if needed.
        text_key: feature that holds the text. For a few well-known sets the default finds the right one by
            itself.
        label_key: feature that holds the label: a class, a whole number, a truth value or a string.

    Returns:
        The parts with labels. Examples without one (-1 in GLUE) are left out, and a part that has none left
        is left out whole.

    Raises:
        UserError: the set, its configuration or a feature does not exist, or it cannot be downloaded or
            prepared here.
    """
    data_dir = make_folder(data_dir)
    builder = _builder(name, data_dir)
    features = builder.info.features or {}
    known_text, known_label = _KNOWN_KEYS.get(name.split(":")[0], (text_key, label_key))
    if text_key == "text" and text_key not in features:
        text_key = known_text
    if label_key == "label" and label_key not in features:
        label_key = known_label
    return load_builder(builder, text_key, label_key, origin=f"{name} (tfds)")


def load_builder(
    builder: tfds.core.DatasetBuilder,
    text_key: str = "text",
    label_key: str = "label",
    *,
    origin: str,
    quiet: bool = False,
) -> CatalogueTexts:
    """Prepares the data of a builder unless that was done before, and reads their texts and labels.

    Args:
        builder: made with an explicit `data_dir`.
        text_key: feature that holds the text.
        label_key: feature that holds the label.
        origin: what to call the data for people; the name of the part is added.
        quiet: no progress bars and messages of TFDS; for data that download nothing.

    Raises:
        UserError: as for `load_catalogue`.
    """
    _check_features(builder, text_key, label_key, origin)
    prepare(builder, origin, quiet)
    available = list(builder.info.splits)
    if "train" not in available:
        raise UserError(f"{origin} has no split 'train', only {', '.join(available) or 'nothing'}; choose another set.")
    wanted = {"train": "train", "test": "test"}
    wanted["validation"] = next((split for split in _VALIDATION_NAMES if split in available), "validation")
    parts, notes = {}, []
    for part, split in wanted.items():
        if split not in available:
            continue
        texts, labels = _read(builder, split, text_key, label_key, origin)
        labelled = [index for index, label in enumerate(labels) if label is not None]
        if len(labelled) < len(labels):
            notes.append(f"{len(labels) - len(labelled):,} examples without label in {origin}, {split}, were left out.")
        if labelled:
            examples = LabelledTexts.from_lists(texts, labels, f"{origin}, {split}")
            parts[part] = examples.take(np.array(labelled, dtype=np.int64))
    if "train" not in parts:
        raise UserError(f"{origin} has no training example with a {label_key!r}; name another with --data.label_key.")
    return CatalogueTexts(parts, str(builder.data_dir), tuple(notes))


def _builder(name: str, data_dir: Path) -> tfds.core.DatasetBuilder:
    base, _, configuration = name.split(":")[0].partition("/")
    try:
        return tfds.builder(name, data_dir=str(data_dir), try_gcs=False)
    except tfds.core.registered.DatasetNotFoundError as error:
        known = tfds.list_builders(with_community_datasets=False)
        close = [other for other in known if base and other.startswith(base)] + difflib.get_close_matches(base, known)
        raise UserError(
            f"There is no set {base!r} in the catalogue of TensorFlow Datasets"
            + (
                f"; near it are {', '.join(dict.fromkeys(close[:5]))}."
                if close
                else "; see https://www.tensorflow.org/datasets/catalog."
            )
        ) from error
    except (ValueError, AssertionError, ImportError, OSError) as error:
        # A name that cannot be parsed, an unknown configuration or version, a package only this set needs.
        configurations = tfds.builder_cls(base).builder_configs if base else {}
        if configuration and configuration not in configurations:
            reason = f"it has no configuration {configuration!r}, only {', '.join(configurations) or 'itself'}"
        else:
            reason = _first_line(str(error).split('}": ', 1)[-1])
        raise UserError(f"The set {name!r} of TensorFlow Datasets cannot be opened: {reason}.") from error


def _check_features(builder: tfds.core.DatasetBuilder, text_key: str, label_key: str, origin: str) -> None:
    features = builder.info.features
    names = ", ".join(repr(key) for key in features)
    for key, option in ((text_key, "--data.text_key"), (label_key, "--data.label_key")):
        if key not in features:
            raise UserError(f"{origin} has no feature {key!r}, only {names}; name the right one with {option}.")
    text, label = features[text_key], features[label_key]
    if not isinstance(text, tfds.features.Tensor) or text.shape != () or text.np_dtype not in (np.str_, np.object_):
        raise UserError(
            f"The feature {text_key!r} of {origin} is {_kind(text)}, not a text; "
            f"choose among {names} with --data.text_key."
        )
    if not isinstance(label, tfds.features.Tensor) or label.shape != () or np.dtype(label.np_dtype).kind not in "biuUO":
        raise UserError(
            f"The feature {label_key!r} of {origin} is {_kind(label)}, not a class, a whole number or a "
            f"string; choose among {names} with --data.label_key."
        )


def _kind(feature: tfds.features.FeatureConnector) -> str:
    dtype = getattr(feature, "np_dtype", None)
    return type(feature).__name__ + (f" of {np.dtype(dtype).name}" if isinstance(feature, tfds.features.Tensor) else "")


def load_example(
    builder: tfds.core.DatasetBuilder, split: str, *, origin: str, quiet: bool = False
) -> dict[str, np.ndarray]:
    """Prepares the data of a builder unless that was done before, and reads the only example of a split.

    For sets that are one table: each feature is a column.

    Args:
        builder: made with an explicit `data_dir`.
        split: name of the split.
        origin: what to call the data for people.
        quiet: no progress bars and messages of TFDS; for data that download nothing.

    Returns:
        Name of each feature to its value, in the order of the features.

    Raises:
        UserError: the data cannot be downloaded, prepared or read.
    """
    prepare(builder, origin, quiet)
    # TFDS warns of its own use of a deprecated property when it decodes arrays that are stored as bytes.
    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        dataset = builder.as_dataset(split=split, read_config=tfds.ReadConfig(try_autocache=False))
        example = next(iter(tfds.as_numpy(dataset)))
    except (OSError, tf.errors.OpError) as error:
        raise UserError(_unreadable(builder, origin, error)) from error
    finally:
        absl.logging.set_verbosity(verbosity)
    return {name: example[name] for name in builder.info.features}


def prepare(builder: tfds.core.DatasetBuilder, origin: str, quiet: bool) -> None:
    """Downloads and prepares the data of a builder unless that was done before.

    Raises:
        UserError: that is not possible here; the sentence says why.
    """
    folder = Path(builder.data_dir)
    if folder.exists() and not _is_prepared(folder):
        raise UserError(f"The prepared data of {origin} in {folder} are not whole; delete this folder and run again.")
    instructions = getattr(builder, "MANUAL_DOWNLOAD_INSTRUCTIONS", None)
    by_hand = builder.data_dir_root / "downloads" / "manual"
    if instructions and not folder.exists() and not by_hand.exists():
        raise UserError(f"{origin} must be downloaded by hand into {by_hand}: {_first_line(instructions)}.")
    if quiet or not sys.stderr.isatty():
        tfds.disable_progress_bar()
    # Its ten tries with growing pauses take three minutes where there is no network; four take three seconds.
    downloader.MAX_RETRIES = 4
    # TFDS also asks Google's cloud storage for a prepared copy unless it is told not to.
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        # stdout belongs to results, and TFDS prints there what it is about to download.
        with contextlib.redirect_stdout(io.StringIO() if quiet else sys.stderr):
            builder.download_and_prepare(download_config=config)
    except _PREPARATION_ERRORS as error:
        if _is_prepared(folder):  # another process was faster, and its folder stands where ours should go
            builder.info.read_from_directory(str(folder))
            return
        raise UserError(
            f"{origin} cannot be downloaded or prepared into {folder} ({_reason(error)}); "
            "look at network and free space, or use --data.source bundled or files, which work offline."
        ) from error


def _is_prepared(folder: Path) -> bool:
    return (folder / "dataset_info.json").exists()  # TFDS writes it last


def _read(
    builder: tfds.core.DatasetBuilder, split: str, text_key: str, label_key: str, origin: str
) -> tuple[list[str], list[str | None]]:
    """Texts and label names (None where missing) of one split, in the fixed order of the prepared files."""
    features = builder.info.features
    # Pictures or tables beside the text are not decoded. (Not for plain values: TFDS would print deprecation
    # warnings of its own.)
    plain = all(isinstance(feature, tfds.features.Tensor) and feature.shape == () for feature in features.values())
    decoders = None if plain else tfds.decode.PartialDecoding({text_key: True, label_key: True})
    texts, values = [], []
    try:
        dataset = builder.as_dataset(
            split=split,
            batch_size=_READ_BATCH,
            shuffle_files=False,
            decoders=decoders,
            read_config=tfds.ReadConfig(try_autocache=False),
        )
        for batch in tfds.as_numpy(dataset):
            texts.extend(text.decode("utf-8", "replace") for text in batch[text_key])
            values.extend(batch[label_key].tolist())
    except (OSError, tf.errors.OpError) as error:
        raise UserError(_unreadable(builder, origin, error)) from error
    return texts, [_label_name(value, features[label_key]) for value in values]


def _unreadable(builder: tfds.core.DatasetBuilder, origin: str, error: Exception) -> str:
    return (
        f"The prepared data of {origin} in {builder.data_dir} cannot be read ({_first_line(error)}); "
        "delete this folder and run again."
    )


def _label_name(value: int | bool | bytes, feature: tfds.features.FeatureConnector) -> str | None:
    if isinstance(feature, tfds.features.ClassLabel):
        return feature.int2str(value) if value >= 0 else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip() or None
    return str(value).lower()  # a truth value as JSON and most tables spell it


def _reason(error: Exception) -> str:
    url = getattr(getattr(error, "request", None), "url", None)
    if isinstance(error, requests.ConnectionError) and url:
        return f"no connection to {urlsplit(url).netloc}"
    return f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
