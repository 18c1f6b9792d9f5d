"""If these fail, words are composed on as if they were a melody, or a melody that is one is refused."""

import pytest

from apps.music.abc_checks import foreign_text, lacks_length, read_text
from apps.music.score import UnreadableFile
from apps.music.score_files import read_scores
from tests.apps.music.made_music import ABC

HEAD = "X:1\nM:4/4\nL:1/4\nK:C\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("hello world ???", "“hello” in “hello world ???”"),
        (f"{HEAD}do re mi\n", "“do” in “do re mi”"),
        (f"{HEAD}C D E F |\nthe cat\n", "“cat” in “the cat”"),
        (f"{HEAD}C D schöner |\n", "“schöner”"),
        ("X:1\nL:1/4\nK:C\n\nhello\n", "“hello”"),
        (f"{HEAD}C D <html> E\n", "“<html>”"),
        (f"{HEAD}C \x00\x07 E\n", r"“\x00\x07”"),
        (HEAD + "C" * 50 + "ö\n", f"“{'C' * 37}...”"),
    ],
)
def test_words_are_no_notes(text, word):
    sentence, is_much = foreign_text(text)
    assert sentence.startswith(word) and "is no ABC" in sentence and is_much


@pytest.mark.parametrize(
    "text",
    [
        "C D E F | G2 G2",
        ABC,
        f"{HEAD}C D | % my melody\nw: hel-lo world\nE F |]\n",
        'X:1\nT:Über\nH:A long\nhistory of it\nM:4/4\nL:1/8\nQ:"Largo" 1/4=60\nK:Gm\n"Am"[CEG]2 {g}A>B (3abc z2 | ~A .B !trill!c uD |\n',
        f"{HEAD}|: C D- D2 :: [1 ^F/2 _B,, =c'' | [K:G] [M:3/4] G & C | x4 y Z |\\\nC` D (E F) |]\n",
        f"{HEAD}(C3D)|I ^cdef | ga L b2 |\n",  # a sign before a space, as music21's corpus has it
        f"{HEAD}kC kvD H[CE] UE J(3FGA R.B |\n",
        f"U:n=!fermata!\n{HEAD}C n D n E |\n",
        f"{HEAD}C D E F |\n\nwhat people say of it\n\n{HEAD}G4 |\n",
        f"{HEAD}%%begintext\nhello world\n%%endtext\nC D E F |\n",
        f"{HEAD}+trill+C D * E ; F |\n",
    ],
)
def test_what_the_standard_has_and_collections_write_is_abc(text):
    assert foreign_text(text) == ("", False)


def test_a_slip_among_many_notes_is_told_and_costs_no_tune(tmp_path):
    path = tmp_path / "a.abc"
    path.write_text(f"{HEAD}{'C D E F | ' * 20}\nC no D E F |]\n")
    (score,) = read_scores(path, "a.abc")
    assert len(score.parts[0]) == 84
    assert any("“no” in “C no D E F |]” is no ABC" in sentence for sentence in score.told)


def test_notes_without_a_length_are_told_what_to_begin_with(tmp_path):
    assert lacks_length("C D E F") and not lacks_length(ABC) and not lacks_length("X:1\nK:C\n[L:1/8] C D\n")
    path = tmp_path / "a.abc"
    path.write_text("C D E F | G2 G2")
    with pytest.raises(UnreadableFile, match="how long a note is; begin it with the lines X:1, L:1/4 and K:C"):
        read_scores(path, "a.abc")


def test_both_encodings_are_read(tmp_path):
    path = tmp_path / "a.abc"
    for encoding in ("utf-8", "utf-8-sig", "latin-1"):
        path.write_bytes("T:Frère\n".encode(encoding))
        assert read_text(path) == "T:Frère\n"
