"""Who may import whom. If these fail, an application can no longer be copied out, or the layers drag in files
and configurations."""

import ast
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
MODULES = sorted(
    path.relative_to(REPOSITORY) for folder in ("apps", "common") for path in (REPOSITORY / folder).rglob("*.py")
)
APPS = sorted(path.parent.name for path in (REPOSITORY / "apps").glob("*/__init__.py"))
# Modules about equations: tensors in, tensors out.
PURE_FOLDERS = ("common/layers", "common/decoding")
# They use everything, and nothing uses them.
PROGRAMS = ("benchmarks", "scaffold", "tests")
BACKENDS = ("tensorflow", "jax", "torch")
# Of the standard library, what has no business beside equations.
FILES_AND_COMMANDS = {
    "argparse",
    "csv",
    "gzip",
    "io",
    "json",
    "os",
    "pathlib",
    "pickle",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
}


def imports(path: Path, source: str | None = None) -> set[str]:
    """Full names of all a module imports, at its top or inside a function, by statement or by importlib."""
    found = set()
    for node in ast.walk(ast.parse(source if source is not None else (REPOSITORY / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = list(path.parent.parts)[: len(path.parent.parts) - node.level + 1] if node.level else []
            module = ".".join([*package, *([node.module] if node.module else [])])
            # "from apps import music" imports apps.music; a name that is no module does no harm here.
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            found |= {str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)}
    return found


def violations(path: Path, names: set[str]) -> set[str]:
    """Those of `names` that the module at `path` may not import."""
    wrong = {name for name in names if name.split(".")[0] in PROGRAMS}
    if path.parts[0] == "apps":
        own = path.parts[1] if len(path.parts) > 2 else None
        return wrong | {name for name in names if name.startswith("apps.") and name.split(".")[1] != own}
    wrong |= {name for name in names if name.split(".")[0] == "apps"}
    if path.as_posix().startswith(PURE_FOLDERS):
        wrong |= {name for name in names if not _pure(path, name)}
    return wrong


def _pure(path: Path, name: str) -> bool:
    root = name.split(".")[0]
    if root == "common":
        return name == "common" or name.replace(".", "/").startswith(PURE_FOLDERS)
    if root in BACKENDS:
        # What differs between backends is in one small module each, named after its backend.
        return path.stem.strip("_") == root and "backend" in path.as_posix()
    if root in sys.stdlib_module_names:
        return root not in FILES_AND_COMMANDS
    return root in ("keras", "numpy")


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_what_it_may(path):
    assert not violations(path, imports(path))


@pytest.mark.parametrize("app", APPS)
def test_the_package_of_an_app_is_one_docstring_so_that_help_answers_at_once(app):
    tree = ast.parse((REPOSITORY / "apps" / app / "__init__.py").read_text("utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


@pytest.mark.parametrize(
    ("path", "source", "wrong"),
    [
        ("apps/music/train.py", "from apps.sentiment import data", True),
        ("apps/music/train.py", "def f():\n    import apps.sentiment.model", True),
        ("apps/music/train.py", "from ..sentiment import data", True),
        ("apps/music/train.py", "import importlib\nimportlib.import_module('apps.sentiment.data')", True),
        ("apps/music/train.py", "from apps.music import data\nfrom . import model\nimport common.cli", False),
        ("apps/music/train.py", "from scaffold import names", True),
        ("common/verbs.py", "from apps import sentiment", True),
        ("common/verbs.py", "import benchmarks.results", True),
        ("common/verbs.py", "import tensorflow, yaml\nfrom common.layers import lstm", False),
        ("common/layers/lstm.py", "import tensorflow as tf", True),
        ("common/layers/lstm.py", "from common.config import Config", True),
        ("common/layers/lstm.py", "from pathlib import Path", True),
        (
            "common/layers/lstm.py",
            "import math\nimport keras, numpy\nfrom common.layers.backend import scan\nfrom . import gru",
            False,
        ),
        ("common/layers/backend/tensorflow.py", "import tensorflow as tf", False),
        ("common/layers/backend/tensorflow.py", "import jax", True),
    ],
)
def test_the_check_itself_finds_what_it_should(path, source, wrong):
    path = Path(path)
    assert bool(violations(path, imports(path, source))) == wrong
