"""Takes the pictures of the page in the browser that stand in docs/demo: one for each application that has a model.

It measures nothing. The examples of the page are clicked as a person would; what is shown is what the models answer.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

import apps
from common.demo.models import applications, load_for_tab
from common.demo.page import import_gradio
from tests.demo.browser import Visit, open_browser, served

FOLDER = Path(__file__).parents[1] / "docs" / "demo"
MOST_BYTES = 150_000
_WIDTH = 1000  # pixels
_COLOURS = (256, 128, 64, 32)
_SETTLED = 1500  # milliseconds in which bars have grown and pictures are drawn

# Of each application the example to click, and what is there once it is answered.
EXAMPLES: dict[str, Callable[[Any], tuple[Any, str]]] = {
    "sentiment": lambda pane: (pane.get_by_role("button", name="The plot is thin"), ".unroll-words span"),
    "translation": lambda pane: (pane.get_by_role("button", name="Tuesday, 30 March 2027"), "img"),
    "captioning": lambda pane: (pane.locator(".gallery-item, .gallery button").nth(4), ".unroll-table td"),
    "forecasting": lambda pane: (pane.get_by_role("button", name=".csv").first, "a[download$='forecast.csv']"),
    "music": lambda pane: (pane.get_by_role("button", name="Ode to Joy"), "a[download$='.musicxml']"),
}


def main(argv: list[str] | None = None) -> int:
    """Takes the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--saved_models", type=Path, default=Path("saved_models"), help="the folder of all exported models"
    )
    parser.add_argument("--output", type=Path, default=FOLDER, help="where the pictures go")
    parser.add_argument("--apps", nargs="+", choices=sorted(EXAMPLES), default=sorted(EXAMPLES), help="of which")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        import_gradio(folder)
        names = applications(Path(apps.__path__[0]))
        models = [load_for_tab(name, f"apps.{name}", options.saved_models / name) for name in names]
        with served(models, Path(folder)) as site, open_browser() as browser:
            for each in models:
                if each.app not in options.apps:
                    continue
                if each.model is None:
                    print(f"{each.app}: no picture. {each.problem}")
                    continue
                path = options.output / f"{each.app}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(
                    small_png(_screenshot(Visit(browser, site.url), each.module.TITLE, EXAMPLES[each.app]))
                )
                print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


def small_png(data: bytes) -> bytes:
    """Returns a picture of at most 1000 pixels across, with as many colours of its own as its limit in bytes allows."""
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    if picture.width > _WIDTH:
        picture = picture.resize((_WIDTH, round(picture.height * _WIDTH / picture.width)), Image.Resampling.LANCZOS)
    for colours in _COLOURS:
        stored = io.BytesIO()
        # Refined, as else a rare colour becomes one that is frequent: a blue umbrella instead of a purple one.
        picture.quantize(colours, kmeans=2, dither=Image.Dither.NONE).save(stored, "PNG", optimize=True)
        if stored.tell() <= MOST_BYTES:
            break
    return stored.getvalue()


def _screenshot(visit: Visit, title: str, example: Callable[[Any], tuple[Any, str]]) -> bytes:
    pane = visit.open(title)
    button, answered = example(pane)
    button.click()
    pane.locator(answered).first.wait_for()
    visit.page.wait_for_function("() => [...document.images].every(image => image.complete)")
    visit.page.wait_for_timeout(_SETTLED)
    visit.page.mouse.move(0, 0)
    taken = visit.page.screenshot(full_page=True)
    visit.context.close()
    return taken


if __name__ == "__main__":
    sys.exit(main())
