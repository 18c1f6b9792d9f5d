"""Draws bundled scenes: a background, the things on it, and the whole as JPEG."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image

from apps.captioning.scene_layouts import PICTURE_SIZE, Layout
from apps.captioning.scene_objects import picture
from apps.captioning.scenes import Scene

JPEG_QUALITY = 92
_ANGLE_STEP = 4  # degrees; things are turned in steps of it, so that they can be kept

# Red, green and blue of what is plain, paler than the things on it.
_COLOURS = {
    "white": (250, 250, 250),
    "grey": (165, 168, 172),
    "red": (222, 92, 92),
    "orange": (250, 176, 96),
    "yellow": (252, 236, 130),
    "green": (134, 208, 134),
    "blue": (116, 160, 235),
    "purple": (172, 130, 216),
    "pink": (250, 186, 212),
    "brown": (150, 110, 80),
    "black": (28, 28, 32),
}
_SHADES = 10  # most that a plain colour is lighter or darker
_TEXTURES = 24  # of each kind of background that is not plain; a scene takes one of them


def draw(scene: Scene, layout: Layout) -> bytes:
    """The picture of a scene, 96x96 pixels.

    Args:
        scene: whose background is drawn.
        layout: where everything is.

    Returns:
        The bytes of a JPEG file: the same for the same scene with the same version of Pillow.
    """
    canvas = _background(scene.background or "white", layout.background_seed)
    for placement in layout.placements:
        angle = round(placement.angle / _ANGLE_STEP) * _ANGLE_STEP
        thing = _thing(placement.name, placement.side, angle, placement.mirrored)
        corner = (placement.x - thing.width // 2, placement.y - thing.height // 2)
        canvas.paste(thing, corner, thing)
    stored = io.BytesIO()
    canvas.save(stored, "JPEG", quality=JPEG_QUALITY)
    return stored.getvalue()


@functools.lru_cache(maxsize=1_024)
def _cut_out(name: str) -> Image.Image:
    """A thing without its transparent margins."""
    with Image.open(io.BytesIO(picture(name))) as image:
        image = image.convert("RGBA")
    return image.crop(image.getchannel("A").getbbox())


@functools.lru_cache(maxsize=20_000)
def _thing(name: str, side: int, angle: int, mirrored: bool) -> Image.Image:
    image = _cut_out(name)
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if angle:
        image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        image = image.crop(image.getchannel("A").getbbox())
    scale = side / max(image.size)
    size = tuple(max(round(length * scale), 1) for length in image.size)
    return image.resize(size, Image.Resampling.LANCZOS)


def _background(name: str, seed: int) -> Image.Image:
    if name in _COLOURS:
        shade = seed % (2 * _SHADES + 1) - _SHADES
        colour = tuple(min(max(value + shade, 0), 255) for value in _COLOURS[name])
        return Image.new("RGB", (PICTURE_SIZE, PICTURE_SIZE), colour)
    return _texture(name, seed % _TEXTURES).copy()


@functools.lru_cache(maxsize=6 * _TEXTURES)
def _texture(name: str, number: int) -> Image.Image:
    """Grass, sand, sky, night, snow or water: a gradient from top to bottom with grain, stripes, clouds or stars."""
    random = np.random.default_rng(number)
    top, bottom = {
        "grass": ((104, 180, 76), (70, 146, 52)),
        "sand": ((238, 214, 160), (222, 190, 128)),
        "sky": ((96, 172, 240), (206, 232, 250)),
        "night": ((14, 16, 48), (44, 44, 96)),
        "snow": ((226, 236, 246), (246, 250, 255)),
        "water": ((70, 164, 196), (24, 98, 150)),
    }[name]
    size = PICTURE_SIZE
    position = np.linspace(0, 1, size)[:, None, None]
    pixels = (1 - position) * np.array(top, float) + position * np.array(bottom, float)
    pixels = np.repeat(pixels, size, axis=1)  # [rows, columns, 3]
    down, across = np.mgrid[0:size, 0:size]
    if name == "grass":
        blades = random.normal(0, 14, (size // 6, size)).repeat(6, axis=0)
        pixels += blades[..., None]
    elif name == "sand":
        pixels += random.normal(0, 9, (size, size, 1))
    elif name == "sky":
        for _ in range(3):
            y, x = random.uniform(0, size, 2)
            cloud = np.exp(-(((across - x) / 18) ** 2) - ((down - y) / 6) ** 2)
            pixels += 90 * cloud[..., None]
    elif name == "night":
        stars = random.integers(0, size, (40, 2))
        pixels[stars[:, 0], stars[:, 1]] = (240, 240, 200)
    elif name == "snow":
        flakes = random.integers(0, size - 1, (50, 2))
        for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):
            pixels[flakes[:, 0] + shift[0], flakes[:, 1] + shift[1]] = (255, 255, 255)
        pixels -= random.uniform(0, 22, (size, size, 1))
    else:
        waves = np.sin(down / 2.6 + 1.2 * np.sin(across / 7 + random.uniform(0, 6)))
        pixels += 16 * waves[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB")
