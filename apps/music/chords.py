"""Which chord sounds: a class for each moment, out of its pitch classes.

For the optional chord token, which the network says before the voices of a step, and for which it is charged like for a note.
"""

from __future__ import annotations

import functools

import numpy as np

# Semitones above the root.
QUALITIES = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "dominant seventh": (0, 4, 7, 10),
    "minor seventh": (0, 3, 7, 10),
    "major seventh": (0, 4, 7, 11),
    "half-diminished seventh": (0, 3, 6, 10),
    "suspended": (0, 5, 7),
}
OTHER = 12 * len(QUALITIES)  # what is like none of them, such as a single pitch class or a cluster
CHORDS = OTHER + 1
# What a chord tone that is missing, and a tone that is foreign, cost beside 1 for one that fits.
_MISSING, _FOREIGN = 0.4, 0.7


def chords_of(pitches: np.ndarray) -> np.ndarray:
    """The chord at each step. It moves with the pitches when all are transposed alike.

    Args:
        pitches: int [time, voices], MIDI pitches, -1 where a voice is silent.

    Returns:
        int64 [time]: `12 * quality + root`, or `OTHER`.
    """
    sounds = pitches >= 0
    bass = np.where(sounds, pitches, 127).min(axis=1).astype(np.int64)
    bits = np.where(sounds, 1 << (pitches - bass[:, None]) % 12, 0)
    return transposed_chords(_classes()[np.bitwise_or.reduce(bits, axis=1)], bass)


def transposed_chords(chords: np.ndarray, semitones: int | np.ndarray) -> np.ndarray:
    """The same chords, higher by some semitones, which may differ from chord to chord: int of any shape to the same."""
    return np.where(chords == OTHER, OTHER, chords // 12 * 12 + (chords % 12 + semitones) % 12)


@functools.cache
def _classes() -> np.ndarray:
    """The class of each of the 4,096 sets of pitch classes, counted from that of the bass: the chord that fits best.

    Of equal ones the simplest, then that whose root is least above the bass: only this tells the four diminished sevenths of
    the same keys apart, and in the same way in each key.
    """
    sets = (np.arange(4096)[:, None] >> np.arange(12)) & 1  # [sets, pitch classes]
    scores = np.zeros((4096, CHORDS))
    for index, tones in enumerate(QUALITIES.values()):
        for root in range(12):
            chord = np.zeros(12, int)
            chord[(root + np.array(tones)) % 12] = 1
            common = sets @ chord
            scores[:, 12 * index + root] = (
                common - _MISSING * (len(tones) - common) - _FOREIGN * (sets.sum(axis=1) - common)
            )
    scores[:, OTHER] = 1.2 - 1e-6
    return scores.argmax(axis=1)
