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


def read_one(folder, text, name="one.abc"):
    (folder / name).write_text(text)
    (score,) = read_scores(folder / name, name)
    return score


def pitches(score):
    return score.parts[0]["pitch"].tolist()


def test_repeats_are_played_with_their_endings(tmp_path):
    score = read_one(tmp_path, "X:1\nM:3/4\nL:1/4\nK:C\nC | DEF | G2 :| |: A | Bcd |1 e2 :|2 f2 |]\n")
    once, second = [60, 62, 64, 65, 67], [69, 71, 72, 74]
    assert pitches(score) == [*once, *once, *second, 76, *second, 77] and not score.told
    assert score.bars["position"].tolist() == [2, 0, 0] * 2 + [2, 0, 0] * 2 and score.length == 24


def test_a_metre_is_the_same_the_second_time(tmp_path, monkeypatch):
    from music21 import bar, meter, note, stream

    part = stream.Part()
    for quarters, metre in ((4, "4/4"), (3, "3/4"), (4, "4/4"), (4, None), (3, "3/4")):
        measure = stream.Measure([note.Note("C4", quarterLength=quarters)])
        if metre:
            measure.timeSignature = meter.TimeSignature(metre)
        part.append(measure)
    part[3].leftBarline = bar.Repeat("start")
    part[4].rightBarline = bar.Repeat("end")
    monkeypatch.setattr("apps.music.score_files.parse", lambda path: stream.Score([part]))
    (score,) = read_scores(tmp_path / "a.xml", "a.xml")
    assert score.bars["numerator"].tolist() == [4, 3, 4, 4, 3, 4, 3]


def test_all_parts_are_repeated_and_the_chorales_are_not(tmp_path):
    path = BACH / "bwv269.mxl"
    once, (twice,) = make_score(parse(path), "x"), read_scores(path, "x")
    assert (once.length, twice.length) == (63.0, 84.0)
    assert [len(part) for part in twice.parts] > [len(part) for part in once.parts] and not twice.told


@pytest.mark.parametrize(
    "tune",
    [
        "CDEF | GABc :|: CDEF | GABc :|",  # music21 loses where the second half begins
        "|: CDEF | GABc | CDEF | GABc |",
        "CDEF | GABc :| CDEF | GABc :|",
    ],
)
def test_repeats_that_are_not_clear_are_played_once_and_told(tmp_path, tune):
    score = read_one(tmp_path, f"X:1\nM:4/4\nL:1/4\nK:C\n{tune}\n")
    assert pitches(score) == [60, 62, 64, 65, 67, 69, 71, 72] * 2
    assert score.told == ("repeats are played once",)


XML = """<score-partwise><part-list><score-part id="a"><part-name>a</part-name></score-part></part-list><part id="a"><measure>
<attributes><divisions>1</divisions>{key}<time><beats>{beats}</beats><beat-type>{beat}</beat-type></time></attributes>
<direction><direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>{tempo}</per-minute></metronome>
</direction-type></direction><note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration></note>
<barline location="right"><repeat direction="backward" times="{times}"/></barline></measure></part></score-partwise>"""
WRITTEN = {"key": "<key><fifths>2</fifths></key>", "beats": 4, "beat": 4, "tempo": 90, "times": 2}


def test_a_key_that_is_not_of_the_circle_of_fifths_is_none(tmp_path):
    assert read_one(tmp_path, XML.format(**WRITTEN), "a.xml").key == 2
    key = "<key><key-step>B</key-step><key-alter>-1</key-alter></key>"
    assert read_one(tmp_path, XML.format(**WRITTEN | {"key": key}), "a.xml").key is None


@pytest.mark.parametrize("tempo", ["0", "0.01", "-60", "1e9"])
def test_an_impossible_tempo_of_musicxml_is_ignored_and_told(tmp_path, tempo):
    assert read_one(tmp_path, XML.format(**WRITTEN), "a.xml").tempo == 90
    score = read_one(tmp_path, XML.format(**WRITTEN | {"tempo": tempo}), "a.xml")
    assert score.tempo is None and score.told == ("an impossible tempo was ignored",)


def test_an_impossible_tempo_of_abc_is_ignored_and_told(tmp_path):
    for tempo in ("0", "5000"):
        score = read_one(tmp_path, f"X:1\nM:4/4\nL:1/4\nQ:1/4={tempo}\nK:C\nCDEF |]\n")
        assert score.tempo is None and score.told == ("an impossible tempo was ignored",)


def test_an_impossible_metre_is_ignored_and_told(tmp_path):
    score = read_one(tmp_path, XML.format(**WRITTEN | {"beats": 4, "beat": 128}), "a.xml")
    assert score.metre == (4, 4) and "impossible metre" in score.told[0]


def test_a_metre_of_thousands_of_beats_does_not_hang(tmp_path):
    load = music21.meter.TimeSignature.load
    for name, text in (
        ("a.abc", "X:1\nM:3441/4\nL:1/4\nK:C\nCDEF |]\n"),
        ("a.xml", XML.format(**WRITTEN | {"beats": 100_000})),
    ):
        with pytest.raises(UnreadableFile, match="the metre 3441/4 cannot be meant|time signature 100000/4"):
            read_one(tmp_path, text, name)
    assert music21.meter.TimeSignature.load is load


def test_a_repeat_of_a_million_times_is_played_once(tmp_path):
    score = read_one(tmp_path, XML.format(**WRITTEN | {"times": 1_000_000}), "a.xml")
    assert score.length == 4 and score.told == ("repeats are played once",)
    assert read_one(tmp_path, XML.format(**WRITTEN | {"times": 0}), "a.xml").length == 4
    assert read_one(tmp_path, XML.format(**WRITTEN | {"times": 3}), "a.xml").length == 12


def test_endings_in_upper_case_are_read(tmp_path):
    (tmp_path / "A.MXL").write_bytes((BACH / "bwv66.6.mxl").read_bytes())
    (tmp_path / "B.Abc").write_text(ABC)
    (tmp_path / "C.XML").write_text(XML.format(**WRITTEN))
    assert [len(read_scores(tmp_path / name, name)) for name in ("A.MXL", "B.Abc", "C.XML")] == [1, 2, 1]
    assert len(list(tmp_path.iterdir())) == 3


def test_what_music21_raises_late_is_said_of_the_file(tmp_path, monkeypatch):
    def refuse(self):
        raise music21.exceptions21.Music21Exception("odd")

    monkeypatch.setattr(music21.tempo.MetronomeMark, "getQuarterBPM", refuse)
    monkeypatch.setattr(
        "apps.music.score_files.parse",
        lambda path: music21.stream.Score(
            [music21.stream.Part([music21.tempo.MetronomeMark(90), music21.note.Note()])]
        ),
    )
    with pytest.raises(UnreadableFile, match="music21 cannot read it: Music21Exception: odd"):
        read_scores(tmp_path / "a.xml", "a.xml")


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
    with pytest.raises(UnreadableFile, match="music21 cannot read it|no notes|no ABC"):
        read_scores(tmp_path / name, name)
