"""A picture that cannot be read is refused in a sentence, and only such a one."""

import re

import numpy as np
import pytest
import tensorflow as tf

from apps.captioning.picture_checks import check_picture
from apps.captioning.picture_decoding import decode_pictures
from common.errors import UserError
from tests.apps.captioning import nasty_pictures

GOOD, BROKEN = nasty_pictures.good_pictures(), nasty_pictures.broken_pictures()


@pytest.fixture(scope="module")
def decode():
    # At a size at which most are decoded whole, other than in the check.
    return tf.function(lambda images: decode_pictures(images, 48), [tf.TensorSpec([None], tf.string)])


def can_decode(decode, data):
    try:
        decode(tf.constant([data]))
    except tf.errors.InvalidArgumentError:
        return False
    return True


def passes(data):
    try:
        check_picture(data, "photos/a.jpg")
    except UserError:
        return False
    return True


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_decoded_passes(name):
    check_picture(GOOD[name], name)


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_decoded_is_refused_in_a_sentence(name, decode):
    data, words = BROKEN[name]
    assert not can_decode(decode, data)
    with pytest.raises(UserError) as caught:
        check_picture(data, "photos/a.jpg")
    assert str(caught.value).startswith("photos/a.jpg ") and "\n" not in str(caught.value)
    assert re.search(words, str(caught.value)), str(caught.value)


def test_an_empty_file_is_refused():
    with pytest.raises(UserError, match="photos/a.jpg is empty; "):
        check_picture(b"", "photos/a.jpg")


def test_check_and_decoder_agree_on_damaged_pictures(decode):
    rng = np.random.default_rng(3)
    for name in ("jpeg", "progressive jpeg", "RGB PNG", "animated gif", "animated webp with opacity", "P BMP"):
        for _ in range(12):
            data = bytearray(GOOD[name][: rng.integers(len(GOOD[name]) // 2, len(GOOD[name]) + 1)])
            for at in rng.integers(0, len(data), 2):
                data[at] = rng.integers(0, 256)
            assert passes(bytes(data)) == can_decode(decode, bytes(data)), (name, bytes(data))
