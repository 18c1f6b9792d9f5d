"""Intervals between the voices: what a voice may do follows from them rather than from pitches, and is the same in any key."""

import keras
from keras import ops

from apps.music.vocabulary import FIRST_PITCH

WIDEST = 30  # semitones; what is wider counts as much
NO_INTERVAL = 0  # where one of the two is silent, or has not been said
INTERVALS = 2 * WIDEST + 2


@keras.saving.register_keras_serializable(package="unroll")
class IntervalNumbers(keras.layers.Layer):
    """Numbers of the intervals from what each slot did before to what all slots did, and to what those before it do now.

        own, other are pitches:   WIDEST + 1 + clip(other - own)
        else:                     NO_INTERVAL

    Args:
        first_chord: the number behind that of the highest pitch.

    Call arguments:
        sounding: int32 `[..., slots]`, the last symbol of each slot before the step that is not `HOLD`.
        now: int32 `[..., slots]`, likewise after the step; a slot sees those before it.

    Returns:
        int32 `[..., slots, 2 · slots]`, 0 to `INTERVALS - 1`.
    """

    def __init__(self, first_chord, **kwargs):
        super().__init__(**kwargs)
        self.first_chord = first_chord

    def call(self, sounding, now):
        slots = sounding.shape[-1]
        said = ops.arange(slots, dtype="int32")[None, :] < ops.arange(slots, dtype="int32")[:, None]  # [slots, slots]
        own = sounding[..., :, None]
        before = self.between(own, sounding[..., None, :])
        return ops.concatenate([before, ops.where(said, self.between(own, now[..., None, :]), NO_INTERVAL)], axis=-1)

    def between(self, own, other):
        """The number of the interval from one symbol up to another: int32 of any shapes that fit."""
        are_pitches = self._is_pitch(own) & self._is_pitch(other)
        return ops.where(are_pitches, WIDEST + 1 + ops.clip(other - own, -WIDEST, WIDEST), NO_INTERVAL)

    def _is_pitch(self, symbols):
        return (symbols >= FIRST_PITCH) & (symbols < self.first_chord)

    def compute_output_shape(self, sounding_shape, now_shape):
        return (*sounding_shape, 2 * sounding_shape[-1])

    def get_config(self):
        return {**super().get_config(), "first_chord": self.first_chord}
