"""Layers with attention are Keras layers: saved, configured and misused like any other. If one of these fails, a decoder
answers differently after it was saved or on the other backend, or a mistake is noticed far from its cause."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from common.layers import AdditiveAttention, AttentionCell, AttentionRNN, GRUCell
from tests.common.layers.attention_forms import (
    ALL,
    BATCH,
    FEATURES,
    MAKERS,
    MASK,
    MEMORY_MASK,
    PLACES,
    TIME,
    UNITS,
    WIDTH,
    data,
    each_form,
    loss_of,
    make,
)
from tests.conformance.cell_battery import assert_close, randoms
from tests.conformance.differentiation import ON_TENSORFLOW, gradients

REPOSITORY = Path(__file__).parents[3]

# --- as part of Keras


def model_of(name):
    sequence, memory = keras.Input((None, FEATURES)), keras.Input((None, WIDTH))
    memory_mask = keras.Input((None,), dtype="bool")
    layer = AttentionRNN(MAKERS[name](), **ALL, dropout=0.1, context_dropout=0.2, seed=1)
    return keras.Model([sequence, memory, memory_mask], layer(sequence, memory, memory_mask=memory_mask))


LOAD_AND_ANSWER = """
import sys, keras, numpy as np
import common.layers  # registers the classes
from tests.common.layers.attention_forms import MEMORY_MASK, data
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{sys.argv[1]}/{name}.keras")
    np.savez(f"{sys.argv[1]}/{name}.npz", *model([*data(), MEMORY_MASK]))
"""


def in_fresh_process(script, *arguments, **environment):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True, cwd=REPOSITORY, env=environment)


def test_a_saved_model_answers_the_same_in_a_fresh_process(tmp_path):
    expected = {}
    for name in MAKERS:
        model = model_of(name)
        model.save(tmp_path / f"{name}.keras")
        expected[name] = [np.asarray(part) for part in model([*data(), MEMORY_MASK])]
    in_fresh_process(LOAD_AND_ANSWER, tmp_path, *MAKERS)
    for name, parts in expected.items():
        with np.load(tmp_path / f"{name}.npz") as found:
            for one, other in zip(found.values(), parts, strict=True):
                np.testing.assert_array_equal(one, other, err_msg=name)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="a SavedModel is made by TensorFlow")
def test_a_saved_model_of_unknown_lengths_answers_without_xla(tmp_path):
    import tensorflow as tf

    layer = make("bahdanau_coverage", **ALL)
    signature = [tf.TensorSpec((None, None, size)) for size in (FEATURES, WIDTH)]
    module = tf.Module()
    module.layer = layer.trainable_variables
    module.run = tf.function(
        lambda x, m, n: layer(x, m, memory_lengths=n), [*signature, tf.TensorSpec([None], "int32")]
    )
    tf.saved_model.save(module, str(tmp_path))
    lengths = np.array([3, 5, 0], "int32")
    loaded = tf.saved_model.load(str(tmp_path))
    found = loaded.run(*data(), lengths)
    assert_close(list(found), list(layer(*data(), memory_lengths=lengths)))


@each_form
def test_configuration_makes_the_same_layer_again_and_announces_its_shapes(name):
    layer = make(name, **ALL, dropout=0.1, context_dropout=0.2, dropout_mode="per_step", seed=4, name="mine")
    again = AttentionRNN.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    again.build((None, None, FEATURES), (None, PLACES, WIDTH))
    again.set_weights(layer.get_weights())
    found = layer(*data())
    assert_close(list(again(*data())), list(found))
    shapes = layer.compute_output_shape((BATCH, TIME, FEATURES), (BATCH, PLACES, WIDTH))
    assert [tuple(part.shape) for part in found] == list(shapes)


JAX_FORMS = ("conditional_lstm", "conditional_min_gru", "input_feeding")
GRADIENTS_TO_FILE = """
import sys
import numpy as np
import common.layers
assert "tensorflow" not in sys.modules
from tests.common.layers.test_attention_cell_in_keras import gradients_of
for name in sys.argv[2:]:
    np.savez(f"{sys.argv[1]}/{name}.npz", *gradients_of(name))
