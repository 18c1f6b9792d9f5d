"""If these fail, a set of the catalogue is not read as it stands there.

The sets here are small builders defined below, which TFDS registers under their names. No network.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds

from apps.music.catalogue_pieces import load_catalogue_pieces
from apps.music.config import DataConfig
from apps.music.data import load_splits
from common.errors import UserError
from tests.apps.music.made_music import midi_bytes


def beat(index: int) -> bytes:
    return midi_bytes([(9, [(0, 120, 36), (240, 360, 38 + index)])])


class TinyGroove(tfds.core.GeneratorBasedBuilder):
    """Shaped like `groove`: MIDI as a string, beside sound that nobody wants to decode."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="midi")]

    def _info(self):
        features = {
            "id": np.str_,
            "audio": tfds.features.Tensor(shape=(None,), dtype=np.float32),
            "midi": np.str_,
            "bpm": tfds.features.Scalar(np.int32),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(0, 3),
            "validation": self._generate_examples(3, 4),
            "test": self._generate_examples(4, 6),
        }

    def _generate_examples(self, start, end):
        for index in range(start, end):
            midi = b"MThd broken" if index == 1 else beat(index)
            yield index, {"id": f"drummer/{index}", "audio": np.zeros(9, np.float32), "midi": midi, "bpm": 100}


class TinyWithoutMidi(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"text": tfds.features.Text()}))

    def _split_generators(self, dl_manager):
        return {"train": iter(())}

    def _generate_examples(self):
        yield


def test_drums_come_out_of_the_bytes(tmp_path):
    parts, cache, notes = load_catalogue_pieces("tiny_groove", str(tmp_path))
    found = {piece.name: piece for pieces in parts.values() for piece in pieces}
    assert {name: len(pieces) for name, pieces in parts.items()} == {"train": 2, "test": 2, "validation": 1}
    assert all(piece.is_drums for piece in found.values())
    assert found["drummer/5"].notes["pitch"].tolist() == [36, 43]
    assert str(tmp_path) in cache
    assert len(notes) == 1 and notes[0].startswith("1 piece of tiny_groove (tfds) skipped: drummer/1 (it is damaged")


def test_through_the_configuration(tmp_path):
    config = DataConfig(source="tfds", name="tiny_groove/midi", representation="events", cache_dir=str(tmp_path))
    splits = load_splits(SimpleNamespace(data=config))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (2, 1, 2)
    assert splits.describe()["test"] == "2 pieces, 4 notes, from tiny_groove/midi (tfds), test"


def test_a_set_without_midi(tmp_path):
    with pytest.raises(UserError, match="has no feature 'midi', only 'text'"):
        load_catalogue_pieces("tiny_without_midi", str(tmp_path))


def test_groove_is_whole_performances_with_such_features(tmp_path):
    builder = tfds.builder("groove", data_dir=str(tmp_path))  # opened, not prepared: nothing is downloaded
    assert builder.builder_config.name == "full-midionly"
    tiny = TinyGroove(data_dir=str(tmp_path)).info.features
    for key in ("id", "midi"):
        assert repr(builder.info.features[key]) == repr(tiny[key])
