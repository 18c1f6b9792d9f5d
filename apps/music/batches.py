"""Padded batches of pieces, each time in another key, and with other voices given, as often as they are seen."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from apps.music.pieces import SILENCE, Pieces, VoicePiece
from apps.music.preprocessing import Preprocessor
from apps.music.vocabulary import FREE, HOLD
from common.data.batch_plan import BatchPlan, PaddedSequences


def states_before(symbols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each slot did before each step.

    Args:
        symbols: int [time, slots].

    Returns:
        The last symbol before the step that is not `HOLD`, and how many steps ago that was: int [time, slots] both, 0 where
        there is none.
    """
    before = np.concatenate([np.full_like(symbols[:1], FREE), symbols[:-1]])
    time = np.arange(len(symbols))[:, None]
    last = np.maximum.accumulate(np.where(before != HOLD, time, 0), axis=0)
    sounding = np.take_along_axis(before, last, axis=0)
    return sounding, np.where(sounding == FREE, 0, time - last + 1)


def shifts_within(piece, ranges, most: int) -> tuple[int, int]:
    """How far a piece may go down and up, in semitones, without leaving the ranges of the training pieces.

    Args:
        piece: `VoicePiece` or `NotePiece`.
        ranges: lowest and highest pitch of each voice, or of all notes, [voices, 2].
        most: semitones at most.

    Returns:
        A number of at most 0 and one of at least 0.
    """
    if isinstance(piece, VoicePiece):
        voices = [column[column != SILENCE] for column in piece.pitches.T]
    else:
        voices = [piece.notes["pitch"][~piece.drum_notes]]
    rooms = [
        (low - pitches.min(), high - pitches.max()) for pitches, (low, high) in zip(voices, ranges) if len(pitches)
    ]
    if not rooms:
        return 0, 0
    down, up = max(room[0] for room in rooms), min(room[1] for room in rooms)
    return int(np.clip(down, -most, 0)), int(np.clip(up, 0, most))


class PieceBatches:
    """Batches of pieces for teacher forcing.

    A batch is what `build_model` reads, by name; int32 `[batch, time, slots]`, the symbols to be said; and float32 of the same
    shape, 1 for those that count.

    Args:
        pieces: in the representation of the preprocessor.
        preprocessor: adapted.
        batch_size: pieces, or parts of them, in a batch.
        seed: of the order, and of what is drawn each time.
        given_fraction: share of the pieces of which some voices are given in training.
        end_fraction: share of the pieces that are told of their end in training.

    Attributes:
        steps_per_epoch: training batches.
        rows: how many pieces, or parts of them, there are.
        row_pieces: int `[rows]`, the piece that each is of.
    """

    def __init__(
        self,
        pieces: Pieces,
        preprocessor: Preprocessor,
        batch_size: int,
        seed: int = 0,
        given_fraction: float = 0.0,
        end_fraction: float = 0.0,
    ):
        config, words = preprocessor.config, preprocessor.vocabulary
        self._slots, self._seed = words.slots, seed
        self._first_voice = int(config.chord and preprocessor.has_voices)
        self._given_fraction = given_fraction if preprocessor.has_voices else 0.0
        self._end_fraction = end_fraction if preprocessor.has_voices else 0.0
        self._most = config.transpose
        self._transposition = tf.constant(words.transposition(self._most))
        blocks, shifts, owners = [], [], []
        for index, piece in enumerate(pieces):
            block = _numbers(piece, preprocessor)
            for start in range(0, len(block), config.max_length):
                blocks.append(block[start : start + config.max_length])
                shifts.append(shifts_within(piece, preprocessor.ranges, self._most))
                owners.append(index)
        self.rows, self.row_pieces = len(blocks), np.array(owners)
        self._blocks = PaddedSequences(
            tf.RaggedTensor.from_row_lengths(np.concatenate(blocks), [len(block) for block in blocks])
        )
        self._shifts = tf.constant(shifts, tf.int64)
        lengths = self._blocks.lengths
        self.boundaries = list(preprocessor.boundaries)
        if lengths.max() > self.boundaries[-1]:
            self.boundaries.append(int(lengths.max()))
        self._plan = BatchPlan(
            np.searchsorted(self.boundaries, lengths),
            [batch_size] * len(self.boundaries),
            [*range(1, len(self.boundaries)), None],
            seed,
        )
        self.steps_per_epoch = self._plan.steps_per_epoch

    @property
    def padding_waste(self) -> float:
        """Share of padded steps among all steps of an epoch, 0 to 1."""
        padded = np.asarray(self.boundaries)[self._plan.training_bucket].sum()
        return float(1 - self._blocks.lengths.sum() / padded)

    def dataset(self, first_step: int = 0) -> tf.data.Dataset:
        """Endless training batches from `first_step` on, counted over all epochs; incomplete batches are left out."""
        return self._plan.training_dataset(self._training_batch, first_step, numbered=True)

    def padded_lengths(self, epoch: int) -> list[int]:
        """The length of each training batch of an epoch, from 0, in their order."""
        return [self.boundaries[bucket] for _, bucket in self._plan.epoch(epoch)]

    def evaluation_dataset(self) -> tf.data.Dataset:
        """Each piece once as it is, nothing given and no end told; what fills up the last batches has weight 0."""
        return self._plan.evaluation_dataset(self._batch)

    def order(self) -> np.ndarray:
        """The row that each row of the evaluation is, -1 for one that fills up; int64."""
        return self._plan.order()

    def _batch(self, rows, bucket, shifts=None, given_fraction=0.0, end_fraction=0.0, seed=None):
        block = self._blocks.gather(rows, tf.gather(tf.constant(self.boundaries, tf.int64), bucket))
        symbols, sounding, ages = (block[:, :, i * self._slots : (i + 1) * self._slots] for i in range(3))
        positions, remaining = block[:, :, -2], block[:, :, -1]
        if shifts is not None:
            table = tf.gather(self._transposition, shifts + self._most)  # [batch, vocabulary]
            symbols, sounding = (tf.gather(table, ids, axis=1, batch_dims=1) for ids in (symbols, sounding))
        given = tf.zeros_like(symbols)
        if given_fraction:
            known = draw_given(tf.shape(symbols), given_fraction, self._first_voice, seed)
            given = tf.where(known, symbols, FREE)
        told = tf.zeros_like(rows, tf.bool)
        if end_fraction:
            told = _uniform(tf.shape(rows), seed, 1) < end_fraction
        inputs = {
            "symbols": symbols,
            "sounding": sounding,
            "ages": ages,
            "positions": positions,
            "remaining": tf.where(told[:, None], remaining, 0),
            "given": given,
        }
        counts = tf.not_equal(symbols, FREE) & tf.equal(given, FREE)
        return inputs, symbols, tf.cast(counts, tf.float32)

    def _training_batch(self, rows, bucket, step):
        seed = tf.stack([tf.cast(self._seed, tf.int64), 4 * step])
        bounds = tf.gather(self._shifts, rows)
        spread = tf.cast(bounds[:, 1] - bounds[:, 0] + 1, tf.float32)
        drawn = tf.cast(_uniform(tf.shape(rows), seed, 0) * spread, tf.int64)
        return self._batch(rows, bucket, bounds[:, 0] + drawn, self._given_fraction, self._end_fraction, seed)


