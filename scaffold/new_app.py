"""`new-app`: a copy of an application inside the repository, under a new name, that trains and keeps the contract at once.

All files are made in a folder of their own and looked over by ruff there. Then they are moved to their places, and the pages get
their rows; whatever stops this on the way takes everything back.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError
from common.files import TEMPORARY_PREFIX, atomic_write, require_writable_directory
from common.interpreter import python_command
from scaffold.app_page import page_of_new_app, with_row
from scaffold.modules import OWN
from scaffold.names import check_application, check_new_name, is_installed, places_of
from scaffold.renaming import Renaming, renaming

_PAGES = ("README.md", "apps/README.md")


def new_app(repository: Path, name: str, source: str) -> None:
    """Makes the application and says what to do with it.

    Args:
        repository: The folder of this repository.
        name: Of the new application.
        source: Of the application to copy.

    Raises:
        UserError: The name cannot be taken, there is no such application, or something cannot be written.
    """
    check_application(repository, source, "--from")
    check_new_name(repository, name)
    if not is_installed("ruff"):
        raise UserError("the imports of the copy are put in order by ruff, which is not installed; run make setup")
    for place in ("apps", "tests/apps", "tests/conformance/rows"):
        require_writable_directory(repository / place)
    temporary = repository / f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-{name}"
    try:
        temporary.mkdir()
        renamed = _write_copy(repository, source, name, temporary)
        _order_imports(repository, temporary)
        pages = {page: with_row((repository / page).read_text("utf-8"), page, renamed) for page in _PAGES}
        with _taken_back(repository, [*places_of(name), *_PAGES]):
            for place in places_of(name):
                if (temporary / place).exists():
                    (repository / place).parent.mkdir(parents=True, exist_ok=True)
                    os.rename(temporary / place, repository / place)
            for page, text in pages.items():
                with atomic_write(repository / page) as file:
                    file.write(text)
    except OSError as error:
        raise UserError(
            f"cannot make apps/{name}: {error.strerror} ({error.filename}); mend this and run again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    notebook = f" and a notebook, notebooks/{name}.ipynb" if (repository / f"notebooks/{name}.ipynb").is_file() else ""
    print(
        f"apps/{name} is a copy of {source} under its own name, with its tests in tests/apps/{name} and its row in\n"
        f"tests/conformance/rows/{name}.py{notebook}; README.md and apps/README.md name it.\n\n"
        f"  {python_command()} -m apps.{name} train --preset tiny\n"
        f"  {python_command()} -m pytest tests/apps/{name}\n"
        f"  {python_command()} -m pytest tests/conformance/test_apps.py -k {name}\n\n"
        f'"Make it yours" in apps/{name}/README.md says what to change where.'
    )


def _write_copy(repository: Path, source: str, name: str, folder: Path) -> Renaming:
    """Writes the renamed files into `folder` at the places that they have in the repository."""
    files = {
        path: (repository / path).read_bytes() for place in places_of(source) for path in _files(repository, place)
    }
    modules = {path: data.decode("utf-8") for path, data in files.items() if path.suffix == ".py"}
    # They say which arguments are names of applications.
    others = [*(repository / "common").rglob("*.py"), repository / "tests/command_line.py"]
    renamed = renaming(source, name, modules.values(), [path.read_text("utf-8") for path in others])
    for path, data in files.items():
        if path.suffix == ".py":
            data = renamed.source(modules[path]).encode("utf-8")
        elif path == Path("apps", source, "README.md"):
            data = page_of_new_app(data.decode("utf-8"), renamed).encode("utf-8")
        elif path.suffix == ".ipynb":
            data = renamed.notebook(data.decode("utf-8")).encode("utf-8")
        place = folder / _renamed_path(path, source, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return renamed


def _files(repository: Path, place: str) -> list[Path]:
    """The files at or below a path of the repository, as paths in it, without what Python made."""
    if (repository / place).is_file():
        return [Path(place)]
    found = (path.relative_to(repository) for path in sorted((repository / place).rglob("*")) if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts and not path.name.startswith(".")]


def _renamed_path(path: Path, source: str, name: str) -> Path:
    for old, new in zip(places_of(source), places_of(name), strict=True):
        if path == Path(old):
            return Path(new)
        if Path(old) in path.parents:
            return Path(new) / path.relative_to(old)
    raise ValueError(f"{path} is none of the places of {source}")


def _order_imports(repository: Path, folder: Path) -> None:
    """Sorts imports and wraps lines as `make format` does; a longer name moves both."""
    # Modules that are not at their places yet are not known as ours.
    ours = f"lint.isort.known-first-party={json.dumps(OWN)}"
    options = ("--quiet", "--no-cache", "--config", "pyproject.toml", "--config", ours, str(folder))
    for words in (("check", "--select", "I", "--fix"), ("format",)):
        command = [sys.executable, "-m", "ruff", *words, *options]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"ruff refuses the renamed files: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def _taken_back(repository: Path, places: list[str]) -> Iterator[None]:
    """On any exception, Ctrl-C included, puts files back as they were at the start and removes what was not there."""
    before = {place: (repository / place).read_bytes() if (repository / place).is_file() else None for place in places}
    try:
        yield
    except BaseException:
        for place, data in before.items():
            path = repository / place
            if data is not None:
                if path.read_bytes() != data:
                    with atomic_write(path, "wb") as file:
                        file.write(data)
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        raise
