"""If these fail, a person's MIDI is read at the wrong times, or one strange file ends a run of thousands."""

import io

import mido
import numpy as np
import pretty_midi
import pytest

from apps.music.midi_files import midi_notes, midi_score, read_midi
from apps.music.score import UnreadableFile
from apps.music.voicing import on_grid
from tests.apps.music.made_music import FOUR_PARTS, midi_bytes

TEMPO = [(0, mido.MetaMessage("set_tempo", tempo=500_000)), (480, mido.MetaMessage("set_tempo", tempo=1_000_000))]
DRUMS = (9, [(0, 240, 36), (480, 720, 38)])


def test_tempo_changes_do_not_move_the_grid_and_do_move_seconds():
    midi = read_midi(midi_bytes(FOUR_PARTS, meta=TEMPO), "x")
    score = midi_score(midi)
    piece, told = on_grid(score, 4, 4)
    assert told == ["changes of tempo left out"]
    assert piece.pitches[:, 0].tolist() == [72] * 4 + [71] * 4
    assert piece.pitches[:, 3].tolist() == [48] * 4 + [43] * 4
    assert np.flatnonzero(piece.onsets[:, 0]).tolist() == [0, 4, 6]
    assert (score.tempo, score.length) == (120.0, 2.0)
    notes = midi_notes(midi)
    assert notes.seconds == pytest.approx(0.5 + 1.0)  # a quarter at 120, one at 60
    assert sorted(set(np.round(notes.notes["start"], 6).tolist())) == [0.0, 0.5, 1.0]


def test_key_and_metre_are_read_and_a_change_of_metre_is_told():
    meta = [
        (0, mido.MetaMessage("key_signature", key="F#m")),
        (0, mido.MetaMessage("time_signature", numerator=3, denominator=4)),
        (1440, mido.MetaMessage("time_signature", numerator=2, denominator=4)),
    ]
    midi = read_midi(midi_bytes([[(0, 480 * 7, 60)]], meta=meta), "x")
    score = midi_score(midi)
    assert score.key == 3 and score.metre == (2, 4)
    piece, told = on_grid(score, 1, 1)
    assert piece.positions.tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert told == ["the metre changes, and positions in the bar follow it"]


@pytest.mark.parametrize(
    ("key", "sharps"),
    [("C", 0), ("G", 1), ("F", -1), ("Cb", -7), ("C#", 7), ("Am", 0), ("Ebm", -6), ("Bb", -2), ("A#m", 7)],
)
def test_every_kind_of_key(key, sharps):
    data = midi_bytes([[(0, 480, 60)]], meta=[(0, mido.MetaMessage("key_signature", key=key))])
    assert midi_score(read_midi(data, "x")).key == sharps


def test_drums_stay_drums_in_events_and_are_left_out_of_voices():
    midi = read_midi(midi_bytes([DRUMS, [(0, 480, 60)]]), "x")
    notes = midi_notes(midi)
    assert [part.is_drum for part in notes.parts] == [True, False]
    assert notes.notes["pitch"][notes.notes["part"] == 0].tolist() == [36, 38]
    assert [part["pitch"].tolist() for part in midi_score(midi).parts] == [[60]]
    with pytest.raises(UnreadableFile, match="nothing but percussion"):
        midi_score(read_midi(midi_bytes([DRUMS]), "x"))
    assert midi_notes(read_midi(midi_bytes([DRUMS]), "x")).is_drums


def test_notes_without_length_and_without_end_are_left_out_and_counted():
    data = midi_bytes([[(0, 480, 60), (480, 480, 62), (480, 960, 64), (960, 1440, 62)]])
    midi = read_midi(data, "x")
    assert midi.told == ("1 note without length or end left out",)
    # pretty_midi alone lets the one at 480 sound until the end of the one at 960.
    assert midi_score(midi).parts[0]["pitch"].tolist() == [60, 64, 62]
    notes = midi_notes(midi).notes
    assert (notes["end"] > notes["start"]).all()
    file = mido.MidiFile(ticks_per_beat=480)
    endless = [mido.Message("note_on", note=60, velocity=9), mido.Message("note_on", note=70, velocity=9)]
    file.tracks.append(mido.MidiTrack([*endless, mido.Message("note_off", note=60, time=99)]))
    stream = io.BytesIO()
    file.save(file=stream)
    midi = read_midi(stream.getvalue(), "x")
    assert midi.told == ("1 note without length or end left out",) and len(midi_notes(midi)) == 1


