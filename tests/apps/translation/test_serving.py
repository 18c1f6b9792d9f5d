"""What the SavedModel answers. If these fail, a request gets another translation than its own."""

import numpy as np
import pytest
import tensorflow as tf

from apps.translation.serving import EXAMPLES, endpoints, metadata, questions
from apps.translation.translate import Translator
from tests.apps.translation.small_model import SENTENCES, make_config, make_network, make_preprocessor

TEXTS = [*SENTENCES, "nine " * 30]
WIDTHS = [1, 3, 5, 2, 4, 1, 5]
PENALTIES = [0.0, 1.0, 0.5, 2.0, 1.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def served():
    """Preprocessor, translator, and the traced endpoints."""
    config = make_config(unit="word", max_length=12, decoding={"beam_width": 3, "length_penalty": 0.8})
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor, scale=0.8)
    traced = {name: tf.function(*each, autograph=False) for name, each in endpoints(network, preprocessor).items()}
    return preprocessor, Translator(network, preprocessor), traced


def ask(served, endpoint, texts, *more):
    answer = served[2][endpoint](
        tf.constant(texts, tf.string),
        *(tf.constant(values, kind) for values, kind in zip(more, (tf.int32, tf.float32))),
    )
    return {name: value.numpy() for name, value in answer.items()}


def test_the_default_is_the_best_of_the_beam_of_the_settings(served):
    preprocessor, translator, _ = served
    answer = ask(served, "serving_default", TEXTS)
    found = translator.beam_search(preprocessor(tf.constant(TEXTS))["source_ids"], 3, 0.8)
    np.testing.assert_array_equal(answer["translation"], preprocessor.invert(found.ids[:, 0]))
    np.testing.assert_allclose(answer["score"], found.scores[:, 0], rtol=1e-5)
    assert answer["truncated"].tolist() == [False] * 6 + [True]
    beam = ask(served, "beam", TEXTS, [3] * 7, [0.8] * 7)
    np.testing.assert_array_equal(beam["translations"][:, 0], answer["translation"])
    assert len(set(answer["translation"].tolist())) > 2, "all sentences are translated alike, so this shows nothing"


def test_greedy_is_a_beam_of_one(served):
    answer, beam = ask(served, "greedy", TEXTS), ask(served, "beam", TEXTS, [1] * 7, [0.0] * 7)
    np.testing.assert_array_equal(answer["translation"], beam["translations"][:, 0])
    np.testing.assert_allclose(answer["score"], beam["scores"][:, 0], rtol=1e-5)


def test_rows_with_widths_and_penalties_of_their_own_are_as_alone(served):
    together = ask(served, "beam", TEXTS, WIDTHS, PENALTIES)
    assert together["translations"].shape == together["scores"].shape == (7, 5)
    for row, (text, width, penalty) in enumerate(zip(TEXTS, WIDTHS, PENALTIES)):
        alone = ask(served, "beam", [text], [width], [penalty])
        assert alone["scores"].shape == (1, width)
        np.testing.assert_array_equal(together["translations"][row, :width], alone["translations"][0])
        np.testing.assert_allclose(together["scores"][row, :width], alone["scores"][0], rtol=1e-4, atol=1e-5)
        assert not together["scores"][row, width:].any() and not any(together["translations"][row, width:])
        assert (np.diff(alone["scores"][0]) <= 1e-6).all()


@pytest.mark.parametrize(
    ("widths", "penalties", "sentence"),
    [
        ([0, 1], [1, 1], "beam_width must be 1 to 64"),
        ([1, 65], [1, 1], "beam_width must be 1 to 64"),
        ([2, 2], [1, -0.1], "length_penalty must be 0 to 10"),
        ([2, 2], [1, float("nan")], "length_penalty must be 0 to 10"),
        ([2, 2], [1, 11], "length_penalty must be 0 to 10"),
        ([2], [1, 1], "need a value for each text"),
        ([2, 2], [1], "need a value for each text"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_with_a_sentence(served, widths, penalties, sentence):
    with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
        ask(served, "beam", ["one", "two"], widths, penalties)


def test_attention_stands_beside_its_tokens(served):
    preprocessor, *_ = served
    answer = ask(served, "attention", TEXTS)
    np.testing.assert_array_equal(answer["translation"], ask(served, "serving_default", TEXTS)["translation"])
    source_ids = preprocessor(tf.constant(TEXTS))["source_ids"].numpy()
    assert answer["attention"].shape == (7, answer["target_tokens"].shape[1], source_ids.shape[1])
    for row, text in enumerate(TEXTS):
        source = [token.decode() for token in answer["source_tokens"][row] if token]
        target = [token.decode() for token in answer["target_tokens"][row] if token]
        assert source[-1] == "</s>" and len(source) == (source_ids[row] != 0).sum()
        if row in (0, 3, 4, 5):  # words of the vocabulary
            assert "".join(source[:-1]).replace("▁", " ").strip() == text
        said = "".join(token for token in target if token != "</s>").replace("▁", " ").strip()
        assert said == answer["translation"][row].decode()
        weights = answer["attention"][row]
        np.testing.assert_allclose(weights[: len(target), : len(source)].sum(axis=1), 1, atol=1e-5)
        assert not weights[len(target) :].any() and not weights[:, len(source) :].any()


@pytest.mark.parametrize("endpoint", ["serving_default", "greedy", "beam", "attention"])
def test_no_texts_give_no_answers_and_odd_ones_some(served, endpoint):
    more = ([], []) if endpoint == "beam" else ()
    assert all(len(value) == 0 for value in ask(served, endpoint, [], *more).values())
    odd = [b"\xff\xfe", b"</s> <s> <pad>", "\x00\u2028".encode(), "שלום 🎬".encode(), b"one"]
    more = ([2] * 5, [1.0] * 5) if endpoint == "beam" else ()
    for value in ask(served, endpoint, odd, *more).values():
        assert len(value) == 5 and (value.dtype == object or np.isfinite(value).all())


def test_a_million_marks_are_answered_soon(served):
    answer = ask(served, "serving_default", ["e" + "\u0301" * 1_000_000, "one"])
    assert answer["truncated"].tolist() == [True, False]


def test_questions_ask_every_endpoint_with_what_it_may_be_asked(served):
    preprocessor, *_ = served
    for case, inputs in questions(None, preprocessor).items():
        count = len(inputs["text"])
        assert len(inputs["beam_width"]) == len(inputs["length_penalty"]) == count, case
        assert all(1 <= width <= 3 for width in inputs["beam_width"])
    assert next(iter(questions(None, preprocessor).values()))["text"][0] == EXAMPLES[0]
    assert metadata(None, preprocessor) == {"beam_width": 3, "length_penalty": 0.8, "max_length": 12}
