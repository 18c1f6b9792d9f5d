"""If these fail, what a person reads is not what the network thinks most likely."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from apps.translation.translate import Translator, attention_of, teacher_forced, translate
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from tests.apps.translation.small_model import (
    SENTENCES,
    forced,
    make_config,
    make_network,
    make_pairs,
    make_preprocessor,
)

LONGEST = 12
TEXTS = [*SENTENCES, "nine " * 40]


@pytest.fixture(scope="module")
def parts():
    """Network, preprocessor and translator: words, not trained, with an opinion."""
    config = make_config(unit="word", max_length=LONGEST)
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor, scale=0.8)
    return network, preprocessor, Translator(network, preprocessor)


@pytest.fixture(scope="module")
def source_ids(parts):
    return parts[1](tf.constant(TEXTS))["source_ids"]


def log_probabilities(network, source_ids, ids):
    """Of the tokens up to the end, by teacher forcing: float64 `[batch]`, and how many these are."""
    logits = network({"source_ids": source_ids, "target_inputs": forced(ids)}).numpy().astype(np.float64)
    each = np.take_along_axis(log_softmax(logits, axis=-1), ids[..., None].astype(int), axis=-1)[..., 0]
    real = ids != PAD_ID
    return (each * real).sum(axis=1), real.sum(axis=1)


def test_greedy_takes_the_most_likely_token_and_sums_what_it_gave(parts, source_ids):
    network, _, translator = parts
    found = translator.greedy(source_ids)
    ids = found.ids.numpy()
    assert ids.shape == (len(TEXTS), LONGEST) and not np.isin(ids, (UNKNOWN_ID, START_ID)).any()
    logits = network({"source_ids": source_ids, "target_inputs": forced(ids)}).numpy()
    logits[..., [PAD_ID, UNKNOWN_ID, START_ID]] = -np.inf
    np.testing.assert_array_equal(np.where(ids != PAD_ID, logits.argmax(-1), PAD_ID), ids)
    expected, lengths = log_probabilities(network, source_ids, ids)
    np.testing.assert_allclose(found.log_probabilities, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.lengths, lengths)
    assert len({tuple(row) for row in ids}) > 1, "all sentences are translated alike, so this shows nothing"


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.5])
def test_scores_are_log_probabilities_divided_by_the_length_penalty(parts, source_ids, penalty):
    network, _, translator = parts
    found = translator.beam_search(source_ids, 4, penalty)
    assert found.ids.shape == (len(TEXTS), 4, LONGEST)
    scores = found.scores.numpy()
    assert (np.diff(scores, axis=1) <= 1e-6).all()
    for rank in range(4):
        expected, lengths = log_probabilities(network, source_ids, found.ids.numpy()[:, rank])
        np.testing.assert_allclose(scores[:, rank], expected / ((5 + lengths) / 6) ** penalty, rtol=1e-4, atol=1e-4)
    for row in found.ids.numpy():
        assert len({tuple(each) for each in row}) == 4, "a translation stands there twice"


def test_a_beam_of_one_is_greedy_and_a_wide_one_finds_better(parts, source_ids):
    translator = parts[-1]
    greedy, one = translator.greedy(source_ids), translator.beam_search(source_ids, 1, 0.7)
    np.testing.assert_array_equal(one.ids[:, 0], greedy.ids)
    np.testing.assert_allclose(one.log_probabilities[:, 0], greedy.log_probabilities, rtol=1e-5)
    wide = translator.beam_search(source_ids, 16, 0.0)
    assert np.mean(wide.scores[:, 0] >= greedy.log_probabilities - 1e-4) > 0.8


def test_neighbours_and_padding_change_no_translation(parts, source_ids):
    _, preprocessor, translator = parts
    together = translator.beam_search(source_ids, 3, 1.0)
    wider = translator.beam_search(tf.pad(source_ids, [[0, 0], [0, 9]]), 3, 1.0)
    np.testing.assert_array_equal(wider.ids, together.ids)
    np.testing.assert_allclose(wider.scores, together.scores, rtol=1e-5, atol=1e-5)
    for row, text in enumerate(TEXTS):
        alone = translator.beam_search(preprocessor(tf.constant([text]))["source_ids"], 3, 1.0)
        np.testing.assert_array_equal(alone.ids[0], together.ids[row])
        np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-5, atol=1e-5)


def test_padding_changes_no_logits(parts, source_ids):
    network, *_ = parts
    targets = np.random.default_rng(0).integers(4, 10, (len(TEXTS), 7)).astype(np.int32)
    inputs = {"source_ids": source_ids, "target_inputs": tf.constant(targets)}
    logits = network(inputs).numpy()
    padded = {name: tf.pad(value, [[0, 0], [0, 6]]) for name, value in inputs.items()}
    np.testing.assert_allclose(network(padded).numpy()[:, :7], logits, atol=1e-5)
    np.testing.assert_allclose(network({name: value[2:3] for name, value in inputs.items()})[0], logits[2], atol=1e-5)


def test_the_coverage_penalty_of_the_settings_is_used():
    """By hand: what the network gave, divided, and what each place of the source lacks."""
    config = make_config(unit="word", max_length=LONGEST, decoding={"coverage_penalty": 0.7})
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor, scale=0.8)
    translator, source_ids = Translator(network, preprocessor), preprocessor(tf.constant(TEXTS))["source_ids"]
    found = translator.beam_search(source_ids, 3, 1.0)
    real = source_ids.numpy() != PAD_ID
    for rank in range(3):
        ids = found.ids.numpy()[:, rank]
        total, lengths = log_probabilities(network, source_ids, ids)
        looked = translator.attention(source_ids, tf.constant(ids)).numpy().sum(axis=1)
        lacking = 0.7 * (np.log(np.clip(looked, 1e-6, 1)) * real).sum(axis=1)
        np.testing.assert_allclose(found.scores[:, rank], total / ((5 + lengths) / 6) + lacking, rtol=1e-3, atol=1e-3)


def test_a_row_of_attention_is_spread_over_the_source(parts, source_ids):
    *_, translator = parts
    ids, _ = translator.best(source_ids)
    attention = translator.attention(source_ids, ids).numpy()
    assert attention.shape == (len(TEXTS), LONGEST, source_ids.shape[1])
    np.testing.assert_allclose(attention.sum(axis=2), ids.numpy() != PAD_ID, atol=1e-5)
    assert not attention[np.broadcast_to((source_ids.numpy() == PAD_ID)[:, None], attention.shape)].any()


@pytest.mark.parametrize("form", ["conditional", "input_feeding", "bahdanau"])
def test_attention_is_that_of_the_search(form):
    """Its sum is what the steps of greedy search summed up."""
    config = make_config(model={"form": form, "coverage": True, "cell": "lstm"}, unit="word", max_length=LONGEST)
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor)
    translator, source_ids = Translator(network, preprocessor), preprocessor(tf.constant(TEXTS))["source_ids"]
    ids = translator.greedy(source_ids).ids.numpy()
    step, state, context = translator.decoder.start(source_ids)
    each, before = [], state["attention_sum"]
    for index in range(LONGEST):
        _, state = step(forced(ids)[:, index], state, context)
        each.append((state["attention_sum"] - before).numpy())
        before = state["attention_sum"]
    real = (ids != PAD_ID)[..., None]
    found = translator.attention(source_ids, tf.constant(ids)).numpy()
    np.testing.assert_allclose(found, np.stack(each, axis=1) * real, atol=1e-5)


def test_tokens_stand_where_their_attention_stands(parts):
    network, preprocessor, _ = parts
    source, target, attention = attention_of(network, preprocessor, "one two")
    assert source == ["▁one", "▁two", "</s>"]
    assert attention.shape == (len(target), 3) and len(target) >= 1
    assert all(isinstance(token, str) and token for token in target)
    np.testing.assert_allclose(attention.sum(axis=1), 1, atol=1e-5)


def test_translations_come_in_the_order_of_the_sentences(parts):
    network, preprocessor, _ = parts
    sentences = [f"{word} " * count for count in (9, 1, 4) for word in ("one", "two", "three", "nine")] * 6  # 72
    sentences[5] = ""
    translations, scores = translate(network, preprocessor, sentences)
    assert len(translations) == len(sentences) and scores.shape == (72,) and np.isfinite(scores).all()
    asked = [70, 5, 0]
    again, scores_again = translate(network, preprocessor, [sentences[index] for index in asked])
    assert again == [translations[index] for index in asked]
    np.testing.assert_allclose(scores_again, scores[asked], rtol=1e-4)
    assert translate(network, preprocessor, [])[0] == []


def test_teacher_forcing_is_measured_by_token(parts):
    network, preprocessor, _ = parts
    pairs = make_pairs(30, seed=3, most=6)
    source, target = (
        side.to_tensor() for side in (preprocessor.source_ids(pairs.sources), preprocessor.target_ids(pairs.targets))
    )
    total, lengths = log_probabilities(network, source, target.numpy())
    logits = network({"source_ids": source, "target_inputs": forced(target)}).numpy()
    right = ((logits.argmax(-1) == target.numpy()) & (target.numpy() != PAD_ID)).sum()
    found = teacher_forced(network, preprocessor, pairs)
    assert found["perplexity"] == pytest.approx(np.exp(-total.sum() / lengths.sum()), rel=1e-3)
    assert found["token_accuracy"] == pytest.approx(right / lengths.sum(), abs=1e-4)
    assert END_ID in target.numpy()


@pytest.mark.parametrize(
    ("log_loss", "perplexity"), [(0.0, 1.0), (701.0, math.inf), (math.inf, math.inf), (math.nan, math.nan)]
)
def test_a_loss_beyond_all_numbers_gives_no_number(parts, monkeypatch, log_loss, perplexity):
    """Else the check of the evaluation for a network that has gone astray would pass it."""
    monkeypatch.setattr(keras.Model, "evaluate", lambda *_, **__: {"token_accuracy": 0.5, "log_loss": log_loss})
    found = teacher_forced(*parts[:2], make_pairs(8, most=3))["perplexity"]
    assert found == perplexity or (math.isnan(found) and math.isnan(perplexity))
