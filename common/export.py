"""From a trained model to a SavedModel that others can rely on.

`endpoints` (preprocessor -> model -> invert) become `saved_models/<app>/<n>/`, the form that TensorFlow
Serving reads. The directory appears whole, on disk and verified, or not at all: it is written under a
temporary name, loaded in a fresh process that has neither this repository nor Keras
(`verify_saved_model.py`), and only then renamed.
"""

import contextlib
import datetime
import importlib.metadata
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import op_libraries
from common.errors import UserError
from common.files import TEMPORARY_PREFIX, atomic_directory, write_json
from common.questions import Case, matched_questions
from common.saved_model import DEFAULT_ENDPOINT, EXAMPLE_FILE, GRAPH_FILE, METADATA_FILE
from common.server.tensors import write_request
from common.versions import publish

_VERIFIER = Path(__file__).with_name("verify_saved_model.py")
_VERIFIER_SECONDS = 600
# Two programs on the same processor, the same kernels: only the order of parallel sums may differ.
_TOLERANCE = 1e-5
# The fresh process has no GPU, as a server may have none. GPU kernels round otherwise,
# TF32 products to ten bits.
_GPU_TOLERANCE = 5e-3
_PACKAGES = ("tensorflow", "keras", "numpy")

Endpoint = tuple[Callable[..., Mapping[str, Any]], Sequence[Any]]
Questions = Mapping[str, Mapping[str, Any]]


class VerificationError(RuntimeError):
    """The exported model does not do what the model in memory does. A bug in the application or here."""


def export_model(
    app: str,
    endpoints: Mapping[str, Endpoint],
    questions: Questions,
    saved_models_dir: str | os.PathLike[str],
    metadata: Mapping[str, Any] | None = None,
    tracked: Iterable[Any] = (),
) -> Path:
    """Writes and verifies the next version of an application's SavedModel.

    Args:
        app: Name of the application.
        endpoints: By name, a function that returns a dictionary of tensors [batch, ...], and its input
            signature: a named `tf.TensorSpec` for each argument. One is called `serving_default`.
        questions: By what they try, inputs by their names in the signatures: arrays, or nested lists, [batch, ...].
            The verification asks every endpoint with each case that has all its inputs, and with no more of the
            case than these. The first row of the first case goes with the model as its example.
        saved_models_dir: The folder of all exported models.
        metadata: What else to note in `assets.extra/unroll.json`: `class_names`, `metrics`, ...
        tracked: What the endpoints use: the preprocessor (`tf.Module`), the Keras model.

    Returns:
        The new version directory, `<saved_models_dir>/<app>/<n>`; n is one more than the largest there.

    Raises:
        UserError: If the disk is full, the place cannot be written, or Keras runs on another backend.
        VerificationError: If the SavedModel answers otherwise than the model in memory, or would not run
            elsewhere.
        ValueError: If the endpoints or the questions are not of this form, or do not fit each other.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise UserError(
            "a SavedModel is written on the TensorFlow backend, and KERAS_BACKEND is "
            f"{keras.backend.backend()}; run export with KERAS_BACKEND=tensorflow (model.keras of the run is the same for all backends)"
        )
    if DEFAULT_ENDPOINT not in endpoints:
        raise ValueError(f"endpoints must hold {DEFAULT_ENDPOINT!r}, the one that servers use; got {sorted(endpoints)}")
    cases = matched_questions({name: signature for name, (_, signature) in endpoints.items()}, questions)
    example = _example(cases)
    models = Path(saved_models_dir) / app
    staging = models / f"{TEMPORARY_PREFIX}export-{secrets.token_hex(4)}"
    try:
        with _Verifier() as verifier, atomic_directory(staging) as directory:
            functions = _write(endpoints, tracked, directory)
            request = {
                "model": str(directory.resolve()),
                "op_libraries": op_libraries.needed(directory / GRAPH_FILE),
                "tolerance": _tolerance(),
                "cases": _cases(functions, cases),
            }
            extra = directory / METADATA_FILE
            extra.parent.mkdir()
            write_json(extra, _notes(app, functions, metadata or {}))
            write_json(directory / EXAMPLE_FILE, example)
            verifier.verify(request)
        return publish(staging, models)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def export_on_tensorflow(package: str, run: Path, saved_models_dir: str | os.PathLike[str]) -> Path:
    """Exports a run in a process of its own, for a process whose Keras runs on another backend.

    `model.keras` is the same for all backends; a SavedModel is TensorFlow's.

    Args:
        package: The application's package, e.g. `apps.sentiment`.
        run: The run directory, with the trained model.
        saved_models_dir: The folder of all exported models.

    Raises:
        UserError: What that process says the person can mend.
        RuntimeError: If it fails otherwise.
    """
    words = ["export", "--run", str(run), "--saved_models", os.fspath(saved_models_dir), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", package, *words],
        env=os.environ | {"KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    if done.returncode == 2:
        raise UserError(done.stderr.strip().splitlines()[-1].removeprefix("error: "))
    if done.returncode != 0:
        raise RuntimeError(f"the export on TensorFlow ended with {done.returncode}:\n{done.stderr}")
    return Path(json.loads(done.stdout.splitlines()[-1])["saved_model"])


def _write(endpoints: Mapping[str, Endpoint], tracked: Iterable[Any], directory: Path) -> dict[str, Callable]:
    """Writes the SavedModel; returns the traced function of every endpoint, `serving_default` first."""
    import keras

    archive = keras.export.ExportArchive()
    for resource in tracked:
        archive.track(resource)
    functions = {}
    for name in sorted(endpoints, key=lambda name: (name != DEFAULT_ENDPOINT, name)):
        function, signature = endpoints[name]
        functions[name] = archive.add_endpoint(name, function, input_signature=list(signature))
        outputs = functions[name].get_concrete_function().structured_outputs
        if not isinstance(outputs, Mapping):
            raise TypeError(f"endpoint {name} must return a dictionary of tensors, not {type(outputs).__name__}")
    archive.write_out(str(directory), verbose=False)
    return functions


def _cases(functions: Mapping[str, Callable], cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Returns the questions with the answers of the model in memory."""
    import tensorflow as tf

    answered = []
    for case in cases:
        try:
            answers = functions[case.endpoint](*case.inputs.values())
        except tf.errors.OpError as error:
            raise VerificationError(
                f"endpoint {case.endpoint}, {case.name}: the model fails already in memory: {error}"
            ) from error
        inputs = {name: _to_json(value.numpy()) for name, value in case.inputs.items()}
        outputs = {name: _to_json(value.numpy()) for name, value in answers.items()}
        answered.append({"endpoint": case.endpoint, "case": case.name, "inputs": inputs, "outputs": outputs})
    return answered


