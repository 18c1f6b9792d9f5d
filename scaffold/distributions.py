"""Which packages from outside the kept code needs, as `pyproject.toml` and `constraints.txt` of the new project say it."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from scaffold.modules import OWN, references

# Needed by another package, or started as a program, so that no import of ours shows it: the package that it goes with.
COMPANIONS = {
    "importlib-resources": "tensorflow-datasets",  # which imports it and forgets to ask for it
    "ipykernel": "nbclient",  # runs what that sends
    "tensorboard": "tensorflow",  # shows logs/
}
TOOLS = ("pytest", "pytest-xdist", "ruff")
# What the constraints have to be right for.
_PYTHONS = ("3.11", "3.12", "3.13")
_PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux"},
    {"sys_platform": "darwin", "platform_system": "Darwin"},
)


def normalized(name: str) -> str:
    """A name as package indexes compare it, without version and extras: `PyYAML>=6` is `pyyaml`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;@]", name.strip(), maxsplit=1)[0]).lower()


def modules_by_distribution() -> dict[str, set[str]]:
    """Top-level modules by the normalized name of the installed package that brings them."""
    found: dict[str, set[str]] = {}
    for module, names in importlib.metadata.packages_distributions().items():
        for name in names:
            found.setdefault(normalized(name), set()).add(module)
    return found


def outside_modules(repository: Path, paths: Iterable[str]) -> tuple[set[str], set[str]]:
    """Top-level names of all that some modules import from outside, and texts that may be names of packages."""
    found = [references(repository, path) for path in paths]
    return {name for each in found for name in each.outside}, {text for each in found for text in each.strings}


class Requirements:
    """What `pyproject.toml` asks for, reduced to what a part of the repository uses."""

    def __init__(self, repository: Path, code: Iterable[str], tests: Iterable[str]):
        """Reads the declarations of the repository, and what the kept code and tests import."""
        project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
        self._provided = modules_by_distribution()
        in_code = outside_modules(repository, code)
        in_tests = outside_modules(repository, tests)
        self.dependencies = self._used(project["dependencies"], in_code)
        optional = project.get("optional-dependencies", {})
        self.extras: dict[str, list[str]] = {}
        for group, entries in optional.items():
            if group == "dev":
                continue
            used = self._used(entries, in_code)
            # `gpu` is an extra of a dependency, which nothing imports by another name.
            if used or any(normalized(entry) in map(normalized, self.dependencies) for entry in entries):
                self.extras[group] = used or list(entries)
        self.dev = [
            entry
            for entry in optional.get("dev", [])
            if normalized(entry) in TOOLS or entry in self._used([entry], in_tests)
        ]
        # What an application needs and, of what is kept, only tests use.
        tested = self._used(project["dependencies"], in_tests)
        self.dev_alone = [entry for entry in tested if entry not in self.dependencies]
        brings = [entry for entry in optional.get("dev", []) if normalized(entry) == normalized(project["name"])]
        groups = [group for entry in brings for group in re.findall(r"[\w-]+", entry.partition("[")[2])]
        self.groups_in_dev = [group for group in groups if group in self.extras]
        # A companion comes with what it goes with, wherever that is declared.
        everything = {*map(normalized, self.all_entries())}
        self.dev += [
            entry
            for entry in optional.get("dev", [])
            if COMPANIONS.get(normalized(entry)) in everything and entry not in self.dev
        ]

    def all_entries(self) -> list[str]:
        """Every kept requirement, with those of the extras."""
        return [
            *self.dependencies,
            *(entry for group in self.extras.values() for entry in group),
            *self.dev,
            *self.dev_alone,
        ]

    def _used(self, entries: Iterable[str], imported: tuple[set[str], set[str]]) -> list[str]:
        entries = list(entries)
        names, strings = imported[0], {normalized(text) for text in imported[1]}
        used = {normalized(e) for e in entries if self._modules(e) & names or normalized(e) in strings}
        return [entry for entry in entries if normalized(entry) in used or COMPANIONS.get(normalized(entry)) in used]

    def _modules(self, entry: str) -> set[str]:
        name = normalized(entry)
        # What is not installed here is taken to be called like its package.
        return self._provided.get(name, {name.replace("-", "_")}) - set(OWN)


def needed_constraints(constraints: str, entries: Iterable[str]) -> str:
    """The lines of `constraints.txt` that an installation of `entries` can come to.

    Args:
        constraints: The text, a line for each package.
        entries: Requirements as in `pyproject.toml`.

    Returns:
        The lines in their order; all of them if a package that is needed is not installed here, so that what it needs is
        not known.
    """
    from packaging.requirements import Requirement

    lines = constraints.splitlines()
    pinned = {normalized(line) for line in lines if line and not line.startswith("#")}
    waiting = [(normalized(entry), frozenset(Requirement(entry).extras)) for entry in entries]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            if name in pinned:
                return constraints
            continue
        for text in required:
            requirement = Requirement(text)
            if any(_applies(requirement, extra) for extra in extras or {""}):
                waiting.append((normalized(requirement.name), frozenset(requirement.extras)))
    names = {name for name, _ in seen}
    return "".join(f"{line}\n" for line in lines if line.startswith("#") or normalized(line) in names)


def _applies(requirement: object, extra: str) -> bool:
    marker = requirement.marker
    if marker is None:
        return True
    environments: list[Mapping[str, str]] = [
        {**platform, "python_version": version, "python_full_version": f"{version}.0", "extra": extra}
        for platform in _PLATFORMS
        for version in _PYTHONS
    ]
    return any(marker.evaluate(dict(environment)) for environment in environments)
