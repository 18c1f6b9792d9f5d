"""Padded batches of pairs of about equal lengths: few pairs of lengths for XLA, little padding, about as many tokens each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from apps.translation.pairs import SentencePairs
from common.data.batch_plan import BatchPlan, PaddedSequences
from common.data.text_datasets import map_texts
from common.data.token_vocabulary import PAD_ID, START_ID


def choose_shapes(source_lengths: np.ndarray, target_lengths: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Chooses pairs of lengths that pad little.

    Args:
        source_lengths: int `[pairs]`, tokens of each source.
        target_lengths: int `[pairs]`, tokens of each target.
        count: how many at most, at least 1.

    Returns:
        Pairs (source length, target length), ascending by their sum; the last one holds every pair.

    Note:
        Starts with one group of all pairs, and cuts the group in two by one length where that saves the most padding, as often
        as it may. Then each length of each shape moves to where the whole is padded least, until none moves.
    """
    lengths = (
        np.maximum(np.stack([source_lengths, target_lengths], axis=1), 1)
        if len(source_lengths)
        else np.ones((1, 2), int)
    )
    cuts = [_best_cut(lengths)]
    while len(cuts) < count - 1:  # and the one that holds everything
        best = max(range(len(cuts)), key=lambda index: cuts[index][0])
        saved, first, second = cuts.pop(best)
        if not saved:
            cuts.append((saved, first, second))
            break
        cuts += [_best_cut(first), _best_cut(second)]
    if count == 1:
        return [tuple(map(int, lengths.max(axis=0)))]
    shapes = np.array([np.concatenate([first, second]).max(axis=0) for _, first, second in cuts])
    shapes = {tuple(map(int, shape)) for shape in _moved(shapes, *np.unique(lengths, axis=0, return_counts=True))}
    shapes.add(tuple(map(int, lengths.max(axis=0))))
    return sorted(shapes, key=lambda shape: (sum(shape), shape))


def _moved(shapes, lengths, counts):
    """Coordinate descent on the lengths of the shapes: int `[shapes, 2]` to the same; `lengths` are distinct."""
    largest = lengths.max(axis=0)  # always among the shapes, so that everything fits somewhere

    def padded(shapes):
        shapes = np.concatenate([shapes, largest[None]])
        fits = (lengths[:, None, :] <= shapes[None, :, :]).all(axis=2)
        return int((np.where(fits, shapes.sum(axis=1), largest.sum()).min(axis=1) * counts).sum())

    shapes, least, moving = shapes.copy(), padded(shapes), True
    while moving:
        moving = False
        for index, axis in np.ndindex(*shapes.shape):
            for value in np.unique(lengths[:, axis]):
                moved = shapes.copy()
                moved[index, axis] = value
                cost = padded(moved)
                if cost < least:
                    shapes, least, moving = moved, cost, True
    return shapes


def _best_cut(lengths):
    """How many padded steps the best cut saves, 0 if none does, and the two groups: int `[pairs, 2]` each."""
    best = (0, lengths, lengths[:0])
    for axis in (0, 1):
        ordered = lengths[np.argsort(lengths[:, axis], kind="stable")]
        counts = np.arange(1, len(ordered))
        below = np.maximum.accumulate(ordered)[:-1].sum(axis=1) * counts
        above = np.maximum.accumulate(ordered[::-1])[::-1][1:].sum(axis=1) * (len(ordered) - counts)
        saved = ordered.max(axis=0).sum() * len(ordered) - below - above
        saved[ordered[1:, axis] == ordered[:-1, axis]] = 0  # equal lengths stay together
        if len(saved) and saved.max() > best[0]:
            place = int(saved.argmax()) + 1
            best = (int(saved.max()), ordered[:place], ordered[place:])
    return best


