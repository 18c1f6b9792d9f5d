"""A matplotlib Figure becomes a file; the last step of every picture of a run."""

import re
import warnings
from pathlib import Path

from matplotlib.figure import Figure

from common.console import get_console
from common.files import atomic_write

DOTS_PER_INCH = 120
_NO_GLYPH = r"Glyph \d+ .*missing from"


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes a PNG; a failure half-way leaves the former file as it was.

    Raises:
        OSError: the folder cannot be written.
    """
    with atomic_write(path, "wb") as file, warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=_NO_GLYPH)
        figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
    missing = [warning for warning in caught if re.match(_NO_GLYPH, str(warning.message))]
    if missing:  # one line instead of two for each letter
        get_console().warn(
            f"{Path(path).name}: the font of the pictures lacks letters of the labels and draws boxes; "
            "everywhere else the labels are whole"
        )
    for warning in caught:
        if warning not in missing:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
