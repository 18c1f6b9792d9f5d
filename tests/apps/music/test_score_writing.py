"""Scores, read again by music21. If these fail, an editor shows other notes, bars that are not full, or none at all."""

import dataclasses
import zipfile
from fractions import Fraction

import music21
import numpy as np
import pytest
from hypothesis import Phase, given, settings

from apps.music.pieces import VoicePiece, bar_starts, voice_notes
from apps.music.score_writing import make_score, write_musicxml
from common.errors import UserError
from tests.apps.music.written_pieces import make_notes, make_voices, voice_pieces


def written(piece, path):
    write_musicxml(piece, path)
    return music21.converter.parse(path, forceSource=True, storePickle=False)


def described(part):
    """The bars of a part: offset, and of each note or rest name, begin, length and tie."""
    return [
        [
            (
                element.pitch.nameWithOctave if element.isNote else "rest",
                Fraction(element.offset),
                Fraction(element.quarterLength),
                element.tie.type if element.tie else "",
            )
            for element in measure.notesAndRests
        ]
        for measure in part.getElementsByClass("Measure")
    ]


def test_a_silent_pickup_of_four_quarters_is_no_rest_of_a_whole_bar(tmp_path):
    """To music21 a whole rest is as long as the bar, and what follows is late."""
    pitches = np.full((9, 1), 60, np.int16)
    pitches[:4] = -1
    onsets = np.arange(9)[:, None] == 4
    positions = np.array([1, 2, 3, 4, 0, 1, 2, 3, 4], np.int16)
    score = written(VoicePiece("silent", pitches, onsets, positions, 1, (5, 4)), tmp_path / "a.musicxml")
    measures = score.parts[0].getElementsByClass("Measure")
    assert [measure.offset for measure in measures] == [0, 4]
    assert [rest.quarterLength for rest in measures[0].notesAndRests] == [2, 2]


@settings(
    max_examples=12, deadline=None, database=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
)  # to shrink would take minutes
@given(piece=voice_pieces())
def test_a_score_has_the_notes_of_the_piece_and_full_bars(piece, tmp_path_factory):
    score = written(piece, tmp_path_factory.getbasetemp() / "a.musicxml")
    assert len(score.parts) == piece.voices
    starts = [*bar_starts(piece), len(piece)]
    for voice, part in enumerate(score.parts):
        measures = part.getElementsByClass("Measure")
        assert [measure.offset * piece.steps_per_quarter for measure in measures] == pytest.approx(starts[:-1])
        for measure, begin, end in zip(measures, starts, starts[1:]):
            elements = list(measure.notesAndRests)
            edges = [element.offset for element in elements] + [measure.highestTime]
            assert [element.offset + element.quarterLength for element in elements] == pytest.approx(edges[1:])
            assert edges[-1] * piece.steps_per_quarter == pytest.approx(end - begin)
        found = []  # begin, length, pitch
        for note in part.recurse().notes:
            begin = float(note.getOffsetInHierarchy(part) * piece.steps_per_quarter)
            length = float(note.quarterLength * piece.steps_per_quarter)
            if note.tie and note.tie.type != "start":
                assert found[-1][0] + found[-1][1] == pytest.approx(begin) and found[-1][2] == note.pitch.midi
                found[-1][1] += length
            else:
                found.append([begin, length, note.pitch.midi])
        found = [(round(begin, 6), round(length, 6), pitch) for begin, length, pitch in found]
        assert found == [(begin, end - begin, pitch) for begin, end, pitch in voice_notes(piece, voice)]


