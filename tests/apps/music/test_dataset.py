"""If these fail, the bundled chorales cannot be prepared offline, or one tune stands in two splits."""

import socket

import numpy as np
import pytest

from apps.music import dataset
from apps.music.dataset import load_chorales, read_corpus, score_paths

FEW = ("bwv66.6", "bwv269", "bwv1.6", "bwv119.9", "bwv18.5-lz", "bwv18.5-w", "bwv253", "bwv254", "bwv256")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def few(monkeypatch):
    paths = [path for path in score_paths() if path.stem in FEW]
    monkeypatch.setattr(dataset, "score_paths", lambda: paths)
    return paths


def test_what_is_prepared_is_what_was_read(few, tmp_path, capsys):
    parts, cache = load_chorales(str(tmp_path))
    assert f"reading the chorales: {len(FEW)}/{len(FEW)}" in capsys.readouterr().out
    assert str(tmp_path) in cache
    found = {piece.name: piece for pieces in parts.values() for piece in pieces}
    expected = {piece.name: piece for piece in read_corpus(few)}
    assert set(found) == set(expected) == set(FEW) - {"bwv1.6"}  # which has a horn
    for name, piece in expected.items():
        for array in ("pitches", "onsets", "positions", "fermatas"):
            assert np.array_equal(getattr(found[name], array), getattr(piece, array)), (name, array)
            assert getattr(found[name], array).dtype == getattr(piece, array).dtype
        assert (found[name].metre, found[name].key, found[name].tempo) == (piece.metre, piece.key, piece.tempo)
    assert all(parts.values())
    assert found["bwv18.5-w"].group == found["bwv18.5-lz"].group == "bwv18.5-lz"


def test_the_second_time_nothing_is_parsed(few, tmp_path, monkeypatch):
    first, _ = load_chorales(str(tmp_path))
    monkeypatch.setattr(dataset, "read_corpus", lambda paths: pytest.fail("parsed again"))
    second, _ = load_chorales(str(tmp_path))
    assert [piece.name for piece in first["train"]] == [piece.name for piece in second["train"]]


@pytest.mark.slow
def test_the_whole_corpus(tmp_path):
    assert len(score_paths()) == 409
    parts, _ = load_chorales(str(tmp_path))
    assert {name: len(pieces) for name, pieces in parts.items()} == {"train": 293, "validation": 47, "test": 25}
    groups = {name: {piece.group for piece in pieces} for name, pieces in parts.items()}
    assert {name: len(found) for name, found in groups.items()} == {"train": 148, "validation": 18, "test": 18}
    assert len(set.union(*groups.values())) == 184
    pieces = [piece for split in parts.values() for piece in split]
    # "O Haupt voll Blut und Wunden" and "Allein Gott in der Höh": in other keys, metres and with other first phrases.
    same = [("bwv244.15", "bwv270", "bwv135.6", "bwv248.5"), ("bwv104.6", "bwv112.5", "bwv260"), ("bwv274", "bwv62.6")]
    for names in same:
        assert len({piece.group for piece in pieces if piece.name in names}) == 1, names
    assert sum(map(len, pieces)) == 79_484
    for piece in pieces:
        sounding = piece.pitches >= 0
        assert piece.voices == 4 and piece.pitches[sounding].min() > 30 and piece.pitches.max() < 90
        assert not (piece.onsets & ~sounding).any() and sounding.any(axis=0).all()
