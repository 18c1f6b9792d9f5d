"""Composes: a network, what is known of a piece, and a seed become the rest of it."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from apps.music.events import END
from apps.music.pieces import VoicePiece
from apps.music.preprocessing import Preprocessor
from apps.music.rules import Rules
from apps.music.steps import StepwiseNetwork
from apps.music.vocabulary import FREE
from common.decoding import sample
from common.decoding.rows import LOG_ZERO
from common.graph import as_graph


class Composer:
    """Free composition, continuation and harmonisation: of some slots the symbol is known, the others are drawn.

    Args:
        network: as `build_model` returns it.
        preprocessor: the one it was trained with.
    """

    def __init__(self, network: keras.Model, preprocessor: Preprocessor):
        self._network = StepwiseNetwork(network)
        self._end_id = None if preprocessor.has_voices else END
        keeps_rules = preprocessor.has_voices and preprocessor.sampling.rules
        self._rules = Rules(preprocessor.vocabulary) if keeps_rules else None

    def compose(self, given, positions, remaining, lengths, seeds, temperature, top_p):
        """Draws what is not given.

        Args:
            given: int32 `[batch, time, slots]`, `FREE` where a symbol is to be found. Events may end before one that is given.
            positions: int32 `[batch, time]`, steps since the bar line.
            remaining: int32 `[batch, time]`, steps to the end of the piece; 0 where it is not told.
            lengths: int32 `[batch]`, steps of time of each piece.
            seeds: int32 `[batch]`; a row depends on its own alone. Or random numbers float32 `[batch, time·slots]`, see `sample`.
            temperature: float32 `[batch]`, 0 for the likeliest symbol at each place.
            top_p: float32 `[batch]`.

        Returns:
            Symbols int32 `[batch, time, slots]`, `FREE` behind the end; and float32 `[batch]`, the logarithm of the
            probability of all symbols of the piece, those given too; of those that are not, among what the rules allow.
        """
        batch, time, slots = ops.shape(given)
        inside = ops.arange(time, dtype="int32")[None] < lengths[:, None]
        given = ops.where(inside[..., None], given, FREE)
        step, state = self._network.start(positions, remaining, given, lengths)
        given = ops.reshape(given, (batch, time * slots))

        def step_of_piece(symbols, state):
            logits, after = step(symbols, state)
            if self._rules is not None:
                place = ops.max(state["index"])
                forbidden = self._rules.forbidden(place % slots, after["sounding"], after["now"])
                is_free = ops.equal(ops.take(given, place, axis=1), FREE)
                logits = ops.where(forbidden & is_free[:, None], LOG_ZERO, logits)
            # Behind the end nothing is said, for certain: it adds nothing to the probability of a shorter piece.
            nothing = ops.where(ops.arange(logits.shape[-1]) == FREE, 0.0, LOG_ZERO)
            is_inside = state["index"] // slots < lengths
            return ops.where(is_inside[:, None], logits, nothing), after

        found = sample(
            step_of_piece,
            state,
            ops.zeros_like(lengths) + FREE,
            seeds,
            end_id=self._end_id,
            max_length=time * slots,
            temperature=temperature,
            top_p=top_p,
            pad_id=FREE,
            forced=ops.where(ops.equal(given, FREE), -1, given),
        )
        return ops.reshape(found.ids, (batch, time, slots)), found.log_probabilities


def compose_pieces(network: keras.Model, preprocessor: Preprocessor, count: int, steps: int, seed: int) -> list:
    """Pieces composed freely, as the settings of the sampling say.

    Args:
        network: as `build_model` returns it.
        preprocessor: the one it was trained with.
        count: how many, 0 or more.
        steps: of the grid in each, or events.
        seed: of the first; each of the others has the next one.

    Returns:
        `VoicePiece`s that begin at a bar line, in the most frequent metre of the training pieces; or `NotePiece`s.
    """
    if not count:
        return []
    composer, sampling = Composer(network, preprocessor), preprocessor.sampling
    compose = as_graph(composer.compose)
    voices = preprocessor.has_voices
    positions = np.arange(steps, dtype=np.int32) % (preprocessor.steps_per_bar if voices else 1)
    symbols, _ = compose(
        np.full((count, steps, preprocessor.vocabulary.slots), FREE, np.int32),
        np.tile(positions, (count, 1)),
        np.tile(np.arange(steps, 0, -1, dtype=np.int32), (count, 1)),
        np.full(count, steps, np.int32),
        np.arange(seed, seed + count, dtype=np.int32),
        np.full(count, sampling.temperature, np.float32),
        np.full(count, sampling.top_p, np.float32),
    )
    found = preprocessor.invert(tf.constant(ops.convert_to_numpy(symbols)))
    names = [f"sample {1 + index}" for index in range(count)]
    if not voices:
        return [preprocessor.vocabulary.decode(events, name) for events, name in zip(found["events"].numpy(), names)]
    return [
        VoicePiece(
            name,
            pitches.astype(np.int16),
            onsets,
            positions.astype(np.int16),
            preprocessor.data.steps_per_quarter,
            preprocessor.metre,
            tempo=preprocessor.tempo,
        )
        for name, pitches, onsets in zip(names, found["pitches"].numpy(), found["onsets"].numpy())
    ]
