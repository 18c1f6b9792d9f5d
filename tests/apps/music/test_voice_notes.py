"""Every histogram counts these notes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.music.pieces import voices_to_notes
from apps.music.voice_notes import JoinedPieces, begins
from tests.apps.music.voice_pieces import piece_of, random_pieces, tiny_pieces


@given(st.lists(tiny_pieces(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, database=None, derandomize=True)
def test_the_notes_are_those_of_the_midi_file(pieces):
    """Independent: the conversion that writes files, piece by piece."""
    joined = JoinedPieces.of(pieces)
    for voice in range(2):
        expected = []
        for piece in pieces:
            notes = voices_to_notes(piece).notes
            step = 60 / piece.tempo / piece.steps_per_quarter
            expected += [
                (int(note["pitch"]), round(float(note["end"] - note["start"]) / step))
                for note in notes[notes["part"] == voice]
            ]
        notes = joined.notes_of(voice)
        assert list(zip(notes.pitches.tolist(), notes.lengths.tolist())) == expected


def test_intervals_do_not_reach_over_rests_or_into_the_next_piece():
    pieces = [piece_of([[60], [64], [64], [-1], [67], [65]]), piece_of([[50], [52]])]
    assert JoinedPieces.of(pieces).notes_of(0).intervals.tolist() == [4, -2, 2]


def test_steps_and_bars_leave_out_the_silence_between():
    joined = JoinedPieces.of(random_pieces(1, count=3, steps=24))
    assert (joined.steps, joined.bars, joined.voices) == (72, 4.5, 4)


def test_a_forgotten_onset_is_still_a_note():
    assert begins(piece_of([[60], [62], [62]], [[0], [0], [1]])).ravel().tolist() == [True, True, True]


def test_an_empty_piece_adds_nothing():
    empty = piece_of(np.zeros((0, 4)))
    pieces = random_pieces(1, count=2)
    with_it, without = JoinedPieces.of([pieces[0], empty, pieces[1]]), JoinedPieces.of(pieces)
    assert with_it.notes_of(1).pitches.tolist() == without.notes_of(1).pitches.tolist()


@pytest.mark.parametrize("pieces", [[], [piece_of(np.zeros((0, 4)))], random_pieces(1) + random_pieces(1, voices=2)])
def test_pieces_that_do_not_go_together(pieces):
    with pytest.raises(ValueError, match="same number of voices"):
        JoinedPieces.of(pieces)
