"""What every application's tab of the page must do. If these fail, `make demo` ends with a traceback, or is slow before it begins."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from common.demo.models import ModelOfTab
from common.demo.page import build_page
from common.demo.workspace import Workspace
from common.errors import UserError

REPOSITORY = Path(__file__).parents[2]
APPS = sorted(path.parent.name for path in (REPOSITORY / "apps").glob("*/__main__.py"))
# What a tab may not need: it is shown where nothing is trained.
TRAINING = {"train", "model", "preprocessing", "evaluate", "data", "dataset", "serving", "diagnose"}


@pytest.mark.parametrize("app", APPS)
def test_a_tab_has_a_title_and_a_function_that_builds_it(app):
    module = importlib.import_module(f"apps.{app}.demo")
    assert module.TITLE and len(module.TITLE) < 30
    assert list(inspect.signature(module.build_tab).parameters) == ["model", "workspace"]


@pytest.mark.parametrize("app", APPS)
def test_a_tab_needs_nothing_of_training(app):
    tree = ast.parse((REPOSITORY / "apps" / app / "demo.py").read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {f"apps.{app}.{name}" for name in TRAINING} & imported


def test_titles_are_read_without_heavy_imports():
    code = f"""
import importlib, sys
for app in {APPS}:
    importlib.import_module(f"apps.{{app}}.demo")
slow = {{"gradio", "tensorflow", "keras", "numpy", "matplotlib", "pandas", "PIL"}} & set(sys.modules)
assert not slow, slow
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_tab_that_a_model_does_not_fit_says_so_and_the_others_are_built(tmp_path):
    """An old export may lack an endpoint that the tab asks."""
    pytest.importorskip("gradio", reason="Gradio is not installed: run make setup")
    sentiment = importlib.import_module("apps.sentiment.demo")

    class Old:
        metadata, path = {}, "m/1"

        def signature(self, endpoint):
            raise UserError(f"the model m has no endpoint {endpoint!r}; it has serving_default")

    page = build_page(
        [ModelOfTab("sentiment", sentiment, Old()), ModelOfTab("other", None, None, "It is missing.", ("make it",))],
        Workspace(tmp_path),
    )
    shown = str(page.get_config_file()["components"])
    assert "has no endpoint" in shown and "It is missing." in shown and "make it" in shown
