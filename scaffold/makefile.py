"""The Makefile of an ejected project: that of this repository, with the application fixed and without what does not apply."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

# Folders that commands make.
_MADE = ("runs", "saved_models", "pictures", "build", "dist")


def reduced_makefile(text: str, repository: Path, app: str, has: Callable[[str], bool]) -> str:
    """Returns the Makefile without the targets whose recipes use what stays behind.

    Args:
        text: The Makefile of the repository.
        repository: Its folder.
        app: The application of the project.
        has: Whether a path of the repository is in the project.
    """
    blocks = _blocks(text)
    variables = dict(re.findall(r"^([A-Z_]+) :?= (.*)$", text, re.MULTILINE))
    dropped = {name for block in blocks for name in _targets(block) if _uses_missing(block, variables, repository, has)}
    kept = [block for block in blocks if not set(_targets(block)) & dropped]
    kept = [_without_phony(block, dropped) for block in kept]
    result = "\n".join(line for block in kept for line in block) + "\n"
    result = _without_unused(result)
    result = re.sub(r"^APP \?= .*$", f"APP := {app}", result, flags=re.MULTILINE)
    result = result.replace("[APP=name of a folder in apps/; sentiment if left out] ", "")
    result = re.sub(r" APP=\w+", "", result)
    result = re.sub(r"\b(apps\.|runs/|saved_models/)[a-z]\w*", rf"\g<1>{app}", result)
    # The meaning of a target, for `make help`.
    result = re.sub(r"## .*$", lambda found: re.sub(r"\bAPP\b", app, found[0]), result, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", result)


def _blocks(text: str) -> list[list[str]]:
    """Each rule with its recipe and the comments before it, each other line by itself."""
    blocks: list[list[str]] = []
    comments: list[str] = []
    for line in text.splitlines():
        if line.startswith("\t") or (blocks and blocks[-1] and blocks[-1][-1].endswith("\\") and not comments):
            blocks[-1].append(line)
        elif line.startswith("#"):
            comments.append(line)
        elif not line:
            blocks += [[comment] for comment in comments] + [[""]]
            comments = []
        else:
            blocks.append([*comments, line])
            comments = []
    return blocks + [[comment] for comment in comments]


def _targets(block: list[str]) -> list[str]:
    line = next((line for line in block if not line.startswith("#")), "")
    found = re.match(r"([a-z][\w -]*):(?!=)", line)
    return found[1].split() if found else []


def _uses_missing(block: list[str], variables: Mapping[str, str], repository: Path, has: Callable[[str], bool]) -> bool:
    recipe = " ".join(line for line in block if line.startswith("\t"))
    recipe = re.sub(r"\$\(([A-Z_]+)\)", lambda found: variables.get(found[1], found[0]), recipe)
    modules = {name.replace(".", "/") for name in re.findall(r"-m ([a-z_]\w*(?:\.\w+)*)", recipe)}
    words = re.findall(r"(?<![\w./-])[a-z]\w*(?:/[\w.-]+)*/?\*?", recipe)
    # Of a pattern, such as tests/test_*.py, the folder.
    paths = {word.rpartition("/")[0] if word.endswith("*") else word for word in words if "/" in word}
    for name in modules | {path.rstrip("/") for path in paths}:
        first = name.partition("/")[0]
        there = (repository / first).is_dir() and (repository / first).name not in _MADE
        if there and first != "apps" and not (has(name) or has(f"{name}.py")):
            return True
    return False


def _without_phony(block: list[str], dropped: set[str]) -> list[str]:
    if not block[0].startswith(".PHONY"):
        return block
    return [" ".join(word for word in line.split(" ") if word not in dropped) for line in block]


def _without_unused(text: str) -> str:
    """Without the variables that no target uses any more, and the comments about them."""
    for name in re.findall(r"^([A-Z_]+) [?:]?=", text, re.MULTILINE):
        if f"$({name})" not in text and f"$(if $({name}" not in text and name != "APP":
            text = re.sub(rf"^(?:#.*\n)*{name} [?:]?=.*\n", "", text, flags=re.MULTILINE)
    return text
