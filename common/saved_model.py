"""A SavedModel that answers, with as little of TensorFlow as that takes.

The end of the flow of data: `predict` and `serve` load what `export` wrote, and nothing of this repository's
layers, applications or Keras.

The model is loaded into a graph session, which is what TensorFlow Serving does, and not with
`tf.saved_model.load`, which `export` verifies with. The answers are the same (a test holds this); the start
is not. Seconds from the start of the process to the first answer, two bidirectional layers, medians of five
alternating runs on two cores: `import tensorflow` and `tf.saved_model.load` 5.0; the same with Keras kept from
being imported 3.5; this way 1.7. The difference is the public interface of TensorFlow, Keras, and what Keras
drags in (scikit-learn, matplotlib, pandas). A question to the loaded model takes 10 to 20 ms in each.
"""

import contextlib
import importlib
import importlib.util
import json
import os
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.native_log import hold_back_native_log
from common.op_libraries import load_needed

METADATA_FILE = Path("assets.extra", "unroll.json")
EXAMPLE_FILE = Path("assets.extra", "example.json")
DEFAULT_ENDPOINT = "serving_default"
GRAPH_FILE = "saved_model.pb"


@dataclass(frozen=True)
class Signature:
    """One endpoint: its tensors by name, each a `TensorInfo` message (`name`, `dtype`, `tensor_shape`)."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class SavedModel:
    """A loaded SavedModel.

    Attributes:
        path: The version directory.
        version: Its number; 1 if its name is no number.
        metadata: What the export noted about the model: `app`, `created`, `class_names`, `metrics`, ...;
            empty for a SavedModel that Unroll did not write.
        signatures: Endpoints by name.
        signature_defs: The same as the `SignatureDef` messages of the file, with TensorFlow's internal ones.
    """

    def __init__(self, path: Path, metadata: Mapping[str, Any], session: Any, signature_defs: Mapping[str, Any]):
        self.path = path
        self.version = int(path.name) if _is_version(path.name) else 1
        self.metadata = dict(metadata)
        self.signature_defs = dict(signature_defs)
        self.signatures = {
            name: Signature(dict(signature.inputs), dict(signature.outputs))
            for name, signature in signature_defs.items()
            if not name.startswith("__") and signature.outputs
        }
        self._session = session

    def call(self, endpoint: str, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Asks an endpoint that takes texts.

        Args:
            endpoint: Name of a signature with one input, string [batch].
            texts: At least one text.

        Returns:
            The outputs by name, each [batch, ...]; strings are `bytes` in an object array.

        Raises:
            UserError: If there is no such endpoint, or it does not take texts.
        """
        signature = self.signature(endpoint)
        if len(signature.inputs) != 1:
            raise UserError(
                f"endpoint {endpoint!r} of {self.path} takes {', '.join(sorted(signature.inputs))}; "
                "expected one input of texts"
            )
        (name,) = signature.inputs
        return self.run(endpoint, {name: as_strings(texts)})

    def run(self, endpoint: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Asks an endpoint with arrays for all its inputs; may be called from several threads at a time.

        Raises:
            UserError: If there is no such endpoint, or the model refuses the values.
        """
        signature = self.signature(endpoint)
        feed = {signature.inputs[name].name: value for name, value in inputs.items()}
        try:
            return self._session.run({name: info.name for name, info in signature.outputs.items()}, feed)
        except Exception as error:
            if type(error).__name__ != "InvalidArgumentError":  # of tensorflow.errors, which is not imported for it
                raise
            raise UserError(f"the model refuses this input: {_reason(error)}") from error

    def example(self) -> dict[str, Any] | None:
        """Returns an example that the model answers, as JSON by input; None for a model that has none with it.

        Raises:
            UserError: If its file cannot be read.
        """
        path = self.path / EXAMPLE_FILE
        try:
            (row,) = json.loads(path.read_text(encoding="utf-8"))["instances"]
            return dict(row)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is damaged ({error}); export the run again") from error

    def signature(self, endpoint: str) -> Signature:
        """Returns the signature of an endpoint.

        Raises:
            UserError: If there is none of this name.
        """
        if endpoint not in self.signatures:
            known = ", ".join(sorted(self.signatures))
            raise UserError(f"the model {self.path} has no endpoint {endpoint!r}; it has {known}")
        return self.signatures[endpoint]


def as_strings(texts: Sequence[str]) -> np.ndarray:
    """Returns texts as a model takes them: UTF-8, an object array of `bytes` [batch]."""
    # Text read from a terminal or JSON may hold lone surrogates, which UTF-8 cannot express.
    return np.array([text.encode("utf-8", errors="replace") for text in texts], dtype=object)


def resolve_model(path: str | os.PathLike[str]) -> Path:
    """Returns the directory of the newest version of an exported model.

    Args:
        path: A model's directory, of which the version with the largest number is meant, or a version
            directory.

    Raises:
        UserError: If it is missing, empty, or no SavedModel.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"there is no exported model {path}; train or export writes one to saved_models")
    if not path.is_dir():
        raise UserError(f"{path} is a file; expected the directory of an exported model, like saved_models/sentiment")
    if (path / GRAPH_FILE).is_file():
        return path
    versions = list_versions(path)
    if versions:
        newest = path / str(versions[-1])
        if not (newest / GRAPH_FILE).is_file():
            raise UserError(f"{newest} is not a SavedModel: it has no {GRAPH_FILE}; export the run again")
        return newest
    raise UserError(f"{path} is not an exported model: {_what_it_is(path)}")


