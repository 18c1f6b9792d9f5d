"""The Python blocks of the pages in docs/, executed in their order as a reader would. If these fail, a page shows code that
does not work, or says something of it that is not so."""

import importlib.util
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
# docs/new_cell.md has a test of its own; the blocks of docs/signatures.md need an export.
PAGES = ("cells", "gradients", "attention", "decoding", "xla", "data_layer", "moving_weights")


def blocks_of(page: str) -> list[tuple[str, str]]:
    """The package that a block needs beyond our own, named behind `python`, and the block."""
    text = (REPOSITORY / "docs" / f"{page}.md").read_text("utf-8")
    return re.findall(r"^```python ?(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_the_page_run(page):
    blocks, names = blocks_of(page), {"__name__": page}
    assert blocks
    for package, block in blocks:
        code = compile(block, f"docs/{page}.md", "exec")
        if not package or importlib.util.find_spec(package):
            exec(code, names)
