"""Encoded pictures of any size to pixels, as a TensorFlow graph.

The same graph reads the training pictures and stands in the SavedModel, so that a picture looks the same to the model in
both. It has no Python at run time, reads what `picture_headers` found before it decodes anything, and bounds the memory:
a large JPEG is decoded at 1/2, 1/4 or 1/8 of its size, other large pictures are refused.

TensorFlow's decoders are used as far as they are right. They are not for transparency, for bitmaps with a table of colours
(`bitmaps`), and for animations: of a GIF all frames would be decoded, and an animated WebP without transparency overwrites
memory that is not its own (tensorflow 2.21), so the first frame is cut out before.
"""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from apps.captioning import bitmaps, picture_headers
from apps.captioning.picture_headers import EMPTY, FORMAT_NAMES, JPEG, UNKNOWN

# What a picture other than JPEG may have, and a progressive JPEG, all of which is decoded before it is scaled: 50 million
# pixels in four channels are 200 MB.
MOST_PIXELS = 50_000_000
# A JPEG in lines is scaled while it is decoded; this is the bound of patience.
MOST_JPEG_PIXELS = 500_000_000
# Pixels of a JPEG after the scaling in the decoder, if 1/8 can do it.
_MOST_DECODED_PIXELS = 16_000_000
_JPEG_RATIOS = (1, 2, 4, 8)
_EMPTY_GREY = 127  # in the middle between black and white
_FORMATS = "JPEG, PNG, GIF, WebP or BMP"


@tf.autograph.experimental.do_not_convert  # there is nothing in it to convert, and looking takes seconds
def decode_pictures(images: tf.Tensor, size: int, fit: Literal["stretch", "crop"] = "stretch") -> tf.Tensor:
    """Decodes pictures and scales them to squares.

    The orientation of a JPEG is honoured, transparent places become white, of an animation the first frame is taken. An empty
    string gives a grey picture: batches are padded with it.

    Args:
        images: tf.string [batch], whole files: JPEG, PNG, GIF, WebP or BMP; may be empty.
        size: side of the squares, pixels.
        fit: "stretch": all of the picture, out of shape; "crop": the square in its middle.

    Returns:
        uint8 [batch, size, size, 3], RGB.

    Raises:
        tf.errors.InvalidArgumentError: If one of them is no picture, damaged or too large.
        ValueError: If `fit` is unknown.
    """
    if fit not in ("stretch", "crop"):
        raise ValueError(f"fit is 'stretch' or 'crop', not {fit!r}")
    images = tf.convert_to_tensor(images, tf.string)
    headers = picture_headers.read_headers(images)
    with tf.control_dependencies(_checks(images, headers)):
        headers = {name: tf.identity(values) for name, values in headers.items()}
    headers["branch"] = _branches(headers, size)
    names = tuple(headers)
    facts = tf.stack([headers[name] for name in names], axis=1)  # [batch, facts]: one tensor to cut up instead of many

    def decode(image_and_facts):
        image, row = image_and_facts
        return _decode_one(image, dict(zip(names, tf.unstack(row, num=len(names)))), size, fit)

    pictures = tf.map_fn(
        decode, (images, facts), parallel_iterations=4, fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8)
    )
    return tf.ensure_shape(pictures, [None, size, size, 3])


def most_pixels(in_lines: bool) -> int:
    """The limit of a picture; `in_lines`: of a JPEG that is not progressive."""
    return MOST_JPEG_PIXELS if in_lines else MOST_PIXELS


def _checks(images: tf.Tensor, headers: dict[str, tf.Tensor]) -> list[tf.Tensor]:
    """Refuses what is no picture, has no size or too much of it, with the position in the batch."""
    formats, pixels = headers["format"], headers["width"] * headers["height"]
    names = tf.gather(tf.constant(FORMAT_NAMES), formats)
    is_picture = (formats != EMPTY) & (formats != UNKNOWN)
    in_lines = (formats == JPEG) & (headers["buffered"] == 0)
    limit = tf.where(in_lines, *(tf.constant(most_pixels(known), tf.int64) for known in (True, False)))
    number = tf.strings.as_string

    def size(at):
        return tf.strings.join([number(headers["width"][at]), " x ", number(headers["height"][at])])

    return [
        _refuse_first(
            formats == UNKNOWN,
            lambda at: [" begins with ", _printable(images[at]), f", but it must be {_FORMATS}"],
        ),
        _refuse_first(
            is_picture & (pixels == 0), lambda at: [" begins as ", names[at], ", but its header is damaged or cut off"]
        ),
        _refuse_first(
            is_picture & (pixels > limit),
            lambda at: [
                " is too large: ",
                names[at],
                " of ",
                size(at),
                " pixels, at most ",
                number(limit[at]),
                " can be",
            ],
        ),
    ]


