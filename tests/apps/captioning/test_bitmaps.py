"""Bitmaps of the kinds that Pillow writes none of."""

import struct

import numpy as np
import pytest
import tensorflow as tf

from apps.captioning.bitmaps import decode_bitmap

WIDTH, HEIGHT = 5, 3


def bitmap(bits, lines, compression=0, masks=(), height=HEIGHT, colours=b"", size=40):
    header = struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, bits, compression, 0, 0, 0, 0, 0)
    header += struct.pack(f"<{len(masks)}I", *masks)
    header += bytes(max(0, size - len(header))) + colours
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(header)) + header + b"".join(lines)


def lines_of(values, dtype):
    lines = [row.astype(dtype).tobytes() for row in values[::-1]]
    return [line + bytes(-len(line) % 4) for line in lines]


def decoded(data):
    return decode_bitmap(tf.constant(data), tf.constant(WIDTH, tf.int64), tf.constant(HEIGHT, tf.int64)).numpy()


@pytest.mark.parametrize(("compression", "masks", "bits"), [(0, (), (5, 5, 5)), (3, (0xF800, 0x7E0, 0x1F), (5, 6, 5))])
def test_sixteen_bits_are_stretched_to_eight_in_each_channel(compression, masks, bits):
    rng = np.random.default_rng(1)
    samples = [rng.integers(0, 2**count, (HEIGHT, WIDTH)) for count in bits]
    values = (samples[0] << (bits[1] + bits[2])) | (samples[1] << bits[2]) | samples[2]
    expected = np.stack([np.round(s * 255 / (2**count - 1)) for s, count in zip(samples, bits)], axis=-1)
    np.testing.assert_array_equal(decoded(bitmap(16, lines_of(values, "<u2"), compression, masks)), expected)


def test_a_negative_height_means_from_above():
    values = np.arange(WIDTH * HEIGHT * 3).reshape(HEIGHT, WIDTH * 3)
    expected = values.reshape(HEIGHT, WIDTH, 3)[..., ::-1]
    np.testing.assert_array_equal(decoded(bitmap(24, lines_of(values, "u1"))), expected)
    np.testing.assert_array_equal(decoded(bitmap(24, lines_of(values[::-1], "u1"), height=-HEIGHT)), expected)


def test_opacity_is_read_where_the_file_says_so():
    values = np.arange(WIDTH * HEIGHT * 4).reshape(HEIGHT, WIDTH * 4)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    expected = values.reshape(HEIGHT, WIDTH, 4)[..., [2, 1, 0, 3]]
    np.testing.assert_array_equal(decoded(bitmap(32, lines_of(values, "u1"), 3, masks, size=108)), expected)
    np.testing.assert_array_equal(decoded(bitmap(32, lines_of(values, "u1"))), expected[..., :3])


def test_four_bits_are_numbers_of_colours():
    rng = np.random.default_rng(2)
    colours = rng.integers(0, 256, (16, 4)).astype(np.uint8)
    numbers = rng.integers(0, 16, (HEIGHT, WIDTH + 1))
    packed = numbers[:, ::2] * 16 + numbers[:, 1::2]
    expected = colours[numbers[:, :WIDTH]][..., 2::-1]
    np.testing.assert_array_equal(decoded(bitmap(4, lines_of(packed, "u1"), colours=colours.tobytes())), expected)
