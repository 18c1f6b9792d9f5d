"""Says in a sentence why a picture cannot be read.

`picture_decoding.decode_pictures` decides whether it can; so the two always agree. Here a person learns what is wrong: it is
slower and looks closely, at what has failed.
"""

import functools
import io
import warnings

import tensorflow as tf
from PIL import Image

from apps.captioning import picture_decoding, picture_headers
from common.errors import UserError

_ADVICE = "save it as JPEG, PNG, GIF, WebP or BMP"
# What people hand in for pictures: how it begins, after how many bytes, and what it is. The first that fits counts.
_OTHERS = (
    (0, (b"%PDF",), "a PDF document"),
    (4, (b"ftypavif", b"ftypavis"), "an AVIF picture"),
    (4, (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc"), "a HEIC picture"),
    (4, (b"ftyp",), "a video"),
    (0, (b"\x1aE\xdf\xa3",), "a video"),
    (8, (b"AVI ",), "a video"),
    (0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "a TIFF picture"),
    (0, (b"8BPS",), "a Photoshop document"),
    (0, (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), "a JPEG 2000 picture"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), "a JPEG XL picture"),
    (0, (b"\0\0\x01\0",), "a Windows icon"),
    (0, (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!"), "an archive"),
    (0, (b"RIFF",), "a sound"),
    (0, (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7"), "a PNM picture"),
)


def check_picture(data: bytes, name: str) -> None:
    """Checks that `decode_pictures` can read a picture.

    Args:
        data: the whole file.
        name: for people, which picture it is.

    Raises:
        UserError: If it is empty, no picture, cut off, damaged or too large.
    """
    if not data:
        raise UserError(f"{name} is empty; copy the picture again or leave it out")
    try:
        _decoder()(tf.constant([data]))
    except tf.errors.OpError as error:
        raise UserError(f"{name} {_what_is_wrong(data)}") from error


@functools.cache
def _decoder() -> tf.types.experimental.PolymorphicFunction:
    signature = [tf.TensorSpec([None], tf.string)]
    # Into few pixels: whether a picture can be read does not depend on the size, nor on the scaling in the decoder of JPEG.
    return tf.function(
        lambda images: picture_decoding.decode_pictures(images, 8, "stretch"),
        input_signature=signature,
        autograph=False,
    )


def _what_is_wrong(data: bytes) -> str:
    """The rest of the sentence that begins with the name."""
    headers = {key: int(values[0]) for key, values in picture_headers.read_headers(tf.constant([data])).items()}
    form = picture_headers.FORMAT_NAMES[headers["format"]]
    if headers["format"] == picture_headers.UNKNOWN:
        return f"is {_what_else(data)}; {_ADVICE}"
    width, height = headers["width"], headers["height"]
    most = picture_decoding.most_pixels(headers["format"] == picture_headers.JPEG and not headers["buffered"])
    if width * height > most:
        return f"is {width} x {height} pixels large, more than the {most:,} that a {form} may have; scale it down"
    if not width * height:
        return f"begins like a {form} picture, but is cut off or damaged; copy it again or leave it out"
    if headers["format"] == picture_headers.BMP and len(data) > 30 and data[30] not in (0, 3):
        return f"is a compressed BMP picture; {_ADVICE[: _ADVICE.index(',')]} or PNG"
    return f"is a {form} picture that is {_how_damaged(data, form)}; copy it again or leave it out"


def _how_damaged(data: bytes, form: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pictures that are large, which is known by now
            # No other formats: Pillow's readers of rare ones are not for data of strangers.
            with Image.open(io.BytesIO(data), formats=[form.upper()]) as picture:
                picture.load()
    except Image.DecompressionBombError:
        return "damaged"
    except Exception as error:  # Pillow raises what its readers raise: OSError, SyntaxError, struct.error, ...
        return "cut off" if "truncated" in str(error).lower() else "damaged"
    # Pillow forgives an end that is missing.
    return "cut off" if form == "PNG" and b"IEND" not in data[-64:] else "damaged"


def _what_else(data: bytes) -> str:
    for offset, beginnings, what in _OTHERS:
        if data[offset:].startswith(beginnings):
            return f"{what}, which cannot be read here" if what.endswith(" picture") else f"{what}, not a picture"
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<svg", b"<?xml")) and b"<svg" in start:
        return "an SVG drawing, which has no pixels"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (HTML), not a picture"
    try:
        text = data[:4096].decode("utf-8")
    except UnicodeDecodeError as error:
        # A letter may be cut through at the end of what was looked at.
        text = data[: error.start].decode("utf-8") if error.start > 4090 else "\0"
    if all(letter.isprintable() or letter in "\t\r\n\f" for letter in text):
        return "text, not a picture"
    return "no picture of a kind that is known"
