"""If these fail, the published chorales are read otherwise than they stand, or a mistake in such a file has no place."""

import json

import pytest

from apps.music.grid_files import read_grid_file
from common.errors import UserError

PIECE = [[60, 48], [60, 48], [62, -1], [62, 47]]


def write(tmp_path, content):
    path = tmp_path / "grid.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_notes_begin_where_pitches_change(tmp_path):
    (piece,) = read_grid_file(write(tmp_path, [PIECE * 5]), 2, 4)["train"]
    assert piece.pitches.tolist() == PIECE * 5
    assert piece.onsets[:5].tolist() == [[1, 1], [0, 0], [1, 0], [0, 1], [1, 1]]
    assert piece.positions.tolist() == [*range(16), 0, 1, 2, 3]
    assert (piece.name, piece.metre, piece.key) == ("1", (4, 4), None)


@pytest.mark.parametrize("key", ["valid", "validation"])
def test_splits_are_kept(tmp_path, key):
    parts = read_grid_file(write(tmp_path, {"train": [PIECE, PIECE], key: [PIECE], "test": [PIECE]}), 2, 4)
    assert {name: len(pieces) for name, pieces in parts.items()} == {"train": 2, "validation": 1, "test": 1}
    assert parts["train"][1].name == "train 2"


def test_any_number_of_voices_where_none_is_asked_for(tmp_path):
    assert read_grid_file(write(tmp_path, [PIECE, [[1, 2, 3]]]), None, 4)["train"][1].voices == 3


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[[[60, NaN]]]", r"piece 1, step 1: the pitch NaN"),
        ("[[[60, 48], [null, 48]]]", r"piece 1, step 2: the pitch null"),
        ("[[[60, 48]], [[60, 48.5]]]", r"piece 2, step 1: the pitch 48.5"),
        ("[[[60, true]]]", "the pitch true"),
        ("[[[60, 128]]]", "the pitch 128"),
        ("[[[60, -2]]]", "the pitch -2"),
        ('{"train": [[[60, 48]]], "test": [[[60, "C"]]]}', r'piece test 1, step 1: the pitch "C"'),
        ("[[[60, 48, 47]]]", "has 3 voices, expected 2"),
        ("[[60, 48]]", "step 1: it is 60"),
        ("[[]]", r"piece 1: it is \[\]"),
        ("[]", "'train' is \\[\\]"),
        ("3", "a number at its top"),
        ('"C D E"', "a text at its top"),
        ("null", "null at its top"),
        ("true", "true or false at its top"),
        ("{}", "nothing at its top"),
        ('{"train": [], "more": []}', "'more'"),
        ('{"train": [], "valid": [], "validation": []}', "both"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_mistakes_have_their_place(tmp_path, content, expected):
    with pytest.raises(UserError, match=expected) as raised:
        read_grid_file(write(tmp_path, content), 2, 4)
    assert "grid.json" in str(raised.value) and len(str(raised.value)) < 400


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "grid.json"
    path.write_bytes(b"\xff\xfe[")
    with pytest.raises(UserError, match="no JSON"):
        read_grid_file(path, 2, 4)


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([PIECE]), "utf-8-sig")
    assert read_grid_file(tmp_path / "a.json", 2, 4)["train"][0].pitches.tolist() == PIECE
