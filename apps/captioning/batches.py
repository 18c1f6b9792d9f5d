"""Batches of pictures, each with several of its captions: few lengths for XLA, little padding, an order that can be resumed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from apps.captioning.pictures import CaptionedPictures
from common.data.batch_plan import BatchPlan, PaddedSequences
from common.data.token_vocabulary import PAD_ID, START_ID

MOST_TOGETHER = 5  # captions of a picture in an evaluation; a picture with more is read several times


class CaptionBatches:
    """Batches for teacher forcing.

    An example is a picture with up to `per_picture` of its captions, of about equal lengths; a picture with more captions is
    several examples. A batch is `({name: [batch, ...], "caption_inputs": int32 [batch, captions, time]}, int32
    [batch, captions, time], float32 [batch, captions, time])`: what is read of each picture, the captions from `START_ID` on,
    the tokens that are to be said, and 1 for each real one.

    Args:
        inputs: what is read of each picture, `gather(rows int64 [batch]) -> [batch, ...]`, `shape` and `dtype`.
        name: of it in the batches, `pixels` or `features`.
        caption_ids: ragged int32 `[captions, (time)]`, `END_ID` behind each.
        picture_of: int `[captions]`, the picture of each.
        per_picture: captions of an example.
        boundaries: ascending lengths; none of the captions is longer than the last one.
        batch_size: examples in a batch.
        seed: of the order.
    """

    def __init__(
        self,
        inputs,
        name: str,
        caption_ids: tf.RaggedTensor,
        picture_of: Sequence[int],
        per_picture: int,
        boundaries: Sequence[int],
        batch_size: int,
        seed: int = 0,
    ):
        self._inputs, self._name, self.per_picture = inputs, name, per_picture
        start = tf.fill([caption_ids.nrows(), 1], START_ID)
        self._labels = PaddedSequences(caption_ids)
        self._tokens = PaddedSequences(tf.concat([tf.RaggedTensor.from_tensor(start), caption_ids[:, :-1]], axis=1))
        lengths = self._labels.lengths
        self._pictures, self._groups = _grouped(np.asarray(picture_of), lengths, per_picture)
        longest = np.where(self._groups >= 0, lengths[np.maximum(self._groups, 0)], 0).max(axis=1, initial=1)
        self.boundaries, self.batch_size = list(boundaries), batch_size
        if len(longest) and longest.max() > self.boundaries[-1]:
            raise ValueError(
                f"a caption of {longest.max()} tokens is longer than the last boundary {self.boundaries[-1]}"
            )
        count = len(self.boundaries)
        self._plan = BatchPlan(
            np.searchsorted(self.boundaries, longest), [batch_size] * count, [*range(1, count), None], seed
        )
        self.steps_per_epoch = self._plan.steps_per_epoch
        self._real_tokens = int(lengths.sum())

    @property
    def padding_waste(self) -> float:
        """Share of padded steps among all steps of an epoch, 0 to 1."""
        padded = np.asarray(self.boundaries)[self._plan.training_bucket].sum() * self.per_picture
        return float(1 - self._real_tokens / padded) if padded else 0.0

    def dataset(self, first_step: int = 0) -> tf.data.Dataset:
        """Endless training batches from `first_step` on, counted over all epochs; incomplete batches are left out."""
        return self._plan.training_dataset(self._batch, first_step)

    def padded_lengths(self, epoch: int) -> list[int]:
        """The length of each training batch of an epoch, from 0, in their order."""
        return [self.boundaries[bucket] for _, bucket in self._plan.epoch(epoch)]

    def evaluation_dataset(self) -> tf.data.Dataset:
        """Each caption once; what fills up a picture or the last batch has weight 0."""
        return self._plan.evaluation_dataset(self._batch)

    def _batch(self, rows, bucket):
        length = tf.gather(tf.constant(self.boundaries, tf.int64), bucket)
        real = tf.maximum(rows, 0)
        pictures = tf.where(rows >= 0, tf.gather(self._pictures, real), -1)
        captions = tf.where(rows[:, None] >= 0, tf.gather(self._groups, real), -1)
        shape = [self.batch_size, self.per_picture, None]

        def gathered(sequences):
            flat = sequences.gather(tf.reshape(captions, [-1]), length)
            return tf.ensure_shape(tf.reshape(flat, [-1, self.per_picture, length]), [None, *shape[1:]])

        read = tf.numpy_function(self._inputs.gather, [pictures], self._inputs.dtype, stateful=False)
        read.set_shape([None, *self._inputs.shape])
        labels = gathered(self._labels)
        inputs = {self._name: read, "caption_inputs": gathered(self._tokens)}
        return inputs, labels, tf.cast(tf.not_equal(labels, PAD_ID), tf.float32)


def _grouped(picture_of, lengths, per_picture):
    """Captions of one picture in groups of about equal lengths: int64 `[groups]`, the picture, and `[groups, per_picture]`,
    the captions, -1 where there is none."""
    order = np.lexsort((lengths, picture_of))
    places = np.arange(len(order)) - np.searchsorted(picture_of[order], picture_of[order])  # among those of the picture
    first = np.flatnonzero(places % per_picture == 0)
    groups = np.full((len(first), per_picture), -1, np.int64)
    groups[np.searchsorted(first, np.arange(len(order)), side="right") - 1, places % per_picture] = order
    return picture_of[order][first].astype(np.int64), groups


def make_batches(
    pictures: CaptionedPictures, inputs, preprocessor, config, name: str, training: bool
) -> CaptionBatches:
    """Batches of all captions of the pictures that can be read.

    Args:
        pictures: raw.
        inputs: their `StoredInputs`; the captions of unusable pictures are left out.
        preprocessor: adapted.
        config: of the application.
        name: `pixels` or `features`.
        training: whether batches have several lengths and as many captions of a picture as the settings say; an evaluation has
            one length, which compiles once, and reads all captions of a picture at once.
    """
    usable = [index for index in range(len(pictures)) if inputs.usable[index]]
    captions = [(index, caption) for index in usable for caption in pictures.captions[index]]
    ids = preprocessor.caption_ids([caption for _, caption in captions])
    boundaries = list(preprocessor.boundaries)
    longest = int(ids.bounding_shape()[1]) if len(captions) else 1
    if longest > boundaries[-1]:
        boundaries.append(longest)
    if not training:
        boundaries = boundaries[-1:]
    settings = config.train
    together = settings.captions_per_picture if training else min(MOST_TOGETHER, max(map(len, pictures.captions)))
    return CaptionBatches(
        inputs,
        name,
        ids,
        [index for index, _ in captions],
        together,
        boundaries,
        settings.batch_size,
        settings.seed,
    )
