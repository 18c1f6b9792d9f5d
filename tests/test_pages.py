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


def program(name: str):
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "docs" / "drawings" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_kinds_of_problem_can_be_drawn_again(tmp_path):
    kinds = program("problem_kinds")
    kinds.FOLDER = tmp_path
    assert kinds.main() == 0
    text = (REPOSITORY / "docs/problem_kinds.md").read_text("utf-8")
    assert {path.name for path in tmp_path.iterdir()} == set(re.findall(r"\(explained/(\w+\.png)\)", text))


def test_the_gradient_by_scale_can_be_drawn_again(tmp_path):
    scales = program("gradient_scales")
    scales.PICTURE, scales.STEPS = tmp_path / "gradient_scales.png", 4
    assert scales.main() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["gradient_scales.png"]


def test_the_picture_of_the_whole_can_be_drawn_again_and_knows_every_application(tmp_path):
    overview = program("overview")
    overview.PATH = tmp_path / "overview.png"
    assert overview.main() == 0
    assert overview.PATH.read_bytes().startswith(b"\x89PNG")
    first_page = (REPOSITORY / "README.md").read_text("utf-8")
    assert all(f"[{name}](apps/{name}/README.md)" in first_page for name in overview.NAMES)
