"""What the SavedModel answers. If these fail, its explanation names words that did not decide."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from apps.sentiment.serving import EXAMPLES, TEXTS, Explainer, endpoints
from tests.apps.sentiment.small_model import LONG, make_final

REVIEWS = ["a good film", "not a good film , not at all", "", LONG, "unseen words", "good"]


def traced(explainer):
    return tf.function(explainer, input_signature=TEXTS)


@pytest.fixture(scope="module", params=[False, True], ids=["network", "wide"])
def served(request):
    """Returns (model, preprocessor, explainer, its traced function)."""
    model, preprocessor = make_final(wide=request.param, scales=(1.5, 0.8)[: 1 + request.param])
    explainer = Explainer(model, preprocessor)
    return model, preprocessor, explainer, traced(explainer)


def numpy_of(answer):
    return {name: value.numpy() for name, value in answer.items()}


def test_attributions_and_bias_add_up_to_the_score(served):
    model, preprocessor, _, explain = served
    answer = numpy_of(explain(tf.constant(REVIEWS)))
    np.testing.assert_allclose(answer["attributions"].sum(axis=1) + answer["bias"], answer["score"], atol=1e-4)
    logits = model(preprocessor(tf.constant(REVIEWS)), training=False).numpy()
    best = logits.argmax(axis=1)
    others = (logits.sum(axis=1) - logits.max(axis=1)) / 2  # three classes
    np.testing.assert_allclose(answer["score"], logits.max(axis=1) - others, rtol=1e-4, atol=1e-5)
    assert [label.decode() for label in answer["label"]] == [preprocessor.label_names[index] for index in best]


def test_the_bias_is_the_score_of_a_text_without_any_words(served):
    model, preprocessor, explainer, explain = served
    inputs = preprocessor(tf.constant(REVIEWS))
    scales = model.get_layer("scaled_sum").scales
    vectors = tf.zeros_like(explainer.embed([inputs["token_ids"]]))
    logits = scales[0] * explainer.classify_vectors([vectors, inputs["token_ids"]])
    if preprocessor.wide:
        logits += scales[1] * preprocessor._wide_bias
    answer = numpy_of(explain(tf.constant(REVIEWS)))
    best = tf.one_hot(tf.argmax(model(inputs, training=False), axis=1), 3)
    expected = tf.reduce_sum(logits * (1.5 * best - 0.5), axis=1)
    np.testing.assert_allclose(answer["bias"], expected, atol=0.1)  # 32 steps of integration


def test_tokens_stand_where_their_attributions_stand_and_cut_words_have_none(served):
    _, preprocessor, _, explain = served
    answer = numpy_of(explain(tf.constant(REVIEWS)))
    words = preprocessor.words(tf.constant(REVIEWS)).to_list()
    assert answer["tokens"].shape == answer["attributions"].shape == (len(REVIEWS), len(LONG.split()))
    for row, tokens, attributions in zip(words, answer["tokens"], answer["attributions"], strict=True):
        assert tokens.tolist() == row + [b""] * (len(tokens) - len(row))
        assert not attributions[len(row) :].any()
    if not preprocessor.wide:
        middle = answer["attributions"][3, 6:-6]  # max_length is 12: six from the head, six from the tail
        assert not middle.any()
        assert answer["attributions"][3, :6].any()


def test_batch_mates_change_no_explanation(served):
    *_, explain = served
    together = numpy_of(explain(tf.constant(REVIEWS)))
    for index, review in enumerate(REVIEWS):
        alone = numpy_of(explain(tf.constant([review])))
        width = alone["attributions"].shape[1]
        np.testing.assert_allclose(together["attributions"][index, :width], alone["attributions"][0], atol=1e-4)
        for name in ("score", "bias", "probabilities"):
            np.testing.assert_allclose(together[name][index], alone[name][0], rtol=1e-4, atol=1e-4)


def test_the_wide_part_is_shared_out_exactly():
    """With the network silenced, each n-gram's weight is split evenly among its occurrences, and these among their words."""
    model, preprocessor = make_final(wide=True, scales=(0.0, 1.3))
    answer = numpy_of(traced(Explainer(model, preprocessor))(tf.constant(REVIEWS)))
    longest = 0  # words of an n-gram
    for row, review in enumerate(REVIEWS):
        words = review.split()
        found = preprocessor.known_ngrams(tf.ragged.constant([words], dtype=tf.string))
        places = collections.defaultdict(list)
        for of_kind in found:
            for start, ngram in zip(of_kind.starts.numpy(), of_kind.ngrams.numpy()):
                places[ngram].append([int(start) + offset for offset in of_kind.offsets])
        longest = max([longest, *(len(of_kind.offsets) for of_kind in found if len(of_kind.ngrams))])
        direction = np.where(np.array(preprocessor.label_names) == answer["label"][row].decode(), 1, -0.5)
        expected = np.zeros(len(words))
        for ngram, occurrences in places.items():
            weight = preprocessor.linear.weights[ngram] @ direction * 1.3 / np.sqrt(len(places))
            for places_of_one in occurrences:
                expected[places_of_one] += weight / len(occurrences) / len(places_of_one)
        np.testing.assert_allclose(answer["attributions"][row, : len(words)], expected, rtol=1e-4, atol=1e-5)
    assert longest == 3


def test_the_default_endpoint_says_the_same_as_the_explanation(served):
    model, preprocessor, _, explain = served
    named = endpoints(model, preprocessor)
    assert list(named)[:2] == ["serving_default", "explain"]
    classify, signature = named["serving_default"]
    answer = numpy_of(tf.function(classify, input_signature=signature)(tf.constant(EXAMPLES)))
    explained = numpy_of(explain(tf.constant(EXAMPLES)))
    assert set(answer) == {"label", "classes", "probabilities"}
    np.testing.assert_array_equal(answer["label"], explained["label"])
    np.testing.assert_allclose(answer["probabilities"], explained["probabilities"], rtol=1e-5)
    np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, rtol=1e-5)
    assert answer["classes"][0].tolist() == [name.encode() for name in preprocessor.label_names]


def test_no_texts_give_no_answers(served):
    *_, explain = served
    answer = numpy_of(explain(tf.constant([], tf.string)))
    assert answer["label"].shape == (0,)
    assert answer["probabilities"].shape == (0, 3)
