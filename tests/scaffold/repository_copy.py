"""A copy of this repository as a fresh clone has it, for programs that write into it."""

import ast
import os
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_MADE = {".git", ".venv", ".cache", "runs", "pictures", "build", "dist", "__pycache__", ".pytest_cache", ".ruff_cache"}


def copy_repository(target: Path) -> Path:
    """Copies what is or could be committed; without git, all that nothing made."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        output = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode()
        paths = [Path(name) for name in output.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path.relative_to(REPOSITORY) for path in REPOSITORY.rglob("*")]
        paths = [path for path in paths if not _MADE & set(path.parts) and "egg-info" not in str(path)]
    for path in paths:
        if (REPOSITORY / path).is_file():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / path, target / path)
    return target


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """What a process gets that finds `apps`, `common` and `tests` in `folder` and nowhere else."""
    return os.environ | {"PYTHONPATH": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"} | changes


def builder_names(folder: Path) -> list[str]:
    """Names of the classes in a folder that register themselves with TFDS as they are defined."""
    trees = [ast.parse(path.read_text("utf-8")) for path in folder.rglob("*.py")]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [node.name for node in classes if any("GeneratorBasedBuilder" in ast.unparse(base) for base in node.bases)]


def registered_packages(folder: Path) -> set[str]:
    """The packages under which the layers of a folder are registered with Keras."""
    calls = [
        node
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("register_keras_serializable")
    ]
    return {ast.literal_eval(keyword.value) for call in calls for keyword in call.keywords if keyword.arg == "package"}
