"""Scalars for TensorBoard.

Not `keras.callbacks.TensorBoard`: it reads the metrics after every step, which makes the device wait for
Python, and it knows neither the gradient norm nor a resumed epoch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class EventLog:
    """Writes `logs/train` and `logs/validation`, for `tensorboard --logdir runs`.

    Args:
        directory: The folder `logs` of a run; None = write nothing.
    """

    def __init__(self, directory: Path | None):
        self._directory = directory
        self._writers: dict[str, Any] = {}

    def write(self, part: str, step: int, values: Mapping[str, float]) -> None:
        """Writes one point of every curve.

        Args:
            part: `"train"` or `"validation"`; curves of the same name share a picture.
            step: Steps since the start of the training.
            values: A number for each curve.
        """
        if self._directory is None:
            return
        import tensorflow as tf  # also on JAX, where it reads the data

        if part not in self._writers:
            self._writers[part] = tf.summary.create_file_writer(str(self._directory / part))
        with self._writers[part].as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def flush(self) -> None:
        """Makes what was written visible to TensorBoard."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Ends the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