def list_versions(path: Path) -> list[int]:
    """Returns the numbers of all version directories in a model's directory, smallest first."""
    return sorted(int(entry.name) for entry in path.iterdir() if _is_version(entry.name) and entry.is_dir())


def read_metadata(version: Path, app: str | None = None) -> dict[str, Any]:
    """Returns what the export noted about the model, without loading it.

    Args:
        version: A version directory.
        app: The application it must belong to; None = any, and a SavedModel without notes is fine, too.

    Raises:
        UserError: If it belongs to another application, or the notes cannot be read.
    """
    path = version / METADATA_FILE
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if app is None:
            return {}
        raise UserError(
            f"{version} is not a model of {app}: it has no {METADATA_FILE}, which export writes; export the run again"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); export the run again") from error
    if not isinstance(metadata, dict):
        raise UserError(f"{path} is damaged: expected a JSON object; export the run again")
    if app is not None and metadata.get("app") != app:
        other = metadata.get("app")
        raise UserError(f"{version} is a model of {other}, not of {app}; use python -m apps.{other} or another --model")
    return metadata


def load(path: str | os.PathLike[str], app: str | None = None) -> SavedModel:
    """Loads an exported model; what is wrong with the path is said before TensorFlow is imported.

    Args:
        path: A model's directory (its newest version) or a version directory.
        app: The application it must belong to; None = any.

    Raises:
        UserError: If it is missing, damaged, no SavedModel, or of another application.
    """
    version = resolve_model(path)
    metadata = read_metadata(version, app)
    with hold_back_native_log(), _damage_explained(version):
        return SavedModel(version, metadata, *_load_session(version))


def _load_session(version: Path) -> tuple[Any, Mapping[str, Any]]:
    with _tensorflow_without_interface():
        ops = importlib.import_module("tensorflow.python.framework.ops")
        session_module = importlib.import_module("tensorflow.python.client.session")
        loader_module = importlib.import_module("tensorflow.python.saved_model.loader_impl")
        load_needed(version / GRAPH_FILE)
    session = session_module.Session(graph=ops.Graph())
    try:
        meta_graph = loader_module.SavedModelLoader(str(version)).load(session, ["serve"])
    except BaseException:
        session.close()
        raise
    return session, meta_graph.signature_def


@contextlib.contextmanager
def _tensorflow_without_interface() -> Iterator[None]:
    """Lets modules below the package `tensorflow` be imported without running the package's own `__init__`.

    That file imports the whole public interface and then Keras. An empty package stands in for it while the
    block runs and is taken away after it, so that a later `import tensorflow` is complete. If it is imported
    already, so be it.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.submodule_search_locations is None:
        raise UserError("TensorFlow is not installed in this environment; run make setup, or pip install -e .")
    stand_in = types.ModuleType("tensorflow")
    stand_in.__path__ = list(spec.submodule_search_locations)
    stand_in.__spec__ = spec
    sys.modules["tensorflow"] = stand_in
    try:
        # As the package does before anything else, because modules ask for it while they are imported.
        os.environ.setdefault("TF2_BEHAVIOR", "1")
        importlib.import_module("tensorflow.python.pywrap_tensorflow")
        importlib.import_module("tensorflow.python.tf2").enable()
        yield
    finally:
        del sys.modules["tensorflow"]


@contextlib.contextmanager
def _damage_explained(version: Path) -> Iterator[None]:
    """Turns what a truncated or altered file makes TensorFlow and protobuf raise into one sentence."""
    try:
        yield
    except (UserError, ImportError, MemoryError):
        raise
    except Exception as error:
        # The classes differ by file and by where in it the damage is: DecodeError, OSError, DataLossError,
        # NotFoundError, ValueError, RuntimeError (no graph for the tag "serve"). What is being read is known.
        raise UserError(
            f"the SavedModel {version} is damaged or not whole ({_reason(error)}); export the run again"
        ) from error


def _reason(error: Exception) -> str:
    """Returns the line of an error of TensorFlow that says what happened."""
    text = str(error)
    asserted = re.search(r"assertion failed: \[(.*?)\]", text)
    if asserted:  # what the author of the graph says, without the operands
        return asserted[1]
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("[[")]
    lines = lines or [type(error).__name__]
    # "Graph execution error:" stands before the place in the graph, and the reason after it.
    return (lines[-1] if lines[0].endswith(":") else lines[0])[:200]


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _what_it_is(path: Path) -> str:
    if (path / "config.yaml").is_file():
        return "it is a run; python -m apps.<app> export --run makes a model of it"
    inside = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    models = [name for name in inside if list_versions(path / name)]
    if models:
        return f"it holds the models {', '.join(models)}; give one of them, for example {path / models[0]}"
    return f"it has no numbered version with a {GRAPH_FILE}; train or export writes one"
