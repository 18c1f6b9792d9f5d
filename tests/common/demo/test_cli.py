"""If these fail, `python -m apps demo` is slow to answer, or answers a mistake with a riddle."""

import builtins
import subprocess
import sys
from pathlib import Path

import pytest

from common.demo import server
from common.demo.cli import main, parse
from common.demo.page import import_gradio
from common.errors import UserError

ROOT = Path(__file__).parents[3]


def test_help_and_mistakes_do_without_gradio_and_tensorflow():
    code = """
import sys
from pathlib import Path
from common.demo.cli import main
assert main("apps", Path("apps"), ["demo", "--help"]) == 0
assert main("apps", Path("apps"), ["demo", "--prot", "1"]) == 2
assert not {"gradio", "tensorflow", "keras", "numpy", "matplotlib"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--max_upload_bytes INT" in done.stdout and "127.0.0.1" in done.stdout
    assert done.stderr == "error: demo has no option --prot; did you mean --port?\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "a verb is missing: demo"),
        ("train", "all applications together have the verb demo alone, not train"),
        ("demo sentiment", "demo takes options only, so sentiment is one word too many"),
        ("demo --port x", "--port is x, but must be a whole number from 0 to 65535"),
        ("demo --port", "--port needs a value after it"),
    ],
)
def test_mistakes(words, sentence):
    with pytest.raises(UserError, match=sentence):
        parse(words.split())


def test_all_applications_are_shown_on_this_machine_alone_by_default(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(server, "serve_models", lambda models, **flags: calls.append((models, flags)))
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__main__.py").touch()
    assert main("apps", tmp_path, ["demo", "--saved_models", "m"]) == 0
    ((models, flags),) = calls
    assert models == [("a", "apps.a", Path("m/a")), ("b", "apps.b", Path("m/b"))]
    assert flags == {"host": "127.0.0.1", "port": 7860, "max_upload_bytes": 1 << 24}


def test_a_file_is_no_folder_of_models(tmp_path, capsys):
    (tmp_path / "m").touch()
    assert main("apps", tmp_path, ["demo", "--saved_models", str(tmp_path / "m")]) == 2
    assert "that is a file; give the folder of all exported models" in capsys.readouterr().err


def test_without_gradio_one_sentence_says_how_to_install_it(monkeypatch):
    found = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "gradio":
            raise ModuleNotFoundError("No module named 'gradio'", name="gradio")
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"needs Gradio, .* run make setup, or pip install -e '\.\[demo\]'"):
        import_gradio()
