"""What makes a template pleasant to inherit. If these fail, a reader meets a file too long to read or a path
of somebody else's machine."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
MADE = {".git", ".venv", ".cache", "runs", "build", "dist", "__pycache__", ".pytest_cache", ".ruff_cache"}
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".cfg", ".sh", ".html", ".csv", ".json", ""}
# Folders of one machine; assembled so that this line is none of them.
MACHINE_PATH = re.compile(
    r"(?:^|[^A-Za-z0-9_.])/(?:" + "|".join(["work", "farm", "root", "home", "Users", "tmp", "opt"]) + r")/"
)


def kept_files() -> list[Path]:
    """What is or could be committed: git's list where there is a clone, else all files that nothing made."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        output = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return [
            path
            for path in REPOSITORY.rglob("*")
            if path.is_file() and not MADE & set(path.relative_to(REPOSITORY).parts) and "egg-info" not in str(path)
        ]
    return [path for path in (REPOSITORY / name for name in output.split("\0") if name) if path.is_file()]


FILES = kept_files()


def relative(paths) -> list[str]:
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in paths)


def test_the_files_were_found():
    assert {"pyproject.toml", "tests/test_hygiene.py", "common/errors.py"} <= set(relative(FILES))


def test_no_module_is_longer_than_a_person_reads():
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in FILES if path.suffix == ".py"}
    assert not relative(path for path, lines in lengths.items() if lines > 400), "at 400 lines it is two modules"


def test_no_drawer_for_everything():
    assert not relative(path for path in FILES if path.stem in ("utils", "util", "helpers", "misc"))


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.suffix in TEXT],
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_no_path_of_one_machine(path):
    lines = path.read_text("utf-8").splitlines()
    assert not [
        f"line {number}: {line.strip()}" for number, line in enumerate(lines, start=1) if MACHINE_PATH.search(line)
    ]


def test_no_large_file():
    assert not relative(path for path in FILES if path.stat().st_size > 2**20), "a template repository stays small"
