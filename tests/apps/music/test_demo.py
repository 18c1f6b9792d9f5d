"""The functions of the tab, without a browser. If these fail, a piece cannot be heard, seen or kept, or notes are read wrongly."""

import wave
from pathlib import Path

import pretty_midi
import pytest
from PIL import Image

from apps.music import demo
from apps.music.music_files import read_voices
from common.demo.workspace import Workspace
from common.errors import UserError
from tests.demo import stand_ins


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def notes_of(path, part=0):
    return [note.pitch for note in pretty_midi.PrettyMIDI(str(path)).instruments[part].notes]


def test_a_piece_can_be_heard_seen_and_kept(workspace):
    sound, files, told, roll = demo.shown(stand_ins.music(), workspace, demo.FREE, length=2, seed="5")
    assert [Path(path).name for path in files] == [f"piece-5.{end}" for end in ("mid", "wav", "musicxml", "png")]
    with wave.open(sound) as opened:
        assert opened.getnframes() / opened.getframerate() == pytest.approx(5, abs=2)  # 8 quarters at 96
    assert Image.open(roll).format == "PNG" and "score-partwise" in Path(files[2]).read_text()
    assert "2 bars in 4/4" in told and "<td>5</td>" in told
    assert notes_of(files[0]) == [72] * 8


def test_a_melody_that_was_typed_is_harmonised_to_its_end(workspace):
    _, files, told, _ = demo.shown(
        stand_ins.music(), workspace, demo.HARMONISE, notes="c d e c | G4 |", length=64, seed="1"
    )
    assert notes_of(files[0]) == [72, 74, 76, 72, 67]
    assert "2 bars in 4/4" in told


def test_an_opening_is_gone_on_with(workspace):
    _, files, _, _ = demo.shown(stand_ins.music(), workspace, demo.CONTINUE, notes="c d e d |", length=2, seed="1")
    assert notes_of(files[0])[:5] == [72, 74, 76, 74, 72]


@pytest.mark.parametrize("name", demo.EXAMPLE_MELODIES)
def test_the_example_melodies_fill_their_bars(workspace, name):
    path = workspace.new_folder() / "a.abc"
    path.write_text(demo.abc_of(demo.EXAMPLE_MELODIES[name]))
    piece = read_voices(str(path), 1, 4)
    assert len(piece) % piece.steps_per_bar == 0
    assert piece.voices == 1 and len(piece) >= 8 * 16


def test_what_is_left_out_of_abc_is_a_quarter_in_c():
    assert demo.abc_of("C D |") == "X:1\nM:4/4\nL:1/4\nK:C\nC D |\n"
    assert demo.abc_of("M:3/4\nT:A tune\nK:G\nL:1/8\nG2 A2 |\n") == "X:1\nM:3/4\nL:1/8\nT:A tune\nK:G\nG2 A2 |\n"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "there is no melody yet"),
        ({"notes": "C", "file": "a.mid"}, "there are a file and notes"),
        ({"notes": "?!"}, "the-notes.abc cannot be used: it has no notes"),
        ({"notes": "hello world ???"}, "“hello” in “hello world [?]{3}” is no ABC"),
        ({"notes": "C D E F |", "seed": "x"}, "--seed is x, but must be a whole number"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(workspace, given, sentence):
    with pytest.raises(UserError, match=sentence):
        demo.shown(stand_ins.music(), workspace, demo.HARMONISE, **given)


def test_a_damaged_midi_file_is_the_sentence_of_predict_with_the_name_alone(workspace):
    path = workspace.new_folder() / "broken.mid"
    path.write_bytes(b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\xff\xff\0\x90")
    with pytest.raises(UserError) as caught:
        demo.shown(stand_ins.music(), workspace, demo.HARMONISE, str(path))
    assert workspace.sentence(caught.value).startswith("broken.mid cannot be used")


def test_another_seed_each_time_where_none_is_given(workspace):
    names = {Path(demo.shown(stand_ins.music(), workspace, demo.FREE, length=1)[0]).name for _ in range(3)}
    assert len(names) > 1


def test_only_a_model_of_several_voices_harmonises():
    assert demo.tasks_of(stand_ins.music()) == [demo.FREE, demo.HARMONISE, demo.CONTINUE]
    assert demo.tasks_of(stand_ins.music(voices=1)) == [demo.FREE, demo.CONTINUE]
    assert demo.tasks_of(stand_ins.music("events")) == [demo.FREE, demo.CONTINUE]
