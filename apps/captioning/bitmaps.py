"""Windows bitmaps (BMP) to pixels, as a TensorFlow graph.

TensorFlow's own decoder takes the numbers of colours for grey, and knows neither 1, 4 nor 16 bits a pixel.
"""

import tensorflow as tf

# Where the numbers stand in the file.
_DATA_AT, _HEADER_SIZE_AT = 10, 14
_BITS = (1, 4, 8, 16, 24, 32)


def decode_bitmap(image: tf.Tensor, width: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    """Decodes one uncompressed bitmap of 1, 4, 8, 16, 24 or 32 bits a pixel.

    Args:
        image: tf.string [], the file.
        width, height: int64 [], as `picture_headers.read_headers` found them.

    Returns:
        uint8 [height, width, 3], or [height, width, 4] where the file says that it has transparency.

    Raises:
        tf.errors.InvalidArgumentError: If it is compressed, cut off or of another kind.
    """
    head = tf.cast(tf.io.decode_raw([image], tf.uint8, fixed_length=128)[0], tf.int64)
    size = _number(head, _HEADER_SIZE_AT, 4)
    is_old = size == 12  # of OS/2: shorter numbers, colours of three bytes
    bits = tf.where(is_old, _number(head, 24, 2), _number(head, 28, 2))
    compression = tf.where(is_old, tf.constant(0, tf.int64), _number(head, 30, 4))
    red, green, blue, alpha = (_number(head, offset, 4) for offset in (54, 58, 62, 66))
    has_masks = compression == 3
    alpha = tf.where(has_masks & (size >= 56), alpha, 0)
    is_565 = has_masks & (bits == 16) & (red == 0xF800) & (green == 0x07E0) & (blue == 0x1F)
    is_555 = has_masks & (bits == 16) & (red == 0x7C00) & (green == 0x03E0) & (blue == 0x1F)
    is_bgra = has_masks & (bits == 32) & (red == 0xFF0000) & (green == 0xFF00) & (blue == 0xFF)
    is_bgra = is_bgra & ((alpha == 0) | (alpha == 0xFF000000))
    is_known = (compression == 0) | is_565 | is_555 | is_bgra
    line = (bits * width + 31) // 32 * 4
    start = _number(head, _DATA_AT, 4)
    checks = [
        tf.debugging.Assert(
            is_known & tf.reduce_any(bits == tf.constant(_BITS, tf.int64)),
            [
                "a BMP picture is compressed or of a rare kind; save it as PNG. Bits a pixel, compression:",
                bits,
                compression,
            ],
        ),
        tf.debugging.Assert(
            start + line * height <= tf.cast(tf.strings.length(image), tf.int64),
            [
                "a BMP picture is cut off: bytes of the file, bytes expected:",
                tf.strings.length(image),
                start + line * height,
            ],
        ),
    ]
    with tf.control_dependencies(checks):
        data = tf.strings.substr(image, start, line * height)
    lines = tf.reshape(tf.io.decode_raw(data, tf.uint8), tf.stack([height, line]))  # [height, line]
    colours = _colours(image, 14 + size, is_old)

    def by_number(shift_bits: int):
        def decode():
            shifts = tf.constant([*range(8 - shift_bits, -1, -shift_bits)], tf.uint8)
            numbers = tf.bitwise.right_shift(lines[..., None], shifts)
            numbers = tf.bitwise.bitwise_and(numbers, tf.constant(2**shift_bits - 1, tf.uint8))
            numbers = tf.reshape(numbers, tf.stack([height, line * (8 // shift_bits)]))[:, :width]
            return tf.gather(colours, tf.cast(numbers, tf.int32))

        return decode

    def of_16():
        pixels = tf.reshape(tf.io.decode_raw(data, tf.uint16, little_endian=True), tf.stack([height, line // 2]))[
            :, :width
        ]
        five = tf.constant(31, tf.uint16)
        high = tf.where(is_565, tf.constant(11, tf.uint16), tf.constant(10, tf.uint16))
        red = _widened(tf.bitwise.bitwise_and(tf.bitwise.right_shift(pixels, high), five), 5)
        blue = _widened(tf.bitwise.bitwise_and(pixels, five), 5)
        middle = tf.bitwise.right_shift(pixels, tf.constant(5, tf.uint16))
        green = tf.cond(
            is_565,
            lambda: _widened(tf.bitwise.bitwise_and(middle, tf.constant(63, tf.uint16)), 6),
            lambda: _widened(tf.bitwise.bitwise_and(middle, five), 5),
        )
        return tf.stack([red, green, blue], axis=-1)

    def of_24():
        return tf.reverse(tf.reshape(lines[:, : 3 * width], tf.stack([height, width, 3])), axis=[-1])

    def of_32():
        pixels = tf.reshape(lines, tf.stack([height, width, 4]))
        opaque = tf.reverse(pixels[..., :3], axis=[-1])
        return tf.cond(alpha > 0, lambda: tf.concat([opaque, pixels[..., 3:]], axis=-1), lambda: opaque)

    kind = tf.argmax(tf.cast(bits == tf.constant(_BITS, tf.int64), tf.int32), output_type=tf.int32)
    pixels = tf.switch_case(kind, [by_number(1), by_number(4), by_number(8), of_16, of_24, of_32])
    # The lowest line comes first, unless the height is negative: then its uppermost bit is set.
    is_upright = ~is_old & (head[25] >= 128)
    return tf.cond(is_upright, lambda: pixels, lambda: tf.reverse(pixels, axis=[0]))


def _colours(image: tf.Tensor, at: tf.Tensor, is_old: tf.Tensor) -> tf.Tensor:
    """The table of colours, uint8 [256, 3]; zeros behind the end."""
    at = tf.minimum(at, tf.cast(tf.strings.length(image), tf.int64))
    data = tf.strings.substr(image, at, tf.constant(1024, tf.int64))
    raw = tf.io.decode_raw([data], tf.uint8, fixed_length=1024)[0]
    entries = tf.cond(is_old, lambda: tf.reshape(raw[:768], [256, 3]), lambda: tf.reshape(raw, [256, 4])[:, :3])
    return tf.reverse(entries, axis=[-1])


def _widened(values: tf.Tensor, bits: int) -> tf.Tensor:
    """Numbers of 5 or 6 bits, uint16, stretched to 8 bits, uint8."""
    factor, addend = {5: (527, 23), 6: (259, 33)}[bits]  # exactly round(value * 255 / (2**bits - 1))
    stretched = values * tf.constant(factor, tf.uint16) + tf.constant(addend, tf.uint16)
    return tf.cast(tf.bitwise.right_shift(stretched, tf.constant(6, tf.uint16)), tf.uint8)


def _number(head: tf.Tensor, offset: int, count: int) -> tf.Tensor:
    return tf.reduce_sum(head[offset : offset + count] * tf.constant([256**i for i in range(count)], tf.int64))
