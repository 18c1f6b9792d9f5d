"""A training that takes a second; the tests import it, and start it as a program to kill it.

    python small_training.py RUN_DIRECTORY [KILL_AT_STEP | interrupt:STEP]

It resumes when there is a checkpoint. With a step, it sends itself SIGKILL (or SIGINT) when that batch is
asked for.
"""

import json
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from common.config_sections import TrainConfig
from common.runs import Run
from common.training.compilation import require_jit_compile
from common.training.fit import resumable_fit
from common.training.optimizer import make_optimizer
from common.training.seeds import set_seeds

FEATURES, BATCH = 6, 8


class QuietConsole:
    """Remembers what a person would see."""

    def __init__(self):
        self.lines = []
        self.updates = []
        self.unusual = []

    def progress(self, total, description, start=0):
        self.lines.append(description)
        return self

    def line(self, text=""):
        self.lines.append(text)

    def warn(self, text):
        self.lines.append(f"warning: {text}")

    def update(self, step, *, unusual=False, **metrics):
        self.updates.append((step, metrics))
        self.unusual += [step] if unusual else []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


class Batches:
    """Random batches, the same for the same step; `on_step` is called before each is made."""

    def __init__(self, steps_per_epoch=10, on_step=lambda step: None, poison_at=None):
        self.steps_per_epoch = steps_per_epoch
        self._on_step, self._poison_at = on_step, poison_at

    def dataset(self, first_step):
        def batches():
            step = first_step
            while True:
                self._on_step(step)
                inputs, labels = make_batch(step)
                yield (inputs * np.nan if step == self._poison_at else inputs), labels
                step += 1

        return tf.data.Dataset.from_generator(batches, output_signature=_SIGNATURE)

    def padded_lengths(self, epoch):
        return [FEATURES] * self.steps_per_epoch


_SIGNATURE = (tf.TensorSpec([BATCH, FEATURES], tf.float32), tf.TensorSpec([BATCH], tf.int32))


def make_batch(step):
    random = np.random.default_rng(step)
    inputs = random.normal(size=(BATCH, FEATURES)).astype("float32")
    return inputs, (inputs[:, 0] > 0).astype("int32")


def validation_data():
    return Batches().dataset(1000).take(3).apply(tf.data.experimental.assert_cardinality(3))


def build_model(config, steps_per_epoch=10):
    inputs = keras.Input((FEATURES,))
    hidden = keras.layers.Dropout(0.3)(keras.layers.Dense(16, activation="tanh")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.BatchNormalization()(hidden)))
    model.compile(
        optimizer=make_optimizer(config, steps_per_epoch * config.epochs),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=config.jit_compile,
    )
    require_jit_compile(model, config.jit_compile)
    return model


def train(path, config, batches, console=None, resume=False, **options):
    set_seeds(config.seed)
    model = build_model(config, batches.steps_per_epoch)
    console = console or QuietConsole()
    run = Run(Path(path), "sentiment")
    result = resumable_fit(model, batches, validation_data(), run, config, resume=resume, console=console, **options)
    return model, result


def run(path, kill_at_step=None):
    """Trains what `test_resume` compares, compiled, and leaves `final.npz` and `final.json`."""

    def kill(step):
        if step == kill_at_step:
            os.kill(os.getpid(), signal.SIGKILL)

    config = TrainConfig(
        epochs=3,
        learning_rate=0.01,
        weight_average=0.9,
        checkpoint_every_steps=4,
        patience=0,
        tensorboard=False,
    )
    resume = (path / "checkpoints").exists()
    model, result = train(path, config, Batches(on_step=kill), resume=resume)
    np.savez(path / "final.npz", *[variable.numpy() for variable in model.weights])
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in result.history]
    final = {"rows": rows, "best": result.best_epoch, "resumed": result.resumed_step}
    (path / "final.json").write_text(json.dumps(final))


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
