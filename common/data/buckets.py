"""Batches of sequences of about equal length: few static shapes for XLA, little padding, an order that can be resumed.

Stands between the tokenized examples and `fit`. XLA compiles once for each shape, so lengths are rounded up to a few
boundaries, chosen where they waste least. The order of the batches is a pure function of seed and step, so a run
that was interrupted goes on with exactly the batches it would have seen.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from common.data.batch_plan import BatchPlan, PaddedSequences


def choose_boundaries(lengths: Sequence[int], buckets: int, multiple: int = 8) -> list[int]:
    """Chooses the boundaries that pad least.

    Args:
        lengths: number of steps of each training sequence.
        buckets: number of boundaries at most.
        multiple: boundaries are multiples of it, which vector units like.

    Returns:
        Ascending boundaries; a sequence belongs to the first that is not below its length, the last one holds the longest.

    Note:
        Dynamic programming over the histogram of the lengths: the best `j` boundaries up to a length are the best `j - 1` up to
        some shorter one, and that length.
    """
    lengths = np.maximum(np.asarray(lengths), 1)
    candidates = np.arange(multiple, int(lengths.max()) + multiple, multiple)
    held = np.concatenate([[0], np.searchsorted(np.sort(lengths), candidates, side="right")])  # sequences up to there
    cost = np.full((buckets + 1, len(candidates) + 1), np.inf)
    cost[0, 0] = 0
    previous = np.zeros(cost.shape, dtype=int)
    for used in range(1, buckets + 1):
        for end in range(1, len(candidates) + 1):
            padded = cost[used - 1, :end] + candidates[end - 1] * (held[end] - held[:end])
            previous[used, end] = np.argmin(padded)
            cost[used, end] = padded[previous[used, end]]
    used = int(np.argmin(cost[:, -1]))
    boundaries, end = [], len(candidates)
    while used:
        boundaries.append(int(candidates[end - 1]))
        end = previous[used, end]
        used -= 1
    return boundaries[::-1] or [multiple]


class BucketedBatches:
    """Padded batches of integer sequences with one label each.

    Args:
        sequences: `tf.RaggedTensor`, int32 `[examples, (time), ...]`.
        labels: int32 `[examples]`.
        boundaries: ascending lengths; none of the sequences is longer than the last one.
        batch_size: examples in a batch.
        seed: of the order.
        name: key of the sequences in the batches, which are `({name: int32 [batch, boundary, ...]}, int32 [batch], ...)`.

    Raises:
        ValueError: if a sequence is longer than the last boundary.
    """

    def __init__(self, sequences, labels, boundaries, batch_size, seed=0, name="token_ids"):
        self._sequences = PaddedSequences(sequences)
        self.lengths, self.values = self._sequences.lengths, self._sequences.values
        if len(self.lengths) and self.lengths.max() > boundaries[-1]:
            raise ValueError(
                f"a sequence of {self.lengths.max()} steps is longer than the last boundary {boundaries[-1]}"
            )
        self.boundaries, self.batch_size = list(boundaries), batch_size
        self.name = name
        self._labels = tf.constant(labels, tf.int32)
        count = len(self.boundaries)
        self._plan = BatchPlan(
            np.searchsorted(self.boundaries, self.lengths), [batch_size] * count, [*range(1, count), None], seed
        )
        self.steps_per_epoch = self._plan.steps_per_epoch

    @property
    def padding_waste(self) -> float:
        """Share of padded steps among all steps of an epoch, 0 to 1."""
        padded = np.asarray(self.boundaries)[self._plan.training_bucket].sum()
        return float(1 - self.lengths.sum() / padded) if padded else 0.0

    def dataset(self, first_step: int = 0) -> tf.data.Dataset:
        """Endless training batches from `first_step` on, counted over all epochs; incomplete batches are left out."""
        return self._plan.training_dataset(self._examples, first_step)

    def padded_lengths(self, epoch: int) -> list[int]:
        """The length of each training batch of an epoch, from 0, in their order."""
        return [self.boundaries[bucket] for _, bucket in self._plan.epoch(epoch)]

    def evaluation_dataset(self) -> tf.data.Dataset:
        """Each example once: `(inputs, labels, weights)`; the rows that fill up a last batch have weight 0."""
        return self._plan.evaluation_dataset(lambda rows, bucket: (*self._examples(rows, bucket), weights(rows)))

    def order(self) -> np.ndarray:
        """The example of each row of `evaluation_dataset`, -1 for a row that fills up; int64 `[rows]`."""
        return self._plan.order()

    def _examples(self, rows, bucket):
        length = tf.gather(tf.constant(self.boundaries, tf.int64), bucket)
        return {self.name: self._sequences.gather(rows, length)}, tf.gather(self._labels, tf.maximum(rows, 0))


def weights(rows):
    """1 for a row that is an example, 0 for one that only fills up the batch: float32 `[batch]`."""
    return tf.cast(rows >= 0, tf.float32)
