"""Windows over series, cut out on the fly: a million rows never become a million windows in memory.

Stands between the series and `fit`. The order of the windows is a pure function of seed and step, so a run that was
interrupted goes on with exactly the batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from apps.forecasting.series import SeriesSet
from common.data.pipelines import without_autotune

EVALUATION_BATCH = 256  # windows


class Windows:
    """All windows of a set of series, in batches.

    A window is `look_back` steps that are looked at and `horizon` steps that are forecast, without a gap. Those of a series
    with context begin to forecast at its first row that is not context.

    Args:
        series: raw values.
        preprocessor: adapted; its `prepare` makes of each batch of raw windows what the network reads.
        look_back, horizon: steps.
        batch_size: windows in a batch.
        stride: take a window every so many steps.
        seed: of the order.

    Raises:
        ValueError: if no series is long enough for one window.
    """

    def __init__(self, series: SeriesSet, preprocessor, look_back, horizon, batch_size, stride=1, seed=0):
        self.series = series
        self.look_back, self.horizon, self.stride, self.seed = look_back, horizon, stride, seed
        self._preprocessor = preprocessor
        counts = [
            max(0, (len(each.values) - horizon - max(look_back, each.context)) // stride + 1) for each in series.series
        ]
        self.count = sum(counts)
        if not self.count:
            raise ValueError(f"no series of {series.origin} has {look_back} + {horizon} rows")
        self.counts = tuple(counts)
        self.batch_size = min(batch_size, self.count)
        self.steps_per_epoch = self.count // self.batch_size
        self._ends = np.cumsum(counts)  # of the windows of each series, among all
        # The arrays of the series themselves: a copy, in whatever form, would be as large as the table.
        self._values = [each.values for each in series.series]
        self._times = None
        if series.series[0].times is not None:
            self._times = [each.times.astype("datetime64[s]", copy=False).view(np.int64) for each in series.series]
        # [series], the row of the first forecast step of the first window.
        self._firsts = np.array([max(look_back, each.context) for each in series.series])

    def dataset(self, first_step: int = 0) -> tf.data.Dataset:
        """Endless training batches from `first_step` on, counted over all epochs; an incomplete batch is left out."""
        steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
        return without_autotune(steps.map(self._training_batch, num_parallel_calls=2, deterministic=True).prefetch(8))

    def padded_lengths(self, epoch: int) -> Sequence[int]:
        """The length of each training batch of an epoch: always the same."""
        return [self.look_back] * self.steps_per_epoch

    def evaluation_dataset(self) -> tf.data.Dataset:
        """Each window once, in their order, with weights; the last batch is filled up by rows of weight 0."""
        starts = tf.data.Dataset.range(0, self.count, self.batch_size)
        return without_autotune(
            starts.map(self._evaluation_batch, num_parallel_calls=2, deterministic=True).prefetch(8)
        )

    def raw(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Raw windows: `history` float32 `[n, look_back, columns]`, `future` `[n, horizon, columns]`, and their times int64
        `history_time`, `future_time` if the series have times."""
        cut = self._cut(np.asarray(indices, np.int64))
        return self._parted(cut[0], cut[1] if self._times is not None else None)

    @property
    def targets(self) -> int:
        """How many targets a window has."""
        return len(self._preprocessor.columns.targets)

    def sample(self, most: int) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray, int]]:
        """At most so many windows, evenly spaced, in batches: inputs and targets as `prepared` gives them, and how many of the
        `batch_size` rows are windows of their own. The rest fills up the batch, so that one shape is compiled."""
        chosen = np.unique(np.linspace(0, self.count - 1, min(self.count, most)).astype(np.int64))
        for start in range(0, len(chosen), self.batch_size):
            rows = chosen[start : start + self.batch_size]
            yield *self.prepared(np.pad(rows, (0, self.batch_size - len(rows)), mode="edge")), len(rows)

    def prepared(self, indices: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """What the network reads of windows, and standardised targets, as in `dataset`."""
        inputs, targets = self._preprocessor.prepare(self.raw(indices))
        return {name: np.asarray(value) for name, value in inputs.items()}, np.asarray(targets)

    def _raw(self, indices):
        values, times = tf.numpy_function(self._cut, [indices], (tf.float32, tf.int64), stateful=False)
        size = (indices.shape[0], self.look_back + self.horizon)
        values.set_shape((*size, self._values[0].shape[1]))
        if self._times is None:
            return self._parted(values, None)
        times.set_shape(size)
        return self._parted(values, times)

    def _cut(self, indices):
        """Windows, float32 `[n, look_back + horizon, columns]`, and their times int64 `[n, look_back + horizon]`, empty
        if there are none."""
        series = np.searchsorted(self._ends, indices, side="right")
        before = self._ends - self.counts
        origins = self._firsts[series] + (indices - before[series]) * self.stride
        length = self.look_back + self.horizon
        values = np.empty((len(indices), length, self._values[0].shape[1]), np.float32)
        times = np.empty((len(indices), 0 if self._times is None else length), np.int64)
        for row, (one, start) in enumerate(zip(series.tolist(), (origins - self.look_back).tolist())):
            values[row] = self._values[one][start : start + length]
            if self._times is not None:
                times[row] = self._times[one][start : start + length]
        return values, times

    def _parted(self, values, times):
        raw = {"history": values[:, : self.look_back], "future": values[:, self.look_back :]}
        if times is not None:
            raw |= {"history_time": times[:, : self.look_back], "future_time": times[:, self.look_back :]}
        return raw

    def _training_batch(self, step):
        epoch, position = step // self.steps_per_epoch, step % self.steps_per_epoch
        places = position * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
        seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        last = tf.constant(self.count - 1, tf.int64)
        return self._preprocessor.prepare(self._raw(tf.random.experimental.index_shuffle(places, seed, last)))

    def _evaluation_batch(self, start):
        places = start + tf.range(self.batch_size, dtype=tf.int64)
        inputs, targets = self._preprocessor.prepare(self._raw(tf.minimum(places, self.count - 1)))
        return inputs, targets, tf.cast(places < self.count, tf.float32)
