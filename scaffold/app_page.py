"""The pages of a new application: its README, made of that of the application it was copied from, and its rows elsewhere.

What was measured is of the old application and its data, so it does not go along; nor do pictures of its runs.
"""

import re

from common.errors import UserError
from scaffold.pages import blocks, is_code, links, without_dead_links
from scaffold.renaming import Renaming

_MEASURED = """## Measured

Nothing yet. This application is a copy of `{old}`, and what was measured there says nothing of other data. Figures come from

```
python -m apps.{new} train --name first
python -m apps.{new} evaluate --run runs/{new}/first
```

which end with the metrics beside those of the baselines, as in `metrics.json` of the run; the pictures of a run are in `runs/{new}/<name>/pictures/`. Put both here, each number with its command."""
# Between sentences: behind the end of one, before the beginning of the next.
_BETWEEN = re.compile(r"(?<=[.!?])(?<!\d\.)(\s+)(?=[A-Z`*\[]|\d+\. |- )")


def page_of_new_app(text: str, renamed: Renaming) -> str:
    """Returns the README of the new application.

    Args:
        text: The README of the old one.
        renamed: From its name to the new one.
    """
    kept: list[str] = []
    section = ""
    for block in blocks(text):
        if not is_code(block) and (found := re.match(r"## (.*)", block)):
            section = found[1]
            if section == "Measured":
                kept.append(_MEASURED.format(old=renamed.old, new=renamed.new))
        if section == "Measured":
            continue
        kept += [mended] if (mended := block if is_code(block) else _without_claims(block, renamed.old)) else []
    page = "\n\n".join(kept)
    page = re.sub(rf"NAME=\w+ FROM={renamed.old}\b", f"NAME=another FROM={renamed.new}", page)
    measured = _MEASURED.format(old=renamed.old, new=renamed.new)
    page = measured.join(renamed.heading(renamed.text(part)) for part in page.split(measured))
    # Pages about the old application have other names.
    own = (f"docs/{renamed.old}", f"docs/{renamed.new}")
    return without_dead_links(page, f"apps/{renamed.new}/README.md", lambda path: not path.startswith(own))


def _without_claims(block: str, old: str) -> str:
    """A block without pictures of the old application's runs, and without what was measured with it."""
    shown = [link for link in links(block) if f"docs/{old}/" in link]
    if shown and (block.startswith(("|", "![")) or all(line.startswith("![") for line in block.split("\n"))):
        return ""
    if re.match(r"From one default training", block):  # what the pictures before it show
        return ""
    if block.startswith("|"):
        rows = [_without_measured(row) for row in block.split("\n") if "python -m benchmarks." not in row]
        return "\n".join(rows)
    if "benchmarks." not in block and "picture above" not in block:
        return block
    pieces = _BETWEEN.split(block)  # sentences with the spaces between them
    kept = [pieces[0]] if not _claims(pieces[0]) else []
    for space, sentence in zip(pieces[1::2], pieces[2::2]):
        if not _claims(sentence):
            kept += [space if kept else "", sentence]
    return "".join(kept)


def _claims(sentence: str) -> bool:
    return "benchmarks." in sentence or "picture above" in sentence


def _without_measured(row: str) -> str:
    """A row of a table without "what the figures above were measured with"."""
    row = re.sub(r"[:,;]? what (?:the|those) [^|;:]*?measured with(?=[ |.,;])", "", row)
    return re.sub(r"^(\| `\w+` \|) *\|$", r"\1 settings for other data than the bundled ones |", row)


def with_row(text: str, page: str, renamed: Renaming) -> str:
    """Returns a page with a row for the new application after that of the old one.

    A picture or a figure in the row is of the old application: its cell becomes a dash.

    Args:
        text: The page, `README.md` or `apps/README.md`.
        page: Its path, for messages.
        renamed: From the old name to the new one.

    Raises:
        UserError: The page does not link to the old application.
    """
    link = f"apps/{renamed.old}/README.md" if page == "README.md" else f"{renamed.old}/README.md"
    lines = text.split("\n")
    found = [index for index, line in enumerate(lines) if f"]({link})" in line]
    if not found:
        raise UserError(f"{page} has no link to {link}, beside which the new application would be named; put it there")
    rows = [index for index in found if lines[index].startswith("|")]
    new = link.replace(f"{renamed.old}/", f"{renamed.new}/", 1)
    if rows:
        cells = lines[rows[0]].strip().strip("|").split("|")
        row = [f" [{renamed.new}]({new}) " if f"]({link})" in cell else _of_nobody(cell) for cell in cells]
        lines.insert(rows[0] + 1, f"|{'|'.join(row)}|")
    else:
        at = next((i for i in range(found[0], len(lines)) if not lines[i]), len(lines))
        lines[at:at] = ["", f"[{renamed.new}]({new}) was made from {renamed.old}."]
    return "\n".join(lines)


def _of_nobody(cell: str) -> str:
    return " – " if "![" in cell or "<img" in cell or re.search(r"\d", cell) else cell
