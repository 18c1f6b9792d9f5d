"""The division of labelled texts into train, validation and test.

Stands between the readers (`text_files`, `catalogue`) and everything that learns: whatever the source, the
splits are made here, once, before a vocabulary or a weight has seen an example. They depend on the texts
alone, not on a seed or on the order of the file, so every run, every machine and every later verb sees the
same ones; and a text never stands in two of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from common.data.splits import LabelledTexts, Splits, sort_labels, text_digest
from common.errors import UserError

BLOCKS = 10  # of each label, so that every part of the data is in every split
_Examples = TypeVar("_Examples")  # `LabelledTexts` or what an application has in their place


def split_by_text(
    texts: Sequence[str], labels: Sequence[str] | None, validation_fraction: float, test_fraction: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divides examples by a hash of their normalized text, label by label.

    Equal texts are one group and stay together. Within each label the groups are ordered by hash; the first
    share is test, the next validation, the rest train, so the labels keep their proportions even in tiny
    sets; without labels all groups are in one order. A label with three distinct texts or more has at least one
    in every split asked for; with fewer, all of them are train, because what is never trained cannot be tested.

    Args:
        texts: str [examples].
        labels: str [examples]; None for texts without labels.
        validation_fraction: share of the distinct texts, 0 to 1; 0 for no validation split.
        test_fraction: likewise for test; the two together are below 1.

    Returns:
        Three int64 arrays of ascending indices: train, validation, test. Together they are a permutation of
            all examples.

    Raises:
        UserError: the fractions leave nothing to train on.
    """
    if min(validation_fraction, test_fraction) < 0 or validation_fraction + test_fraction >= 1:
        raise UserError(
            f"data.validation_fraction {validation_fraction} and data.test_fraction {test_fraction} leave "
            "nothing to train on; together they must be below 1."
        )
    groups = defaultdict(list)
    for index, text in enumerate(texts):
        groups[text_digest(text)].append(index)
    labels = [""] * len(texts) if labels is None else labels
    sizes = Counter(labels)
    by_label = defaultdict(list)
    for digest, indices in groups.items():
        # A text that was given two labels counts for the rarer one, which needs it more.
        label = min((labels[index] for index in indices), key=lambda name: (sizes[name], name))
        by_label[label].append(digest)

    chosen = ([], [], [])
    for digests in by_label.values():
        validations, tests = _shares(len(digests), validation_fraction, test_fraction)
        for position, digest in enumerate(sorted(digests)):
            part = 2 if position < tests else 1 if position < tests + validations else 0
            chosen[part].extend(groups[digest])
    return tuple(np.array(sorted(indices), dtype=np.int64) for indices in chosen)


