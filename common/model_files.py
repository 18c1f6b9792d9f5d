"""The trained Keras model as a file in the run."""

import importlib
import zipfile
from pathlib import Path
from typing import Any

from common.errors import UserError
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

    Raises:
        UserError: If the file is missing or damaged.
    """
    if not zipfile.is_zipfile(path):  # which Keras would report as not found
        raise UserError(_damaged(path))
    import keras

    importlib.import_module(f"{package}.model")
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(_damaged(path)) from error


def _damaged(path: Path) -> str:
    return f"{path} is missing or damaged; put it back from a copy, or train a new run"
