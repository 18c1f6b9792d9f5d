"""If these fail, one broken file ends a run, or a person does not learn what was left out of their music."""

from types import SimpleNamespace

import mido
import pytest

from apps.music.music_files import read_notes, read_pieces, read_voices
from apps.music.pieces import NotePiece
from common.errors import UserError
from tests.apps.music.made_music import ABC, FOUR_PARTS, midi_bytes

DRUMS = (9, [(0, 240, 36)])
MELODY = [(0, 480, 72), (480, 960, 74)]


def settings(representation="voices", voices=4, steps_per_quarter=4):
    return SimpleNamespace(representation=representation, voices=voices, steps_per_quarter=steps_per_quarter)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "b.mid").write_bytes(midi_bytes(FOUR_PARTS))
    (tmp_path / "deeper" / "a.MIDI").write_bytes(midi_bytes(FOUR_PARTS, ticks=240))
    (tmp_path / "drums.mid").write_bytes(midi_bytes([DRUMS]))
    (tmp_path / "empty.mid").write_bytes(b"")
    (tmp_path / "page.mid").write_bytes(b"<html>")
    (tmp_path / "melody.mid").write_bytes(midi_bytes([MELODY]))
    (tmp_path / "notes.txt").write_text("not music")
    (tmp_path / "._b.mid").write_bytes(b"what another system leaves behind")
    (tmp_path / "tunes.abc").write_text(ABC)
    return tmp_path


def test_a_folder_for_voices(folder):
    parts, notes = read_pieces(str(folder), settings())
    assert [piece.name for piece in parts["train"]] == ["b.mid", "deeper/a.MIDI"]
    assert {piece.voices for piece in parts["train"]} == {4}
    assert len(notes) == 1 and notes[0].startswith("5 of 7 files")
    assert "drums.mid (it has nothing but percussion); empty.mid (it is empty); melody.mid (" in notes[0]
    assert notes[0].endswith("; and 2 more.")


def test_a_folder_of_melodies_has_each_tune_of_a_file(folder):
    parts, notes = read_pieces(str(folder), settings(voices=1))
    names = [piece.name for piece in parts["train"]]
    assert names == ["b.mid", "deeper/a.MIDI", "melody.mid", "tunes.abc 1", "tunes.abc 2"]
    assert any("b.mid: 5 notes left out" in note for note in notes)


def test_a_folder_for_events_keeps_drums(folder):
    parts, notes = read_pieces(str(folder), settings("events"))
    pieces = {piece.name: piece for piece in parts["train"]}
    assert all(isinstance(piece, NotePiece) for piece in pieces.values())
    assert pieces["drums.mid"].is_drums
    assert pieces["tunes.abc 2"].metre == (2, 4) and len(pieces["tunes.abc 2"]) == 4
    assert notes[0].startswith("2 of 7 files")


def test_a_folder_with_nothing_that_can_be_used(tmp_path):
    with pytest.raises(UserError, match="no files that end in"):
        read_pieces(str(tmp_path), settings())
    (tmp_path / "page.mid").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"of 1 file none can be used: page.mid \(it is no MIDI"):
        read_pieces(str(tmp_path), settings())
    with pytest.raises(UserError, match="is not there"):
        read_pieces(str(tmp_path / "gone"), settings())
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(UserError, match="is no file of music"):
        read_pieces(str(tmp_path / "a.txt"), settings())


def test_a_grid_becomes_notes_for_events(tmp_path):
    (tmp_path / "a.json").write_text("[[[60, 48], [60, 50]]]")
    parts, _ = read_pieces(str(tmp_path / "a.json"), settings("events"))
    assert parts["train"][0].notes["pitch"].tolist() == [48, 60, 50]


def test_a_file_that_would_fill_the_memory_is_damaged(tmp_path):
    (tmp_path / "long.mid").write_bytes(midi_bytes([[(0, 9_000_000, 60)]], ticks=1))
    with pytest.raises(UserError, match="lasts 9,000,000 quarter notes"):
        read_pieces(str(tmp_path), settings(voices=1))


def test_a_melody_is_the_highest_part(tmp_path, capsys):
    path = tmp_path / "four.mid"
    path.write_bytes(midi_bytes(FOUR_PARTS))
    piece = read_voices(str(path), 1, 4)
    assert piece.pitches[:, 0].tolist() == [72] * 4 + [71] * 4
    assert "only the highest of its 4 parts" in capsys.readouterr().out
    assert read_voices(str(path), 4, 4).pitches[0].tolist() == [72, 67, 64, 48]
    assert read_voices(str(path), 2, 4).pitches[0].tolist() == [72, 48]


