"""How a person calls the Python that runs this, for the commands that the verbs and the scaffold print to be tried next."""

import sys
from pathlib import Path


def python_command() -> str:
    """Returns `.venv/bin/python` in a folder that has it, or `python`."""
    here = Path(sys.executable)
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else "python"
