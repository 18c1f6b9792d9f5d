"""What a module of the repository refers to, by its syntax tree: other modules, files, applications.

The edges along which `eject` finds the part of `common/` and `tests/` that an application needs.
"""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# Packages of the repository; whatever else is imported comes from outside.
OWN = ("apps", "common", "tests", "benchmarks", "scaffold")
# Calls by which a module is imported or found by name.
_BY_NAME = {"import_module", "find_spec", "importorskip", "__import__", "files", "version", "distribution"}
# Calls by which a test runs an application in a process of its own: `command_line.run("music", ...)`.
_RUNS = {"run", "start"}


@dataclass(frozen=True)
class References:
    """What one file refers to.

    Attributes:
        modules: Files of modules of this repository, with the `__init__.py` of their packages, as paths in it.
        outside: Top-level names of other modules.
        strings: Texts that may be names of packages: those of a module that finds things by name.
        files: Paths in the repository of other files and folders that are named.
    """

    modules: frozenset[str]
    outside: frozenset[str]
    strings: frozenset[str]
    files: frozenset[str]


@functools.cache
def references(repository: Path, path: str) -> References:
    """Reads what the Python file `path` refers to, at its top, inside functions and by name."""
    tree = ast.parse((repository / path).read_text("utf-8"), filename=path)
    documentation = _docstrings(tree)
    names: set[str] = set()
    files: set[str] = set()
    strings: set[str] = set()
    beginnings: set[int] = set()
    beside: set[str] = set()
    by_name = "importlib" in {name.partition(".")[0] for name in _imported(tree, path)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            text = node.value
            # "common.export" and "apps.music.predict": imported by name, run with -m, or replaced in a test.
            if text.partition(".")[0] in OWN and "." in text and all(map(str.isidentifier, text.split("."))):
                names.add(text)
            elif text.endswith(".py") and (repository / path).with_name(text.rpartition("/")[2]).is_file():
                # A program beside it, started by its path.
                beside.add((PurePosixPath(path).parent / text.rpartition("/")[2]).as_posix())
            elif by_name and text.replace("-", "_").isidentifier():
                strings.add(text)
        elif isinstance(node, ast.JoinedStr):
            # f"common.layers.{name}": any module of that package.
            first = node.values[0] if node.values else None
            if isinstance(first, ast.Constant) and str(first.value).startswith("common."):
                package = str(first.value).rpartition(".")[0].replace(".", "/")
                names |= {_dotted(p.relative_to(repository)) for p in (repository / package).glob("*.py")}
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and id(node) not in beginnings:
            beginnings.add(id(node.left))  # of a longer path; the walk goes from the outside in
            files.add(_joined(node))
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                if called in _BY_NAME:
                    names.add(first.value)
                elif called in _RUNS and getattr(getattr(node.func, "value", None), "id", "") == "command_line":
                    names.add(f"apps.{first.value}")
    names |= set(_imported(tree, path))
    names, found = _split_beside(repository, names, path)
    modules = {file for name in names if name.partition(".")[0] in OWN for file in files_of(repository, name)}
    outside = {name.partition(".")[0] for name in names if name.partition(".")[0] not in OWN}
    there = {file for file in files if _is_named(repository, file)}
    return References(
        frozenset((modules | found | beside) - {path}), frozenset(outside), frozenset(strings), frozenset(there)
    )


def files_of(repository: Path, name: str) -> Iterator[str]:
    """The files that importing the module `name` runs; of `package.name` where `name` is no module, the package's."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        folder = PurePosixPath(*parts[:length])
        if (repository / folder / "__init__.py").is_file():
            yield f"{folder}/__init__.py"
        elif (repository / f"{folder}.py").is_file():
            yield f"{folder}.py"
    # An application that is named is all of it: the command line finds its modules by name.
    if parts[0] == "apps" and len(parts) > 1:
        yield from (p.relative_to(repository).as_posix() for p in (repository / "apps" / parts[1]).glob("*.py"))


def _split_beside(repository: Path, names: set[str], path: str) -> tuple[set[str], set[str]]:
    """Takes out of `names` what a test finds beside itself once a fixture has put its folder on the path of imports.

    Returns:
        The other names, and the modules of the packages that were taken out.
    """
    if not path.startswith("tests/"):
        return names, set()
    others, modules = set(), set()
    for name in names:
        top = name.partition(".")[0]
        folders = [repository / parent / top for parent in PurePosixPath(path).parents if parent.parts]
        package = next((folder for folder in folders if (folder / "__init__.py").is_file()), None)
        if top in OWN or package is None:
            others.add(name)
        else:
            modules |= {file.relative_to(repository).as_posix() for file in package.rglob("*.py")}
    return others, modules


def closure(repository: Path, paths: set[str], within: tuple[str, ...]) -> set[str]:
    """All modules that `paths` need, with themselves, as far as they are in the packages `within`."""
    found: set[str] = set()
    waiting = set(paths)
    while waiting:
        path = waiting.pop()
        found.add(path)
        needed = references(repository, path).modules
        waiting |= {file for file in needed if file.partition("/")[0] in within} - found
    return found


def _imported(tree: ast.Module, path: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = list(PurePosixPath(path).parent.parts)
            package = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*package, *([node.module] if node.module else [])])
            yield module
            if module.partition(".")[0] in OWN:
                yield from (f"{module}.{alias.name}" for alias in node.names)


def _docstrings(tree: ast.Module) -> set[int]:
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }


def _joined(node: ast.expr) -> str:
    """`REPOSITORY / "docs" / "new_cell.md"` as a path, up to the first part that is no text; empty for other folders."""
    parts: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts.insert(0, node.right)
        node = node.left
    if not {"REPOSITORY", "__file__"} & {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}:
        return ""
    path = []
    for part in parts:
        if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
            break
        path.append(part.value)
    return "/".join(path)


def _dotted(path: Path) -> str:
    return path.with_suffix("").as_posix().replace("/", ".")


def _is_named(repository: Path, text: str) -> bool:
    return bool(text) and ".." not in text and (repository / text).exists()
