"""If these fail, two texts that look the same are two, or a word stands in the vocabulary once for each mark behind it."""

import unicodedata

import pytest
import tensorflow as tf

from common.data.text_normalization import CHARACTERS_PER_TOKEN, normalize


def normalized(*texts, max_length=100, **options):
    return [text.decode() for text in normalize(tf.constant(texts, tf.string), max_length, **options).numpy()]


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (unicodedata.normalize("NFD", "Ça va, l'été?"), "Ça va, l'été?"),
        ("one\u2028two\u2029three\u0085four", "one two three four"),
        ("\ufeffone\x00two\x1b three\t\n\r four\x7f", "one two three four"),
        ("one\u00a0two\u3000three", "one two three"),
        ("   one  two ", "one two"),
        (" \t\n", ""),
        ("👩\u200d👩 שלום\u200f!", "👩\u200d👩 שלום\u200f!"),  # joiners and directions stay
        (b"one \xff two", "one \ufffd two"),
    ],
)
def test_what_looks_the_same_is_the_same(written, same):
    assert normalized(written) == [same]


def test_small_letters_of_any_script():
    assert normalized("Ein HUND, ÉTÉ, ДОМ", lowercase=True) == ["ein hund, été, дом"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("A man's t-shirt, red.", "A man's t-shirt red"),
        ("a dog’s ‘toy’ — “new”!", "a dog’s toy new"),
        ("'quoted' -- 'twas - dogs'", "quoted twas dogs"),
        ("two (three) [four]; five/six: seven…", "two three four five six seven"),
        ("¿Qué? 犬。猫、", "Qué 犬 猫"),
        ("$5 + 3 = 🐶", "$5 + 3 = 🐶"),  # signs, but not punctuation
        (" . - ' ", ""),
    ],
)
def test_words_without_punctuation(written, words):
    assert normalized(written, punctuation=False) == [words]
    assert normalized(words, punctuation=False) == [words]


def test_a_text_is_looked_at_no_further_than_it_can_be_read():
    assert normalized("é" * 1_000, max_length=2) == ["é" * 2 * CHARACTERS_PER_TOKEN]


def test_no_text_at_all():
    assert normalized() == []
