"""If these fail, pictures of the page make the repository large, or cannot be read any more."""

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright", reason="Playwright is not installed: run make setup")

from benchmarks.demo_screenshots import EXAMPLES, MOST_BYTES, small_png


def png(pixels):
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "PNG")
    return stored.getvalue()


def test_a_wide_picture_is_made_narrower_and_keeps_its_form():
    small = Image.open(io.BytesIO(small_png(png(np.full((600, 1280, 3), 250, np.uint8)))))
    assert small.size == (1000, 469)
    assert small.convert("RGB").getpixel((5, 5)) == (250, 250, 250)


def test_many_colours_become_fewer_until_it_is_small_enough():
    # A gradient with some noise, as a photograph on the page has.
    random = np.random.default_rng(0)
    pixels = np.add.outer(np.arange(400), np.arange(900))[..., None] % 256 + random.integers(0, 6, (400, 900, 3))
    original = png(np.clip(pixels, 0, 255).astype(np.uint8))
    assert len(original) > MOST_BYTES > len(small_png(original))


def test_every_application_has_an_example_to_click():
    assert set(EXAMPLES) == {"captioning", "forecasting", "music", "sentiment", "translation"}
