"""If these fail, the network reads another caption or picture than the person gave, or says what nobody can read."""

import numpy as np
import pytest
import tensorflow as tf

from apps.captioning.config import Config
from apps.captioning.pictures import CaptionedPictures
from apps.captioning.preprocessing import Preprocessor
from common.data.token_vocabulary import END_ID, UNKNOWN_ID
from common.errors import UserError
from tests.apps.captioning.small_model import (
    COLORS,
    InMemory,
    encoded,
    make_config,
    make_pictures,
    make_preprocessor,
    pixels_of,
    two_colors,
)

PICTURES = make_pictures()
CAPTIONS = [caption for each in PICTURES.captions for caption in each]


@pytest.fixture(scope="module")
def plain():
    return make_preprocessor(make_config())


def back(preprocessor, *captions):
    """What becomes of captions that are numbered and read again."""
    ids = preprocessor.caption_ids(captions).to_tensor(0)
    return [text.decode("utf-8") for text in preprocessor.invert(ids).numpy()]


@pytest.mark.parametrize("unit", ["word", "bpe", "unigram", "character"])
def test_numbers_of_a_caption_are_that_caption(unit):
    preprocessor = make_preprocessor(make_config(unit=unit, vocabulary_size=60, max_length=80))
    assert back(preprocessor, *CAPTIONS) == CAPTIONS
    ids = preprocessor.caption_ids(CAPTIONS)
    assert ids.dtype == tf.int32 and all(each[-1] == END_ID for each in ids.to_list())
    tokens = b"".join(preprocessor.tokens(ids[0, :-1]).numpy()).decode()
    assert tokens.replace("▁", " ").strip() == CAPTIONS[0]


def test_capitals_punctuation_and_spaces_are_as_the_settings_say(plain):
    assert back(plain, "  Red, left of\n GREEN.  ") == ["red left of green"]
    captions = CaptionedPictures.from_lists(InMemory([b""]), [["Red, and green."]], ["a"], "a test")
    kept = make_preprocessor(make_config(lowercase=False, punctuation=True), captions)
    assert back(kept, "Red, and green.")[0].replace(" ", "") == "Red,andgreen."


def test_unknown_words_are_marked_and_long_captions_are_cut(plain):
    (ids,) = plain.caption_ids(["red zebra"]).to_list()
    assert ids[1:] == [UNKNOWN_ID, END_ID]
    (ids,) = plain.caption_ids(["red " * 40]).to_list()
    assert len(ids) == 16 and ids[-1] == END_ID and len(set(ids[:-1])) == 1


def test_rare_words_are_left_out_of_the_vocabulary():
    sizes = [make_preprocessor(make_config(min_count=count)).vocabulary.size for count in (1, 14)]
    assert sizes[0] > sizes[1]


def test_nothing_but_training_captions_is_learned_from():
    empty = CaptionedPictures.from_lists(InMemory([b""]), [[" ... "]], ["a"], "captions.csv")
    with pytest.raises(UserError, match="captions.csv has no sentence with a letter in it"):
        make_preprocessor(make_config(), empty)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 64), (200, 90), (7, 5)])
def test_pixels_are_those_of_the_picture(plain, height, width):
    picture = encoded(two_colors("red", "blue", height, width))
    (pixels,) = pixels_of(plain, [picture])
    assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[:, :8], np.broadcast_to(COLORS["red"], (32, 8, 3)))
    np.testing.assert_array_equal(pixels[:, 24:], np.broadcast_to(COLORS["blue"], (32, 8, 3)))


def test_pictures_are_stretched_or_their_middle_is_taken():
    wide = two_colors("red", "blue", 40, 160)
    wide[:, 70:90] = COLORS["green"]
    shares = {}
    for fit in ("stretch", "crop"):
        (pixels,) = pixels_of(make_preprocessor(make_config(fit=fit)), [encoded(wide)])
        shares[fit] = (pixels == COLORS["green"]).all(axis=2).mean()
    assert shares["stretch"] == pytest.approx(20 / 160, abs=0.07) and shares["crop"] == pytest.approx(0.5, abs=0.1)


def test_no_picture_is_grey_and_neighbours_change_nothing(plain):
    pictures = [PICTURES.pictures[0], b"", PICTURES.pictures[1]]
    together = pixels_of(plain, pictures)
    assert together[1].min() == together[1].max()
    np.testing.assert_array_equal(together[2], pixels_of(plain, pictures[2:])[0])
    assert pixels_of(plain, []).shape == (0, 32, 32, 3)


def test_the_encoder_says_how_large_pictures_are():
    sizes = {"small_cnn": 64, "efficientnet_lite0": 224, "EfficientNetV2S": 384}
    for encoder, size in sizes.items():
        assert Preprocessor.from_config(Config(model={"encoder": encoder})).picture_size == size


def test_lengths_are_learned_from_the_captions(plain):
    lengths = plain.caption_ids(CAPTIONS).row_lengths().numpy()
    assert len(plain.boundaries) <= 2 and plain.boundaries[-1] >= lengths.max()
    assert list(plain.boundaries) == sorted(plain.boundaries)


def test_what_is_saved_reads_the_same(plain, tmp_path):
    plain.save(tmp_path)
    loaded = Preprocessor.load(tmp_path)
    assert loaded.caption_ids(CAPTIONS).to_list() == plain.caption_ids(CAPTIONS).to_list()
    assert (loaded.config, loaded.decoding, loaded.encoder) == (plain.config, plain.decoding, plain.encoder)
    assert (loaded.boundaries, loaded.picture_size) == (plain.boundaries, plain.picture_size)
    np.testing.assert_array_equal(pixels_of(loaded, PICTURES.pictures[:2]), pixels_of(plain, PICTURES.pictures[:2]))


@pytest.mark.parametrize("name", ["preprocessor.json", "captions.model"])
def test_files_that_are_gone_or_damaged_are_one_sentence(plain, name, tmp_path):
    plain.save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:20] + b"\xff\xfe")
    with pytest.raises(UserError, match=f"{name}.*put it back from a copy, or train a new run"):
        Preprocessor.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=f"{name}.*put it back from a copy, or train a new run"):
        Preprocessor.load(tmp_path)
