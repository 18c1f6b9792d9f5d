"""From text to numbers. If these fail, the network reads other words than a person wrote, or other words when served than
when trained."""

import collections
import json
import time

import numpy as np
import pytest
import tensorflow as tf

from apps.sentiment.config import PreprocessingConfig
from apps.sentiment.ngrams import known_ngrams_of_texts
from apps.sentiment.preprocessing import NO_PHRASE_ID, Preprocessor, pad
from apps.sentiment.vocabulary import FIRST_WORD_ID, UNKNOWN_ID
from common.data.splits import LabelledTexts
from common.errors import UserError

TEXTS = ["a good film", "a bad film", "not a good film , not at all", "the film", "good good good", "bad"]
LABELS = ["pos", "neg", "neg", "pos", "pos", "neg"]


def make(**settings):
    return Preprocessor(PreprocessingConfig(**settings))


def examples(texts=TEXTS, labels=LABELS):
    return LabelledTexts(np.array(texts, object), np.array(labels, object), "test")


def adapted(texts=TEXTS, labels=LABELS, wide=False, **settings):
    preprocessor = Preprocessor(PreprocessingConfig(**{"min_count": 1, "phrase_min_count": 1, **settings}), wide=wide)
    preprocessor.adapt(examples(texts, labels))
    return preprocessor


def words(*texts, **settings):
    return [[word.decode() for word in row] for row in make(**settings).words(tf.constant(texts)).to_list()]


# --- words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Good.<br /><br>Bad!<BR/><p>Ugly</P>", "good . bad ! ugly"),
        ("don't o'clock y'all", "don't o'clock y'all"),
        ("don\u2019t it\u00b4s it`s", "don't it's it's"),
        ("'great'", "' great '"),
        ("rock 'n' roll", "rock ' n ' roll"),
        ("the dogs' 'tis", "the dogs ' ' tis"),
        ("('great').", "( ' great ' ) ."),
        ("don''t", "don''t"),
        ("'", "'"),
        ("\u201cGreat,\u201d she said\u2026", "\u201c great , \u201d she said \u2026"),
        ("10/10", "10 / 10"),
        ("http://a.b/c?d=1", "http : / / a . b / c ? d = 1"),
        ("well-made snake_case", "well - made snake _ case"),
        ("ÉCOLE Straße ΣΟΦΌΣ", "école straße σοφός"),
        ("a\u00a0b\u3000c\u2028d\u200be\tf\r\ng\u0085h", "a b c d e f g h"),
        ("a\x00b\x0bc\x1fd\x7fe", "a b c d e"),
        ("é\x00b", "é b"),
        ("co\u00adoperate \ufeffstart \u200eright", "cooperate start right"),
        ("می\u200cخواهم", "میخواهم"),
        ("日本語 です", "日 本 語 で す"),
        ("ไทย", "ไ ท ย"),
        ("cafe\u0301 naïve", "cafe\u0301 naïve"),
        ("😀😀 👨\u200d👩\u200d👧 ❤\ufe0f", "😀 😀 👨 👩 👧 ❤"),
        ("", ""),
        (" \t\n\u3000", ""),
    ],
)
def test_words_are_those_that_a_person_would_list(text, expected):
    assert words(text) == [expected.split(" ") if expected else []]


def test_capital_letters_are_kept_if_wanted():
    assert words("Good ÉCOLE", lowercase=False) == [["Good", "ÉCOLE"]]


def test_a_text_is_read_alike_whatever_stands_beside_it():
    texts = ["Plain ASCII's text!", "“Curly” É", "", "日本"]
    assert words(*texts) == [words(text)[0] for text in texts]


def test_bytes_that_are_not_utf_8_are_replaced():
    rows = make().words([b"ab\xffcd\xc3", b"\xed\xa0\x80 X"]).to_list()
    assert [[word.decode() for word in row] for row in rows] == [
        ["ab", "\ufffd", "cd", "\ufffd"],
        ["\ufffd"] * 3 + ["x"],
    ]


def test_a_megabyte_of_text_is_cut_in_seconds():
    preprocessor, started = adapted(max_length=20), time.monotonic()
    text = "good film, É " * 80_000
    assert preprocessor.token_ids(tf.constant([text])).shape[0] == 1
    assert preprocessor(tf.constant([text]))["token_ids"].shape[1] == 20
    assert time.monotonic() - started < 20


# --- vocabulary


def test_the_vocabulary_is_the_most_frequent_words_ties_in_alphabetical_order():
    counts = collections.Counter(word for text in TEXTS for word in text.split())
    expected = sorted(counts, key=lambda word: (-counts[word], word))
    assert list(adapted().vocabulary) == expected
    assert list(adapted(max_tokens=5).vocabulary) == expected[:3]  # beside padding and unknown
    assert list(adapted(min_count=2).vocabulary) == [word for word in expected if counts[word] >= 2]


def test_rare_and_unseen_words_are_unknown():
    preprocessor = adapted(min_count=2)
    ids = preprocessor.token_ids(tf.constant(["good the unseen"]))[0, :, 0].numpy().tolist()
    assert ids == [FIRST_WORD_ID + preprocessor.vocabulary.index("good"), UNKNOWN_ID, UNKNOWN_ID]


def test_no_frequent_word_at_all_is_the_users_mistake():
    with pytest.raises(UserError, match="min_count"):
        adapted(["one two", "three"], ["a", "b"], min_count=2)


def test_batches_get_lengths_up_to_the_longest_text_that_may_come():
    preprocessor = adapted(max_length=100, length_buckets=2)
    assert preprocessor.length_boundaries == (8, 100)
    assert adapted(max_length=8).length_boundaries == (8,)


