"""If these fail, two symbols have one number, or a piece in another key is another piece."""

import numpy as np
import pytest

from apps.music.chords import CHORDS, transposed_chords
from apps.music.vocabulary import FIRST_PITCH, FREE, HOLD, REST, VoiceVocabulary


@pytest.mark.parametrize(
    ("voices", "order"), [(1, (0,)), (2, (0, 1)), (3, (0, 2, 1)), (4, (0, 3, 1, 2)), (6, (0, 5, 1, 2, 3, 4))]
)
def test_outer_voices_are_said_first(voices, order):
    assert VoiceVocabulary(50, 60, voices).order == order


@pytest.mark.parametrize("chord", [False, True])
def test_every_symbol_belongs_to_the_slots_that_can_say_it(chord):
    words = VoiceVocabulary(50, 60, 3, chord)
    allowed = words.allowed()
    assert allowed.shape == (words.slots, words.size) == (3 + chord, FIRST_PITCH + 11 + chord * CHORDS)
    voice = {REST, HOLD, *range(FIRST_PITCH, FIRST_PITCH + 11)}
    for row in allowed[int(chord) :]:
        assert set(np.flatnonzero(row)) == voice
    if chord:
        assert set(np.flatnonzero(allowed[0])) == {HOLD, *range(FIRST_PITCH + 11, words.size)}
    assert not allowed[:, FREE].any()


def test_the_table_moves_pitches_and_chords_and_nothing_else():
    words = VoiceVocabulary(50, 60, 2, chord=True)
    table = words.transposition(4)
    assert table.shape == (9, words.size) and table.dtype == np.int32
    for semitones, row in zip(range(-4, 5), table):
        assert row[[FREE, REST, HOLD]].tolist() == [FREE, REST, HOLD]
        for pitch in range(50, 61):
            moved = min(60, max(50, pitch + semitones))
            assert row[FIRST_PITCH + pitch - 50] == FIRST_PITCH + moved - 50
        chords = row[words.first_chord :] - words.first_chord
        np.testing.assert_array_equal(chords, transposed_chords(np.arange(CHORDS), semitones))
        assert sorted(chords) == list(range(CHORDS))
    assert VoiceVocabulary(50, 60, 2).transposition(0).tolist() == [list(range(14))]
