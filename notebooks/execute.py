"""Runs notebooks from the first cell to the last, into `build/notebooks/`: `python notebooks/execute.py [NAME ...]`.

The notebooks themselves stay as they are, without outputs. Each runs in a kernel of its own, of the Python that runs this, and
leaves its runs and exports in `build/notebooks/`, too.
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent
BUILT = NOTEBOOKS.parent / "build" / "notebooks"
_CELL_SECONDS = 3600


def execute(path: Path, place: Path) -> nbformat.NotebookNode:
    """Returns a notebook with its outputs.

    Args:
        path: The notebook; it runs in its own folder.
        place: Where its runs and exports go.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=_CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute(env={**os.environ, "UNROLL_PLACE": str(place)})
    return notebook


def main(names: list[str]) -> None:
    """Executes the notebooks of these names, or all."""
    known = {path.stem: path for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit(f"there is no notebook {unknown[0]}, only {', '.join(known)}")
    BUILT.mkdir(parents=True, exist_ok=True)
    for name in names or known:
        notebook = execute(known[name], BUILT)
        nbformat.write(notebook, BUILT / f"{name}.ipynb")
        print(BUILT / f"{name}.ipynb", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
