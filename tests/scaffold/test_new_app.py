"""If these fail, `make new-app` makes an application that does not work, gets in the way of the one it was copied from, or claims
what was measured with that one; or it leaves half of it behind."""

import ast
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import UserError
from scaffold import new_app as module
from scaffold.names import applications, places_of
from scaffold.new_app import new_app
from tests.scaffold.repository_copy import (
    REPOSITORY,
    builder_names,
    content,
    copy_repository,
    environment,
    registered_packages,
)

# Those of the repository, which have pictures there; somebody's own may stand beside them.
SOURCES = [name for name in applications(REPOSITORY) if (REPOSITORY / f"docs/{name}").is_dir()]
COPIES = {source: f"zebra_{source}" for source in SOURCES}


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A copy of the repository with a new application made of each."""
    folder = copy_repository(tmp_path_factory.mktemp("copies"))
    for source, name in COPIES.items():
        new_app(folder, name, source)
    return folder


def python(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_there_is_something_to_copy():
    assert SOURCES


def test_style_is_that_of_the_repository(copies):
    python(copies, "-m", "ruff", "check", "--no-cache", ".")
    python(copies, "-m", "ruff", "format", "--no-cache", "--check", ".")


def test_pages_imports_and_hygiene_hold(copies):
    words = ("tests/test_docs.py", "tests/test_imports.py", "tests/test_hygiene.py")
    out = python(copies, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, "-k", "zebra or README.md")
    assert " passed" in out and "failed" not in out


@pytest.mark.parametrize("source", SOURCES)
def test_every_file_is_copied_and_names_itself_alone(copies, source):
    name = COPIES[source]
    for old, new in zip(places_of(source), places_of(name), strict=True):
        if old.endswith(".py"):
            assert (copies / new).is_file()
            continue
        assert set(content(copies / old)) == set(content(copies / new))
    for path in [*(copies / "apps" / name).rglob("*.py"), *(copies / "tests/apps" / name).rglob("*.py")]:
        text = path.read_text("utf-8")
        ast.parse(text)
        assert not re.search(rf"\b(apps|runs|saved_models)[./]{source}\b", text), path


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_registered_twice(copies, source):
    """Else two applications cannot be loaded by one process: TFDS refuses a name, Keras takes the wrong class."""
    name = COPIES[source]
    assert registered_packages(copies / "apps" / name) == {name}
    for folder in ("apps", "tests/apps"):
        ours = builder_names(copies / folder / name)
        assert not set(ours) & set(builder_names(copies / folder / source)) and len(ours) == len(set(ours))


@pytest.mark.parametrize("source", SOURCES)
def test_the_page_claims_nothing_that_was_measured_with_the_old_one(copies, source):
    page = (copies / "apps" / COPIES[source] / "README.md").read_text("utf-8")
    assert "benchmarks" not in page and f"docs/{source}" not in page
    measured = page.partition("## Measured\n")[2].partition("\n## ")[0]
    assert measured.strip().startswith("Nothing yet.") and "|" not in measured and "%" not in measured
    assert page.startswith(f"# {COPIES[source].replace('_', ' ').capitalize()}: ")
    old = (copies / "apps" / source / "README.md").read_text("utf-8")
    # All other sections are there, with their commands.
    headings = re.findall(r"^##+ .*$", old, re.MULTILINE)
    assert re.findall(r"^##+ .*$", page, re.MULTILINE) == headings
    numbered = re.findall(r"^\d\. \*\*", old, re.MULTILINE)
    assert re.findall(r"^\d\. \*\*", page, re.MULTILINE) == numbered
    for shown in ("train", "evaluate", "export", "predict", "serve", "diagnose"):
        assert f"python -m apps.{COPIES[source]} {shown}" in page


def test_nothing_but_the_new_places_and_two_pages_changed(copies, clone):
    before, after = content(clone), content(copies)
    places = [place for name in COPIES.values() for place in places_of(name)]
    changed = {path for path in after if before.get(path) != after[path] and "__pycache__" not in path}
    assert {path for path in changed if not path.startswith(tuple(places))} == {"README.md", "apps/README.md"}
    assert set(before) <= set(after)


def test_help_answers_and_a_mistake_is_one_sentence(copies):
    out = python(copies, "-m", "apps.zebra_music", "--help")
    assert "python -m apps.zebra_music" in out and "apps.music" not in out


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device", "README.md"), KeyboardInterrupt(), ValueError()]
)
def test_what_stops_it_leaves_everything_as_it_was(own_clone, monkeypatch, failure):
    before = content(own_clone)
    write = module.atomic_write

    def fail(path, *words):
        if path == own_clone / "apps/README.md":  # the last of all, when the rest is at its place
            monkeypatch.setattr(module, "atomic_write", write)
            raise failure
        return write(path, *words)

    monkeypatch.setattr(module, "atomic_write", fail)
    with pytest.raises(UserError if isinstance(failure, OSError) else type(failure)):
        new_app(own_clone, "zebra", "sentiment")
    assert content(own_clone) == before


def test_a_page_without_a_place_for_the_row_is_said_before_anything_is_made(own_clone):
    page = own_clone / "README.md"
    page.write_text(page.read_text("utf-8").replace("apps/sentiment/README.md", "elsewhere.md"), "utf-8")
    before = content(own_clone)
    with pytest.raises(UserError, match=r"README\.md has no link to apps/sentiment/README\.md"):
        new_app(own_clone, "zebra", "sentiment")
    assert content(own_clone) == before


def test_being_told_to_stop_leaves_nothing_behind(own_clone):
    before = content(own_clone)
    words = [sys.executable, "-m", "scaffold", "new-app", "--name", "zebra", "--from", "music"]
    process = subprocess.Popen(words, cwd=own_clone, env=environment(own_clone, PYTHONDONTWRITEBYTECODE="1"))
    deadline = time.monotonic() + 60
    while not list(own_clone.glob(".tmp-*")) and process.poll() is None and time.monotonic() < deadline:
        os.sched_yield()
    process.send_signal(signal.SIGTERM)
    code = process.wait(60)
    # It may have been done before it was told.
    assert code == 0 or (code == 128 + signal.SIGTERM and content(own_clone) == before)
    assert not list(own_clone.rglob(".tmp-*"))


def test_both_live_in_one_process(copies):
    """The layers of both are registered, and the builders of both are there."""
    code = """
import keras
import apps.sentiment.model, apps.zebra_sentiment.model
import apps.sentiment.dataset as old, apps.zebra_sentiment.dataset as new
import tensorflow_datasets as tfds
names = {name for name in keras.saving.get_custom_objects() if "sentiment" in name or name.startswith("unroll>")}
layers = {name.split(">")[1] for name in names if name.startswith("zebra_sentiment>")}
assert layers and {f"unroll>{name}" for name in layers} <= names, names
assert {"movie_reviews", "zebra_sentiment_movie_reviews"} <= set(tfds.list_builders(with_community_datasets=False))
"""
    python(copies, "-c", code)
