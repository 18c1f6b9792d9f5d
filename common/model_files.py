"""The trained Keras model as a file in the run."""

import importlib
from pathlib import Path
from typing import Any

from common.files import atomic_path


def save_model(model: Any, path: Path) -> None:
    """Writes a `keras.Model` as `.keras`, whole or not at all."""
    with atomic_path(path) as temporary:
        model.save(temporary)


def load_model(path: Path, package: str) -> Any:
    """Returns the `keras.Model` in a `.keras` file, not compiled: for evaluation and export only.

    Args:
        path: The file.
        package: The application's package; importing its `model` module registers its layers with Keras.
    """
    import keras

    importlib.import_module(f"{package}.model")
    return keras.saving.load_model(path, compile=False)
