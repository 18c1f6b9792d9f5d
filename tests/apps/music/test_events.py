"""If these fail, notes are lost between a MIDI file and the network, or a composed piece cannot be written."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.music.event_notes import event_notes
from apps.music.events import DRUMS, END, PIANO, EventVocabulary
from apps.music.pieces import NOTE, NotePiece, Part
from tests.apps.music.written_pieces import make_notes

WORDS = EventVocabulary(velocity_bins=8, max_shift=5, time_step=0.25)
PARTS = (Part("violin", 40), Part("drums", is_drum=True))


@st.composite
def pieces_on_the_grid(draw, most=20):
    """Notes of which no two sound at the same pitch at once; every velocity is the middle of its degree."""
    rows, free = [], {}
    for _ in range(draw(st.integers(0, most))):
        pitch, part = draw(st.sampled_from((0, 38, 60, 61, 127))), draw(st.integers(0, 1))
        start = free.get((pitch, part), 0) + draw(st.integers(0, 9))
        end = start + draw(st.integers(1, 12))
        free[pitch, part] = end
        rows.append((start * 0.25, end * 0.25, pitch, WORDS.velocity_of(draw(st.integers(0, 7))), part))
    notes = np.array(rows, NOTE)
    return NotePiece("any", notes[np.lexsort((notes["part"], notes["pitch"], notes["start"]))], PARTS)


@given(pieces_on_the_grid())
def test_nothing_is_lost_of_a_piece_on_the_grid(piece):
    events = WORDS.encode(piece)
    assert events.dtype == np.int32 and events[-1] == END and (events[:-1] != END).all()
    assert WORDS.allowed()[0, events].all()
    found = WORDS.decode(events)
    np.testing.assert_array_equal(found.notes, piece.notes)
    assert found.parts == ((PIANO, DRUMS) if piece.notes["part"].any() else (PIANO,))


@given(pieces_on_the_grid(), st.integers(-6, 6))
def test_the_table_transposes_and_leaves_drums_alone(piece, semitones):
    inside = (piece.notes["part"] == 1) | ((piece.notes["pitch"] >= 6) & (piece.notes["pitch"] <= 121))
    notes = piece.notes[inside]
    moved = notes.copy()
    moved["pitch"] += np.where(notes["part"] == 0, semitones, 0).astype(np.int16)
    moved = moved[np.lexsort((moved["part"], moved["pitch"], moved["start"]))]
    table = WORDS.transposition(6)[semitones + 6]
    found = WORDS.decode(table[WORDS.encode(NotePiece("one", notes, PARTS))])
    np.testing.assert_array_equal(found.notes, moved)
    np.testing.assert_array_equal(table[WORDS.encode(NotePiece("one", notes, PARTS))], _transposed(notes, semitones))


def _transposed(notes, semitones):
    moved = notes.copy()
    moved["pitch"] += np.where(notes["part"] == 0, semitones, 0).astype(np.int16)
    return WORDS.encode(NotePiece("moved", moved, PARTS))


def test_events_by_hand():
    piece = make_notes((0.0, 0.5, 60, 80, 0), (0.25, 2.0, 36, 80, 1), (0.25, 0.5, 60, 20, 0), parts=PARTS)
    on, off, drum_on, drum_off = WORDS.first_on, WORDS.first_off, WORDS.first_drum_on, WORDS.first_drum_off
    loud, soft, shift = WORDS.first_velocity + 79 * 8 // 127, WORDS.first_velocity + 19 * 8 // 127, WORDS.first_shift
    expected = [loud, on + 60, shift, off + 60, soft, on + 60, loud, drum_on + 36]
    expected += [shift, off + 60, shift + 4, shift, drum_off + 36, END]
    assert WORDS.encode(piece).tolist() == expected
    assert WORDS.size == 3 + 4 * 128 + 8 + 5


@pytest.mark.parametrize("bins", range(1, 128))
def test_every_loudness_stays_in_its_degree(bins):
    words = EventVocabulary(bins, 5, 0.25)
    velocities = np.arange(1, 128)
    piece = make_notes(*((float(v), v + 0.5, 60, v, 0) for v in velocities))
    once = words.decode(words.encode(piece))
    assert np.abs(once.notes["velocity"] - velocities).max() <= 127 / bins / 2 + 0.5
    np.testing.assert_array_equal(words.encode(once), words.encode(piece))


def test_the_same_note_twice_and_notes_shorter_than_the_grid():
    piece = make_notes((0.0, 1.0, 60, 80, 0), (0.0, 2.0, 60, 80, 0), (3.0, 3.01, 62, 80, 0), parts=PARTS)
    found = WORDS.decode(WORDS.encode(piece)).notes
    assert [tuple(row)[:3] for row in found] == [(0.0, 2.0, 60), (3.0, 3.25, 62)]


def test_an_end_of_nothing_says_nothing_and_what_is_not_ended_sounds_to_the_end():
    on, off, shift = WORDS.first_on, WORDS.first_off, WORDS.first_shift
    found = WORDS.decode(np.array([off + 50, on + 60, shift, 0, 2, on + 60, shift + 1, END, on + 70, shift])).notes
    assert [tuple(row)[:3] for row in found] == [(0.0, 0.25, 60), (0.25, 0.75, 60)]
    assert len(WORDS.decode(np.zeros(0, int))) == len(WORDS.decode(np.array([END]))) == 0


ANY_EVENTS = st.lists(
    st.integers(0, WORDS.size - 1) | st.sampled_from([3 + 60, 131 + 60, WORDS.first_shift]), max_size=40
)


@settings(deadline=None, database=None, derandomize=True)
@given(ANY_EVENTS)
def test_any_events_are_a_piece_and_the_graph_makes_the_same_of_them(events):
    piece = WORDS.decode(np.array(events, int))
    assert (piece.notes["end"] > piece.notes["start"]).all()
    assert ((piece.notes["velocity"] >= 1) & (piece.notes["velocity"] <= 127)).all()
    if not events:
        return
    rows = np.array([events, events[::-1]], np.int32)
    found = {name: value.numpy() for name, value in event_notes(tf.constant(rows), WORDS).items()}
    for row, each in enumerate(rows):
        at = np.flatnonzero(found["pitch"][row] >= 0)
        columns = [found[name][row][at] for name in ("start", "end", "pitch", "velocity", "is_drum")]
        expected = WORDS.decode(each).notes
        assert sorted(zip(*(column.tolist() for column in columns))) == sorted(map(tuple, expected.tolist()))
