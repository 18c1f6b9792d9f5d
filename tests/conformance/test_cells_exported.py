"""Every recurrent layer answers from a SavedModel, in a process without this repository, as it does in memory. If this fails, what
is served is not what was trained, or it only works with the batch sizes and lengths that were tried."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.conformance.cell_battery import FEATURES, UNITS, assert_close, each_cell, randoms
from tests.conformance.cells import CELLS
from tests.conformance.differentiation import ON_TENSORFLOW

pytestmark = pytest.mark.skipif(not ON_TENSORFLOW, reason="a SavedModel is written on the TensorFlow backend")

# Batch and time: one step, more than one chunk of a loop, and more than one chunk of the mLSTM.
SHAPES = ((5, 1), (3, 17), (1, 70))
LOAD_AND_ANSWER = """
import sys
sys.modules |= dict.fromkeys(["common", "apps", "tests"])  # importing one of them is an error
import numpy as np, tensorflow as tf
directory, *names = sys.argv[1:]
model, answers = tf.saved_model.load(directory + "/model"), {}
with np.load(directory + "/data.npz") as data:
    for name in names:
        for index in range(len(data.files) // 2):
            outputs = getattr(model, name)(data[f"sequence_{index}"], data[f"mask_{index}"])
            answers |= {f"{name}/{index}/{place}": output for place, output in enumerate(outputs)}
np.savez(directory + "/answers.npz", **answers)
"""


def small_model(row):
    """A layer with everything that it returns, and a layer above it."""
    sequence, mask = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    layer = row.layer(UNITS, return_sequences=True, return_state=True, dropout=0.2, **row.arguments)
    outputs, *states = layer(sequence, mask=mask)
    return keras.Model([sequence, mask], [keras.layers.Dense(2)(outputs), *states])


def endpoint(model):
    return lambda sequence, mask: model([sequence, mask])


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """By the name of a cell, for each of `SHAPES`: the outputs in memory, and those of the SavedModel."""
    import tensorflow as tf

    directory, archive = tmp_path_factory.mktemp("exported"), keras.export.ExportArchive()
    signature = [tf.TensorSpec((None, None, FEATURES), "float32"), tf.TensorSpec((None, None), "bool")]
    requests = [(randoms(*shape, FEATURES), randoms(*shape, seed=1) < 0.5) for shape in SHAPES]
    expected = {}
    for row in CELLS:
        model = small_model(row)
        archive.track(model)
        archive.add_endpoint(row.name, endpoint(model), input_signature=signature)
        expected[row.name] = [model(list(request)) for request in requests]
    archive.write_out(str(directory / "model"), verbose=False)
    data = {f"{name}_{i}": each for i, pair in enumerate(requests) for name, each in zip(("sequence", "mask"), pair)}
    np.savez(directory / "data.npz", **data)
    subprocess.run([sys.executable, "-c", LOAD_AND_ANSWER, str(directory), *expected], check=True, cwd=directory)
    with np.load(directory / "answers.npz") as found:
        return {
            name: [
                (outputs, [found[f"{name}/{index}/{place}"] for place in range(len(outputs))])
                for index, outputs in enumerate(of_shapes)
            ]
            for name, of_shapes in expected.items()
        }


@each_cell
def test_a_saved_model_answers_as_in_memory_whatever_batch_and_length(row, answers):
    for in_memory, loaded in answers[row.name]:
        assert_close(loaded, in_memory)
