"""The changes that the page of each application shows under "Make it yours", taken from the page.

    python -m tests.make_it_yours sentiment cell loss | git apply

writes changes to stdout, in the form that `git apply` takes. `tests/test_make_it_yours.py` applies and trains them.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.cli import exit_code_of
from common.errors import UserError

REPOSITORY = Path(__file__).parents[1]
HEADING = "## Make it yours"
APPS = sorted(
    page.parent.name for page in (REPOSITORY / "apps").glob("*/README.md") if HEADING in page.read_text("utf-8")
)
PARTS = ("data", "cell", "loss", "metric", "endpoint")


def text_of(app: str, part: str) -> str:
    """What the page of an application says under "Your cell", or what else the part is called."""
    page = (REPOSITORY / "apps" / app / "README.md").read_text("utf-8")
    found = re.search(rf"^{HEADING}\n.*?^### Your {part}\n(.*?)(?=^##)", page, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f'apps/{app}/README.md has no heading "Your {part}" under "{HEADING[3:]}"')
    return found[1]


def blocks_of(text: str, language: str) -> list[str]:
    """The blocks of a page that are marked as of a language; "" for those that are not marked."""
    blocks = re.findall(r"^```([a-z]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in blocks if name == language]


def change_of(app: str, part: str) -> str:
    """The unified diff of a part."""
    return "".join(blocks_of(text_of(app, part), "diff"))


def files_of(app: str) -> dict[str, str]:
    """The whole files that "Your data" shows, by the name that stands before each, and `draw.py` for a program."""
    text = text_of(app, "data")
    shown = re.findall(r"`([\w.]+)`[^`]*:\n\n```(?:csv|tsv|abc)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    programs = blocks_of(text, "python")
    return dict(shown) | ({"draw.py": "\n\n".join(programs)} if programs else {})


def commands_of(app: str, part: str) -> list[str]:
    """The trainings of a part, without `python -m apps.<app>`."""
    lines = [line for block in blocks_of(text_of(app, part), "") for line in block.splitlines()]
    start = f"python -m apps.{app} "
    return [line.removeprefix(start) for line in lines if line.startswith(start)]


def copy_repository(to: Path) -> Path:
    """Copies what the changes are of and what they need to run; returns `to`."""
    for folder in ("apps", "common", "tests"):
        shutil.copytree(REPOSITORY / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", to)
    return to


def apply(changes: Iterable[str], folder: Path, *options: str) -> None:
    """Applies changes to the files in a folder, all or none of each.

    Raises:
        ValueError: one does not fit; the message is git's.
    """
    # Or git would look for a repository above, and leave out what is not in it.
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}
    for change in changes:
        words = ["git", "apply", "--whitespace=error-all", *options]
        done = subprocess.run(words, cwd=folder, env=environment, input=change, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(done.stderr)


def paths_of(change: str) -> list[str]:
    """The files that a change writes."""
    return re.findall(r"^\+\+\+ b/(.*)$", change, re.MULTILINE)


def is_made(app: str, part: str) -> bool:
    """Whether somebody has made the change of a part here: its new files are there, or it can be taken back."""
    change = change_of(app, part)
    new = re.findall(r"^--- /dev/null\n\+\+\+ b/(.*)$", change, re.MULTILINE)
    if new:
        return any((REPOSITORY / path).exists() for path in new)
    try:
        apply([change], REPOSITORY, "--reverse", "--check")
    except ValueError:
        return False
    return True


def main(words: Sequence[str]) -> str:
    """The changes that the words name: an application and one part or more.

    Raises:
        UserError: there is no such application or part.
    """
    app, *parts = words or ("",)
    if app not in APPS or not parts or not set(parts) <= set(PARTS):
        raise UserError(f"give an application ({', '.join(APPS)}) and one or more of {', '.join(PARTS)}")
    return "".join(change_of(app, part) for part in parts)


if __name__ == "__main__":
    sys.exit(exit_code_of(lambda: sys.stdout.write(main(sys.argv[1:]))))
