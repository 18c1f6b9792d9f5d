"""Operations that TensorFlow itself does not have, for SavedModels that use them: those of tensorflow-text.

Without Keras, and without the public interface of TensorFlow, so that a model still loads in a second. Which libraries there
are is written here: nothing that a SavedModel says can make another file be loaded.
"""

import importlib.util
from pathlib import Path

_PACKAGE = "tensorflow_text"
# By a string that stands in the graph of a model that needs it.
_LIBRARIES = {
    b"SentencepieceTokenizeOp": "python/ops/_sentencepiece_tokenizer.so",
    b"NormalizeUTF8": "python/ops/_normalize_ops.so",
}


def load_needed(graph_file: Path) -> None:
    """Loads the libraries of operations that a SavedModel needs, once in a process.

    Args:
        graph_file: `saved_model.pb` of a version; missing or damaged ones need nothing here.

    Raises:
        ImportError: If it needs a library that is not installed.
    """
    try:
        graph = Path(graph_file).read_bytes()
    except OSError:  # whoever loads the model says so
        return
    needed = [library for name, library in _LIBRARIES.items() if name in graph]
    if not needed:
        return
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("this model needs the package tensorflow-text; install it with pip install tensorflow-text")
    load_library = importlib.import_module("tensorflow.python.framework.load_library")
    for library in needed:
        load_library.load_op_library(str(Path(spec.submodule_search_locations[0], library)))
