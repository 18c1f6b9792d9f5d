"""What the first bytes of encoded pictures say of them: format, size, orientation, where the first frame lies.

The first step of `picture_decoding.decode_pictures`, as a TensorFlow graph over a whole batch: nothing is decoded yet, so
that a picture too large for the memory is refused by what it says of itself.

Everything is read with `_bytes_at`, which gives zeros behind the end of a file: a header that is cut off leads to a size of 0
or a format unknown, never to an exception without words.

Reference: ISO/IEC 10918-1 annex B (JPEG), Exif 2.32 section 4.6, RFC 2083 (PNG), GIF89a, RFC 9649 (WebP).
"""

import tensorflow as tf

EMPTY, JPEG, PNG, GIF, WEBP, BMP, UNKNOWN = range(7)
FORMAT_NAMES = ("nothing", "JPEG", "PNG", "GIF", "WebP", "BMP", "unknown")

# Segments of a JPEG before its size, chunks of a WebP before its first frame; real files have dozens, with an ICC profile
# up to 255.
_MOST_SEGMENTS = 1_000
# Blocks of at most 255 bytes up to the end of the first frame of a GIF: 50 MB.
_MOST_BLOCKS = 200_000
# Entries of the first directory of Exif that are looked through for the orientation; cameras write a dozen.
_MOST_EXIF_ENTRIES = 64
_ORIENTATION_TAG = 0x0112


