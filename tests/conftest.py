"""Fixtures of all tests."""

import pytest

from common import console


@pytest.fixture(autouse=True)
def no_console_of_another_test(monkeypatch):
    """A verb that ran in a test leaves a console behind that writes to the closed stdout of that test."""
    monkeypatch.setattr(console, "_current", None)
