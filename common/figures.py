"""A matplotlib Figure becomes a file; the last step of every picture of a run."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from common.console import get_console
from common.files import atomic_write

DOTS_PER_INCH = 120
_NO_GLYPH = r"Glyph \d+ .*missing from"
# They have every letter, as a box; or in colours, which matplotlib cannot draw.
_NO_HELP = ("Last Resort", "Color Emoji")


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes a PNG; a failure half-way leaves the former file as it was.

    Letters that the font of the pictures lacks are taken from another font of this machine, if one has them.

    Raises:
        OSError: the folder cannot be written.
    """
    _add_fonts(figure)
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


def save_figures(folder: Path, figures: Mapping[str, Figure]) -> list[Path]:
    """Writes each figure as `<name>.png` into a folder, and returns the files in the order of the figures."""
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        save_figure(figure, paths[-1])
    return paths


def _add_fonts(figure: Figure) -> None:
    """Names the fonts that have what the usual one lacks, such as Chinese, beside it."""
    texts = figure.findobj(Text)
    usual = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    missing = {c for text in texts for c in text.get_text() if c.isprintable() and not usual.get_char_index(ord(c))}
    more = []
    for entry in font_manager.fontManager.ttflist if missing else ():
        if any(part in entry.name for part in _NO_HELP) or entry.style != "normal":
            continue
        try:
            font = font_manager.get_font(entry.fname)
        except (OSError, RuntimeError):  # uninstalled since the list was made, or damaged
            continue
        found = {c for c in missing if font.scalable and font.get_char_index(ord(c))}
        if found:
            more.append(entry.name)
            missing -= found
        if not missing:
            break
    for text in texts if more else ():
        text.set_fontfamily([*text.get_fontfamily(), *more])
