"""MIDI files, read again by pretty_midi. If these fail, a piece sounds otherwise than it was composed: notes that were
struck twice are one, bar lines stand elsewhere, a note never ends."""

import mido
import music21
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.music.midi_writing import write_midi
from apps.music.pieces import SILENCE, Part, bar_starts, voice_names
from tests.apps.music.written_pieces import make_notes, make_voices, voice_pieces


def written(piece, folder):
    write_midi(piece, folder / "piece.mid")
    return pretty_midi.PrettyMIDI(str(folder / "piece.mid"))


def grid(midi, piece):
    """Pitches and onsets of a file on the grid of a piece; fails where anything stands between two steps."""
    pitches, onsets = np.full_like(piece.pitches, SILENCE), np.zeros_like(piece.onsets)
    step = midi.resolution / piece.steps_per_quarter  # ticks
    for voice, instrument in enumerate(midi.instruments):
        for note in instrument.notes:
            begin, end = (midi.time_to_tick(time) / step for time in (note.start, note.end))
            assert begin == int(begin) and end == int(end)
            pitches[int(begin) : int(end), voice] = note.pitch
            onsets[int(begin), voice] = True
    return pitches, onsets


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(piece=voice_pieces(grids=(1, 2, 3, 4, 5, 7, 12, 48)))
def test_a_file_has_exactly_the_grid_of_the_piece(piece, tmp_path_factory):
    # pretty_midi forgets a track without notes.
    piece.pitches[0], piece.onsets[0] = np.where(piece.onsets.any(axis=0), piece.pitches[0], 60), True
    piece.pitches[0, piece.pitches[0] == SILENCE] = 62
    midi = written(piece, tmp_path_factory.getbasetemp())
    assert [instrument.name for instrument in midi.instruments] == list(voice_names(piece.voices))
    pitches, onsets = grid(midi, piece)
    np.testing.assert_array_equal(pitches, piece.pitches)
    np.testing.assert_array_equal(onsets, piece.onsets)
    np.testing.assert_allclose(midi.get_tempo_changes()[1], [piece.tempo], rtol=1e-6)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(piece=voice_pieces(grids=(1, 2, 4, 8)))
def test_bar_lines_are_where_the_piece_has_them(piece, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "piece.mid"
    write_midi(piece, path)
    midi = mido.MidiFile(path)
    tick, changes = 0, []
    for event in midi.tracks[0]:
        tick += event.time
        if event.type == "time_signature":
            changes.append((tick, 4 * midi.ticks_per_beat * event.numerator // event.denominator))
    end = len(piece) * midi.ticks_per_beat // piece.steps_per_quarter
    lines = []
    for (begin, bar), (stop, _) in zip(changes, [*changes[1:], (end, 0)]):
        lines += range(begin, stop, bar)
    assert lines == [step * midi.ticks_per_beat // piece.steps_per_quarter for step in bar_starts(piece)]


def test_a_pickup_is_a_short_bar_and_the_first_note_is_at_the_beginning(tmp_path):
    piece = make_voices("60 . . . 62 . . . . . . . . . . . 64 . . .", metre=(3, 4), first_position=8, key=-3)
    midi = written(piece, tmp_path)
    changes = [(change.numerator, change.denominator, change.time) for change in midi.time_signature_changes]
    assert changes == [(1, 4, 0.0), (3, 4, 0.625)]
    assert midi.instruments[0].notes[0].start == 0.0
    assert [pretty_midi.key_number_to_key_name(key.key_number) for key in midi.key_signature_changes] == ["Eb Major"]


@pytest.mark.parametrize("sharps", range(-7, 8))
def test_every_key_signature_is_written(tmp_path, sharps):
    write_midi(make_voices("60", key=sharps), tmp_path / "a.mid")
    (key,) = [event.key for event in mido.MidiFile(tmp_path / "a.mid").tracks[0] if event.type == "key_signature"]
    assert music21.key.Key(key.replace("b", "-")).sharps == sharps


def test_parts_keep_program_drums_velocity_and_time(tmp_path):
    rows = [(0.0, 0.5, 60, 33, 0), (0.1234, 0.7, 40, 127, 1), (0.25, 0.3, 38, 1, 2)]
    midi = written(make_notes(*rows, tempo=93.0), tmp_path)
    assert [(each.name, each.program, each.is_drum) for each in midi.instruments] == [
        ("piano", 0, False),
        ("bass", 33, False),
        ("drums", 0, True),
    ]
    for instrument, (start, end, pitch, velocity, _) in zip(midi.instruments, rows):
        (note,) = instrument.notes
        assert (note.pitch, note.velocity) == (pitch, velocity)
        np.testing.assert_allclose([note.start, note.end], [start, end], atol=0.0005)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_no_note_hangs_or_vanishes_however_notes_overlap(seed, tmp_path_factory):
    random = np.random.default_rng(seed)
    starts = np.sort(random.integers(0, 20, 30)) / 10
    rows = [
        (start, start + random.choice([1e-5, 0.05, 0.1, 0.5]), random.integers(60, 63), random.integers(1, 128), 0)
        for start in starts
    ]
    midi = written(make_notes(*rows, parts=(Part("piano"),)), tmp_path_factory.getbasetemp())
    found = sorted((note.pitch, round(note.start, 1), note.end, note.velocity) for note in midi.instruments[0].notes)
    loudest = {}
    for start, _, pitch, velocity, _ in rows:
        loudest[pitch, start] = max(velocity, loudest.get((pitch, start), 0))
    assert [(pitch, start, velocity) for pitch, start, _, velocity in found] == [
        (*key, loudest[key]) for key in sorted(loudest)
    ]
    for (pitch, start, end, _), after in zip(found, [*found[1:], (None, 0, 0, 0)]):
        assert end > start
        assert after[0] != pitch or end <= after[1] + 0.0005


@pytest.mark.parametrize("piece", [make_voices("- - -", "- - -"), make_voices("", ""), make_notes()])
def test_a_piece_without_notes_is_a_file_that_opens(tmp_path, piece):
    assert written(piece, tmp_path).get_end_time() == 0


def test_names_keep_their_letters_and_strange_bytes_do_no_harm(tmp_path):
    write_midi(make_voices("60", name="Bär\udcff 曲"), tmp_path / "a.mid")
    track = mido.MidiFile(tmp_path / "a.mid", charset="utf-8").tracks[0]
    assert track.name == "Bär? 曲"


def test_a_failure_leaves_the_former_file(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(b"former")
    broken = make_notes((0, 1, 60, 300, 0))
    with pytest.raises(ValueError, match="0..127"):
        write_midi(broken, path)
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]
