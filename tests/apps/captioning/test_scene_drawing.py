"""If these fail, the bundled pictures cannot be read, or show other colours or things than was meant."""

import io

import numpy as np
import pytest
from PIL import Image

from apps.captioning.scene_drawing import draw
from apps.captioning.scene_layouts import PICTURE_SIZE, Layout, Placement
from apps.captioning.scenes import BACKGROUNDS, Group, Scene


def pixels_of(data):
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (PICTURE_SIZE, PICTURE_SIZE))
        return np.asarray(image).astype(int)


def apple(background, *, x=48, y=48, side=40, mirrored=False, angle=0, seed=10):
    scene = Scene((Group("red apple"),), "alone", background)
    return draw(scene, Layout((Placement("red apple", x, y, side, angle, mirrored),), seed))


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_a_red_apple_is_red_wherever_it_is(background):
    pixels = pixels_of(apple(background, x=30, y=60))
    red, green, blue = pixels[60:66, 28:33].mean((0, 1))
    assert red > 180 and green < 90 and blue < 110


def test_backgrounds_are_what_they_are_called():
    expected = {"white": (250, 250, 250), "black": (28, 28, 32), "red": (222, 92, 92), "blue": (116, 160, 235)}
    for name, colour in expected.items():
        corner = pixels_of(apple(name))[:10, :10].mean((0, 1))
        assert np.abs(corner - colour).max() < 13
    means = {name: pixels_of(apple(name))[:10].mean((0, 1)) for name in BACKGROUNDS}
    assert means["grass"].argmax() == 1 and means["sky"].argmax() == 2 and means["night"].max() < 80
    assert means["snow"].min() > 200 and means["sand"].argmin() == 2


def test_a_thing_is_as_large_as_its_side_and_where_it_was_placed():
    for x, y, side in ((24, 24, 26), (60, 40, 47), (48, 50, 74)):
        rows, columns = np.nonzero(np.abs(pixels_of(apple("white", x=x, y=y, side=side)) - 250).max(2) > 40)
        assert abs(max(np.ptp(rows), np.ptp(columns)) + 1 - side) <= 3
        assert abs((rows.min() + rows.max()) / 2 - y) <= 2 and abs((columns.min() + columns.max()) / 2 - x) <= 2


def test_mirrored_is_the_mirror_image():
    straight, mirrored = (pixels_of(apple("white", side=60, mirrored=value)) for value in (False, True))
    assert np.abs(straight[:, 18:78] - mirrored[:, 18:78]).mean() > 3
    assert np.abs(straight[:, 18:78] - mirrored[:, 77:17:-1]).mean() < 3


def test_the_same_scene_is_the_same_file_and_another_seed_another_shade():
    assert apple("blue") == apple("blue")
    assert apple("blue", seed=1) != apple("blue", seed=9)
    assert apple("grass", seed=1) != apple("grass", seed=2)
