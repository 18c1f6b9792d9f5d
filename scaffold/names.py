"""Checks the names that a person gives, before anything is made of them."""

import importlib.util
import keyword
import re
import sys
from pathlib import Path

from common.cli_options import VERBS
from common.errors import UserError
from common.spelling import did_you_mean, listed

# Names of a module or a folder that the generated code would be taken for.
_OURS = ("apps", "common", "tests", "benchmarks", "scaffold", "docs", "notebooks", "unroll")
# Names that pytest and `-k`, which finds tests by a part of their name, would take for something else.
_OF_TESTS = ("conftest", "test", "app", "row", "rows", "cell", "cells", "model", "data", "train", "demo", "page")
SHORTEST, LONGEST = 3, 40


def applications(repository: Path) -> list[str]:
    """The names of the applications, in order."""
    return sorted(path.parent.name for path in (repository / "apps").glob("*/__main__.py"))


def check_application(repository: Path, name: str, option: str) -> None:
    """Raises UserError if there is no application of that name; `option` is where the person named it."""
    known = applications(repository)
    if name not in known:
        raise UserError(
            f"{option} is {name!r}, but the applications are {listed(known, 'and')}{did_you_mean(name, known)}"
        )


def check_new_name(repository: Path, name: str) -> None:
    """Checks that an application can have this name.

    Raises:
        UserError: It is no Python identifier in small letters, a keyword, the name of a module that Python finds, or taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name.endswith("_") or "__" in name:
        raise UserError(
            f"--name is {name!r}, but must be a Python identifier in small letters that begins with a letter, with single "
            "underscores between words, e.g. reviews or song_lyrics"
        )
    if not SHORTEST <= len(name) <= LONGEST:
        raise UserError(f"--name is {name!r}, but must have from {SHORTEST} to {LONGEST} letters")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UserError(f"--name is {name!r}, which is a keyword of Python; choose another")
    if name in _OURS or name in _OF_TESTS or name in {verb.name for verb in VERBS} or name.startswith("test_"):
        raise UserError(f"--name is {name!r}, which names a part of this repository or of its tests; choose another")
    if name in sys.stdlib_module_names:
        raise UserError(f"--name is {name!r}, which is a module of Python's standard library; choose another")
    if is_installed(name):
        raise UserError(f"--name is {name!r}, which is the name of an installed package; choose another")
    for place in places_of(name):
        if (repository / place).exists():
            raise UserError(f"{place} exists already and is left as it is; choose another --name or move it away")


def places_of(name: str) -> tuple[str, ...]:
    """What an application of that name has in the repository, or may have, as paths in it."""
    return (f"apps/{name}", f"tests/apps/{name}", f"tests/conformance/rows/{name}.py", f"notebooks/{name}.ipynb")


def is_installed(name: str) -> bool:
    """Whether Python finds a package or module `name`; a folder without `__init__.py` is none."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def camel(name: str) -> str:
    """`song_lyrics` as the beginning of the name of a class: `SongLyrics`."""
    return "".join(part.capitalize() for part in name.split("_"))


def title(name: str) -> str:
    """`song_lyrics` at the beginning of a sentence: `Song lyrics`."""
    return name.replace("_", " ").capitalize()
