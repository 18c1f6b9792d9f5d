"""If these fail, the tests of the page take another browser than the one that was named, or are skipped beside a good one."""

import pytest

from tests.demo import browser


@pytest.fixture(autouse=True)
def nothing_on_the_path(monkeypatch, tmp_path):
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def program(folder, name):
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_without_any_there_is_none(tmp_path):
    assert browser.find_browser() is None
    assert browser.find_browser(str(tmp_path / "not-installed")) is None


def test_the_named_one_comes_before_that_of_playwright_and_that_on_the_path(tmp_path, monkeypatch):
    on_path = program(tmp_path, "chromium")
    of_playwright = program(tmp_path, "headless")
    assert browser.find_browser() == on_path
    assert browser.find_browser(of_playwright) == of_playwright
    monkeypatch.setenv(browser.VARIABLE, "named")
    assert browser.find_browser(of_playwright) == "named"


def test_without_a_browser_the_reason_says_what_to_do():
    assert "make setup-browser" in browser.HOW and "UNROLL_CHROMIUM" in browser.HOW