def _example(cases: Iterable[Case]) -> dict[str, Any]:
    """Returns one example as a request in row form, for `serve` to warm up with and to show."""
    first = next(case for case in cases if case.endpoint == DEFAULT_ENDPOINT)
    example = {name: value.numpy()[0] for name, value in first.inputs.items()}
    for name, value in example.items():
        if getattr(value, "dtype", None) is not None and value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"question {first.name!r}: input {name!r} is not finite, and JSON has no such numbers")
    return write_request(example)


def _to_json(array: Any) -> dict[str, Any]:
    """Returns an array in the form that `verify_saved_model.py` reads; repr keeps every bit."""
    values = array.ravel().tolist()
    if array.dtype == object:
        values = [value.decode("latin-1") for value in values]
    return {"dtype": array.dtype.name, "shape": list(array.shape), "values": values}


def _tolerance() -> float:
    import tensorflow as tf

    return _GPU_TOLERANCE if tf.config.list_logical_devices("GPU") else _TOLERANCE


def _notes(app: str, functions: Mapping[str, Callable], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the content of `unroll.json`."""
    signatures = {}
    for name, function in functions.items():
        concrete = function.get_concrete_function()
        inputs = {spec.name: _describe(spec) for spec in concrete.structured_input_signature[0]}
        outputs = {key: _describe(spec) for key, spec in concrete.structured_outputs.items()}
        signatures[name] = {"inputs": inputs, "outputs": outputs}
    return {
        **metadata,
        "app": app,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "signatures": signatures,
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _describe(spec: Any) -> dict[str, Any]:
    shape = None if spec.shape.rank is None else spec.shape.as_list()
    return {"dtype": spec.dtype.name, "shape": shape}


class _Verifier:
    """The fresh process. It starts at once and imports TensorFlow while the model is being written."""

    def __enter__(self) -> "_Verifier":
        self._stack = contextlib.ExitStack()
        elsewhere = self._stack.enter_context(tempfile.TemporaryDirectory())
        # A GPU here would be the wrong proof: what was trained on one must be served without. Variables that
        # change Python or Keras must not reach the stranger.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KERAS", "XLA_", "TF_XLA"))}
        environment |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_VERIFIER)],
                cwd=elsewhere,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the exporting process, which then ends this one
            )
            self._stack.callback(self._end)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    def verify(self, request: Mapping[str, Any]) -> None:
        """Asks the fresh process.

        Raises:
            VerificationError: If it finds a difference, cannot load the model, or does not come to an end.
        """
        try:
            output, log = self._process.communicate(json.dumps(request).encode(), timeout=_VERIFIER_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise VerificationError(f"the exported model gave no answer in {_VERIFIER_SECONDS} s") from error
        if self._process.returncode != 0:
            tail = "\n".join(log.decode(errors="replace").splitlines()[-15:])
            raise VerificationError(f"the exported model does not load or run in a fresh process:\n{tail}")
        problems = json.loads(output.splitlines()[-1])["problems"]
        if problems:
            shown = [f"  {problem}" for problem in _first(problems, 10)]
            raise VerificationError("the exported model is not the model in memory:\n" + "\n".join(shown))

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            pipe.close()


def _first(items: Sequence[str], count: int) -> Iterator[str]:
    yield from items[:count]
    if len(items) > count:
        yield f"and {len(items) - count} more"
