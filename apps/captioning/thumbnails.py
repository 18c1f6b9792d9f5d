"""Pictures as small as a sheet of several shows them; the network never sees these."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

THUMBNAIL_SIDE = 256  # pixels of the longer side, at most


def thumbnail(picture: bytes, fit: Literal["stretch", "crop"] = "stretch", side: int = THUMBNAIL_SIDE) -> np.ndarray:
    """A picture made small, as a person would see it: upright, the first of several frames.

    Args:
        picture: an encoded picture that `picture_checks.check_picture` accepts.
        fit: crop: the square in the middle, which is all that the network sees with `preprocessing.fit` crop; stretch: all of it.
        side: pixels of the longer side, at most.

    Returns:
        uint8 [height, width, 3]; smaller pictures are not enlarged.
    """
    with _without_limit(), Image.open(io.BytesIO(picture)) as opened:
        opened.draft("RGB", (2 * side, 2 * side))  # JPEG of any size then decodes to about this
        image = ImageOps.exif_transpose(opened)
        if image.has_transparency_data:  # on white, as the network sees it
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
    if fit == "crop":
        image = ImageOps.fit(image, (min(image.size),) * 2)
    image.thumbnail((side, side))
    return np.asarray(image)


@contextlib.contextmanager
def _without_limit() -> Iterator[None]:
    """Pillow's own limit is below what `picture_decoding` reads, which has bounded the picture before."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
