"""The table of applications: all rows in `rows/`. A new application joins the checks of `test_apps.py` by its file there."""

import importlib
from pathlib import Path

from tests.conformance.app_row import App

APPS: list[App] = [
    importlib.import_module(f"tests.conformance.rows.{path.stem}").APP
    for path in sorted((Path(__file__).parent / "rows").glob("[a-z]*.py"))
]
