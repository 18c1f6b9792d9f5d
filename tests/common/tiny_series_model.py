"""A forecaster of numbers that exports in a second: several inputs and outputs of rank 2 to 4, and no Keras model."""

from __future__ import annotations

import numpy as np

HORIZON, TARGETS, QUANTILES = 3, 2, 3


def example(batch: int, steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs by name: `history` float32 [batch, steps, 2], `future` float32 [batch, 3, 1], `history_time` int64 [batch, steps]."""
    random = np.random.default_rng(seed)
    return {
        "history": random.normal(size=(batch, steps, TARGETS)).astype(np.float32),
        "future": random.normal(size=(batch, HORIZON, 1)).astype(np.float32),
        # Seconds that no float32 holds.
        "history_time": 1_700_000_001 + 3600 * np.arange(steps, dtype=np.int64) + np.zeros((batch, 1), np.int64),
    }


def build():
    """Returns (endpoints, questions, tracked): what `export_model` takes."""
    import tensorflow as tf

    class Scale(tf.Module):
        def __init__(self):
            super().__init__()
            self.spread = tf.Variable([-1.0, 0.0, 1.0])

    scale = Scale()

    def forecast(history, future, history_time):
        enough = tf.debugging.assert_greater(tf.shape(history)[1], 1, "a history of at least 2 steps is needed")
        with tf.control_dependencies([enough]):
            last = history[:, -1:, :] + future  # [batch, horizon, targets]
        return {
            "forecast": last,
            "quantiles": last[..., None] + scale.spread,
            "time": history_time[:, -1:] + 3600 * tf.range(1, HORIZON + 1, dtype=tf.int64),
        }

    def mean(history):
        return {"mean": tf.reduce_mean(history, axis=1)}

    history = tf.TensorSpec([None, None, TARGETS], tf.float32, name="history")
    future = tf.TensorSpec([None, HORIZON, 1], tf.float32, name="future")
    history_time = tf.TensorSpec([None, None], tf.int64, name="history_time")
    endpoints = {"serving_default": (forecast, [history, future, history_time]), "mean": (mean, [history])}
    # As plain lists, and as arrays of other types.
    wide = {
        name: value.astype(np.float64) if value.dtype == np.float32 else value for name, value in example(7, 5).items()
    }
    questions = {
        "a short one": {name: value.tolist() for name, value in example(1, 2).items()},
        "a batch of 7": wide,
        "a history alone": {"history": example(2, 9)["history"]},
    }
    return endpoints, questions, [scale]
