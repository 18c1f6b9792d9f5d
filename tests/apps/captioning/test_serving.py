"""What the SavedModel answers. If these fail, a request gets the caption of another picture than its own."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps.captioning.captioner import Captioner
from apps.captioning.serving import endpoints, metadata, questions
from tests.apps.captioning.small_model import (
    encoded,
    make_config,
    make_network,
    make_pictures,
    make_preprocessor,
    pixels_of,
    two_colors,
)

PICTURES = [*make_pictures(5).pictures, b"", encoded(two_colors("red", "blue", 90, 40), "JPEG")]
WIDTHS = [1, 3, 5, 2, 4, 1, 5]
PENALTIES = [0.0, 1.0, 0.5, 2.0, 1.0, 1.0, 0.0]
EMPTY = 5


def made(**preprocessing):
    config = make_config(max_length=9, decoding={"beam_width": 3, "length_penalty": 0.8}, **preprocessing)
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor, scale=1.0)
    traced = {name: tf.function(*each) for name, each in endpoints(network, preprocessor).items()}
    return preprocessor, Captioner(network, preprocessor), traced


@pytest.fixture(scope="module")
def served():
    """Preprocessor, captioner, and the traced endpoints."""
    return made()


def ask(served, endpoint, images, *more):
    answer = served[2][endpoint](
        tf.constant(images, tf.string),
        *(tf.constant(values, kind) for values, kind in zip(more, (tf.int32, tf.float32))),
    )
    return {name: value.numpy() for name, value in answer.items()}


def test_the_default_is_the_best_of_the_beam_of_the_settings(served):
    preprocessor, captioner, _ = served
    answer = ask(served, "serving_default", PICTURES)
    found = captioner.beam_search(captioner.features(tf.constant(pixels_of(preprocessor, PICTURES))), 3, 0.8)
    there = np.arange(7) != EMPTY
    np.testing.assert_array_equal(answer["caption"][there], preprocessor.invert(found.ids[:, 0]).numpy()[there])
    np.testing.assert_allclose(answer["score"][there], found.scores[:, 0][there], rtol=1e-4)
    beam = ask(served, "beam", PICTURES, [3] * 7, [0.8] * 7)
    np.testing.assert_array_equal(beam["captions"][:, 0], answer["caption"])
    assert len(set(answer["caption"].tolist())) > 2, "all pictures are captioned alike, so this shows nothing"


def test_no_picture_has_no_caption(served):
    for endpoint, more in (("serving_default", ()), ("greedy", ()), ("beam", (WIDTHS, PENALTIES))):
        answer = ask(served, endpoint, PICTURES, *more)
        for name in ("caption", "captions", "tokens"):
            assert name not in answer or not b"".join(answer[name][EMPTY : EMPTY + 1].ravel()), (endpoint, name)
        for name in ("score", "scores", "attention"):
            assert name not in answer or not answer[name][EMPTY].any(), (endpoint, name)
        assert all(len(value) == 0 for value in ask(served, endpoint, [], *[[] for _ in more]).values())


def test_greedy_is_a_beam_of_one(served):
    answer, beam = ask(served, "greedy", PICTURES), ask(served, "beam", PICTURES, [1] * 7, [0.0] * 7)
    np.testing.assert_array_equal(answer["caption"], beam["captions"][:, 0])
    np.testing.assert_allclose(answer["score"], beam["scores"][:, 0], rtol=1e-4)
    wide = ask(served, "beam", PICTURES, [8] * 7, [0.0] * 7)
    assert np.mean(wide["scores"][:, 0] >= answer["score"] - 1e-4) > 0.8


def test_rows_with_widths_and_penalties_of_their_own_are_as_alone(served):
    together = ask(served, "beam", PICTURES, WIDTHS, PENALTIES)
    assert together["captions"].shape == together["scores"].shape == (7, 5)
    for row, (image, width, penalty) in enumerate(zip(PICTURES, WIDTHS, PENALTIES)):
        alone = ask(served, "beam", [image], [width], [penalty])
        assert alone["scores"].shape == (1, width)
        np.testing.assert_array_equal(together["captions"][row, :width], alone["captions"][0])
        np.testing.assert_allclose(together["scores"][row, :width], alone["scores"][0], rtol=1e-4, atol=1e-5)
        assert not together["scores"][row, width:].any() and not any(together["captions"][row, width:])
        assert (np.diff(alone["scores"][0]) <= 1e-6).all()
        said = [token for token in alone["tokens"][0] if token]
        assert b" ".join(said) == alone["captions"][0, 0]
        np.testing.assert_allclose(
            together["attention"][row, : len(said)], alone["attention"][0, : len(said)], rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize(
    ("widths", "penalties", "sentence"),
    [
        ([0, 1], [1, 1], "beam_width must be 1 to 32"),
        ([1, 33], [1, 1], "beam_width must be 1 to 32"),
        ([2, 2], [1, -0.1], "length_penalty must be 0 to 10"),
        ([2, 2], [1, float("nan")], "length_penalty must be 0 to 10"),
        ([2, 2], [1, 11], "length_penalty must be 0 to 10"),
        ([2], [1, 1], "need a value for each image"),
        ([2, 2], [1], "need a value for each image"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_with_a_sentence(served, widths, penalties, sentence):
    with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
        ask(served, "beam", PICTURES[:2], widths, penalties)


def test_what_is_no_picture_is_refused_with_a_sentence(served):
    """Bytes that are no text, too, which no message may hold."""
    for image in (b"a letter, not a picture", b"\x93NUMPY\x01\x00v\x00\xff\xfe\x80"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="picture 1 of the batch begins with"):
            ask(served, "serving_default", [PICTURES[0], image])


def test_a_turned_photograph_is_captioned_as_upright(served):
    """Cameras write pixels as they lie, and in EXIF which way is up."""
    # Blocks of one colour, as JPEG has them: turned, they are stored as exactly.
    blocks = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    upright = Image.fromarray(blocks.repeat(8, axis=0).repeat(8, axis=1))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise

    def jpeg(image, **options):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=100, subsampling=0, **options)
        return stream.getvalue()

    turned = upright.transpose(Image.Transpose.ROTATE_90)
    answer = ask(served, "serving_default", [jpeg(upright), jpeg(turned, exif=exif), jpeg(turned)])
    assert answer["caption"][0] == answer["caption"][1]
    looked = answer["attention"]
    np.testing.assert_allclose(looked[0], looked[1], atol=0.01)  # decoders of JPEG round differently along and across
    assert np.abs(looked[0] - looked[2]).max() > 0.05, "every way is looked at alike, so this shows nothing"


def test_questions_ask_every_endpoint_with_what_it_may_be_asked(served):
    preprocessor, *_ = served
    for case, inputs in questions(None, preprocessor).items():
        count = len(inputs["image"])
        assert len(inputs["beam_width"]) == len(inputs["length_penalty"]) == count, case
        assert all(1 <= width <= 3 for width in inputs["beam_width"])
        assert all(len(value) == count for value in ask(served, "beam", *inputs.values()).values()), case
    assert metadata(None, preprocessor) == {
        "beam_width": 3,
        "length_penalty": pytest.approx(0.8),
        "picture_size": 32,
        "fit": "stretch",
    }


# The last one: a second network sets a seed, and TensorFlow then drops what the vocabulary of the first graphs was.
@pytest.mark.parametrize("unit", ["word", "character"])
def test_attention_stands_beside_its_tokens(served, unit):
    parts = served if unit == "word" else made(unit="character")
    answer = ask(parts, "greedy", PICTURES)
    time = answer["tokens"].shape[1]
    assert answer["attention"].shape == (7, time, 4, 4)
    for row in range(7):
        tokens = [token.decode() for token in answer["tokens"][row]]
        count = len([token for token in tokens if token])
        assert all(tokens[:count]) and not any(tokens[count:]), tokens
        said = (" " if unit == "word" else "").join(tokens[:count])
        assert " ".join(said.split()) == " ".join(answer["caption"][row].decode().split())
        weights = answer["attention"][row].sum(axis=(1, 2))
        np.testing.assert_allclose(weights, np.arange(time) < count, atol=1e-5)
