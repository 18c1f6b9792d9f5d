"""Rules of counterpoint that a composed piece keeps: what a voice must not do, given what the others do.

The network has learned what is likely note by note; that two voices must not go on in fifths is a matter of single notes in
hundreds, which costs it next to nothing to miss. So these rules are kept while the notes are drawn.
"""

import numpy as np
from keras import ops

from apps.music.vocabulary import FIRST_PITCH, HOLD, VoiceVocabulary

PERFECT = (0, 7)  # semitones between two voices, octaves left out


class Rules:
    """Which symbols would make parallel fifths, octaves or unisons, or cross another voice.

    Parallels: two voices that both move in the same direction, from a fifth, an octave or a unison to the same one. Crossing: a
    note that begins above what a higher voice does at this step, or below a lower one.

    A voice is held against those that are said before it at its step. Nothing is forbidden to what is given, nor to hold on.

    Args:
        words: of the network.
    """

    def __init__(self, words: VoiceVocabulary):
        self._words = words
        heights = [-1] * words.chord + list(words.order)  # of the voice of each slot, 0 the highest
        self._heights = np.array(heights, np.int32)

    def forbidden(self, slot, sounding, now):
        """What a slot must not say.

        Args:
            slot: int32 scalar.
            sounding: int32 `[batch, slots]`, what each slot did before the step.
            now: int32 `[batch, slots]`, the symbols of the step; those from `slot` on say nothing.

        Returns:
            bool `[batch, vocabulary]`.
        """
        numbers = ops.arange(len(self._heights), dtype="int32")
        heights = ops.convert_to_tensor(self._heights)
        height = ops.take(heights, slot)
        # Of the others, [batch, slots, 1]:
        is_said = ((numbers < slot) & (heights >= 0) & (height >= 0))[None, :, None]
        is_above = (heights < height)[None, :, None]
        old, new = sounding[..., None], ops.where(ops.equal(now, HOLD), sounding, now)[..., None]
        own = ops.take(sounding, slot, axis=1)[:, None, None]
        wish = ops.arange(self._words.size, dtype="int32")[None, None, :]

        def interval(mine, other):
            return ops.where(is_above, other - mine, mine - other) % 12

        before, after = interval(own, old), interval(wish, new)
        is_perfect = ops.equal(before, PERFECT[0]) | ops.equal(before, PERFECT[1])
        same_way = (wish - own) * (new - old) > 0
        were_pitches = self._is_pitch(own) & self._is_pitch(old)
        parallel = were_pitches & is_perfect & ops.equal(before, after) & same_way
        crossing = ops.where(is_above, wish > new, wish < new)
        bad = is_said & self._is_pitch(wish) & self._is_pitch(new) & (parallel | crossing)
        return ops.any(bad, axis=1)

    def _is_pitch(self, symbols):
        return (symbols >= FIRST_PITCH) & (symbols < self._words.first_chord)