def test_signatures_names_clefs_and_tempo(tmp_path):
    piece = make_voices(
        "72 . . .", "65 . . .", "57 . . .", "45 . . .", metre=(3, 4), key=-3, tempo=72.5, name="Nr. 1 <&>"
    )
    score = written(piece, tmp_path / "a.musicxml")
    assert [part.partName for part in score.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    clefs = [part.recurse().getElementsByClass("Clef").first() for part in score.parts]
    assert [(clef.sign, clef.octaveChange) for clef in clefs] == [("G", 0), ("G", 0), ("G", -1), ("F", 0)]
    for part in score.parts:
        assert part.recurse().getElementsByClass("KeySignature").first().sharps == -3
        assert part.recurse().getElementsByClass("TimeSignature").first().ratioString == "3/4"
    assert score.recurse().getElementsByClass("MetronomeMark").first().number == 72.5
    assert score.metadata.bestTitle == "Nr. 1 <&>"
    assert "Music21" not in (score.metadata.composer or "")


def test_a_pickup_is_bar_0_and_is_short_on_purpose(tmp_path):
    piece = make_voices("60 . . . 62 . . . 64 . . . 65 . . . 67 . . .", first_position=12)
    (part,) = written(piece, tmp_path / "a.musicxml").parts
    measures = list(part.getElementsByClass("Measure"))
    assert [measure.number for measure in measures] == [0, 1]
    assert [measure.quarterLength for measure in measures] == [1, 4]
    text = (tmp_path / "a.musicxml").read_text("utf-8")
    assert '<measure implicit="yes" number="0"' in text and '<measure implicit="no" number="1"' in text


def test_notes_are_tied_over_bar_lines_and_split_at_beats(tmp_path):
    piece = make_voices("60 . . . . . . . . . . . 62 . . . . . . . 64 . 65 . . . 67 68 . . . .", metre=(4, 4))
    (part,) = written(piece, tmp_path / "a.musicxml").parts
    quarter, eighth = Fraction(1), Fraction(1, 2)
    assert described(part) == [
        [("C4", 0, 3, ""), ("D4", 3, quarter, "start")],
        [
            ("D4", 0, quarter, "stop"),
            ("E4", 1, eighth, ""),
            ("F4", 1 + eighth, quarter, ""),  # a syncopation that everybody reads
            ("G4", 2 + eighth, Fraction(1, 4), ""),
            ("G#4", 2 + 3 * eighth / 2, Fraction(1, 4), "start"),
            ("G#4", 3, quarter, "stop"),
        ],
    ]


def test_no_accidental_where_the_signature_has_it(tmp_path):
    write_musicxml(make_voices("62 . . . 66 . . . 61 . . . 65 . . .", key=2), tmp_path / "a.musicxml")
    text = (tmp_path / "a.musicxml").read_text("utf-8")
    assert text.count("<accidental>") == 1  # of F natural
    assert "<accidental>natural</accidental>" in text


def test_a_fermata_is_over_the_last_note_under_it(tmp_path):
    piece = make_voices("60 . . . 62 . . . - - - -", "48 . . . 50 . 52 . 53 . . .")
    fermatas = [False] * 4 + [True] * 4 + [False] * 4
    score = written(dataclasses.replace(piece, fermatas=np.array(fermatas)), tmp_path / "a.musicxml")
    marked = [[note.nameWithOctave for note in part.recurse().notes if note.expressions] for part in score.parts]
    assert marked == [["D4"], ["E3"]]
    assert (tmp_path / "a.musicxml").read_text("utf-8").count('<fermata type="upright"') == 2


def test_a_compressed_file_is_one_and_reads_the_same(tmp_path):
    piece = make_voices("60 . . . 64 . . .", "- - - - 48 . . .")
    plain, packed = written(piece, tmp_path / "a.musicxml"), written(piece, tmp_path / "a.mxl")
    assert [described(part) for part in packed.parts] == [described(part) for part in plain.parts]
    assert zipfile.ZipFile(tmp_path / "a.mxl").namelist()[0] == "META-INF/container.xml"


@pytest.mark.parametrize("piece", [make_voices("- - - -", "- - - -"), make_voices("")])
def test_a_piece_without_notes_is_a_score_of_rests(tmp_path, piece):
    score = written(piece, tmp_path / "a.musicxml")
    assert not list(score.recurse().notes)
    assert len(score.parts) == piece.voices


def test_control_characters_of_a_name_do_not_break_the_file(tmp_path):
    score = written(make_voices("60", name="a\x00\x1b\udcffb"), tmp_path / "a.musicxml")
    assert score.metadata.bestTitle == "ab"


def test_what_has_no_bars_or_no_note_values_is_refused_with_the_formats_that_are_possible(tmp_path):
    with pytest.raises(UserError, match="notes: notes at any time .* write .mid, .wav or .png"):
        write_musicxml(make_notes((0, 1, 60, 80, 0)), tmp_path / "a.musicxml")
    with pytest.raises(UserError, match="piece: 11 steps in a quarter have no note values"):
        write_musicxml(make_voices("60", steps_per_quarter=11), tmp_path / "a.musicxml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 48])
def test_every_usual_grid_has_note_values(steps):
    piece = make_voices(" ".join(["60", *["."] * (steps + 1), "-", "62"]), steps_per_quarter=steps)
    (part,) = make_score(piece).parts
    assert sum(element.quarterLength for element in part.recurse().notesAndRests) * steps == pytest.approx(steps + 4)


def test_triplets_stay_apart_and_nothing_is_told_on_the_console(tmp_path, capfd):
    # music21's own notation joins the third and the fourth note, which are struck one after the other.
    text = "66 . . . 61 . . . . . . 61 . . . . . 66 66 . 40 . . . 40 . . . . . . - - - - - - - - 60 . . . . 60 . . . . 66 ."
    piece = make_voices(text, steps_per_quarter=6, first_position=12)
    (part,) = written(piece, tmp_path / "a.musicxml").parts
    struck = [note.pitch.midi for note in part.recurse().notes if not note.tie or note.tie.type == "start"]
    assert struck == [pitch for _, _, pitch in voice_notes(piece, 0)]
    assert capfd.readouterr() == ("", "")
