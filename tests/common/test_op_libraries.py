"""If these fail, an exported model that splits words into pieces does not load where it is served."""

import importlib.util
import subprocess
import sys

import pytest

from common import op_libraries
from common.errors import UserError
from tests import command_line

BOTH = ("SentencepieceOp", "NormalizeUTF8")
LIBRARIES = {"_sentencepiece_tokenizer.so": "SentencepieceOp", "_normalize_ops.so": "NormalizeUTF8"}


@pytest.fixture
def graph(tmp_path):
    """Writes a file with operations in it, and returns its path."""

    def write(*operations):
        path = tmp_path / "saved_model.pb"
        path.write_bytes(b"\x0a\x12" + b"\x00".join(name.encode() for name in operations) + b"\xff")
        return path

    return write


def test_a_graph_needs_what_stands_in_it_and_nothing_else(graph):
    for library, operation in LIBRARIES.items():
        (found,) = op_libraries.needed(graph("MatMul", operation, "Add"))
        assert found.endswith(f"tensorflow_text/python/ops/{library}")
    assert len(op_libraries.needed(graph(*BOTH))) == 2
    assert op_libraries.needed(graph("MatMul", "StringLower")) == []


def test_a_file_that_is_not_there_needs_nothing(tmp_path):
    """Else the person reads of a library where a model is missing."""
    assert op_libraries.needed(tmp_path / "saved_model.pb") == []
    assert op_libraries.needed(tmp_path) == []


def test_nothing_but_the_installed_package_is_loaded(graph, tmp_path):
    """Else a model from a stranger runs the stranger's code."""
    path = graph("SentencepieceOp", "evil.so", "../../evil_ops.so", f"{tmp_path}/NormalizeUTF8.so")
    package = importlib.util.find_spec("tensorflow_text").submodule_search_locations[0]
    assert all(library.startswith(package) and ".." not in library for library in op_libraries.needed(path))


def test_without_the_package_it_says_what_to_install(graph, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package tensorflow-text; run make setup, or pip install"):
        op_libraries.needed(graph(*BOTH))
    assert op_libraries.needed(graph("MatMul")) == []


_LOAD = """
import sys
from pathlib import Path
sys.modules["keras"] = None
from common.op_libraries import load_needed
from common.saved_model import _tensorflow_without_interface
with _tensorflow_without_interface():
    import importlib
    op_def_registry = importlib.import_module("tensorflow.python.framework.op_def_registry")
    before = op_def_registry.get("SentencepieceOp")
    for _ in range(2):
        load_needed(Path(sys.argv[1]))
    names = ("SentencepieceOp", "SentencepieceTokenizeOp", "NormalizeUTF8")
    print(before is None, [name for name in names if op_def_registry.get(name) is not None])
    print("tensorflow_text" in sys.modules)
"""


def test_the_libraries_load_without_keras_and_twice(graph, tmp_path):
    """Else `predict` waits for five seconds, or `serve` fails at its second version."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(graph(*BOTH))],
        cwd=tmp_path,
        env=command_line.environment(TF_CPP_MIN_LOG_LEVEL="3"),
        capture_output=True,
        text=True,
        timeout=command_line.SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = done.stdout.splitlines()[-2:]
    assert first.startswith("True [") and first.count("'") == 6, first
    assert second == "False"
