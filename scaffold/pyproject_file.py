"""The `pyproject.toml` of an ejected project: that of this repository with fewer packages, its comments kept."""

import re
from collections.abc import Sequence

from scaffold.distributions import Requirements, normalized


def reduced_pyproject(text: str, name: str, description: str, requirements: Requirements) -> str:
    """Returns the text with another name and only the requirements that are kept.

    Args:
        text: The `pyproject.toml` of the repository.
        name: Of the project.
        description: One sentence.
        requirements: What is kept.
    """
    old = re.search(r'^name = "(.+)"$', text, re.MULTILINE).group(1)
    lines: list[str] = []
    comments: list[str] = []
    section, group, entries = "", "", None
    for line in text.splitlines():
        if entries is not None:  # inside an array of several lines
            entries.append(line)
            if line.strip() == "]":
                lines += _array(group, entries, comments, _kept(section, group, requirements), old, name, requirements)
                entries, comments = None, []
            continue
        if line.startswith("["):
            section = line.strip("[]")
        opened = re.match(r"([\w-]+) = \[(.*)$", line)
        if opened and section in ("project", "project.optional-dependencies"):
            group = opened[1]
            if _is_requirements(section, group):
                entries = [line]
                if line.rstrip().endswith("]"):
                    lines += _array(
                        group, _split(line), comments, _kept(section, group, requirements), old, name, requirements
                    )
                    entries, comments = None, []
                continue
        if section == "project.optional-dependencies" and line.startswith("#"):
            comments.append(line)
            continue
        lines += [*comments, line]
        comments = []
    result = "\n".join([*lines, *comments]) + "\n"
    result = re.sub(r'^name = ".*"$', f'name = "{name}"', result, count=1, flags=re.MULTILINE)
    result = re.sub(r'^version = ".*"$', 'version = "0.1.0"', result, count=1, flags=re.MULTILINE)
    quoted = description.replace("\\", "").replace('"', "'")
    return re.sub(r'^description = ".*"$', lambda _: f'description = "{quoted}"', result, count=1, flags=re.MULTILINE)


def _is_requirements(section: str, group: str) -> bool:
    return section == "project.optional-dependencies" or group == "dependencies"


def _kept(section: str, group: str, requirements: Requirements) -> list[str]:
    if section == "project":
        return requirements.dependencies
    return requirements.dev if group == "dev" else requirements.extras.get(group, [])


def _split(line: str) -> list[str]:
    """An array on one line as if it stood on several."""
    head, _, rest = line.partition("[")
    return [f"{head}[", *(f"    {entry}," for entry in re.findall(r'"[^"]*"', rest)), "]"]


def _array(
    group: str,
    entries: Sequence[str],
    comments: Sequence[str],
    kept: Sequence[str],
    old: str,
    name: str,
    requirements: Requirements,
) -> list[str]:
    """The lines of an array with the kept entries, each with the comment before it; none if nothing is kept."""
    body: list[str] = []
    reasons: list[str] = []
    for line in entries[1:-1]:
        found = re.match(r'\s*"([^"]*)"', line)
        if found is None:
            reasons.append(line)
            continue
        entry = found[1]
        if normalized(entry) == normalized(old):
            if requirements.groups_in_dev:
                body.append(f'    "{name}[{",".join(requirements.groups_in_dev)}]",')
        elif entry in kept:
            body += [*reasons, line]
        reasons = []
    if group == "dev":
        body += [f'    "{entry}",' for entry in requirements.dev_alone]
    if not body and group != "dependencies":
        return []
    short = f"{group} = [{', '.join(line.strip().rstrip(',') for line in body)}]"
    if group != "dependencies" and len(short) < 100 and not any("#" in line for line in body):
        return [*comments, short]
    return [*comments, f"{group} = [", *body, "]"]
