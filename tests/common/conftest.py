"""Fixtures of the tests of `common`."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from common import model_files, verbs
from common.cli import main


@pytest.fixture
def fake_app(monkeypatch):
    """The name of an importable application package that needs no TensorFlow; fresh for every test."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    for name in [name for name in sys.modules if name.partition(".")[0] == "fake_app"]:
        monkeypatch.delitem(sys.modules, name)
    yield "fake_app"
    for name in [name for name in sys.modules if name.partition(".")[0] == "fake_app"]:
        del sys.modules[name]


@pytest.fixture
def world(fake_app, tmp_path, monkeypatch):
    """The modules that need TensorFlow, replaced; what they were asked to do is in the returned lists."""
    monkeypatch.chdir(tmp_path)
    calls = {"export": [], "serve": [], "demo": []}

    def export_model(app, endpoints, questions, saved_models_dir, metadata, tracked):
        calls["export"].append((app, sorted(endpoints), questions, str(saved_models_dir), metadata))
        version = tmp_path / saved_models_dir / app / str(len(calls["export"]))
        version.mkdir(parents=True)
        return version.relative_to(tmp_path)

    replaced = {
        "common.export": {"export_model": export_model},
        "common.server.app": {"serve": lambda **flags: calls["serve"].append(flags)},
        "common.demo.server": {"serve_models": lambda **flags: calls["demo"].append(flags)},
    }
    for name, functions in replaced.items():
        module = ModuleType(name)
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(model_files, "load_model", lambda path, package: path.read_text())
    monkeypatch.setattr(verbs, "device_line", lambda: "CPU")
    return calls


@pytest.fixture
def run_main(world, capsys):
    """Runs the command line: exit code, stdout, stderr."""
    from fake_app.config import PRESETS, Config

    def run(*words):
        capsys.readouterr()  # what a fixture wrote
        code = main("fake", "fake_app", Config, PRESETS, [str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def interrupted(run_main, tmp_path):
    """The path of a run whose training was cut off."""
    from fake_app import train

    train.fail_with = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        run_main("train", "--name", "a", "--model.units", "3")
    train.fail_with = None
    train.calls.clear()
    return tmp_path / "runs" / "fake" / "a"
