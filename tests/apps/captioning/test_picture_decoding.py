"""Pictures become the pixels that Pillow gives, of whatever kind they are, in a SavedModel too."""

import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from apps.captioning.picture_decoding import decode_pictures
from tests.apps.captioning import nasty_pictures

GOOD = nasty_pictures.good_pictures()
SIZE = 32


@pytest.fixture(scope="module", params=["stretch", "crop"])
def fit_and_decode(request):
    signature = [tf.TensorSpec([None], tf.string)]
    return request.param, tf.function(lambda images: decode_pictures(images, SIZE, request.param), signature)


def of_pillow(data, size, fit):
    """The same by Pillow: uint8 [size, size, 3] as int."""
    picture = Image.open(io.BytesIO(data))
    if picture.mode == "I;16":  # which Pillow converts by cutting off
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    picture = ImageOps.exif_transpose(picture).convert("RGBA")
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    white.alpha_composite(picture)
    picture = white.convert("RGB")
    if fit == "crop":
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        picture = picture.crop((left, top, left + side, top + side))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)).astype(int)


def test_a_picture_of_any_kind_looks_as_in_pillow(fit_and_decode):
    fit, decode = fit_and_decode
    pixels = decode(tf.constant(list(GOOD.values()))).numpy()
    assert pixels.dtype == np.uint8 and pixels.shape == (len(GOOD), SIZE, SIZE, 3)
    wrong = {}
    for (name, data), ours in zip(GOOD.items(), pixels):
        difference = np.abs(ours - of_pillow(data, SIZE, fit))
        if difference.max() > 2:
            wrong[name] = difference.max()
    assert not wrong


def test_the_first_frame_of_an_animation_lies_in_its_place():
    small = nasty_pictures.SCENE.resize((20, 10))
    gif = bytearray(nasty_pictures.encoded(small, "GIF"))
    gif[6:10] = b"\x28\0\x14\0"  # a screen of 40 x 20
    descriptor = gif.index(b"\x2c\0\0\0\0")
    gif[descriptor + 1 : descriptor + 5] = b"\x0a\0\x05\0"
    canvas = Image.new("RGB", (40, 20), "white")
    canvas.paste(Image.open(io.BytesIO(nasty_pictures.encoded(small, "GIF"))).convert("RGB"), (10, 5))
    expected = np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(decode_pictures([bytes(gif)], SIZE).numpy()[0] - expected).max() <= 2


def test_orientation_is_read_in_both_orders_of_bytes():
    data = nasty_pictures.rotated(6)
    start = data.index(b"Exif\0\0") + 6
    assert data[start : start + 2] == b"MM"
    assert data[start + 8 : start + 20] == b"\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06"
    little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0"
    swapped = data[:start] + little + data[start + len(little) :]
    assert swapped != data
    np.testing.assert_array_equal(*decode_pictures([data, swapped], SIZE).numpy())


def test_an_empty_string_is_grey_and_a_batch_may_be_empty(fit_and_decode):
    _, decode = fit_and_decode
    pixels = decode(tf.constant([b"", GOOD["jpeg"]])).numpy()
    assert (pixels[0] == 127).all() and (pixels[1] != 127).any()
    assert decode(tf.zeros([0], tf.string)).shape == (0, SIZE, SIZE, 3)


def test_what_is_no_picture_is_named_by_its_place_in_the_batch(fit_and_decode):
    _, decode = fit_and_decode
    with pytest.raises(tf.errors.InvalidArgumentError, match="picture 2 of the batch begins with <html>\\?\\?"):
        decode(tf.constant([b"", GOOD["jpeg"], b"<html>\xff\x00"]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="picture 1 of the batch is too large: PNG of 9000 x 9000"):
        decode(tf.constant([b"", nasty_pictures.png_of_declared_size(9_000, 9_000)]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="picture 0 of the batch begins as JPEG, but"):
        decode(tf.constant([GOOD["jpeg"][:20]]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="damaged_picture"):
        decode(tf.constant([GOOD["jpeg"][:-30]]))


@pytest.mark.parametrize("side", [400, 900, 1_700])
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(side):
    picture = nasty_pictures.SCENE.resize((side, side + 50), Image.Resampling.BICUBIC)
    data = nasty_pictures.encoded(picture, "JPEG", quality=95)
    difference = np.abs(decode_pictures([data], 100).numpy()[0] - of_pillow(data, 100, "stretch"))
    assert difference.max() <= 6 and difference.mean() < 1


def test_a_jpeg_of_a_hundred_megapixels_needs_little_memory():
    code = """if True:
    import io, resource, tensorflow as tf
    from PIL import Image
    from apps.captioning.picture_decoding import decode_pictures
    file = io.BytesIO()
    Image.new("RGB", (4_000, 400), "red").save(file, "JPEG")
    decode_pictures([file.getvalue()], 64)
    Image.new("L", (10_000, 10_000), 77).save(file := io.BytesIO(), "JPEG")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pixels = decode_pictures([file.getvalue()], 64).numpy()
    assert (pixels == 77).all()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 100


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match="fit is 'stretch' or 'crop', not 'fill'"):
        decode_pictures([b""], SIZE, "fill")


def test_a_saved_model_decodes_without_this_repository(tmp_path):
    module = tf.Module()
    module.decode = tf.function(lambda images: decode_pictures(images, 16), [tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, str(tmp_path / "model"))
    names = ("jpeg", "animated webp", "animated gif with transparency", "P BMP", "orientation 6")
    for name in names:
        (tmp_path / name).write_bytes(GOOD[name])
    code = f"""if True:
    import numpy, pathlib, sys, tensorflow as tf
    images = [pathlib.Path(name).read_bytes() for name in {names}]
    numpy.save("pixels.npy", tf.saved_model.load("model").decode(tf.constant(images)).numpy())
    assert not any(name.split(".")[0] in ("apps", "common") for name in sys.modules)
    """
    run = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    expected = decode_pictures([GOOD[name] for name in names], 16).numpy()
    np.testing.assert_array_equal(np.load(tmp_path / "pixels.npy"), expected)


def test_pictures_are_decoded_in_a_pipeline():
    names = ["jpeg", "16 bit png", "animated webp with opacity"]
    images = [GOOD[name] for name in names] * 3
    pipeline = tf.data.Dataset.from_tensor_slices(images).batch(4).map(lambda batch: decode_pictures(batch, 16))
    pixels = np.concatenate(list(pipeline.as_numpy_iterator()))
    np.testing.assert_array_equal(pixels, decode_pictures(images, 16).numpy())
