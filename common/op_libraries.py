"""Operations that TensorFlow itself does not have, for SavedModels that use them: those of tensorflow-text.

Without Keras, and without the public interface of TensorFlow, so that a model still loads in a second. Which libraries there
are is written here: nothing that a SavedModel says can make another file be loaded.
"""

import importlib
import importlib.util
from pathlib import Path

from common.errors import UserError

_PACKAGE = "tensorflow_text"
# By a string that stands in the graph of a model that needs it.
_LIBRARIES = {
    b"SentencepieceOp": "python/ops/_sentencepiece_tokenizer.so",
    b"NormalizeUTF8": "python/ops/_normalize_ops.so",
}


def needed(graph_file: Path) -> list[str]:
    """Returns the paths of the libraries that a SavedModel needs, of those in the installed tensorflow-text.

    Args:
        graph_file: `saved_model.pb` of a version; one that cannot be read needs nothing, since whoever loads it says so.

    Raises:
        UserError: If it needs tensorflow-text, which is not installed.
    """
    try:
        graph = Path(graph_file).read_bytes()
    except OSError:
        return []
    libraries = [library for name, library in _LIBRARIES.items() if name in graph]
    if not libraries:
        return []
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"{graph_file} needs the package tensorflow-text; run make setup, or pip install tensorflow-text"
        )
    return [str(Path(spec.submodule_search_locations[0], library)) for library in libraries]


def load_needed(graph_file: Path) -> None:
    """Loads them into this process; a second time does nothing."""
    libraries = needed(graph_file)
    if libraries:
        load_library = importlib.import_module("tensorflow.python.framework.load_library")
        for library in libraries:
            load_library.load_op_library(library)