def _refuse_first(bad: tf.Tensor, sentence: Callable[[tf.Tensor], list[str | tf.Tensor]]) -> tf.Tensor:
    """Fails with a sentence on the first picture that is `bad`, bool [batch]."""

    def refuse():
        at = tf.argmax(tf.cast(bad, tf.int32))
        words = tf.strings.join(["picture ", tf.strings.as_string(at), " of the batch", *sentence(at)])
        with tf.control_dependencies([tf.debugging.Assert(False, [words])]):
            return tf.constant(False)

    return tf.cond(tf.reduce_any(bad), refuse, lambda: tf.constant(True))


def _printable(image: tf.Tensor) -> tf.Tensor:
    """The first bytes as ASCII, tf.string []: messages of errors must be text."""
    letters = tf.constant([chr(value) if 32 <= value < 127 else "?" for value in range(256)])
    start = tf.io.decode_raw(tf.strings.substr(image, 0, 12), tf.uint8)
    return tf.strings.reduce_join(tf.gather(letters, tf.cast(start, tf.int32)))


def _branches(headers: dict[str, tf.Tensor], size: int) -> tf.Tensor:
    """Which way each picture is decoded, int64 [batch]: a JPEG by its ratio, others by their format."""
    shorter = tf.minimum(headers["width"], headers["height"])
    pixels = headers["width"] * headers["height"]
    ratio = tf.zeros_like(pixels)
    for index, divisor in enumerate(_JPEG_RATIOS[1:], start=1):
        # So that both sides remain longer than `size`: what the decoder scales, it scales less well.
        is_longer = shorter // divisor >= size
        is_too_large = pixels // _JPEG_RATIOS[index - 1] ** 2 > _MOST_DECODED_PIXELS
        ratio = tf.where(is_longer | is_too_large, tf.constant(index, tf.int64), ratio)
    others = len(_JPEG_RATIOS) + tf.gather(tf.constant([0, 0, 1, 2, 3, 4, 0], tf.int64), headers["format"])
    return tf.where(headers["format"] == JPEG, ratio, others)


