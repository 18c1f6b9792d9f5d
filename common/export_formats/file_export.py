"""From a trained run to `exports/<app>/<format>/<n>/`: the file, what it needs beside it, and what was measured of it.

numeric core (`apps/<app>/numeric.py`) -> `litert.py` or `onnx.py` -> `run_file.py` in a fresh process -> `comparison.py`

The folder is not among the SavedModels, where TensorFlow Serving looks for versions. It appears whole and verified, or not at all.
"""

import datetime
import importlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.export_formats.comparison import Comparison, compare
from common.files import TEMPORARY_PREFIX, atomic_directory, write_json
from common.versions import publish

ABOUT_FILE = "about.json"
_RUNNER = Path(__file__).with_name("run_file.py")
_SECONDS = 600
_CONVERTERS = {"litert": "common.export_formats.litert", "onnx": "common.export_formats.onnx"}
QUANTIZED = ("none", "float16", "dynamic")


def require_format(file_format: str, quantize: str) -> None:
    """Checks, before anything heavy is imported, that a file of this format can be made here.

    Raises:
        UserError: If its packages are missing, or it cannot be quantized.
    """
    if quantize != "none" and file_format != "litert":
        raise UserError(f"--quantize {quantize} makes a LiteRT file smaller; with --format {file_format}, leave it out")
    if file_format not in _CONVERTERS:
        return
    converter = importlib.import_module(_CONVERTERS[file_format])
    missing = [package for package in converter.PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise UserError(
            f"--format {file_format} needs {' and '.join(missing).replace('_', '-')}; "
            "run pip install -c constraints.txt -e '.[formats]'"
        )


def core_of(package: str, model: Any, preprocessor: Any, file_format: str) -> Any:
    """Returns the `NumericCore` of an application.

    Args:
        package: The application's package, e.g. `apps.sentiment`.
        model, preprocessor: Of a trained run.
        file_format: For the sentence of the refusal.

    Raises:
        UserError: If the application has none, or not with these settings.
    """
    name = f"{package}.numeric"
    if importlib.util.find_spec(name) is None:
        raise UserError(
            f"{package} has no numeric.py, which says what of it is numbers alone, and --format {file_format} takes nothing "
            "else; docs/export_formats.md says how to write it, and --format saved_model needs none"
        )
    return importlib.import_module(name).numeric_core(model, preprocessor)


def export_file(
    app: str,
    core: Any,
    file_format: str,
    exports_dir: str | os.PathLike[str],
    quantize: str = "none",
    notes: Mapping[str, Any] | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Writes and verifies the next version of a file.

    Args:
        app: Name of the application.
        core: Its `NumericCore`.
        file_format: `litert` or `onnx`.
        exports_dir: The folder of all such files.
        quantize: One of `QUANTIZED`.
        notes: What else `about.json` says.

    Returns:
        The new folder, and the content of its `about.json`.

    Raises:
        UserError: If the format has no operation for a part of the core, the file answers otherwise than the SavedModel, or
            the place cannot be written.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"--format {file_format} is made from TensorFlow's graph, and KERAS_BACKEND is {keras.backend.backend()}; "
            "run export with KERAS_BACKEND=tensorflow (model.keras of the run is the same for all backends)"
        )
    converter = importlib.import_module(_CONVERTERS[file_format])
    content = converter.convert(core, quantize)
    folder = Path(exports_dir, app, file_format)
    staging = folder / f"{TEMPORARY_PREFIX}export-{secrets.token_hex(4)}"
    try:
        with atomic_directory(staging) as directory:
            (directory / converter.FILE).write_bytes(content)
            for name, extra in core.files.items():
                (directory / name).write_bytes(extra)
            found, milliseconds = verify(core, directory / converter.FILE, quantize != "none")
            about = {
                **(notes or {}),
                "app": app,
                "format": file_format,
                "file": converter.FILE,
                "quantize": quantize,
                "bytes": len(content),
                "milliseconds": round(milliseconds, 3),
                "largest_difference": found.difference,
                "equal_whole_numbers": found.equal,
                "inputs": {spec.name: _describe(spec, converter.BATCH) for spec in core.signature},
                "left_out": core.left_out,
                **core.notes,
                "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "packages": _versions(("tensorflow", "keras", *converter.PACKAGES)),
            }
            write_json(directory / ABOUT_FILE, about)
        return publish(staging, folder), about
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def summary(about: Mapping[str, Any]) -> dict[str, str]:
    """Returns what a person wants to know of a file, from its `about.json`."""
    inputs = ", ".join(f"{name} {spec['dtype']} {spec['shape']}" for name, spec in about["inputs"].items())
    rows = {
        "takes": inputs,
        "without": about["left_out"],
        "size": f"{about['bytes']:,} bytes",
        "one example": f"{about['milliseconds']:.3g} ms",
        "furthest from the SavedModel": f"{about['largest_difference']:.2g}, of 1 + the value",
    }
    if about["equal_whole_numbers"] < 1:
        rows["whole numbers that are equal"] = f"{about['equal_whole_numbers']:.1%}"
    return {name: text for name, text in rows.items() if text}


def verify(core: Any, path: Path, quantized: bool) -> tuple[Comparison, float]:
    """Asks a file in a fresh process what the core answers in memory, example by example.

    Returns:
        How far the answers are apart, and milliseconds for one example.

    Raises:
        UserError: If they are too far apart.
        RuntimeError: If the runtime cannot load or run the file.
    """
    import numpy as np

    asked, function = core.asked(), core.traced(None)
    expected = {
        case: {name: value.numpy() for name, value in function(*inputs.values()).items()}
        for case, inputs in asked.items()
    }
    with tempfile.TemporaryDirectory() as elsewhere:
        questions, answers = Path(elsewhere, "questions.npz"), Path(elsewhere, "answers.npz")
        arrays = {
            f"{name}/{number}": value for number, inputs in enumerate(asked.values()) for name, value in inputs.items()
        }
        np.savez(questions, **arrays)
        _run(path, questions, answers)
        with np.load(answers, allow_pickle=False) as stored:
            milliseconds = float(stored["milliseconds"])
            found = {case: {} for case in expected}
            cases = list(expected)
            for key in stored.files:
                name, _, number = key.rpartition("/")
                if name:
                    found[cases[int(number)]][name] = stored[key]
    comparison = compare(expected, found)
    refused = comparison.refused(quantized)
    if refused:
        raise UserError(
            f"the file {path.name} does not answer as the SavedModel does, so it was not kept: {refused}; "
            "use --format saved_model"
        )
    return comparison, milliseconds


def _run(path: Path, questions: Path, answers: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "KERAS", "TF_"))}
    command = [sys.executable, "-I", str(_RUNNER), str(path.resolve()), str(questions), str(answers)]
    done = subprocess.run(
        command,
        cwd=questions.parent,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-15:])
        raise RuntimeError(f"{path.name} does not load or run in a fresh process:\n{tail}")


def _describe(spec: Any, batch: int) -> dict[str, Any]:
    return {"dtype": spec.dtype.name, "shape": [batch, *spec.shape.as_list()[1:]]}


def _versions(packages: Iterable[str]) -> dict[str, str]:
    return {package: importlib.metadata.version(package.replace("_", "-")) for package in packages}
