"""Files that a person asks for. If these fail, minutes of work end in an error that could have been told before, or a file
has another content than its ending says."""

import subprocess
import sys
import wave

import mido
import numpy as np
import pytest

from apps.music.piece_files import ENDINGS, check_outputs, write_piece
from common.errors import UserError
from tests.apps.music.written_pieces import make_notes, make_voices

VOICES = make_voices("60 . . . 64 . . .", "48 . . . 43 . . .")
NOTES = make_notes((0, 1, 60, 80, 0), (0.5, 0.6, 38, 80, 2))
BEGINNINGS = {
    ".mid": b"MThd",
    ".midi": b"MThd",
    ".wav": b"RIFF",
    ".png": b"\x89PNG",
    ".musicxml": b"<?xml",
    ".mxl": b"PK",
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_the_ending_says_what_is_written(tmp_path, ending, change):
    path = tmp_path / "new" / ("piece" + change(ending))
    for piece in (VOICES, NOTES):
        if piece is NOTES and ending in (".musicxml", ".mxl"):
            continue
        assert check_outputs([path], "voices" if piece is VOICES else "events") == [path]
        write_piece(piece, path)
        assert path.read_bytes().startswith(BEGINNINGS[ending])
        assert list(path.parent.iterdir()) == [path]


def test_all_files_are_of_the_same_piece(tmp_path):
    for path in check_outputs([tmp_path / "a.mid", str(tmp_path / "a.wav")], "voices"):
        write_piece(VOICES, path)
    assert mido.MidiFile(tmp_path / "a.mid").length == pytest.approx(1.25)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(1.25 + 0.5, abs=0.01)


@pytest.mark.parametrize(
    ("name", "representation", "told"),
    [
        (
            "a.mp3",
            "voices",
            r"a.mp3: its ending .mp3 is not known; use one of .mid, .midi, .wav, .png, .musicxml, .mxl",
        ),
        ("a", "voices", "a: it has no ending; use one of .mid"),
        ("a.mp3", "events", r"use one of .mid, .midi, .wav, .png$"),
        ("a.musicxml", "events", r"a.musicxml: notes at any time .* have no bars for a score; use one of .* .png$"),
        ("a.MXL", "events", "no bars for a score"),
        ("folder.mid", "voices", "folder.mid: it is a folder; name a file"),
        ("file.txt/a.mid", "voices", "cannot make the folder|cannot write into the folder"),
    ],
)
def test_mistakes_are_told_before_any_work(tmp_path, name, representation, told):
    (tmp_path / "folder.mid").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(UserError, match=told):
        check_outputs([tmp_path / "good.mid", tmp_path / name], representation)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "folder.mid"]


def test_a_picture_marks_what_was_given(tmp_path):
    given = np.zeros((8, 2), bool)
    given[:, 0] = True
    for name, marks in (("plain.png", None), ("marked.png", given), ("marked.mid", given), ("plain.mid", None)):
        write_piece(VOICES, tmp_path / name, marks)
    assert (tmp_path / "plain.png").read_bytes() != (tmp_path / "marked.png").read_bytes()
    assert (tmp_path / "plain.mid").read_bytes() == (tmp_path / "marked.mid").read_bytes()


def test_one_file_twice_is_a_mistake_however_it_is_spelled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is to be written twice; name it once"):
        check_outputs(["a.mid", "b.mid", f"../{tmp_path.name}/a.mid"], "voices")


def test_a_check_makes_no_folder(tmp_path):
    check_outputs([tmp_path / "new" / "deep" / "a.mid"], "voices")
    assert not list(tmp_path.iterdir())


def test_events_are_no_score_even_without_a_check(tmp_path):
    with pytest.raises(UserError, match="have no bars for a score"):
        write_piece(NOTES, tmp_path / "a.musicxml")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_leaves_the_former_file(tmp_path, monkeypatch, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"former")

    def full(*_):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("common.files._sync", full)
    with pytest.raises(UserError, match="No space left on device; what was there before is unchanged"):
        write_piece(VOICES, path)
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_check_loads_nothing_heavy():
    code = (
        "import sys; from apps.music.piece_files import check_outputs; check_outputs(['a.mid', 'a.png'], 'voices');"
        "print(sorted({'music21', 'pretty_midi', 'matplotlib', 'tensorflow', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
