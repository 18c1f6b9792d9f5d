"""If these fail, a piece stands in two splits, a published split is changed, or a mistake ends in a traceback."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from apps.music import data, dataset
from apps.music.config import DataConfig
from apps.music.data import load_splits
from apps.music.pieces import NotePiece, Splits, VoicePiece
from common.errors import UserError
from tests.apps.music.made_music import midi_bytes


def load(**settings) -> Splits:
    return load_splits(SimpleNamespace(data=DataConfig(**settings)))


def grid(seed: int, steps: int = 32) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 12, (steps, 4)) + np.array([70, 60, 50, 40])).tolist()


def write(tmp_path, content) -> str:
    path = tmp_path / "grid.json"
    path.write_text(json.dumps(content))
    return str(path)


def names(pieces) -> list[str]:
    return [piece.name for piece in pieces]


def test_given_splits_are_kept_and_what_stands_in_two_is_told(tmp_path):
    higher = (np.array(grid(0)) + 2).tolist()
    path = write(tmp_path, {"train": [grid(0), grid(1)], "valid": [grid(2)], "test": [higher, grid(3)]})
    splits = load(source="files", path=path)
    assert names(splits.train) == ["train 1", "train 2"]
    assert (len(splits.validation), len(splits.test)) == (1, 2)
    assert (
        len(splits.notes) == 1 and "1 of the 2 test pieces" in splits.notes[0] and "its train split" in splits.notes[0]
    )
    assert splits.describe()["train"] == f"2 pieces, 64 steps, from {path}, train"


def test_missing_splits_are_split_off_and_a_piece_in_another_key_goes_with_it(tmp_path):
    pieces = [grid(seed) for seed in range(30)] + [(np.array(grid(seed)) - 3).tolist() for seed in range(30)]
    splits = load(source="files", path=write(tmp_path, pieces), validation_fraction=0.2, test_fraction=0.3)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (30, 12, 18)
    parts = [{int(name) % 30 for name in names(part)} for part in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 30
    assert all(piece.group for piece in splits.train)


def test_the_order_of_the_file_does_not_matter(tmp_path):
    pieces = [grid(seed) for seed in range(20)]
    first = load(source="files", path=write(tmp_path, pieces))
    second = load(source="files", path=write(tmp_path, pieces[::-1]))
    assert {piece.group for piece in first.test} == {piece.group for piece in second.test}


def test_only_validation_is_split_off_where_only_it_is_missing(tmp_path):
    path = write(tmp_path, {"train": [grid(seed) for seed in range(10)], "test": [grid(11)]})
    splits = load(source="files", path=path)
    assert (len(splits.train), len(splits.validation), names(splits.test)) == (9, 1, ["test 1"])


def test_a_limit(tmp_path):
    path = write(tmp_path, [grid(seed) for seed in range(40)])
    whole, few = load(source="files", path=path), load(source="files", path=path, limit=3)
    assert few.available == (32, 4, 4) and [len(few.train), len(few.validation), len(few.test)] == [3, 3, 3]
    assert set(names(few.train)) <= set(names(whole.train))
    assert load(source="files", path=path, limit=99).available is None
    assert "3 of 32 pieces" in few.describe()["train"]


@pytest.mark.parametrize(
    ("pieces", "count"), [([grid(0)], "1 different piece is"), ([grid(0)] * 3 + [grid(1)], "2 different pieces are")]
)
def test_too_few_pieces(tmp_path, pieces, count):
    with pytest.raises(UserError, match=f"{count} too few to split a validation and a test set from"):
        load(source="files", path=write(tmp_path, pieces))


def test_a_folder(tmp_path):
    for index in range(5):
        notes = [(0, 480, 60), (480, 960, 61 + index)]
        (tmp_path / f"{index}.mid").write_bytes(midi_bytes([notes]))
        (tmp_path / f"again {index}.mid").write_bytes(midi_bytes([[(start, end, p + 5) for start, end, p in notes]]))
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    for settings in ({"voices": 1}, {"representation": "events"}):
        splits = load(source="files", path=str(tmp_path), **settings)
        parts = [{name[-5] for name in names(part)} for part in (splits.train, splits.validation, splits.test)]
        assert sum(map(len, parts)) == 5
        assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [6, 2, 2]
        assert "broken.mid" in splits.notes[0] and splits.cache is None


def test_the_bundled_chorales_in_both_forms(tmp_path, monkeypatch):
    few = [path for path in dataset.score_paths() if path.stem in ("bwv66.6", "bwv269", "bwv253", "bwv254")]
    monkeypatch.setattr(dataset, "score_paths", lambda: few)
    voices = load(cache_dir=str(tmp_path))
    events = load(cache_dir=str(tmp_path), representation="events")
    assert all(isinstance(piece, VoicePiece) for piece in voices.train)
    assert all(isinstance(piece, NotePiece) for piece in events.train)
    for part in ("train", "validation", "test"):
        assert names(getattr(voices, part)) == names(getattr(events, part))
        for one, other in zip(getattr(voices, part), getattr(events, part), strict=True):
            assert one.group == other.group and one.onsets.sum() == len(other)
    assert voices.cache == events.cache and str(tmp_path) in voices.cache
    assert "chorales of Bach (bundled), train" in voices.describe()["train"]


def test_every_source_has_its_reader():
    assert set(data._SOURCES) == set(DataConfig.model_fields["source"].annotation.__args__)
