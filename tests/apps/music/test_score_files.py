"""If these fail, ties, pickups or fermatas of a score get lost, or music21 leaves pickles of a person's files behind."""

from pathlib import Path

import music21
import numpy as np
import pytest

from apps.music.score import UnreadableFile
from apps.music.score_files import make_score, parse, read_scores
from apps.music.voicing import on_grid
from tests.apps.music.made_music import ABC

BACH = Path(music21.__file__).parent / "corpus" / "bach"


@pytest.mark.parametrize("name", ["bwv66.6.mxl", "bwv269.mxl", "bwv119.9.mxl"])
def test_a_chorale_is_what_music21_says_with_its_own_way_to_join_ties(name):
    stream = parse(BACH / name)
    piece, told = on_grid(make_score(stream, name), 4, 4)
    assert not told
    for voice, part in enumerate(stream.parts):
        notes = part.flatten().stripTies().notes
        onsets = [int(note.offset * 4) for note in notes]
        assert np.flatnonzero(piece.onsets[:, voice]).tolist() == onsets
        assert piece.pitches[onsets, voice].tolist() == [note.pitch.midi for note in notes]
        assert (piece.pitches[:, voice] >= 0).sum() == sum(int(note.quarterLength * 4) for note in notes)


def test_the_well_known_beginning_of_a_chorale():
    piece, _ = on_grid(read_scores(BACH / "bwv66.6.mxl", "x")[0], 4, 4)
    # A pickup of a quarter in 4/4, three sharps, 96 quarters a minute, the first fermata on the third quarter.
    assert (piece.positions[0], piece.positions[4], piece.key, piece.tempo, piece.metre) == (12, 0, 3, 96.0, (4, 4))
    assert piece.pitches[:5, 0].tolist() == [73, 73, 71, 71, 69]
    assert np.flatnonzero(piece.fermatas)[:4].tolist() == [12, 13, 14, 15]


def test_nothing_is_pickled(tmp_path, monkeypatch):
    from music21 import environment, freezeThaw

    def refuse(*arguments, **options):
        raise AssertionError("a pickle")

    monkeypatch.setattr(freezeThaw.StreamFreezer, "write", refuse)
    monkeypatch.setattr(freezeThaw.StreamThawer, "open", refuse)
    before = set(Path(environment.Environment().getRootTempDir()).glob("*.p*"))
    assert read_scores(BACH / "bwv269.mxl", "x")
    assert set(Path(environment.Environment().getRootTempDir()).glob("*.p*")) == before


def test_an_abc_file_with_two_tunes(tmp_path):
    path = tmp_path / "tunes.abc"
    path.write_text(ABC)
    one, two = (on_grid(score, 1, 4)[0] for score in read_scores(path, "tunes.abc"))
    assert (one.name, two.name) == ("tunes.abc 1", "tunes.abc 2")
    assert one.metre == (3, 4) and one.key == 1 and two.metre == (2, 4) and two.key == 0
    assert one.positions[:5].tolist() == [8, 9, 10, 11, 0]
    assert np.flatnonzero(one.onsets[:, 0]).tolist() == [0, 4, 8, 12, 16, 28]  # the tied c is one note
    assert one.pitches[[0, 4, 16], 0].tolist() == [62, 67, 72]


def test_chord_symbols_and_grace_notes_are_no_notes(tmp_path):
    path = tmp_path / "lead.abc"
    path.write_text('X:1\nM:4/4\nL:1/4\nK:C\n"Am"A{c}B "G"c d|\n')
    (score,) = read_scores(path, "lead")
    assert [part["pitch"].tolist() for part in score.parts] == [[69, 71, 72, 74]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xml", b"<score-partwise>"),
        ("b.xml", b"<html></html>"),
        ("c.mxl", b"PK12"),
        ("d.abc", b"hello"),
        ("e.musicxml", b""),
        ("f.abc", bytes(range(256))),
        ("g.abc", b"X:1\nM:4/4\nL:1/4\nK:C\nz4|\n"),
    ],
)
def test_what_is_no_score_has_a_reason(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match="music21 cannot read it|no notes"):
        read_scores(tmp_path / name, name)