def test_two_hundred_notes_at_once():
    midi = read_midi(
        midi_bytes([[(0, 480, pitch) for pitch in range(100)], [(0, 480, pitch) for pitch in range(100)]]), "x"
    )
    piece, _ = on_grid(midi_score(midi), 4, 4)
    assert piece.pitches[0].tolist() == [99, 98, 1, 0]
    assert len(midi_notes(midi)) == 200


def test_the_pedal_lets_notes_ring_until_it_comes_up_or_the_key_is_struck_again(tmp_path):
    content = pretty_midi.PrettyMIDI(resolution=480)
    piano = pretty_midi.Instrument(0)
    for start, end, pitch in [(0, 0.5, 60), (0, 0.5, 64), (1, 1.5, 64), (3, 3.5, 67), (5.0, 5.5, 72)]:
        piano.notes.append(pretty_midi.Note(80, pitch, start, end))
    for time, value in [(0.25, 127), (2.0, 0), (5.25, 100)]:
        piano.control_changes.append(pretty_midi.ControlChange(64, value, time))
    content.instruments.append(piano)
    content.write(str(tmp_path / "a.mid"))
    notes = midi_notes(read_midi(tmp_path / "a.mid", "a")).notes
    ends = {(int(note["pitch"]), round(float(note["start"]), 3)): round(float(note["end"]), 2) for note in notes}
    assert ends == {(60, 0.0): 2.0, (64, 0.0): 1.0, (64, 1.0): 2.0, (67, 3.0): 3.5, (72, 5.0): 5.5}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"<html>", "no MIDI"),
        (b"MThd", "ends in the middle"),
        (b"MThd" + bytes(30), "damaged|no notes"),
        (midi_bytes([[(0, 480, 60)]])[:40], "damaged"),
        (midi_bytes([[]]), "no notes"),
    ],
)
def test_what_is_no_midi_has_a_reason(data, expected):
    with pytest.raises(UnreadableFile, match=expected):
        read_midi(data, "x")


@pytest.mark.parametrize("denominator", [7, 30, 255])
def test_an_impossible_metre_is_ignored_and_told(denominator):
    meta = [(0, mido.MetaMessage("time_signature", numerator=4, denominator=64))]
    data = midi_bytes([[(0, 480 * 8, 60)]], meta=meta)
    place = data.index(b"\xff\x58\x04") + 4
    assert data[place] == 6
    score = midi_score(read_midi(data, "x"))
    assert score.metre == (4, 64) and len(score.bars) == 32 and not score.told
    damaged = data[:place] + bytes([denominator]) + data[place + 1 :]
    score = midi_score(read_midi(damaged, "x"))
    assert score.metre == (4, 4) and score.bars["start"].tolist() == [0.0, 4.0]
    assert score.told == ("an impossible metre was ignored",)
    none = midi_score(read_midi(data[: place - 1] + b"\0" + data[place:], "x"))  # 0 beats
    assert none.metre == (4, 4) and none.told == score.told


@pytest.mark.parametrize("microseconds", [0, 1, 16_000_000])
def test_an_impossible_tempo_is_ignored_and_told(microseconds):
    meta = [(0, mido.MetaMessage("set_tempo", tempo=microseconds))]
    midi = read_midi(midi_bytes(FOUR_PARTS, meta=meta), "x")
    assert midi.told == ("an impossible tempo was ignored",)
    assert midi.tempo == 120.0 and midi_notes(midi).seconds == pytest.approx(1.0)
    assert midi_score(midi).length == 2.0


def test_what_is_too_long_is_damaged_before_its_bars_are_counted():
    with pytest.raises(UnreadableFile, match="lasts 9,000,000 quarter notes, so it is damaged"):
        midi_score(read_midi(midi_bytes([[(0, 9_000_000, 60)]], ticks=1), "x"))


def test_damaged_bytes_never_end_in_another_exception():
    rng = np.random.default_rng(0)
    whole = np.frombuffer(midi_bytes(FOUR_PARTS, meta=TEMPO), np.uint8)
    read = 0
    for _ in range(300):
        data = whole.copy()
        places = rng.integers(0, len(data), rng.integers(1, 6))
        data[places] = rng.integers(0, 256, len(places))
        try:
            midi = read_midi(data.tobytes(), "x")
            midi_notes(midi)
            midi_score(midi)
            read += 1
        except UnreadableFile:
            pass
    assert read > 20