"""


def gradients_of(name):
    layer = make(name, **ALL)
    loss = loss_of(layer, layer, memory_mask=MEMORY_MASK, mask=MASK)
    return gradients(loss, layer.trainable_variables, list(data()))


@pytest.mark.skipif(not ON_TENSORFLOW or importlib.util.find_spec("jax") is None, reason="needs JAX beside TensorFlow")
def test_gradients_on_jax_are_those_on_tensorflow(tmp_path):
    in_fresh_process(GRADIENTS_TO_FILE, tmp_path, *JAX_FORMS, KERAS_BACKEND="jax")
    for name in JAX_FORMS:
        with np.load(tmp_path / f"{name}.npz") as found:
            assert_close(list(found.values()), gradients_of(name), tolerance=1e-4)


# --- mistakes


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("cell must be a GatedCell.*Dense", {"cell": keras.layers.Dense(3)}),
        ("attention must be.*Dense", {"attention": keras.layers.Dense(3)}),
        ("form must be one of.*'luong'", {"form": "luong"}),
        ("attention_units is of form 'input_feeding', got 8 with form 'bahdanau'", {"attention_units": 8}),
        ("attention_units must be a positive integer, got 0", {"attention_units": 0, "form": "input_feeding"}),
        ("context_cell is of form 'conditional'.*'bahdanau'", {"context_cell": GRUCell(3)}),
        (r"context_cell must have.*\[4\], got \[3\]", {"context_cell": GRUCell(3), "form": "conditional"}),
    ],
)
def test_wrong_arguments_of_the_cell_are_named(message, arguments):
    with pytest.raises(ValueError, match=message):
        AttentionCell(**{"cell": GRUCell(UNITS), "attention": AdditiveAttention(5), **arguments})


@pytest.mark.parametrize(
    ("argument", "value"), [("dropout", 1.0), ("context_dropout", -0.1), ("dropout_mode", "none"), ("cell", 3)]
)
def test_wrong_arguments_of_the_layer_are_named(argument, value):
    with pytest.raises(ValueError, match=f"{argument} must be.*{value!r}"):
        AttentionRNN(**{"cell": MAKERS["bahdanau"](), argument: value})


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        (r"sequence must be \[batch, time, features\].*\(3, 2\)", {"sequence": randoms(BATCH, FEATURES)}),
        (r"at least one step.*\(3, 0, 2\)", {"sequence": np.zeros((BATCH, 0, FEATURES), "float32")}),
        (r"built for 2 features.*\(3, 4, 5\)", {"sequence": randoms(BATCH, TIME, 5)}),
        (r"memory must be.*\(3, 3\)", {"memory": randoms(BATCH, WIDTH)}),
        (r"mask must be \[batch, time\].*\(3, 3\)", {"mask": MASK[:, 1:]}),
        ("mask must be bool, got int32", {"mask": MASK.astype("int32")}),
        (r"lengths must be \[batch\].*\(2,\)", {"lengths": np.ones(2, "int32")}),
        ("mask or lengths, not both", {"mask": MASK, "lengths": np.ones(BATCH, "int32")}),
        (r"initial states must be.*\['hidden'\].*got 2", {"initial_state": [randoms(BATCH, UNITS)] * 2}),
        (r"states must be a list of 1.*\(3, 4\).*\(3, 5\)", {"initial_state": [randoms(BATCH, 5)]}),
    ],
)
def test_wrong_calls_say_what_was_expected(message, changed):
    sequence, memory = data()
    with pytest.raises(ValueError, match=message):
        make("bahdanau")(**{"sequence": sequence, "memory": memory, **changed})