def read_headers(images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Reads what encoded pictures say of themselves.

    Args:
        images: tf.string [batch], whole files.

    Returns:
        All int64 [batch]:
        format: `EMPTY`, `JPEG`, ..., `UNKNOWN`.
        width, height: pixels of the whole picture as stored, before the orientation is applied; 0 where the header is damaged.
        orientation: 1 to 8 as in Exif; 1 where nothing is said.
        buffered: 1 for a JPEG that can only be decoded with all its coefficients in memory (progressive).
        frame_start, frame_end: bytes of the first frame: of a GIF from its image descriptor to behind its last block, of an
            animated WebP the chunks inside `ANMF`; 0 where the picture is not in frames.
        frame_width, frame_height, left, top: pixels, where that frame lies in the picture.
        transparent: the colour number of a GIF, or the colour of a PNG as 0xRRGGBB, that means transparent; or -1.
    """
    head = _bytes_at(images, tf.zeros(tf.shape(images), tf.int64), 64)
    formats = _formats(head, _lengths(images))
    nothing = tf.zeros_like(formats)
    found = {
        "format": formats,
        "width": nothing,
        "height": nothing,
        "orientation": nothing + 1,
        "buffered": nothing,
        "frame_start": nothing,
        "frame_end": nothing,
        "frame_width": nothing,
        "frame_height": nothing,
        "left": nothing,
        "top": nothing,
        "transparent": nothing - 1,
    }
    for number, read in ((JPEG, _read_jpeg), (PNG, _read_png), (GIF, _read_gif), (WEBP, _read_webp), (BMP, _read_bmp)):
        chosen = formats == number
        for name, values in read(images, head, chosen).items():
            found[name] = tf.where(chosen, values, found[name])
    return found


def _formats(head: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """The format of each picture, int64 [batch], by its first bytes."""
    formats = tf.fill(tf.shape(lengths), tf.constant(UNKNOWN, tf.int64))
    for number, marks in (
        (JPEG, ((0, b"\xff\xd8\xff"),)),
        (PNG, ((0, b"\x89PNG\r\n\x1a\n"),)),
        (GIF, ((0, b"GIF8"),)),
        (WEBP, ((0, b"RIFF"), (8, b"WEBP"))),
        (BMP, ((0, b"BM"),)),
    ):
        formats = tf.where(_all_at(head, marks), tf.constant(number, tf.int64), formats)
    return tf.where(lengths == 0, tf.constant(EMPTY, tf.int64), formats)


def _read_jpeg(images: tf.Tensor, head: tf.Tensor, chosen: tf.Tensor) -> dict[str, tf.Tensor]:
    """Walks through the segments up to the one with the size (SOF)."""
    nothing = tf.zeros(tf.shape(images), tf.int64)

    def more(active, *_):
        return tf.reduce_any(active)

    def walk(active, position, exif, width, height, sof):
        part = _bytes_at(images, position, 10)
        marker = part[:, 1]
        is_segment = active & (part[:, 0] == 0xFF)
        is_sof = (
            is_segment & (marker >= 0xC0) & (marker <= 0xCF) & (marker != 0xC4) & (marker != 0xC8) & (marker != 0xCC)
        )
        is_exif = is_segment & (marker == 0xE1) & _all_at(part, ((4, b"Exif\0\0"),)) & (exif == 0)
        exif = tf.where(is_exif, position + 10, exif)
        height = tf.where(is_sof, _big(part, 5, 2), height)
        width = tf.where(is_sof, _big(part, 7, 2), width)
        sof = tf.where(is_sof, marker, sof)
        # Any number of 0xFF may stand before a marker. 0xDA begins the picture itself.
        step = tf.where(marker == 0xFF, tf.ones_like(position), 2 + _big(part, 2, 2))
        active = is_segment & ~is_sof & (marker != 0xDA) & (marker != 0xD9)
        return active, tf.where(active, position + step, position), exif, width, height, sof

    _, _, exif, width, height, sof = tf.while_loop(
        more,
        walk,
        (chosen, nothing + 2, nothing, nothing, nothing, nothing),
        maximum_iterations=_MOST_SEGMENTS,
    )
    return {
        "width": width,
        "height": height,
        "orientation": _orientation(images, exif),
        # 0xC0 and 0xC1 are decoded line by line, if all their components come in one scan.
        "buffered": tf.cast(sof > 0xC1, tf.int64),
    }


def _orientation(images: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
    """The orientation in the Exif data that begin at byte `exif` (0 = there are none)."""
    start = _bytes_at(images, exif, 8)
    is_little = _all_at(start, ((0, b"II"),))
    directory = exif + tf.where(is_little, _little(start, 4, 4), _big(start, 4, 4))
    count = _bytes_at(images, directory, 2)
    count = tf.where(is_little, _little(count, 0, 2), _big(count, 0, 2))
    entries = _bytes_at(images, directory + 2, 12 * _MOST_EXIF_ENTRIES)
    entries = tf.reshape(entries, [-1, 12])  # [batch * entries, 12]

    def field(offset):
        pair = tf.reshape(entries[:, offset : offset + 2], [-1, _MOST_EXIF_ENTRIES, 2])
        return tf.where(is_little[:, None], pair[..., 0] + 256 * pair[..., 1], 256 * pair[..., 0] + pair[..., 1])

    is_it = (field(0) == _ORIENTATION_TAG) & (tf.range(_MOST_EXIF_ENTRIES, dtype=tf.int64) < count[:, None])
    value = tf.reduce_max(tf.where(is_it, field(8), 0), axis=1)
    is_said = (exif > 0) & (value >= 1) & (value <= 8)
    return tf.where(is_said, value, tf.ones_like(value))


def _read_png(images: tf.Tensor, head: tf.Tensor, chosen: tf.Tensor) -> dict[str, tf.Tensor]:
    """Reads the size, and of a picture without opacity looks for a colour that is transparent (tRNS)."""
    depth, kind = head[:, 24], head[:, 25]  # kind: 0 grey, 2 RGB, 3 colours of a table, 4 and 6 with opacity
    nothing = tf.zeros_like(depth)

    def more(active, *_):
        return tf.reduce_any(active)

    def walk(active, position, key):
        part = _bytes_at(images, position, 8)
        is_key = active & _all_at(part, ((4, b"tRNS"),))
        key = tf.where(is_key, position + 8, key)
        is_last = _all_at(part, ((4, b"IDAT"),)) | (position >= _lengths(images))
        return active & ~is_key & ~is_last, position + 12 + _big(part, 0, 4), key

    active = chosen & ((kind == 0) | (kind == 2))
    _, _, key = tf.while_loop(more, walk, (active, nothing + 8, nothing), maximum_iterations=_MOST_SEGMENTS)
    part = _bytes_at(images, key, 6)
    samples = tf.stack([_big(part, offset, 2) for offset in (0, 2, 4)], axis=1)  # [batch, 3]
    samples = tf.where(kind[:, None] == 0, samples[:, :1], samples)
    # To 8 bits, as the pixels will be: of 16 the upper ones, fewer are stretched.
    highest = 2 ** tf.clip_by_value(depth, 1, 16) - 1
    samples = tf.where(depth[:, None] == 16, samples // 256, samples * 255 // highest[:, None])
    return {
        "width": _big(head, 16, 4),
        "height": _big(head, 20, 4),
        "transparent": tf.where(key > 0, tf.reduce_sum(samples * [256**2, 256, 1], axis=1), nothing - 1),
    }


def _read_bmp(images: tf.Tensor, head: tf.Tensor, chosen: tf.Tensor) -> dict[str, tf.Tensor]:
    is_old = _little(head, 14, 4) == 12  # of OS/2
    width = tf.where(is_old, _little(head, 18, 2), _signed(_little(head, 18, 4)))
    height = tf.where(is_old, _little(head, 20, 2), _signed(_little(head, 22, 4)))
    # A negative height means that the first line is the uppermost.
    return {"width": tf.maximum(width, 0), "height": tf.abs(height)}


def _read_gif(images: tf.Tensor, head: tf.Tensor, chosen: tf.Tensor) -> dict[str, tf.Tensor]:
    """Walks through the blocks up to the end of the first frame."""
    nothing = tf.zeros(tf.shape(images), tf.int64)
    first = 13 + colour_table_bytes(head[:, 10])  # behind the screen descriptor and its colours

    def more(active, *_):
        return tf.reduce_any(active)

    # `frame` is 0 until the image descriptor is found; `is_data` is true inside a chain of blocks of at most 255 bytes.
    def walk(active, position, is_data, frame, end, transparent):
        part = _bytes_at(images, position, 10)
        length = part[:, 0]
        is_descriptor = active & ~is_data & (length == 0x2C)
        is_extension = active & ~is_data & (length == 0x21)
        is_control = is_extension & (part[:, 1] == 0xF9)
        is_end = active & is_data & (length == 0)
        colour = tf.where(part[:, 3] % 2 == 1, part[:, 6], -1)
        transparent = tf.where(is_control, colour, transparent)
        is_last = is_end & (frame > 0)
        end = tf.where(is_last, position + 1, end)
        step = tf.where(is_data, 1 + length, 2)
        # Behind the descriptor lie its colours and one byte of the compression.
        step = tf.where(is_descriptor, 11 + colour_table_bytes(part[:, 9]), step)
        frame = tf.where(is_descriptor, position, frame)
        active = active & (is_data | is_descriptor | is_extension) & ~is_last & (position < _lengths(images))
        return active, position + step, (is_data & ~is_end) | is_descriptor | is_extension, frame, end, transparent

    _, _, _, frame, end, transparent = tf.while_loop(
        more,
        walk,
        (chosen, first, tf.zeros_like(chosen), nothing, nothing, nothing - 1),
        maximum_iterations=_MOST_BLOCKS,
    )
    part = _bytes_at(images, frame, 10)
    left, top, width, height = (_little(part, offset, 2) for offset in (1, 3, 5, 7))
    is_whole = end > 0
    return {
        # A frame that reaches beyond the screen makes the screen larger, as in Pillow.
        "width": tf.where(is_whole, tf.maximum(_little(head, 6, 2), left + width), 0),
        "height": tf.where(is_whole, tf.maximum(_little(head, 8, 2), top + height), 0),
        "frame_start": frame,
        "frame_end": end,
        "frame_width": width,
        "frame_height": height,
        "left": left,
        "top": top,
        "transparent": transparent,
    }


def colour_table_bytes(flags: tf.Tensor) -> tf.Tensor:
    """Bytes of the table of colours that the flags of a GIF announce."""
    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(tf.ones_like(flags), flags % 8 + 1), 0)


def _read_webp(images: tf.Tensor, head: tf.Tensor, chosen: tf.Tensor) -> dict[str, tf.Tensor]:
    """Reads the size, and of an animation looks for the first frame."""
    nothing = tf.zeros(tf.shape(images), tf.int64)
    is_lossy, is_lossless = _all_at(head, ((12, b"VP8 "),)), _all_at(head, ((12, b"VP8L"),))
    is_extended = _all_at(head, ((12, b"VP8X"),))
    packed = _little(head, 21, 4)
    width, height = nothing, nothing
    for is_it, its_width, its_height in (
        (is_lossy, _little(head, 26, 2) % 2**14, _little(head, 28, 2) % 2**14),
        (is_lossless, packed % 2**14 + 1, packed // 2**14 % 2**14 + 1),
        (is_extended, _little(head, 24, 3) + 1, _little(head, 27, 3) + 1),
    ):
        width, height = tf.where(is_it, its_width, width), tf.where(is_it, its_height, height)
    is_animated = chosen & is_extended & (head[:, 20] // 2 % 2 == 1)

    def more(active, *_):
        return tf.reduce_any(active)

    def walk(active, position, frame):
        part = _bytes_at(images, position, 8)
        is_frame = active & _all_at(part, ((0, b"ANMF"),))
        frame = tf.where(is_frame, position, frame)
        size = _little(part, 4, 4)
        position = position + 8 + size + size % 2
        return active & ~is_frame & (position < _lengths(images)), position, frame

    _, _, frame = tf.while_loop(more, walk, (is_animated, nothing + 12, nothing), maximum_iterations=_MOST_SEGMENTS)
    part = _bytes_at(images, frame, 24)
    left, top = 2 * _little(part, 8, 3), 2 * _little(part, 11, 3)
    frame_width, frame_height = _little(part, 14, 3) + 1, _little(part, 17, 3) + 1
    is_damaged = is_animated & ((frame == 0) | (left + frame_width > width) | (top + frame_height > height))
    return {
        "width": tf.where(is_damaged, nothing, width),
        "height": tf.where(is_damaged, nothing, height),
        "frame_start": tf.where(is_animated, frame + 24, 0),
        "frame_end": tf.where(is_animated, frame + 8 + _little(part, 4, 4), 0),
        "frame_width": frame_width,
        "frame_height": frame_height,
        "left": left,
        "top": top,
    }


def _lengths(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(images), tf.int64)


def _bytes_at(images: tf.Tensor, positions: tf.Tensor, count: int) -> tf.Tensor:
    """`count` bytes of each picture from `positions` (int64 [batch]) on, zeros behind its end: int64 [batch, count]."""
    positions = tf.clip_by_value(positions, 0, _lengths(images))
    parts = tf.strings.substr(images, positions, tf.fill(tf.shape(positions), tf.constant(count, tf.int64)))
    return tf.cast(tf.io.decode_raw(parts, tf.uint8, fixed_length=count), tf.int64)


def _all_at(part: tf.Tensor, marks: tuple[tuple[int, bytes], ...]) -> tf.Tensor:
    """Whether in `part`, int64 [batch, bytes], each of `marks` stands at its offset: bool [batch]."""
    same = [part[:, at : at + len(mark)] == tf.constant(list(mark), tf.int64) for at, mark in marks]
    return tf.reduce_all(tf.concat(same, axis=1), axis=1)


def _little(part: tf.Tensor, offset: int, count: int) -> tf.Tensor:
    """The number that `count` bytes at `offset` are, the lowest byte first: int64 [batch]."""
    return tf.reduce_sum(
        part[:, offset : offset + count] * tf.constant([256**i for i in range(count)], tf.int64), axis=1
    )


def _big(part: tf.Tensor, offset: int, count: int) -> tf.Tensor:
    """The same, the highest byte first."""
    powers = tf.constant([256**i for i in reversed(range(count))], tf.int64)
    return tf.reduce_sum(part[:, offset : offset + count] * powers, axis=1)


def _signed(number: tf.Tensor) -> tf.Tensor:
    return tf.where(number >= 2**31, number - 2**32, number)
