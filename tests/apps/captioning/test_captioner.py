"""If these fail, what a person reads is not what the network thinks most likely."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from apps.captioning.captioner import Captioner, attention_of, caption_pictures, mean_features, teacher_forced
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from tests.apps.captioning.small_model import (
    Arrays,
    forced,
    make_config,
    make_network,
    make_pictures,
    make_preprocessor,
    pixels_of,
)

LONGEST = 9
PICTURES = make_pictures(6)


@pytest.fixture(scope="module")
def parts():
    """Network, preprocessor, captioner, pixels and features; not trained, with an opinion."""
    config = make_config(model={"form": "up_down"}, max_length=LONGEST)
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor, scale=1.0)
    captioner = Captioner(network, preprocessor)
    pixels = pixels_of(preprocessor, PICTURES.pictures)
    return network, preprocessor, captioner, pixels, captioner.features(tf.constant(pixels))


def log_probabilities(network, pixels, ids):
    """Of the tokens up to the end, by teacher forcing: float64 `[batch]`, and how many these are."""
    ids = np.asarray(ids)
    logits = network({"pixels": pixels, "caption_inputs": forced(ids)[:, None]}).numpy()[:, 0].astype(np.float64)
    each = np.take_along_axis(log_softmax(logits, axis=-1), ids[..., None].astype(int), axis=-1)[..., 0]
    real = ids != PAD_ID
    return (each * real).sum(axis=1), real.sum(axis=1)


def test_greedy_takes_the_most_likely_token_and_sums_what_it_gave(parts):
    network, _, captioner, pixels, features = parts
    found = captioner.greedy(features)
    ids = found.ids.numpy()
    assert ids.shape == (6, LONGEST) and not np.isin(ids, (UNKNOWN_ID, START_ID)).any()
    assert (ids[:, 0] != END_ID).all(), "a caption is empty"
    logits = network({"pixels": pixels, "caption_inputs": forced(ids)[:, None]}).numpy()[:, 0]
    logits[..., [PAD_ID, UNKNOWN_ID, START_ID]] = -np.inf
    logits[:, 0, END_ID] = -np.inf
    np.testing.assert_array_equal(np.where(ids != PAD_ID, logits.argmax(-1), PAD_ID), ids)
    expected, lengths = log_probabilities(network, pixels, ids)
    np.testing.assert_allclose(found.log_probabilities, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.lengths, lengths)
    assert len({tuple(row) for row in ids}) > 1, "all pictures are captioned alike, so this shows nothing"


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_scores_are_log_probabilities_divided_by_the_length_penalty(parts, penalty):
    network, _, captioner, pixels, features = parts
    found = captioner.beam_search(features, 4, penalty)
    assert found.ids.shape == (6, 4, LONGEST)
    scores = found.scores.numpy()
    assert (np.diff(scores, axis=1) <= 1e-6).all()
    for rank in range(4):
        expected, lengths = log_probabilities(network, pixels, found.ids.numpy()[:, rank])
        np.testing.assert_allclose(scores[:, rank], expected / ((5 + lengths) / 6) ** penalty, rtol=1e-4, atol=1e-4)
    for row in found.ids.numpy():
        assert len({tuple(each) for each in row}) == 4, "a caption stands there twice"


def test_a_beam_of_one_is_greedy_and_a_wide_one_finds_better(parts):
    *_, captioner, _, features = parts
    greedy, one = captioner.greedy(features), captioner.beam_search(features, 1, 0.7)
    np.testing.assert_array_equal(one.ids[:, 0], greedy.ids)
    np.testing.assert_allclose(one.log_probabilities[:, 0], greedy.log_probabilities, rtol=1e-4)
    wide = captioner.beam_search(features, 16, 0.0)
    assert np.mean(wide.scores[:, 0] >= greedy.log_probabilities - 1e-4) > 0.8


def test_neighbours_change_no_caption(parts):
    *_, captioner, pixels, features = parts
    together = captioner.beam_search(features, 3, 1.0)
    for row in (0, 3):
        alone = captioner.beam_search(captioner.features(tf.constant(pixels[row : row + 1])), 3, 1.0)
        np.testing.assert_array_equal(alone.ids[0], together.ids[row])
        np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-4, atol=1e-5)


def test_a_row_of_attention_is_spread_over_the_picture(parts):
    *_, captioner, _, features = parts
    ids, _ = captioner.best(features)
    attention = captioner.attention(features, ids).numpy()
    assert attention.shape == (6, LONGEST, 4, 4)  # places of 8 x 8 pixels
    np.testing.assert_allclose(attention.sum(axis=(2, 3)), ids.numpy() != PAD_ID, atol=1e-5)


def test_attention_is_that_of_the_search(parts):
    """What the cell found at a step is what it found where the attention says."""
    *_, captioner, _, features = parts
    ids = captioner.greedy(features).ids
    attention = captioner.attention(features, ids).numpy()
    decoder = captioner.decoder
    memory = decoder.memory(features)
    inputs = decoder.inputs_of(decoder.embedding(tf.constant(forced(ids))), tf.reduce_mean(memory, axis=1))
    state = decoder.cell.initial_state(memory, decoder.first_state([tf.reduce_mean(memory, axis=1)]))
    for step in range(int(tf.reduce_min(tf.reduce_sum(tf.cast(ids != PAD_ID, tf.int32), axis=1)))):
        outputs, state = decoder.cell(inputs[:, step], list(state), memory)
        assert np.isfinite(outputs).all()
        np.testing.assert_allclose(attention[:, step].sum(axis=(1, 2)), 1, atol=1e-5)


def test_tokens_stand_where_their_attention_stands(parts):
    network, preprocessor, captioner, _, features = parts
    tokens, attention = attention_of(network, preprocessor, PICTURES.pictures[2])
    ids, _ = captioner.best(features[2:3])
    expected = captioner.attention(features[2:3], ids).numpy()[0]
    said = "".join(tokens).replace("▁", " ").strip()
    assert said == preprocessor.invert(ids).numpy()[0].decode() and len(tokens) >= 1
    np.testing.assert_allclose(attention, expected[: len(tokens)], atol=1e-5)


def test_captions_come_in_the_order_of_the_pictures(parts):
    """Two batches, the last of which is filled up."""
    network, preprocessor, captioner, pixels, features = parts
    order = np.random.default_rng(0).integers(0, 6, 70)
    captions, scores = caption_pictures(network, preprocessor, Arrays(pixels[order]))
    ids, found = captioner.best(features)
    expected = [text.decode() for text in preprocessor.invert(ids).numpy()]
    assert captions == [expected[index] for index in order]
    np.testing.assert_allclose(scores, found.numpy()[order], rtol=1e-4)
    assert caption_pictures(network, preprocessor, Arrays(pixels[:0]))[0] == []
    means = mean_features(network, preprocessor, Arrays(pixels[order]))
    np.testing.assert_allclose(means, features.numpy().mean(axis=1)[order], rtol=1e-4, atol=1e-5)


def test_features_in_16_bits_say_the_same(parts):
    network, preprocessor, _, pixels, features = parts
    captions, scores = caption_pictures(network, preprocessor, Arrays(pixels))
    stored = Arrays(features.numpy().astype(np.float16))
    again, scores_again = caption_pictures(network, preprocessor, stored)
    np.testing.assert_allclose(scores_again, scores, rtol=1e-2, atol=1e-2)
    assert again == captions


@pytest.mark.parametrize("stored", ["pixels", "features"])
def test_teacher_forcing_is_measured_by_token(parts, stored):
    network, preprocessor, _, pixels, features = parts
    total, right, count = 0.0, 0, 0
    for index, captions in enumerate(PICTURES.captions):
        for ids in preprocessor.caption_ids(list(captions)).to_list():
            ids = np.array([ids])
            each, length = log_probabilities(network, pixels[index : index + 1], ids)
            inputs = {"pixels": pixels[index : index + 1], "caption_inputs": forced(ids)[:, None]}
            right += int((network(inputs).numpy()[:, 0].argmax(-1) == ids).sum())
            total, count = total + each[0], count + length[0]
    inputs = Arrays(pixels if stored == "pixels" else features.numpy())
    found = teacher_forced(network, preprocessor, inputs, PICTURES.captions, per_picture=2)
    assert found["perplexity"] == pytest.approx(np.exp(-total / count), rel=1e-3)
    assert found["token_accuracy"] == pytest.approx(right / count, abs=1e-4)


@pytest.mark.parametrize(
    ("log_loss", "perplexity"), [(0.0, 1.0), (701.0, math.inf), (math.inf, math.inf), (math.nan, math.nan)]
)
def test_a_loss_beyond_all_numbers_gives_no_number(parts, monkeypatch, log_loss, perplexity):
    """Else the check of the evaluation for a network that has gone astray would pass it."""
    network, preprocessor, _, pixels, _ = parts
    monkeypatch.setattr(keras.Model, "evaluate", lambda *_, **__: {"token_accuracy": 0.5, "log_loss": log_loss})
    found = teacher_forced(network, preprocessor, Arrays(pixels), PICTURES.captions)["perplexity"]
    assert found == perplexity or (math.isnan(found) and math.isnan(perplexity))
