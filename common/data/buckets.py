"""Batches of sequences of about equal length: few static shapes for XLA, little padding, an order that can be resumed.

Stands between the tokenized examples and `fit`. XLA compiles once for each shape, so lengths are rounded up to a few
boundaries, chosen where they waste least. The order of the batches is a pure function of seed and step, so a run
that was interrupted goes on with exactly the batches it would have seen.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf


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
        self.lengths = sequences.row_lengths().numpy()
        if len(self.lengths) and self.lengths.max() > boundaries[-1]:
            raise ValueError(
                f"a sequence of {self.lengths.max()} steps is longer than the last boundary {boundaries[-1]}"
            )
        self.boundaries = list(boundaries)
        self.batch_size = batch_size
        self.seed = seed
        self.name = name
        self.values = sequences.values  # [steps of all sequences, ...]
        padding = tf.zeros([1, *self.values.shape[1:]], self.values.dtype)
        self._padded_values = tf.concat([padding, self.values], axis=0)
        self._starts = sequences.row_starts()
        self._row_lengths = sequences.row_lengths()
        self._labels = tf.constant(labels, tf.int32)
        self._bucket = np.searchsorted(self.boundaries, self.lengths)
        self._training_bucket = self._join_small_buckets()
        self.steps_per_epoch = len(self._epoch(0))

    def _join_small_buckets(self):
        """Moves examples of a bucket that does not fill one batch to the next longer one, or they were never trained on."""
        bucket = self._bucket.copy()
        for index in range(bucket.max(initial=0)):
            if np.count_nonzero(bucket == index) < self.batch_size:
                bucket[bucket == index] = index + 1
        return bucket

    @property
    def padding_waste(self) -> float:
        """Share of padded steps among all steps of an epoch, 0 to 1."""
        padded = np.asarray(self.boundaries)[self._training_bucket].sum()
        return float(1 - self.lengths.sum() / padded) if padded else 0.0

    def dataset(self, first_step: int = 0) -> tf.data.Dataset:
        """Endless training batches from `first_step` on, counted over all epochs; incomplete batches are left out."""

        def plan() -> Iterator[tuple[np.ndarray, int]]:
            epoch, offset = divmod(first_step, self.steps_per_epoch)
            while True:
                yield from self._epoch(epoch)[offset:]
                epoch, offset = epoch + 1, 0

        return self._from_plan(plan, lambda inputs, labels, _: (inputs, labels))

    def padded_lengths(self, epoch: int) -> list[int]:
        """The length of each training batch of an epoch, from 0, in their order."""
        return [boundary for _, boundary in self._epoch(epoch)]

    def evaluation_dataset(self) -> tf.data.Dataset:
        """Each example once: `(inputs, labels, weights)`; the rows that fill up a last batch have weight 0."""
        dataset = self._from_plan(self._evaluation_plan, lambda inputs, labels, rows: (inputs, labels, weights(rows)))
        # Keras warns of a data set that ends without having said when.
        return dataset.apply(tf.data.experimental.assert_cardinality(sum(1 for _ in self._evaluation_plan())))

    def order(self) -> np.ndarray:
        """The example of each row of `evaluation_dataset`, -1 for a row that fills up; int64 `[rows]`."""
        plan = [rows for rows, _ in self._evaluation_plan()]
        return np.concatenate(plan) if plan else np.zeros(0, np.int64)

    def _epoch(self, epoch):
        """The batches of an epoch in their order: list of (rows int64 [batch], length)."""
        random = np.random.default_rng([self.seed, epoch])
        batches = []
        for index, boundary in enumerate(self.boundaries):
            rows = random.permutation(np.flatnonzero(self._training_bucket == index))
            size = min(self.batch_size, len(rows)) or 1
            batches += [(rows[i : i + size], boundary) for i in range(0, len(rows) - size + 1, size)]
        return [batches[i] for i in random.permutation(len(batches))]

    def _evaluation_plan(self):
        for index, boundary in enumerate(self.boundaries):
            rows = np.flatnonzero(self._bucket == index)
            for start in range(0, len(rows), self.batch_size):
                batch = rows[start : start + self.batch_size]
                yield np.pad(batch, (0, self.batch_size - len(batch)), constant_values=-1), boundary

    def _from_plan(self, plan, finish):
        def gather(rows, length):
            rows.set_shape([None])
            real = tf.maximum(rows, 0)
            lengths = tf.where(rows >= 0, tf.gather(self._row_lengths, real), 0)
            steps = tf.range(length)
            positions = tf.gather(self._starts, real)[:, None] + steps[None, :]
            inside = steps[None, :] < lengths[:, None]
            values = tf.gather(self._padded_values, tf.where(inside, positions + 1, 0))
            return finish({self.name: values}, tf.gather(self._labels, real), rows)

        signature = (tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64))
        dataset = tf.data.Dataset.from_generator(plan, output_signature=signature)
        return dataset.map(gather, num_parallel_calls=2, deterministic=True).prefetch(4)


def weights(rows):
    """1 for a row that is an example, 0 for one that only fills up the batch: float32 `[batch]`."""
    return tf.cast(rows >= 0, tf.float32)
