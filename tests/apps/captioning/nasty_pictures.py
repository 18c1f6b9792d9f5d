"""Pictures of every kind and damage that people hand in, made by Pillow."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

_ROWS, _COLUMNS = np.mgrid[0:40, 0:60]
# Smooth, and different in every corner and channel.
SCENE = Image.fromarray(np.stack([_COLUMNS * 4, _ROWS * 6, (_ROWS + _COLUMNS) * 2], axis=-1).astype(np.uint8))
OTHER_SCENE = SCENE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
VEILED = SCENE.copy()
VEILED.putalpha(Image.fromarray((_COLUMNS * 4).astype(np.uint8)))
CUT_OUT = SCENE.copy()
CUT_OUT.putalpha(Image.fromarray(((_COLUMNS > 20) * 255).astype(np.uint8)))


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def rotated(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(SCENE, "JPEG", quality=95, exif=exif)


def good_pictures() -> dict[str, bytes]:
    """Pictures that can be read, by what is special about them."""
    grey = SCENE.convert("L")
    good = {
        "jpeg": encoded(SCENE, "JPEG", quality=95),
        "jpeg with something behind it": encoded(SCENE, "JPEG", quality=95) + b"something",
        "progressive jpeg": encoded(SCENE, "JPEG", quality=95, progressive=True),
        "grey jpeg": encoded(grey, "JPEG", quality=95),
        "cmyk jpeg": encoded(SCENE.convert("CMYK"), "JPEG", quality=95),
        "16 bit png": encoded(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG"),
        "png with opacity": encoded(VEILED, "PNG"),
        "grey png with opacity": encoded(VEILED.convert("LA"), "PNG"),
        "palette png with opacity": encoded(VEILED.quantize(16, method=2), "PNG"),
        "palette png with a transparent colour": encoded(SCENE.quantize(16), "PNG", transparency=3),
        "grey png with a transparent grey": encoded(grey, "PNG", transparency=100),
        "rgb png with a transparent colour": encoded(SCENE, "PNG", transparency=SCENE.getpixel((30, 20))),
        "gif with transparency": encoded(CUT_OUT, "GIF"),
        "animated gif": encoded(SCENE, "GIF", save_all=True, append_images=[OTHER_SCENE]),
        "animated gif with transparency": encoded(CUT_OUT, "GIF", save_all=True, append_images=[OTHER_SCENE]),
        "interlaced gif": encoded(SCENE, "GIF", interlace=1),
        "bmp with unused fourth bytes": encoded(VEILED, "BMP"),
    }
    for mode in ("RGB", "L", "P", "1"):
        for form in ("PNG", "GIF", "BMP"):
            good[f"{mode} {form}"] = encoded(SCENE.convert(mode), form)
    for what, picture in (("", SCENE), (" with opacity", VEILED)):
        for lossless in (False, True):
            name = f"{'lossless ' * lossless}webp{what}"
            good[name] = encoded(picture, "WEBP", lossless=lossless, quality=90)
            good[f"animated {name}"] = encoded(
                picture, "WEBP", lossless=lossless, quality=90, save_all=True, append_images=[OTHER_SCENE], duration=100
            )
    for form in ("JPEG", "PNG", "GIF", "WEBP", "BMP"):
        good[f"one pixel {form}"] = encoded(SCENE.resize((1, 1)), form)
    return good | {f"orientation {orientation}": rotated(orientation) for orientation in range(1, 9)}


def png_of_declared_size(width: int, height: int) -> bytes:
    """A small file that says it is large."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(100)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in [*chunks, (b"IEND", b"")]
    )


def broken_pictures() -> dict[str, tuple[bytes, str]]:
    """What cannot be read, by what it is: the bytes, and words of the sentence that a person gets."""
    jpeg, png, gif = (encoded(SCENE, form) for form in ("JPEG", "PNG", "GIF"))
    webp, bmp = encoded(SCENE, "WEBP"), encoded(SCENE, "BMP")
    wrong_sum = bytearray(png)
    wrong_sum[png.index(b"IDAT") + 10] ^= 0xFF
    huge_jpeg = bytearray(jpeg)
    size_at = jpeg.index(b"\xff\xc0") + 5
    huge_jpeg[size_at : size_at + 4] = b"\xff\xff\xff\xff"
    huge_gif = bytearray(gif)
    huge_gif[6:10] = b"\xff\xff\xff\xff"
    huge_bmp = bytearray(bmp)
    huge_bmp[18:26] = struct.pack("<ii", 100_000, 100_000)
    compressed_bmp = bytearray(bmp)
    compressed_bmp[30] = 1
    extended = encoded(VEILED, "WEBP", save_all=True, append_images=[OTHER_SCENE], duration=100)
    broken = {
        "text": (b"captions: none\n" * 50, "is text"),
        "html": (b"<!DOCTYPE html><title>404</title>", "web page"),
        "pdf": (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC"),
        "avif": (encoded(SCENE, "AVIF") if "AVIF" in Image.SAVE_ALL else b"\0\0\0\x18ftypavif", "AVIF"),
        "tiff": (encoded(SCENE, "TIFF"), "TIFF"),
        "svg": (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "SVG"),
        "noise": (bytes(range(128, 256)), "no picture"),
        "png with a wrong checksum": (bytes(wrong_sum), "PNG picture that is damaged"),
        "huge jpeg": (bytes(huge_jpeg), "65535 x 65535 pixels"),
        "huge png": (png_of_declared_size(100_000, 100_000), "100000 x 100000 pixels"),
        "png that says too much": (png_of_declared_size(3_000, 3_000), "PNG picture that is"),
        "huge gif": (bytes(huge_gif), "65535 x 65535 pixels"),
        "huge bmp": (bytes(huge_bmp), "100000 x 100000 pixels"),
        "compressed bmp": (bytes(compressed_bmp), "compressed BMP"),
        "animated webp, cut off": (extended[: len(extended) // 4], "WebP"),
        "webp that only says it is animated": (extended[:30], "WebP"),
    }
    for name, data in (("jpeg", jpeg), ("png", png), ("gif", gif), ("webp", webp), ("bmp", bmp)):
        for length in (3, 8, 20, 40, len(data) // 2, len(data) - 3):
            broken[f"{name}, {length} bytes of it"] = (data[:length], "cut off|damaged|text|no picture|WebP|sound")
    return broken
