"""Opens, prepares and reads data sets of TensorFlow Datasets, whatever is in them.

Stands below `catalogue` and what every application reads from it or bundles as a builder of its own. Data are prepared
once into a folder that the caller names and read from there afterwards. Nothing but a download that a catalogue set
itself asks for touches the network: cloud storage is never asked.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import absl.logging
import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader

from common.errors import UserError

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


def open_builder(name: str, data_dir: str | Path) -> tfds.core.DatasetBuilder:
    """The builder of a set of the catalogue; nothing is downloaded yet.

    Args:
        name: such as "imdb_reviews" or "glue/sst2".
        data_dir: folder for downloads and prepared data; made if needed.

    Raises:
        UserError: the set or its configuration does not exist, or needs what is not there.
    """
    data_dir = make_folder(data_dir)
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
    return next(read_examples(builder, split, origin))


def read_examples(
    builder: tfds.core.DatasetBuilder, split: str, origin: str, keys: Sequence[str] | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """The examples of a split in the fixed order of the prepared files, strings as bytes.

    For sets whose features are more than the columns of scalars that `read_features` gives.

    Args:
        builder: of a prepared set.
        split: name of the split.
        origin: what to call the data for people.
        keys: names of the features that are read, others are not even decoded; None for all.

    Yields:
        Name of each feature to its value, in the order of the features.

    Raises:
        UserError: the data cannot be read.
    """
    # TFDS warns of its own use of a deprecated property when it decodes arrays that are stored as bytes.
    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        dataset = builder.as_dataset(
            split=split,
            shuffle_files=False,
            decoders=None if keys is None else tfds.decode.PartialDecoding(dict.fromkeys(keys, True)),
            read_config=tfds.ReadConfig(try_autocache=False),
        )
        for example in tfds.as_numpy(dataset):
            yield {name: example[name] for name in builder.info.features if name in example}
    except (OSError, tf.errors.OpError) as error:
        raise UserError(unreadable(builder, origin, error)) from error
    finally:
        absl.logging.set_verbosity(verbosity)


def prepare(builder: tfds.core.DatasetBuilder, origin: str, quiet: bool, file_format: str | None = None) -> None:
    """Downloads and prepares the data of a builder unless that was done before.

    Args:
        builder: made with an explicit `data_dir`.
        origin: what to call the data for people.
        quiet: no progress bars and messages of TFDS; for data that download nothing.
        file_format: such as "array_record", of which single examples can be read; None for that of TFDS. Data that were
            prepared before keep theirs.

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
    # Of each try urllib3 would write a line with the address; what came of them is said below, once.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # TFDS also asks Google's cloud storage for a prepared copy unless it is told not to.
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        # stdout belongs to results, and TFDS prints there what it is about to download.
        with contextlib.redirect_stdout(io.StringIO() if quiet else sys.stderr):
            builder.download_and_prepare(download_config=config, file_format=file_format)
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


def find_splits(builder: tfds.core.DatasetBuilder, origin: str) -> dict[str, str]:
    """Which split of a prepared set is "train", "validation" and "test": the last two only where it has them.

    Raises:
        UserError: the set has none to train on.
    """
    available = list(builder.info.splits)
    if "train" not in available:
        raise UserError(f"{origin} has no split 'train', only {', '.join(available) or 'nothing'}; choose another set.")
    wanted = {"train": "train", "test": "test"}
    wanted["validation"] = next((split for split in _VALIDATION_NAMES if split in available), "validation")
    return {part: split for part, split in wanted.items() if split in available}


def named_feature(
    features: Mapping[str, tfds.features.FeatureConnector], key: str, origin: str, option: str
) -> tfds.features.FeatureConnector:
    """The feature `key`.

    Raises:
        UserError: there is none; the sentence says which there are, and `option`, which names another.
    """
    if key not in features:
        raise UserError(f"{origin} has no feature {key!r}, only {_names(features)}; name the right one with {option}.")
    return features[key]


def check_text_feature(
    features: Mapping[str, tfds.features.FeatureConnector], key: str, origin: str, option: str
) -> None:
    """Raises UserError where `named_feature` does, and for a feature that is no single string."""
    feature = named_feature(features, key, origin, option)
    is_scalar = isinstance(feature, tfds.features.Tensor) and feature.shape == ()
    if not is_scalar or feature.np_dtype not in (np.str_, np.object_):
        raise UserError(
            f"The feature {key!r} of {origin} is {feature_kind(feature)}, not a text; "
            f"choose among {_names(features)} with {option}."
        )


def _names(features: Mapping[str, tfds.features.FeatureConnector]) -> str:
    return ", ".join(repr(key) for key in features)


def feature_kind(feature: tfds.features.FeatureConnector) -> str:
    """What a feature is, for people: "Image of uint8"."""
    dtype = getattr(feature, "np_dtype", None)
    return type(feature).__name__ + (f" of {np.dtype(dtype).name}" if isinstance(feature, tfds.features.Tensor) else "")


def read_features(
    builder: tfds.core.DatasetBuilder, split: str, keys: Sequence[str], origin: str, within: str | None = None
) -> tuple[list, ...]:
    """The values of some features in a split, in the fixed order of the prepared files.

    Args:
        builder: of a prepared set.
        split: name of the split.
        keys: names of scalar features.
        origin: what to call the data for people.
        within: the feature that has those of `keys` inside it, such as a `tfds.features.Translation`; None where they
            are features of the set itself.

    Returns:
        A list for each key: str for strings (bytes that are not UTF-8 are replaced), else plain numbers.

    Raises:
        UserError: the data cannot be read.
    """
    # Pictures or tables beside the text are not decoded. (Not for plain values: TFDS would print deprecation
    # warnings of its own.)
    outer = dict.fromkeys(keys if within is None else [within], True)
    decoders = None if _are_plain(builder.info.features) else tfds.decode.PartialDecoding(outer)
    columns = tuple([] for _ in keys)
    try:
        dataset = builder.as_dataset(
            split=split,
            batch_size=_READ_BATCH,
            shuffle_files=False,
            decoders=decoders,
            read_config=tfds.ReadConfig(try_autocache=False),
        )
        for batch in tfds.as_numpy(dataset):
            found = batch if within is None else batch[within]
            for key, column in zip(keys, columns, strict=True):
                values = found[key].tolist()
                if values and isinstance(values[0], bytes):
                    values = [value.decode("utf-8", "replace") for value in values]
                column.extend(values)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(unreadable(builder, origin, error)) from error
    return columns


def _are_plain(features: Mapping[str, tfds.features.FeatureConnector]) -> bool:
    return all(isinstance(feature, tfds.features.Tensor) and feature.shape == () for feature in features.values())


def unreadable(builder: tfds.core.DatasetBuilder, origin: str, error: Exception) -> str:
    """The sentence for prepared data that cannot be read."""
    return (
        f"The prepared data of {origin} in {builder.data_dir} cannot be read ({_first_line(error)}); "
        "delete this folder and run again."
    )


def _reason(error: Exception) -> str:
    url = getattr(getattr(error, "request", None), "url", None)
    if isinstance(error, requests.ConnectionError) and url:
        return f"no connection to {urlsplit(url).netloc}"
    return f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
