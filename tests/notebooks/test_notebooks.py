"""The notebooks. If these fail, the first cell that a newcomer runs stops, or the repository grows with every run of one."""

import importlib.util
import json
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
APPS = sorted(path.parent.name for path in (REPOSITORY / "apps").glob("*/__main__.py"))
_LARGEST = 20_000  # bytes


def test_each_application_has_one():
    assert [path.stem for path in NOTEBOOKS] == APPS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert not cell.metadata
        if cell.cell_type == "code":
            assert cell.execution_count is None
            assert not cell.outputs
    assert path.stat().st_size < _LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_code_is_python_and_its_links_lead_somewhere(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            compile(cell.source, str(path), "exec")
        for target in cell.source.split("](")[1:]:
            if cell.cell_type == "markdown":
                assert (path.parent / target.partition(")")[0]).exists(), target


def test_they_find_the_repository_from_any_folder_in_it(tmp_path, monkeypatch):
    """All begin with the same cell, so one is as good as five."""
    first = {nbformat.read(path, as_version=4).cells[1].source for path in NOTEBOOKS}
    assert len(first) == 1
    source = first.pop().partition("os.chdir(")[0]
    found = {}
    exec(compile(source, "setup", "exec"), found)
    monkeypatch.chdir(REPOSITORY / "tests" / "common")
    assert found["repository"]() == REPOSITORY
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="CLONE_FROM"):
        found["repository"]()


def _execute():
    spec = importlib.util.spec_from_file_location("execute", REPOSITORY / "notebooks" / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.execute


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_the_first_cell_to_the_last(path, tmp_path):
    before = path.read_bytes()
    notebook = _execute()(path, tmp_path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    pictures = [output for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 3, "a notebook shows the pictures of its application"
    assert json.loads(before) == json.loads(path.read_bytes())
    assert (tmp_path / "saved_models" / path.stem / "1").is_dir()
