"""What a user loses without these: XLA's speed, silently; and the certainty that it compiles six times, not
sixty."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import UserError
from common.training.compilation import (
    count_compilations,
    dump_flags,
    require_jit_compile,
    require_numeric_inputs,
)

ROOT = Path(__file__).parents[3]


class Stubborn(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False

    def call(self, inputs):
        return inputs


def compiled(*layers, **options):
    model = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse", **({"jit_compile": True} | options))
    return model


def test_a_layer_that_keeps_xla_away_is_named():
    with pytest.warns(UserWarning, match="jit_compile"):
        model = compiled(keras.Sequential([Stubborn(name="dice")]))
    with pytest.raises(UserError, match=r"the layer 'dice' \(Stubborn\) does not support it.*jit_compile false"):
        require_jit_compile(model, wanted=True)
    require_jit_compile(model, wanted=False)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="op determinism is TensorFlow's")
def test_op_determinism_is_named(monkeypatch):
    from tensorflow.python.framework import config

    # Keras asks this function, and drops XLA when it says yes.
    monkeypatch.setattr(config, "is_op_determinism_enabled", lambda: True)
    with pytest.warns(UserWarning, match="jit_compile"):
        model = compiled()
    with pytest.raises(UserError, match="enable_op_determinism"):
        require_jit_compile(model, wanted=True)


def test_a_model_that_is_compiled_passes_and_one_that_nobody_asked_to_compile_does_not():
    require_jit_compile(compiled(), wanted=True)
    with pytest.raises(UserError, match="not called with jit_compile=True"):
        require_jit_compile(compiled(jit_compile=False), wanted=True)
    with pytest.warns(UserWarning, match="run_eagerly"):
        model = compiled(run_eagerly=True)
    with pytest.raises(UserError, match="run_eagerly=True"):
        require_jit_compile(model, wanted=True)


def test_strings_do_not_enter_the_compiled_step():
    import tensorflow as tf

    numbers = tf.data.Dataset.from_tensors(({"token_ids": np.zeros((2, 3), "int32")}, np.zeros(2)))
    require_numeric_inputs(numbers.element_spec)
    with pytest.raises(ValueError, match="Preprocessor"):
        require_numeric_inputs(tf.data.Dataset.from_tensors(({"text": ["a"]}, [0])).element_spec)


# Three lengths in training, two of them in validation; then model.keras, which goes into a process of its
# own.
TRAIN = """
import sys
import keras, numpy as np, tensorflow as tf
from common.training.optimizer import MeasuredAdam, WarmupSchedule

ids = keras.Input((None,), dtype="int32")
pooled = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(5, 2)(ids))
model = keras.Model(ids, keras.layers.Dense(1)(pooled))
model.compile(MeasuredAdam(WarmupSchedule(0.1, 8, 2), weight_average=0.9), "mse", jit_compile=True)
batches = [(np.full((2, n), 1, "int32"), np.zeros((2, 1), "float32")) for n in (3, 5, 7, 5, 3, 7)]
spec = (tf.TensorSpec([2, None], tf.int32), tf.TensorSpec([2, 1], tf.float32))
data = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec)
model.fit(data.repeat(), epochs=2, steps_per_epoch=6, validation_data=data.take(2), shuffle=False, verbose=0)
model.save(sys.argv[1])
np.savez(sys.argv[1] + ".npz", *[variable.numpy() for variable in model.optimizer.variables])
"""

LOAD = """
import sys
import keras, numpy as np
import common.training.optimizer

model = keras.models.load_model(sys.argv[1])  # safe_mode is on
with np.load(sys.argv[1] + ".npz") as expected:
    for name, variable in zip(expected.files, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), expected[name])
assert model.optimizer.weight_average == 0.9 and float(model.optimizer.learning_rate) < 0.1
"""


def program(source, *arguments, **environment):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"} | environment
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_each_length_is_compiled_once_and_the_optimizer_survives_a_fresh_process(tmp_path):
    program(TRAIN, str(tmp_path / "model.keras"), XLA_FLAGS=dump_flags(tmp_path / "xla"))
    assert count_compilations(tmp_path / "xla") == [3, 2]
    program(LOAD, str(tmp_path / "model.keras"))
