"""Fixtures of the tests of `common`."""

import sys
from pathlib import Path

import pytest


@pytest.fixture
def fake_app(monkeypatch):
    """The name of an importable application package that needs no TensorFlow; fresh for every test."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    for name in [name for name in sys.modules if name.partition(".")[0] == "fake_app"]:
        monkeypatch.delitem(sys.modules, name)
    yield "fake_app"
    for name in [name for name in sys.modules if name.partition(".")[0] == "fake_app"]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory) -> Path:
    """`saved_models/tiny` with one version, written and verified by the real exporter; tests only read it."""
    from common.export import export_model
    from tests.common import tiny_text_model

    endpoints, tracked = tiny_text_model.build()
    folder = tmp_path_factory.mktemp("saved_models")
    metadata = {"class_names": list(tiny_text_model.CLASS_NAMES), "metrics": {"accuracy": 0.5}}
    export_model("tiny", endpoints, tiny_text_model.EXAMPLES, folder, metadata, tracked)
    return folder / "tiny"