def split_by_block(
    labels: Sequence[str], validation_fraction: float, test_fraction: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divides examples by their place in the data, label by label, into stretches that stay together.

    For data in which examples that belong together stand side by side, such as all reviews of one film: drawn at random,
    they would stand on both sides, and validation would flatter a model that knows the film. The examples of each label
    are cut into `BLOCKS` blocks; of each block the first share is test, the next validation, the rest train.

    Args:
        labels: str [examples], in the order of the data.
        validation_fraction: share of the examples, 0 to 1; 0 for no validation split.
        test_fraction: likewise for test; the two together are below 1.

    Returns:
        Three int64 arrays of ascending indices: train, validation, test.
    """
    labels = np.asarray(labels)
    chosen = ([], [], [])
    for label in np.unique(labels):
        for block in np.array_split(np.flatnonzero(labels == label), BLOCKS):
            tests = round(len(block) * test_fraction)
            validations = round(len(block) * validation_fraction)
            for part, indices in zip((2, 1, 0), np.split(block, [tests, tests + validations])):
                chosen[part].extend(indices.tolist())
    return tuple(np.array(sorted(indices), dtype=np.int64) for indices in chosen)


def make_splits(
    train: LabelledTexts,
    validation: LabelledTexts | None = None,
    test: LabelledTexts | None = None,
    *,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    by_block: bool = False,
    limit: int | None = None,
    cache: str | None = None,
    notes: Sequence[str] = (),
) -> Splits:
    """Checks what was read and completes it: a missing validation or test set is split from train.

    Where the sets were given, texts that stand in two of them are left out of train (and then of validation),
    never of test, so that published test sets stay comparable; a note says how many.

    Args:
        train: at least two labels.
        validation: None to split it from train.
        test: None to split it from train.
        validation_fraction: share of train's distinct texts; used only when `validation` is None.
        test_fraction: likewise for `test`.
        by_block: split by `split_by_block` instead of `split_by_text`; texts that then stand on both sides are left
            out of train.
        limit: at most so many examples in each split, chosen by hash with the labels in proportion; None for
            all.
        cache: see `Splits`.
        notes: sentences of the reader; those that the examples bring and those of this function follow them.

    Raises:
        UserError: an empty set, a single label, a label that train does not have, sets that are too small or
            that contain each other.
    """
    given = [examples for examples in (train, validation, test) if examples is not None]
    notes = [*notes, *(note for examples in given for note in examples.notes)]
    for examples in given:
        if not len(examples):
            raise UserError(f"{examples.origin} has no examples; give data with at least a few for every label.")
    _check_two_labels(train)
    if by_block:
        shares = (validation_fraction if validation is None else 0.0, test_fraction if test is None else 0.0)
        train_ids, validation_ids, test_ids = split_by_block(train.labels, *shares)
        whole, train = train, train.take(train_ids)
        if validation is None:
            validation = _split_off(whole, validation_ids, "validation", 2 if test is not None else 3)
        if test is None:
            test = _split_off(whole, test_ids, "test", 3)
    if test is not None and validation is not None:
        validation = without_texts_of(test, validation, "test", "validation", notes)
    for other, name in ((validation, "validation"), (test, "test")):
        if other is not None:
            train = without_texts_of(other, train, name, "training", notes)
    _check_two_labels(train)

    if validation is None or test is None:
        train_ids, validation_ids, test_ids = split_by_text(
            train.texts,
            train.labels,
            validation_fraction if validation is None else 0.0,
            test_fraction if test is None else 0.0,
        )
        whole = train
        train = whole.take(train_ids)
        if validation is None:
            validation = _split_off(whole, validation_ids, "validation", 2 if test is not None else 3)
        if test is None:
            test = _split_off(whole, test_ids, "test", 3)

    label_names = sort_labels(train.labels)
    for other, name in ((validation, "validation"), (test, "test")):
        _check_labels_known(other, name, train, label_names)
    available = None
    if limit is not None:
        if limit < len(label_names):
            raise UserError(f"data.limit is {limit}, but there are {len(label_names)} labels; keep an example of each.")
        whole = (train, validation, test)
        train, validation, test = (_limited(examples, limit) for examples in whole)
        if max(map(len, whole)) > limit:
            available = tuple(map(len, whole))
    return Splits(train, validation, test, label_names, cache, tuple(notes), available)


def _shares(count: int, validation_fraction: float, test_fraction: float) -> tuple[int, int]:
    """How many of `count` texts are validation and test; each part asked for, and train, gets one or more."""
    validations, tests = (
        max(1, round(count * share)) if share > 0 else 0 for share in (validation_fraction, test_fraction)
    )
    if count < 1 + (validations > 0) + (tests > 0):
        return 0, 0
    while validations + tests >= count:  # both were rounded up
        if tests > validations:
            tests -= 1
        else:
            validations -= 1
    return validations, tests


def _check_two_labels(train: LabelledTexts) -> None:
    found = set(train.labels)
    if len(found) < 2:
        raise UserError(
            f"All {len(train)} training examples of {train.origin} have the label {next(iter(found))!r}; "
            "a classifier needs at least two labels."
        )


def _check_labels_known(other: LabelledTexts, name: str, train: LabelledTexts, label_names: tuple[str, ...]) -> None:
    known = set(label_names)
    unknown = Counter(label for label in other.labels if label not in known)
    if unknown:
        label, count = unknown.most_common(1)[0]
        more = f" (and {len(unknown) - 1} other labels)" if len(unknown) > 1 else ""
        raise UserError(
            f"The label {label!r}{more} stands on {count} {name} examples of {other.origin} but on no "
            f"training example of {train.origin}, whose labels are {_listed(label_names)}; make them agree."
        )


def without_texts_of(
    held_out: _Examples,
    examples: _Examples,
    held_out_name: str,
    name: str,
    notes: list[str],
    *,
    what: str = "examples",
    text: str = "text",
) -> _Examples:
    """`examples` less those whose text stands in `held_out`, with a note where that changes anything.

    Args:
        held_out: what stays as it is; like `examples` with `digests`, `origin` and `take`.
        examples: what loses examples.
        held_out_name: "test" or "validation".
        name: of `examples`, likewise.
        notes: a sentence is added that says how many.
        what: the word for examples.
        text: the word for what their digests are of.

    Raises:
        UserError: nothing is left.
    """
    known = set(held_out.digests)
    keep = np.array([digest not in known for digest in examples.digests], dtype=bool)
    removed = len(examples) - int(keep.sum())
    if not removed:
        return examples
    if removed == len(examples):
        raise UserError(
            f"Every {name} {what.removesuffix('s')} of {examples.origin} also stands in the {held_out_name} set "
            f"{held_out.origin}; give sets with different {text}s."
        )
    notes.append(
        f"{removed:,} {name} {what} were left out because their {text} also stands in the {held_out_name} "
        f"set ({held_out.origin})."
    )
    return examples.take(keep)


def _split_off(whole: LabelledTexts, indices: np.ndarray, name: str, needed: int) -> LabelledTexts:
    if not len(indices):
        raise UserError(
            f"{whole.origin} has {len(whole)} examples of {len(set(whole.labels))} labels, too few to split "
            f"a {name} set from: at least one label needs {needed} different texts; add examples or give the "
            f"{name} set with --data.{name}_path."
        )
    return whole.take(indices)


def _limited(examples: LabelledTexts, limit: int) -> LabelledTexts:
    """At most `limit` examples by their hash: one of each label first, then the labels in proportion."""
    if len(examples) <= limit:
        return examples
    sizes = Counter(examples.labels)
    order = sorted(range(len(examples)), key=lambda index: (examples.digests[index], index))
    ranks, keys = Counter(), {}
    for index in order:
        label = examples.labels[index]
        keys[index] = (ranks[label] > 0, (ranks[label] + 0.5) / sizes[label])
        ranks[label] += 1
    order.sort(key=keys.__getitem__)
    return examples.take(np.array(sorted(order[:limit]), dtype=np.int64))


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