def draw_given(shape, fraction: float, first_voice: int, seed) -> tf.Tensor:
    """Which symbols are given: bool `[batch, time, slots]`.

    In half of the pieces with something given it is the first voice, as of a melody that is harmonised; in the others any
    voices. In a quarter of them it is so only from some step to another.

    Args:
        shape: of the batch.
        fraction: share of the pieces of which something is given.
        first_voice: the first slot that is a voice.
        seed: int64 [2]; that with 2 and 3 added to its second number is used.
    """
    batch, time, slots = shape[0], shape[1], shape[2]
    draws = _uniform([batch, 5], seed, 2)
    any_slots = _uniform([batch, slots], seed, 3) < 0.5
    number = tf.range(slots)[None]
    chosen = tf.where(draws[:, 1:2] < 0.5, number == first_voice, any_slots & (number >= first_voice))  # [batch, slots]
    chosen &= draws[:, :1] < fraction
    ends = tf.sort(draws[:, 3:5], axis=1)
    steps = tf.cast(tf.range(time), tf.float32)[None] / tf.cast(time, tf.float32)
    inside = (draws[:, 2:3] >= 0.25) | ((ends[:, :1] <= steps) & (steps < ends[:, 1:]))  # [batch, time]
    return chosen[:, None] & inside[:, :, None]


def _uniform(shape, seed, stream: int) -> tf.Tensor:
    """Numbers from 0 to below 1 that depend on the seed, int64 [2], and the stream alone."""
    return tf.random.stateless_uniform(shape, tf.stack([seed[0], seed[1] + stream]))


def _numbers(piece, preprocessor: Preprocessor) -> np.ndarray:
    """Symbols, what was before, its age, place in the bar and steps to the end, side by side: int32 [time, 3 · slots + 2]."""
    symbols = preprocessor.encode(piece)
    sounding, ages = states_before(symbols)
    positions = piece.positions if preprocessor.has_voices else np.zeros(len(symbols))
    remaining = np.arange(len(symbols), 0, -1)
    return np.concatenate([symbols, sounding, ages, positions[:, None], remaining[:, None]], axis=1).astype(np.int32)
