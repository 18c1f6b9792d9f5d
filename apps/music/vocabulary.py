"""The symbols that voices on a grid are written in.

At each step each voice has one symbol: a pitch, which begins there; `HOLD`, by which what the voice does goes on; or `REST`,
by which silence begins. Three steps of four only hold, so a network that has learned when to has most of the music. Where a
source does not say where notes begin, every change of the pitch is taken for a beginning, and a piece of these symbols is
as likely as the same piece of pitches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.music.chords import CHORDS, transposed_chords

FREE = 0  # no symbol: where one is to be found, before the first step, and padding
REST = 1
HOLD = 2
FIRST_PITCH = 3


@dataclass(frozen=True)
class VoiceVocabulary:
    """Numbers of the symbols of a piece on a grid.

    A step has slots that are said one after the other: the chord if there is one, then the voices, outer ones first, because
    they say the most of the inner ones.

    Attributes:
        lowest: lowest MIDI pitch that can be said.
        highest: highest one.
        voices: how many there are.
        chord: whether the chord is said first.
    """

    lowest: int
    highest: int
    voices: int
    chord: bool = False

    @property
    def size(self) -> int:
        """How many symbols there are, those of all slots together."""
        return self.first_chord + (CHORDS if self.chord else 0)

    @property
    def first_chord(self) -> int:
        return FIRST_PITCH + self.highest - self.lowest + 1

    @property
    def slots(self) -> int:
        return self.voices + self.chord

    @property
    def order(self) -> tuple[int, ...]:
        """The voices in the order in which they are said: soprano, bass, alto, tenor."""
        return tuple(dict.fromkeys((0, self.voices - 1, *range(self.voices))))

    def allowed(self) -> np.ndarray:
        """Bool [slots, size], which symbols a slot can say."""
        ids = np.arange(self.size)
        pitches = (ids != FREE) & (ids < self.first_chord)
        chords = (ids == HOLD) | (ids >= self.first_chord)
        return np.stack([chords] * self.chord + [pitches] * self.voices)

    def transposition(self, most: int) -> np.ndarray:
        """What each symbol becomes: int32 [2 · most + 1, size], from `most` semitones down to `most` up.

        Pitches past the ends stay there; nothing may be transposed so far.
        """
        ids = np.arange(self.size)
        pitches = (ids >= FIRST_PITCH) & (ids < self.first_chord)
        rows = []
        for semitones in range(-most, most + 1):
            row = np.where(pitches, np.clip(ids + semitones, FIRST_PITCH, self.first_chord - 1), ids)
            chords = self.first_chord + transposed_chords(ids - self.first_chord, semitones)
            rows.append(np.where(ids >= self.first_chord, chords, row))
        return np.array(rows, np.int32)