def _decode_one(image: tf.Tensor, facts: dict[str, tf.Tensor], size: int, fit: str) -> tf.Tensor:
    """One picture, tf.string [], to uint8 [size, size, 3]."""

    def scaled(decode):
        def run():
            # The name stands in the message of a decoder that fails.
            with tf.name_scope("damaged_picture"):
                pixels = decode()
            return _scaled(_middle(pixels) if fit == "crop" else pixels, size)

        return run

    def jpeg(ratio):
        return lambda: tf.io.decode_jpeg(image, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")

    # In the order of `_branches`.
    decoders = [
        *(scaled(jpeg(ratio)) for ratio in _JPEG_RATIOS),
        lambda: tf.fill([size, size, 3], tf.constant(_EMPTY_GREY, tf.uint8)),
        scaled(lambda: _decode_png(image, facts)),
        scaled(lambda: _placed(_decode_gif(image, facts), facts)),
        scaled(lambda: _decode_webp(image, facts)),
        scaled(lambda: _over_white(bitmaps.decode_bitmap(image, facts["width"], facts["height"]))),
    ]
    pixels = tf.ensure_shape(tf.switch_case(tf.cast(facts["branch"], tf.int32), decoders), [size, size, 3])
    return tf.cond(facts["orientation"] > 1, lambda: _upright(pixels, facts["orientation"]), lambda: pixels)


def _decode_png(image: tf.Tensor, facts: dict[str, tf.Tensor]) -> tf.Tensor:
    """uint8 [height, width, 3], over white; of 16 bits the upper 8."""
    pixels = _over_white(tf.io.decode_png(image, channels=0, dtype=tf.uint8))
    transparent = facts["transparent"]

    def without_it():
        colour = tf.cast(transparent // tf.constant([256**2, 256, 1], tf.int64) % 256, tf.uint8)
        is_it = tf.reduce_all(pixels == colour, axis=-1, keepdims=True)
        return tf.where(is_it, tf.constant(255, tf.uint8), pixels)

    return tf.cond(transparent >= 0, without_it, lambda: pixels)


def _decode_gif(image: tf.Tensor, facts: dict[str, tf.Tensor]) -> tf.Tensor:
    """The first frame alone, its transparent places white: uint8 [frame height, frame width, 3].

    TensorFlow gets a file in which the frame is all of the screen, and in which the transparent colour is an ordinary white.
    """
    start, end = facts["frame_start"], facts["frame_end"]
    all_colours, its_colours = (
        picture_headers.colour_table_bytes(tf.cast(tf.io.decode_raw(_part(image, at, 1), tf.uint8)[0], tf.int64))
        for at in (10, start + 9)
    )
    white_at = 3 * facts["transparent"]  # in the table of colours; negative where none is transparent

    def with_white(colours):
        before, behind = _part(colours, 0, white_at), _part(colours, white_at + 3, 3 * 256)
        return tf.strings.join([before, b"\xff\xff\xff", behind])

    def table(at, count):
        is_there = (white_at >= 0) & (white_at < count)
        return tf.cond(is_there, lambda: with_white(_part(image, at, count)), lambda: _part(image, at, count))

    size, data = _part(image, start + 5, 4), start + 10 + its_colours
    still = [
        b"GIF89a",
        size,
        _part(image, 10, 3),
        table(13, all_colours),
        b",\0\0\0\0",
        size,
        _part(image, start + 9, 1),
        table(start + 10, its_colours),
        _part(image, data, end - data),
        b";",
    ]
    return tf.io.decode_gif(tf.strings.join(still))[0]


def _decode_webp(image: tf.Tensor, facts: dict[str, tf.Tensor]) -> tf.Tensor:
    """uint8 [height, width, 3], over white; of an animation the first frame in its place."""
    start, end = facts["frame_start"], facts["frame_end"]

    def still():
        # The chunks of the frame behind a header without animation. The header of the frame, which lies before them, has
        # its size in the same form.
        chunks = _part(image, start, end - start)
        numbers = tf.constant([bytes([value]) for value in range(256)])
        length = 22 + tf.cast(tf.strings.length(chunks), tf.int64)
        length = tf.strings.reduce_join(
            tf.gather(numbers, length // tf.constant([1, 256, 256**2, 256**3], tf.int64) % 256)
        )
        has_alpha = b"VP8X\x0a\0\0\0\x10\0\0\0"
        return tf.strings.join([b"RIFF", length, b"WEBP", has_alpha, _part(image, start - 10, 6), chunks])

    def decoded(data):
        return _over_white(tf.io.decode_webp(data, channels=0)[0])

    return tf.cond(start > 0, lambda: _placed(decoded(still()), facts), lambda: decoded(image))


def _part(text: tf.Tensor, start: tf.Tensor | int, count: tf.Tensor | int) -> tf.Tensor:
    """`count` bytes from `start` on, fewer at the end: tf.string []."""
    return tf.strings.substr(text, tf.cast(start, tf.int64), tf.cast(count, tf.int64))


def _placed(frame: tf.Tensor, facts: dict[str, tf.Tensor]) -> tf.Tensor:
    """The frame, uint8 [frame height, frame width, 3], in its place of a white picture: uint8 [height, width, 3]."""
    right = facts["width"] - facts["left"] - facts["frame_width"]
    bottom = facts["height"] - facts["top"] - facts["frame_height"]
    paddings = tf.stack([[facts["top"], bottom], [facts["left"], right], [0, 0]])
    return tf.pad(frame, paddings, constant_values=255)


def _over_white(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 [height, width, 1 to 4], grey or RGB with or without opacity, to RGB over white: uint8 [height, width, 3]."""
    channels = tf.shape(pixels)[-1]

    def composed():
        # In uint16, which just suffices: for 50 million pixels float32 would be 600 MB.
        opacity = tf.cast(pixels[..., -1:], tf.uint16)
        white = tf.constant(255, tf.uint16)
        product = tf.cast(pixels[..., :-1], tf.uint16) * opacity + (white * (white - opacity) + 127)
        return tf.cast(product // white, tf.uint8)

    pixels = tf.cond(channels % 2 == 0, composed, lambda: pixels)
    is_grey = tf.shape(pixels)[-1] == 1
    return tf.cond(is_grey, lambda: tf.repeat(pixels, 3, axis=-1), lambda: pixels)


def _middle(pixels: tf.Tensor) -> tf.Tensor:
    """The largest square in the middle of uint8 [height, width, 3]."""
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    side = tf.minimum(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def _scaled(pixels: tf.Tensor, size: int) -> tf.Tensor:
    """uint8 [height, width, 3] to uint8 [size, size, 3], averaging over what becomes one pixel."""
    pixels = tf.ensure_shape(pixels, [None, None, 3])
    scaled = tf.image.resize(pixels, [size, size], method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(scaled), 0.0, 255.0), tf.uint8)


def _upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors a square, uint8 [size, size, 3], as the orientation of Exif, int64 [], wants it."""
    # By orientation: exchange rows and columns first, then mirror up and down, then left and right.
    steps = tf.constant(
        [[0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1], [1, 1, 0]]
    )[orientation]
    pixels = tf.cond(steps[0] == 1, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
    pixels = tf.cond(steps[1] == 1, lambda: pixels[::-1], lambda: pixels)
    return tf.cond(steps[2] == 1, lambda: pixels[:, ::-1], lambda: pixels)