# --- phrases


def phrases_of(row):
    return collections.Counter(tuple(row[i : i + n]) for n in (2, 3) for i in range(len(row) - n + 1))


def test_phrases_are_those_of_the_training_texts_that_occur_often_enough():
    counts = sum((phrases_of(text.split()) for text in TEXTS), collections.Counter())
    for least in (1, 2, 3):
        expected = {" ".join(phrase) for phrase, count in counts.items() if count >= least}
        assert set(adapted(phrase_min_count=least).phrases) == expected
    assert len(adapted(max_phrases=2).phrases) == 4  # two of each length
    assert not adapted(phrase_length=1).phrases


def test_each_step_says_which_phrases_end_there():
    preprocessor = adapted(phrase_min_count=2, min_count=2)
    texts = ["a good film film", "film", "", "good film a unseen good", "a", "good film"]
    for text, steps in zip(texts, preprocessor.token_ids(tf.constant(texts)).to_list(), strict=True):
        row = text.split()
        expected = []
        for end in range(1, len(row) + 1):
            columns = (
                [FIRST_WORD_ID + list(preprocessor.vocabulary).index(row[end - 1])]
                if row[end - 1] in preprocessor.vocabulary
                else [UNKNOWN_ID]
            )
            for length in (2, 3):
                phrase = " ".join(row[max(end - length, 0) : end]) if end >= length else None
                known = phrase in preprocessor.phrases
                columns.append(1 + preprocessor.phrases.index(phrase) if known else NO_PHRASE_ID)
            expected.append(columns)
        assert steps == expected


# --- cutting and padding


@pytest.mark.parametrize(("length", "fraction"), [(5, 0.5), (4, 0.0), (4, 1.0), (1, 0.5), (6, 0.3)])
def test_long_texts_keep_their_head_and_their_tail(length, fraction):
    alphabet = [f"w{chr(97 + index)}" for index in range(12)]
    texts = [" ".join(alphabet[:count]) for count in (0, 1, 3, 4, 5, 6, 12)]
    preprocessor = adapted(texts, ["x"] * len(texts), max_length=length, head_fraction=fraction)
    head = round(length * fraction)
    for text, ids in zip(texts, preprocessor.token_ids(tf.constant(texts)).to_list(), strict=True):
        row = text.split()
        kept = row if len(row) <= length else row[:head] + row[len(row) - (length - head) :]
        assert [preprocessor.vocabulary[step[0] - FIRST_WORD_ID] for step in ids] == kept


def test_padding_is_behind_the_end_and_there_is_at_least_one_step():
    preprocessor = adapted()
    ids = preprocessor(tf.constant(["good film", "", "a"]))["token_ids"].numpy()
    assert ids.shape == (3, 2, 3)
    assert (ids[:, :, 0] > 0).tolist() == [[True, True], [False, False], [True, False]]
    assert preprocessor(tf.constant([""]))["token_ids"].shape == (1, 1, 3)
    assert pad(preprocessor.token_ids(tf.constant([], tf.string))).shape == (0, 1, 3)


# --- the wide part


@pytest.mark.parametrize("texts", [TEXTS, ["a", "b"]], ids=["some n-grams twice", "none twice"])
def test_wide_logits_are_those_of_the_linear_model(texts):
    preprocessor = adapted(texts, LABELS[: len(texts)], wide=True)
    texts = np.array([*TEXTS, "", "unseen words only , all of them", "good " * 50], object)
    matrix = known_ngrams_of_texts(texts, preprocessor, preprocessor.linear.keys)
    actual = preprocessor(tf.constant(list(texts)))["wide_logits"]
    np.testing.assert_allclose(actual, preprocessor.linear.logits(matrix), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(preprocessor.wide_logits_of(texts), actual, rtol=1e-5, atol=1e-6)


# --- labels and files


def test_logits_become_labels_and_probabilities():
    result = adapted().invert(tf.constant([[0.0, 1.0], [2.0, 0.0]]))
    assert result["label"].numpy().tolist() == [b"pos", b"neg"]
    assert result["classes"].numpy().tolist() == [[b"neg", b"pos"]] * 2
    np.testing.assert_allclose(result["probabilities"], [[0.268941, 0.731059], [0.880797, 0.119203]], rtol=1e-5)


@pytest.mark.parametrize("wide", [False, True])
def test_saved_and_loaded_it_gives_the_same_tensors(wide, tmp_path):
    texts = [*TEXTS, '“É” ☃ 日本 \u2028 \\ "quoted"']
    preprocessor = adapted(texts, [*LABELS, "pos"], wide=wide, max_length=6)
    preprocessor.save(tmp_path)
    loaded = Preprocessor.load(tmp_path)
    expected, actual = preprocessor(tf.constant(texts)), loaded(tf.constant(texts))
    assert expected.keys() == actual.keys()
    for name in expected:
        np.testing.assert_array_equal(actual[name], expected[name])
    for name in ("vocabulary", "phrases", "label_names", "length_boundaries", "config", "wide"):
        assert getattr(loaded, name) == getattr(preprocessor, name)
    assert "日" in json.loads((tmp_path / "preprocessor.json").read_text("utf-8"))["vocabulary"]


def test_traced_for_a_savedmodel_it_gives_the_same_tensors():
    preprocessor = adapted(wide=True)
    traced = tf.function(preprocessor.__call__, input_signature=[tf.TensorSpec([None], tf.string)])
    for texts in (TEXTS, [""], ["É", "good " * 500]):
        expected, actual = preprocessor(tf.constant(texts)), traced(tf.constant(texts))
        for name in expected:
            np.testing.assert_allclose(actual[name], expected[name], rtol=1e-6)
