"""A person must recognise the picture that the network captioned."""

import io

import numpy as np
import pytest
from PIL import Image

from apps.captioning.thumbnails import thumbnail


def encoded(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def halves(width, height):
    """Red above, blue below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, :, 0] = pixels[height // 2 :, :, 2] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("size", "fit", "shape"),
    [
        ((1000, 500), "stretch", (128, 256, 3)),
        ((1000, 500), "crop", (256, 256, 3)),
        ((40, 30), "stretch", (30, 40, 3)),
        ((1, 1), "stretch", (1, 1, 3)),
        ((3000, 2), "stretch", (1, 256, 3)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_pictures_become_small_and_never_larger(size, fit, shape, form):
    small = thumbnail(encoded(Image.new("RGB", size, "red"), form), fit)
    assert small.shape == shape and small.dtype == np.uint8
    assert abs(small.astype(int) - [255, 0, 0]).max() < 4


def test_a_photograph_taken_sideways_is_upright():
    turned = halves(64, 64).rotate(90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    small = thumbnail(encoded(turned, "JPEG", exif=exif))
    assert small[:16, :, 0].mean() > 200 and small[-16:, :, 2].mean() > 200


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_every_kind_of_colours_becomes_rgb(mode):
    picture = encoded(halves(32, 32).convert(mode), "JPEG" if mode == "CMYK" else "PNG")
    assert thumbnail(picture).shape == (32, 32, 3)


def test_crop_keeps_the_middle():
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    small = thumbnail(encoded(wide), "crop")
    assert small.shape == (100, 100, 3) and small[..., 2].min() == 255


def test_a_picture_above_pillows_own_limit_is_made_small(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(stream, "PNG")
    assert thumbnail(stream.getvalue(), side=20).shape == (15, 20, 3)
    assert Image.MAX_IMAGE_PIXELS == 10
