"""If these fail, a chord is called by another name than it has, or by another in each key, which nobody can learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.music.chords import CHORDS, OTHER, QUALITIES, chords_of, transposed_chords

INTERVALS = {  # above the root, as books on harmony write them
    "major": "1 3 5",
    "minor": "1 b3 5",
    "diminished": "1 b3 b5",
    "dominant seventh": "1 3 5 b7",
    "minor seventh": "1 b3 5 b7",
    "major seventh": "1 3 5 7",
    "half-diminished seventh": "1 b3 b5 b7",
    "suspended": "1 4 5",
}
SCALE = {"1": 0, "b3": 3, "3": 4, "4": 5, "b5": 6, "5": 7, "b7": 10, "7": 11}


@pytest.mark.parametrize("quality", INTERVALS)
def test_triads_and_sevenths_are_recognised_in_every_inversion_and_voicing(quality):
    random = np.random.default_rng(0)
    tones = [SCALE[name] for name in INTERVALS[quality].split()]
    for root in range(12):
        for _ in range(10):
            doubled = random.permutation([*tones, random.choice(tones)])
            pitches = 12 * random.integers(2, 8, len(doubled)) + root + doubled
            expected = 12 * list(QUALITIES).index(quality) + root
            assert chords_of(np.array([[*pitches, -1]], np.int16)).tolist() == [expected]


@given(st.lists(st.tuples(*[st.sampled_from((-1, *range(20, 100)))] * 4), min_size=1, max_size=8), st.integers(-12, 12))
def test_chords_move_with_the_pitches(rows, semitones):
    pitches = np.array(rows, np.int16)
    moved = np.where(pitches >= 0, pitches + semitones, -1).astype(np.int16)
    np.testing.assert_array_equal(chords_of(moved), transposed_chords(chords_of(pitches), semitones))


def test_a_diminished_seventh_has_the_root_that_its_bass_says():
    """Its four keys are the same on the piano in every third semitone."""
    assert chords_of(np.array([[69, 66, 63, 60], [72, 69, 66, 63]])).tolist() == [24 + 0, 24 + 3]


def test_what_is_no_chord_is_other():
    rows = np.array([[-1, -1, -1, -1], [60, 48, 36, 72], [60, 61, 62, 63]])
    assert chords_of(rows).tolist() == [OTHER] * 3
    assert transposed_chords(np.array([OTHER]), 5).tolist() == [OTHER]


def test_a_passing_tone_does_not_hide_a_chord():
    assert chords_of(np.array([[74, 67, 64, 48]])).tolist() == [0]


def test_there_are_as_many_classes_as_numbers():
    pitches = np.random.default_rng(0).integers(30, 90, (5000, 4))
    found = chords_of(pitches)
    assert found.min() >= 0 and found.max() == CHORDS - 1 and OTHER in found