class PairBatches:
    """Batches of pairs for teacher forcing.

    A batch is `({"source_ids": int32 [batch, source], "target_inputs": int32 [batch, target]}, int32 [batch, target],
    float32 [batch, target])`: the tokens of the source, the target from `START_ID` on, the target with `END_ID` that is to be
    said, and 1 for each of its real steps.

    Args:
        source_ids: ragged int32 `[pairs, (time)]`.
        target_ids: likewise, of the same pairs.
        shapes: as from `choose_shapes`; none of the pairs is longer than the last one.
        batch_tokens: tokens of the longer side of a batch, padding included.
        seed: of the order.

    Attributes:
        shapes: the pairs of lengths.
        batch_sizes: how many pairs a batch of each shape has.
    """

    def __init__(self, source_ids, target_ids, shapes: Sequence[tuple[int, int]], batch_tokens: int, seed: int = 0):
        self.shapes = [tuple(shape) for shape in shapes]
        start = tf.fill([target_ids.nrows(), 1], START_ID)
        self._source = PaddedSequences(source_ids)
        self._inputs = PaddedSequences(tf.concat([tf.RaggedTensor.from_tensor(start), target_ids[:, :-1]], axis=1))
        self._labels = PaddedSequences(target_ids)
        self.batch_sizes = [max(1, batch_tokens // max(shape)) for shape in self.shapes]
        lengths = np.stack([self._source.lengths, self._labels.lengths], axis=1)
        fits = (lengths[:, None, :] <= np.asarray(self.shapes)[None, :, :]).all(axis=2)  # [pairs, shapes]
        if not fits.any(axis=1).all():
            raise ValueError(
                f"a pair of {lengths[~fits.any(axis=1)][0]} tokens is longer than the last of {self.shapes}"
            )
        self._plan = BatchPlan(fits.argmax(axis=1), self.batch_sizes, self._larger(), seed)
        self._lengths = lengths
        self.steps_per_epoch = self._plan.steps_per_epoch

    def _larger(self):
        """For each shape the first later one that holds whatever it holds."""
        found = []
        for index, shape in enumerate(self.shapes):
            later = range(index + 1, len(self.shapes))
            found.append(next((i for i in later if all(a <= b for a, b in zip(shape, self.shapes[i]))), None))
        return found

    @property
    def padding_waste(self) -> float:
        """Share of padded steps among all steps of an epoch, 0 to 1."""
        padded = np.asarray(self.shapes)[self._plan.training_bucket].sum()
        return float(1 - self._lengths.sum() / padded) if padded else 0.0

    def dataset(self, first_step: int = 0) -> tf.data.Dataset:
        """Endless training batches from `first_step` on, counted over all epochs; incomplete batches are left out."""
        return self._plan.training_dataset(self._batch, first_step)

    def padded_lengths(self, epoch: int) -> list[tuple[int, int]]:
        """The lengths of each training batch of an epoch, from 0, in their order."""
        return [self.shapes[bucket] for _, bucket in self._plan.epoch(epoch)]

    def evaluation_dataset(self) -> tf.data.Dataset:
        """Each pair once; what fills up the last batch of each shape has weight 0."""
        return self._plan.evaluation_dataset(self._batch)

    def _batch(self, rows, bucket):
        shape = tf.gather(tf.constant(self.shapes, tf.int64), bucket)
        inputs = {
            "source_ids": self._source.gather(rows, shape[0]),
            "target_inputs": self._inputs.gather(rows, shape[1]),
        }
        labels = self._labels.gather(rows, shape[1])
        return inputs, labels, tf.cast(tf.not_equal(labels, PAD_ID), tf.float32)


def make_training_data(pairs: SentencePairs, preprocessor, config) -> tuple[PairBatches, int]:
    """Endless batches in a seeded order, and how many pairs were left out because a side has more than `max_length` tokens."""
    source, target = token_ids(pairs, preprocessor)
    kept = tf.maximum(source.row_lengths(), target.row_lengths()) <= preprocessor.config.max_length
    source, target = tf.ragged.boolean_mask(source, kept), tf.ragged.boolean_mask(target, kept)
    data = PairBatches(source, target, preprocessor.shapes, config.train.batch_size, config.train.seed)
    return data, len(pairs) - int(source.nrows())


def make_evaluation_data(pairs: SentencePairs, preprocessor, batch_tokens: int) -> PairBatches:
    """Batches in which each pair stands once, of few shapes; sides that are too long are cut."""
    source, target = (preprocessor.cut(ids) for ids in token_ids(pairs, preprocessor))
    # Compiled once, run once: fewer shapes than in training are faster. The last one and every third before it.
    shapes = list(preprocessor.shapes[::-3][::-1])
    longest = tuple(max(int(ids.bounding_shape()[1]), shapes[-1][side]) for side, ids in enumerate((source, target)))
    if longest != shapes[-1]:
        shapes.append(longest)
    return PairBatches(source, target, shapes, batch_tokens)


def token_ids(pairs: SentencePairs, preprocessor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Tokens of both sides, `END_ID` behind them: two ragged int32 `[pairs, (time)]`."""
    return map_texts(pairs.sources, preprocessor.source_ids), map_texts(pairs.targets, preprocessor.target_ids)
