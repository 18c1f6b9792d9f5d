"""If these fail, examples of a data set are read in another order, or with parts that nobody asked for."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from common.data.tfds_builders import load_example, prepare, read_examples
from common.errors import UserError


class TinyRows(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "name": tfds.features.Text(),
            "row": tfds.features.Tensor(shape=(None, 2), dtype=np.int64),
            "large": tfds.features.Tensor(shape=(None,), dtype=np.float32),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(20):
            row = np.full((index, 2), index)
            yield index, {"name": f"row {index}", "row": row, "large": np.zeros(index, np.float32)}


@pytest.fixture
def builder(tmp_path):
    builder = TinyRows(data_dir=str(tmp_path))
    prepare(builder, "rows", quiet=True)
    return builder


def test_all_examples_with_all_features_in_a_fixed_order(builder):
    examples = list(read_examples(builder, "train", "rows"))
    assert {example["name"]: example["row"].tolist() for example in examples} == {
        f"row {index}".encode(): [[index, index]] * index for index in range(20)
    }
    assert all(list(example) == list(builder.info.features) for example in examples)
    again = [example["name"] for example in read_examples(builder, "train", "rows")]
    assert again == [example["name"] for example in examples]
    assert load_example(builder, "train", origin="rows", quiet=True)["name"] == again[0]


def test_only_the_features_that_are_asked_for(builder):
    assert {tuple(example) for example in read_examples(builder, "train", "rows", ("row", "name"))} == {("name", "row")}


def test_damaged_data_are_a_sentence(builder):
    for path in Path(builder.data_dir).glob("*tfrecord*"):
        path.write_bytes(path.read_bytes()[:100] + b"damaged")
    with pytest.raises(UserError, match="The prepared data of rows in .* cannot be read"):
        list(read_examples(builder, "train", "rows"))
