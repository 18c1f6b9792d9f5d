"""From the configuration to raw splits of sentence pairs (`load_splits`).

The first step of every run: the three sources end in the same `Splits`, before anything is learned. Which pair is in which
split depends on the source sentences alone, not on a seed or on the order of a file, and a source sentence, up to case and
white space, never stands in two of them: Tatoeba and its like give a sentence several translations, and with one of them in
the training set another in the test set would flatter.
"""

from __future__ import annotations

import numpy as np

from apps.translation.pair_files import read_pairs
from apps.translation.pairs import SentencePairs, Splits
from common.data.parts import made_disjoint, split_off
from common.data.splits import text_digest
from common.errors import UserError

SHORT = 20  # characters; shorter sides count as this many where lengths are compared


def load_splits(config) -> Splits:
    """Loads raw train, validation and test pairs as `config.data` describes them.

    `source` says where they come from: "bundled" (the phrase book, with its own splits), "tfds" (`name` of a catalogue set)
    or "files" (`path`). Splits that a set brings, or that are given as files, are kept; one that is missing is split off the
    training pairs. Pairs whose source sentence also stands in the test set are left out of validation and training, those of
    validation out of training, never the other way, so that published test sets stay comparable. Only training pairs are
    then looked through for sides that are empty, too long or too different in length.

    Args:
        config: the application's `Config`; only `config.data` is read.

    Returns:
        Splits that share no source sentence, with `limit` applied, and notes that say what was left out.

    Raises:
        UserError: the data are not there or not as expected; one sentence that says where and what to do.
    """
    data = config.data
    parts, cache = _SOURCES[data.source](data)
    for pairs in parts.values():
        if not len(pairs):
            raise UserError(f"{pairs.origin} has no pairs; choose data with at least a few.")
    notes: list[str] = []
    parts = made_disjoint(parts, notes, what="pairs", sameness="source sentence")
    parts |= split_off(
        parts["train"],
        parts["train"].sources,
        {name: getattr(data, f"{name}_fraction") for name in ("validation", "test") if name not in parts},
        what="pairs",
        sameness="source sentence",
        advice=" or give it with --data.{name}_path" if data.source == "files" else "",
    )
    parts["train"] = _filtered(parts["train"], data, notes)
    available = None
    if data.limit is not None and max(map(len, parts.values())) > data.limit:
        available = tuple(len(parts[name]) for name in ("train", "validation", "test"))
        parts = {name: _limited(pairs, data.limit) for name, pairs in parts.items()}
    return Splits(
        **parts,
        source_language=data.source_language,
        target_language=data.target_language,
        cache=cache,
        notes=tuple(notes),
        available=available,
    )


def _load_bundled(data) -> tuple[dict[str, SentencePairs], str]:
    # Imported here, as below: own files need no TensorFlow Datasets.
    from apps.translation.catalogue_pairs import load_builder_pairs
    from apps.translation.dataset import PhraseBook
    from common.data.tfds_builders import make_folder

    languages = (data.source_language, data.target_language)
    builder = PhraseBook(config="_".join(languages), data_dir=str(make_folder(data.cache_dir)))
    origin = f"phrase book {'-'.join(languages)} (bundled)"
    found = load_builder_pairs(builder, "source", "target", origin=origin, quiet=True)
    return dict(found.parts), found.cache


def _load_catalogue(data) -> tuple[dict[str, SentencePairs], str]:
    from apps.translation.catalogue_pairs import load_catalogue_pairs

    found = load_catalogue_pairs(data.name, data.cache_dir, data.source_language, data.target_language)
    return dict(found.parts), found.cache


def _load_files(data) -> tuple[dict[str, SentencePairs], None]:
    given = {"train": ("path", "target_path")} | {
        part: (f"{part}_path", f"{part}_target_path") for part in ("validation", "test")
    }
    parts = {
        part: read_pairs(
            getattr(data, path),
            getattr(data, target_path),
            data.source_language,
            data.target_language,
            swap=data.swap,
            setting=f"data.{path}",
        )
        for part, (path, target_path) in given.items()
        if getattr(data, path) is not None
    }
    return parts, None


_SOURCES = {"bundled": _load_bundled, "tfds": _load_catalogue, "files": _load_files}


def _filtered(train: SentencePairs, data, notes: list[str]) -> SentencePairs:
    """Training pairs that something can be learned from, with a note for each reason to leave one out."""
    filled = np.array(
        [not (s.isspace() or t.isspace() or not s or not t) for s, t in zip(train.sources, train.targets, strict=True)]
    )
    lengths = np.array([[len(side) for side in sides] for sides in (train.sources, train.targets)])  # [2, pairs]
    compared = np.maximum(lengths, SHORT)
    reasons = {
        "a side is empty": ~filled,
        f"a side is longer than {data.max_characters:,} characters (data.max_characters)": (
            lengths.max(axis=0) > data.max_characters
        ),
        f"one side is more than {data.max_ratio:g} times as long as the other (data.max_ratio)": (
            compared.max(axis=0) > data.max_ratio * compared.min(axis=0)
        ),
    }
    keep = np.ones(len(train), dtype=bool)
    told = []
    for reason, applies in reasons.items():
        count = int((keep & applies).sum())
        keep &= ~applies
        if count:
            told.append(f"{count:,} because {reason}")
    if not keep.any():
        raise UserError(
            f"All {len(train):,} training pairs of {train.origin} would be left out, {' and '.join(told)}; "
            "raise what is named here, or look at the data."
        )
    if told:
        notes.append(f"Training pairs of {train.origin} were left out: {', '.join(told)}.")
    return train.take(keep)


def _limited(pairs: SentencePairs, limit: int) -> SentencePairs:
    """At most `limit` pairs, chosen by the hash of their sides, in the order in which they stand."""
    if len(pairs) <= limit:
        return pairs
    order = sorted(range(len(pairs)), key=lambda index: (pairs.digests[index], text_digest(pairs.targets[index])))
    return pairs.take(np.array(sorted(order[:limit]), dtype=np.int64))