def test_a_melody_of_chords_is_their_highest_notes(tmp_path):
    path = tmp_path / "chords.mid"
    path.write_bytes(midi_bytes([[note for part in FOUR_PARTS for note in part]]))
    assert read_voices(str(path), 1, 4).pitches[:, 0].tolist() == [72] * 4 + [71] * 4


def test_a_file_with_fewer_voices_has_as_many_as_there_are(tmp_path):
    (tmp_path / "a.mid").write_bytes(midi_bytes([MELODY]))
    assert read_voices(str(tmp_path / "a.mid"), 4, 4).voices == 1
    (tmp_path / "a.json").write_text("[[[60, 48], [60, 50]]]")
    assert read_voices(str(tmp_path / "a.json"), 4, 4).voices == 2
    (tmp_path / "a.json").write_text("[[[60, 55, 48], [60, 55, 50]], [[60]]]")
    with pytest.raises(UserError, match="has 3 voices, but at most 2"):
        read_voices(str(tmp_path / "a.json"), 2, 4)
    assert read_voices(str(tmp_path / "a.json"), 1, 4).pitches.tolist() == [[60], [60]]


def test_an_opening_of_notes_is_read_from_each_form(tmp_path):
    (tmp_path / "a.mid").write_bytes(midi_bytes([[(0, 480, 60), (480, 480, 61)], (9, [(0, 240, 38)])]))
    piece, told = read_notes(str(tmp_path / "a.mid"))
    assert sorted(piece.notes["pitch"].tolist()) == [38, 60] and told == ["1 note without length or end left out"]
    (tmp_path / "a.json").write_text("[[[60, 48], [60, 50]]]")
    assert sorted(read_notes(str(tmp_path / "a.json"))[0].notes["pitch"].tolist()) == [48, 50, 60]
    (tmp_path / "a.abc").write_text(ABC)
    piece, told = read_notes(str(tmp_path / "a.abc"))
    assert len(piece) and told == ["only the first of its 2 pieces is used"]
    (tmp_path / "two.json").write_text("[[[60, 48], [60, 50]], [[60]]]")
    piece, told = read_notes(str(tmp_path / "two.json"))
    assert len(piece) == 3 and told == ["only the first of its 2 pieces is used"]
    for steps, voices in (("[[-1], [-1]]", "voice"), ("[[-1, -1]]", "voices")):
        (tmp_path / "silent.json").write_text(f"[{steps}]")
        with pytest.raises(UserError, match=f"silent.json has no note in its {voices}; give one with notes"):
            read_notes(str(tmp_path / "silent.json"))
    (tmp_path / "b.mid").write_bytes(b"no music")
    for name, sentence in (("b.mid", "b.mid cannot be used: it is no MIDI"), ("c.mid", "There is no file .*c.mid")):
        with pytest.raises(UserError, match=sentence):
            read_notes(str(tmp_path / name))
    with pytest.raises(UserError, match="is no file of music"):
        read_notes(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.mid", b"<html>", "no MIDI"),
        ("a.mid", midi_bytes([DRUMS]), "nothing but percussion"),
        ("a.mid", midi_bytes([[(0, 1, 60)]]), "no note that is as long as a step"),
        ("a.wav", b"RIFF", "is no file of music"),
        ("a.abc", b"hello", "a.abc cannot be used: “hello” in “hello” is no ABC"),
    ],
)
def test_one_file_that_cannot_be_used(tmp_path, name, data, expected):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=expected):
        read_voices(str(tmp_path / name), 4, 4)
    with pytest.raises(UserError, match="There is no file .*gone.mid"):
        read_voices(str(tmp_path / "gone.mid"), 4, 4)


def test_what_was_changed_is_told(tmp_path):
    tempo = [(0, mido.MetaMessage("set_tempo", tempo=500_000)), (480, mido.MetaMessage("set_tempo", tempo=900_000))]
    (tmp_path / "a.mid").write_bytes(midi_bytes([MELODY], meta=tempo))
    _, notes = read_pieces(str(tmp_path / "a.mid"), settings(voices=1))
    assert notes == [f"1 of 1 pieces in {tmp_path / 'a.mid'} changed on the way: a.mid: changes of tempo left out."]


def test_what_a_score_leaves_out_is_told_with_an_opening(tmp_path, capsys):
    (tmp_path / "a.abc").write_text("X:1\nM:4/4\nL:1/4\nQ:1/4=0\nK:C\n|: CDEF | GABc | CDEF | GABc |]\n")
    piece, told = read_notes(str(tmp_path / "a.abc"))
    assert told == ["repeats are played once", "an impossible tempo was ignored"]
    assert piece.tempo == 96 and piece.seconds == 10
    assert read_voices(str(tmp_path / "a.abc"), 1, 4).tempo == 96
    assert "repeats are played once" in capsys.readouterr().out
