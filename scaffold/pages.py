"""Markdown pages as they go along: links that lead nowhere become plain text, other applications are left out."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator

_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^\s*```")


def blocks(text: str) -> list[str]:
    """The page cut at its empty lines, fenced code whole; `"\\n\\n".join` puts it together again."""
    found: list[list[str]] = [[]]
    fenced = False
    for line in text.rstrip("\n").split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        if not line and not fenced:
            found.append([])
        else:
            found[-1].append(line)
    return ["\n".join(block) for block in found]


def is_code(block: str) -> bool:
    """Whether a block is fenced code."""
    return bool(_FENCE.match(block))


def links(text: str) -> Iterator[str]:
    """Targets of the links and pictures of a page, without anchors; none that lead out of the repository."""
    for found in (found for block in blocks(text) if not is_code(block) for found in _LINK.finditer(block)):
        target = found["target"].partition("#")[0]
        if target and not re.match(r"[a-z]+:", target):
            yield target


def target_of(page: str, link: str) -> str:
    """The path in the repository to which `link` on the page `page` leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def without_dead_links(text: str, page: str, has: Callable[[str], bool]) -> str:
    """Returns the page with plain text in the place of links to what `has` says is not there; such pictures vanish."""

    def mended(found: re.Match[str]) -> str:
        target = found["target"].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target) or has(target_of(page, target)):
            return found[0]
        return "" if found["picture"] else found["text"]

    return "\n\n".join(block if is_code(block) else _LINK.sub(mended, block) for block in blocks(text)) + "\n"


def without_applications(text: str, page: str, others: Iterable[str]) -> str:
    """Returns the page without rows of tables that link to another application, and lines of code that are about one."""
    others = set(others)
    kept = []
    for block in blocks(text):
        lines = block.split("\n")
        if is_code(block):
            lines = [line for line in lines if not any(re.search(rf"\s{other}: ", line) for other in others)]
        else:
            lines = [line for line in lines if not (line.startswith("|") and _is_about(line, page, others))]
        kept.append("\n".join(lines))
    return "\n\n".join(kept) + "\n"


def _is_about(line: str, page: str, others: set[str]) -> bool:
    targets = {target_of(page, link) for link in links(line)}
    return any(target.startswith(f"apps/{other}/") for target in targets for other in others)


def with_app(text: str, app: str, others: Iterable[str]) -> str:
    """Returns a text in which commands and folders of other applications are those of `app`."""
    names = "|".join(map(re.escape, others))
    return re.sub(rf"\b(apps\.|runs/|saved_models/|APP=)({names})\b", rf"\g<1>{app}", text)


def first_sentences(text: str) -> tuple[str, str]:
    """The title of a page, without `# `, and its first paragraph."""
    first, *others = blocks(text)
    paragraph = next((block for block in others if not re.match(r"[|!#>`-]", block)), "")
    return first.partition("\n")[0].lstrip("# ").strip(), paragraph
