"""Which files go along when one application becomes a project of its own.

The application with its tests; the modules of `common/` that these import, at their top, lazily or by name, and what those
import; and every other test that needs nothing else. What is left out follows from the imports, not from a list.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from scaffold.modules import closure, files_of, references

# What any test may use, and the battery that drives an application.
_TEST_BASE = ("tests/__init__.py", "tests/conftest.py", "tests/command_line.py", "tests/conformance/test_apps.py")
# Tests about the repository as such, which are true of any project made of it, though they import nothing.
_TESTS_OF_ANY = ("tests/test_hygiene.py", "tests/test_imports.py")
# Folders from which data files go along with the modules beside them.
_WITH_DATA = ("common", "apps")
_MADE = {"__pycache__"}
# What every project gets, made of what is here.
_WRITTEN = (
    "README.md",
    "Makefile",
    "pyproject.toml",
    "constraints.txt",
    "LICENSE",
    ".gitignore",
    "saved_models/README.md",
)


@dataclass(frozen=True)
class Kept:
    """The files of a project, as paths in the repository.

    Attributes:
        code: Modules of the application and of `common/`.
        tests: Modules in `tests/`.
        data: Other files that lie beside them.
    """

    code: frozenset[str]
    tests: frozenset[str]
    data: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.code | self.tests | self.data

    def has(self, path: str) -> bool:
        """Whether a file, or anything in a folder, goes along."""
        return path in self.all or any(kept.startswith(f"{path}/") for kept in self.all)


def kept_files(repository: Path, app: str) -> Kept:
    """Finds what the project of the application `app` is made of."""
    own = _modules(repository, f"apps/{app}")
    tests_of_app = _modules(repository, f"tests/apps/{app}")
    row = f"tests/conformance/rows/{app}.py"
    base = {path for path in (*_TEST_BASE, *_TESTS_OF_ANY, row) if (repository / path).is_file()}
    # Programs of all applications together, those that the page of this one tells a reader to start, and what the changes that it
    # shows import.
    together = {path.relative_to(repository).as_posix() for path in (repository / "apps").glob("*.py")}
    page = (repository / "apps" / app / "README.md").read_text("utf-8")
    named = {path for name in _named(page) for path in files_of(repository, name)}
    needed = closure(repository, own | together | tests_of_app | base | named, ("apps", "common", "tests"))
    # The battery names its rows by a pattern; those of other applications stay behind.
    code = {path for path in needed if path.startswith(("common/", f"apps/{app}/"))} | together
    tests = {path for path in needed if path.startswith("tests/") and not _is_of_another(path, app)}
    written = {*_WRITTEN, "apps/README.md", f"apps/{app}/README.md"}
    kept = Kept(frozenset(code), frozenset(tests), frozenset(written))
    # A test helps another, so what one brings along may make the next one complete.
    candidates = _modules(repository, "tests") - tests
    for path in sorted(candidates):
        if Path(path).name.startswith("test_") and not _is_of_another(path, app):
            tests |= _complete(repository, path, kept, named, app)
    folders = {Path(path).parent.as_posix() for path in tests if Path(path).name.startswith("test_")}
    tests |= {f"{folder}/conftest.py" for folder in folders if (repository / folder / "conftest.py").is_file()}
    tests |= closure(repository, tests, ("tests",))
    return Kept(frozenset(code), frozenset(tests), frozenset(_data(repository, app, code | tests)))


def _named(page: str) -> list[str]:
    """Modules that the README of an application has the reader start or change, or that a change imports."""
    changed = [path.replace("/", ".") for path in re.findall(r"^--- a/(common/[\w/]+)\.py$", page, re.MULTILINE)]
    imported = re.findall(r"^\+\s*(?:from|import) (common[\w.]*)", page, re.MULTILINE)
    return [*re.findall(r"python -m (tests\.[\w.]+)", page), *changed, *imported]


def _complete(repository: Path, path: str, kept: Kept, named: set[str], app: str) -> set[str]:
    """The test `path` with the modules of `tests/` that it needs, if all else that these refer to is kept; else nothing."""
    needed = closure(repository, {path}, ("tests",))
    conftest = Path(path).with_name("conftest.py").as_posix()
    if (repository / conftest).is_file():
        needed |= closure(repository, {conftest}, ("tests",))
    code: set[str] = set()
    for module in needed:
        if _is_of_another(module, app):
            return set()
        found = references(repository, module)
        modules = {file for file in found.modules if not file.startswith("tests/")}
        if modules - kept.code or any(not _is_there(kept, file, needed) for file in found.files):
            return set()
        code |= modules
    # A test of nothing that is kept is about what stays behind.
    return needed if code - {"apps/__init__.py"} or needed & (named - {"tests/__init__.py"}) else set()


def _is_there(kept: Kept, path: str, more: set[str]) -> bool:
    return kept.has(path) or path in more or any(other.startswith(f"{path}/") for other in more)


def _is_of_another(path: str, app: str) -> bool:
    """Whether a module of `tests/` belongs to another application."""
    for folder in ("tests/apps/", "tests/conformance/rows/"):
        if path.startswith(folder):
            return path.removeprefix(folder).partition("/")[0].removesuffix(".py") not in (app, "__init__")
    return False


def _modules(repository: Path, folder: str) -> set[str]:
    paths = (repository / folder).rglob("*.py")
    return {path.relative_to(repository).as_posix() for path in paths if not _MADE & set(path.parts)}


def _data(repository: Path, app: str, modules: set[str]) -> set[str]:
    """Files that are no modules, in the folders of the kept ones and below those that hold no module."""
    folders = {Path(path).parent for path in modules}
    found = set()
    for path in (p for top in (*_WITH_DATA, "tests") for p in (repository / top).rglob("*") if p.is_file()):
        relative = path.relative_to(repository)
        if path.suffix in (".py", ".pyc") or _MADE & set(relative.parts) or relative.name.startswith("."):
            continue
        nearest = next((p for p in relative.parents if any((repository / p).glob("*.py"))), None)
        if nearest in folders and relative.parent != Path("apps") and not _is_of_another(relative.as_posix(), app):
            found.add(relative.as_posix())
    return found
