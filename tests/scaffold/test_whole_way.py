"""What a person does with the two commands, to the end. If these fail, a new application does not train, or a project of its own
does not pass its tests."""

import subprocess
import sys

import pytest

from scaffold.eject import eject
from scaffold.names import applications
from scaffold.new_app import new_app
from tests.scaffold.repository_copy import REPOSITORY, copy_repository, environment

pytestmark = pytest.mark.slow
SECONDS = 7200  # much more than it needs; a machine may be busy


def passes(folder, *words):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.mark.parametrize("source", applications(REPOSITORY))
def test_a_new_application_trains_exports_and_keeps_the_contract(source, tmp_path):
    folder = copy_repository(tmp_path / "clone")
    new_app(folder, "zebra", source)
    passes(folder, "tests/conformance/test_apps.py", "-k", "zebra")
    passes(folder, "tests/apps/zebra")
    passes(folder, "tests/test_docs.py", "tests/test_imports.py", "tests/test_hygiene.py")


def test_tests_of_both_applications_run_in_one_process(tmp_path):
    """Builders and layers are registered once for the whole process."""
    folder = copy_repository(tmp_path / "clone")
    new_app(folder, "zebra", "translation")
    both = [f"tests/apps/{app}/test_{part}.py" for app in ("translation", "zebra") for part in ("data", "model")]
    passes(folder, *both)


def test_a_new_application_can_be_ejected_and_passes_its_tests_there(tmp_path):
    folder = copy_repository(tmp_path / "clone")
    new_app(folder, "zebra", "sentiment")
    eject(folder, "zebra", tmp_path / "mine")
    assert " passed" in passes(tmp_path / "mine")
