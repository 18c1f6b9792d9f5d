"""Which examples stand in which batch: an order that is a function of the seed and the step alone, so it can be resumed.

Examples come in buckets, and a batch is of one bucket: of one length, or of one pair of lengths, for which XLA compiles once.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from common.data.pipelines import without_autotune


class BatchPlan:
    """The batches of every epoch, and those of an evaluation.

    Args:
        bucket: int `[examples]`, the bucket of each example.
        batch_sizes: examples in a batch of each bucket.
        larger: for each bucket a later one in whose batches its examples fit, too; None for the last. Examples of a bucket
            that does not fill one batch are trained on there, or they never were.
        seed: of the order.
    """

    def __init__(
        self, bucket: np.ndarray, batch_sizes: Sequence[int], larger: Sequence[int | None], seed: int = 0
    ) -> None:
        self._batch_sizes = list(batch_sizes)
        self._seed = seed
        self._bucket = np.asarray(bucket)
        self.training_bucket = self._bucket.copy()  # int [examples]
        for index, next_larger in enumerate(larger):
            members = self.training_bucket == index
            if next_larger is not None and np.count_nonzero(members) < self._batch_sizes[index]:
                self.training_bucket[members] = next_larger
        self.steps_per_epoch = len(self.epoch(0))

    def epoch(self, epoch: int) -> list[tuple[np.ndarray, int]]:
        """The training batches of an epoch, from 0, in their order: rows int64 `[batch]` and bucket; full batches alone."""
        random = np.random.default_rng([self._seed, epoch])
        batches = []
        for index, batch_size in enumerate(self._batch_sizes):
            rows = random.permutation(np.flatnonzero(self.training_bucket == index))
            size = min(batch_size, len(rows)) or 1
            batches += [(rows[i : i + size], index) for i in range(0, len(rows) - size + 1, size)]
        return [batches[i] for i in random.permutation(len(batches))]

    def evaluation(self) -> Iterator[tuple[np.ndarray, int]]:
        """Batches in which each example stands once; -1 fills up the last one of each bucket."""
        for index, batch_size in enumerate(self._batch_sizes):
            rows = np.flatnonzero(self._bucket == index)
            for start in range(0, len(rows), batch_size):
                batch = rows[start : start + batch_size]
                yield np.pad(batch, (0, batch_size - len(batch)), constant_values=-1), index

    def order(self) -> np.ndarray:
        """The example of each row of the evaluation, -1 for a row that fills up; int64 `[rows]`."""
        rows = [rows for rows, _ in self.evaluation()]
        return np.concatenate(rows) if rows else np.zeros(0, np.int64)

    def training_dataset(self, gather: Callable, first_step: int = 0, numbered: bool = False) -> tf.data.Dataset:
        """Endless training batches from `first_step` on, counted over all epochs.

        Args:
            gather: function of rows int64 `[batch]` and bucket int64 that returns what a batch holds.
            first_step: from 0.
            numbered: whether `gather` gets the number of the step, int64, as a third argument: the seed of what is drawn anew
                each time an example is seen.
        """

        def batches() -> Iterator[tuple[np.ndarray, int]]:
            epoch, offset = divmod(first_step, self.steps_per_epoch)
            while True:
                yield from self.epoch(epoch)[offset:]
                epoch, offset = epoch + 1, 0

        if not numbered:
            return _gathered(batches, gather)

        def numbered_batches() -> Iterator[tuple[np.ndarray, int, int]]:
            for step, (rows, bucket) in enumerate(batches(), first_step):
                yield rows, bucket, step

        return _gathered(numbered_batches, gather, numbers=2)

    def evaluation_dataset(self, gather: Callable) -> tf.data.Dataset:
        """Each example once, and as many batches as it says; `gather` as above, to which -1 is a row that fills up."""
        dataset = _gathered(self.evaluation, gather)
        # Keras warns of a data set that ends without having said when.
        return dataset.apply(tf.data.experimental.assert_cardinality(sum(1 for _ in self.evaluation())))


def _gathered(batches, gather, numbers=1):
    """Batches of rows and so many numbers, each made what `gather` returns for them."""

    def with_shape(rows, *others):
        rows.set_shape([None])
        return gather(rows, *others)

    signature = (tf.TensorSpec([None], tf.int64), *[tf.TensorSpec([], tf.int64)] * numbers)
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return without_autotune(dataset.map(with_shape, num_parallel_calls=2, deterministic=True).prefetch(4))


class PaddedSequences:
    """Sequences of different lengths in one tensor, of which padded batches are gathered.

    Args:
        sequences: `tf.RaggedTensor` `[examples, (time), ...]`.
    """

    def __init__(self, sequences: tf.RaggedTensor) -> None:
        self.lengths = sequences.row_lengths().numpy()
        self.values = sequences.values  # [steps of all sequences, ...]
        padding = tf.zeros([1, *self.values.shape[1:]], self.values.dtype)
        self._padded_values = tf.concat([padding, self.values], axis=0)
        self._starts = sequences.row_starts()
        self._row_lengths = sequences.row_lengths()

    def gather(self, rows: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """int64 `[batch]` to `[batch, length, ...]`, 0 behind the end and in a row of -1."""
        real = tf.maximum(rows, 0)
        lengths = tf.where(rows >= 0, tf.gather(self._row_lengths, real), 0)
        steps = tf.range(length)
        positions = tf.gather(self._starts, real)[:, None] + steps[None, :]
        inside = steps[None, :] < lengths[:, None]
        return tf.gather(self._padded_values, tf.where(inside, positions + 1, 0))
