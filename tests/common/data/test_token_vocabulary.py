"""If these fail, a training ends in a traceback before it begins, numbers are learned by heart, or a sentence comes back as another."""

import re
import subprocess
import sys
from collections import Counter

import keras
import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

from common import op_libraries
from common.data.token_vocabulary import (
    BYTES_FROM,
    END_ID,
    PAD_ID,
    START_ID,
    UNKNOWN_ID,
    TokenVocabulary,
    cut,
    learn_vocabulary,
)
from common.errors import UserError

UNITS = ("bpe", "unigram", "word", "character")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def digits(count, seed=0):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(DIGITS, random.integers(1, 9))) for _ in range(count)]


def learned(sentences, unit="bpe", size=60):
    return sentencepiece.SentencePieceProcessor(model_proto=learn_vocabulary(sentences, unit, size, "a test"))


def vocabulary(sentences=(), unit="bpe", size=60, **options):
    return TokenVocabulary(learn_vocabulary(sentences or digits(50), unit, size, "a test", **options))


@pytest.mark.parametrize("unit", UNITS)
def test_the_tokens_that_steer_have_their_numbers(unit):
    found = learned(digits(30), unit)
    assert (found.pad_id(), found.unk_id(), found.bos_id(), found.eos_id()) == (PAD_ID, UNKNOWN_ID, START_ID, END_ID)
    assert all(found.is_control(each) for each in (PAD_ID, START_ID, END_ID)) and found.is_unknown(UNKNOWN_ID)
    assert not any(found.is_control(each) for each in range(4, found.vocab_size()))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "sentences",
    [
        ["a"],
        ["a" * 30_000 + " b"],
        ["日本語 " * 10_000, "b"],
        ["▁"] * 3 + ["c"],
        ["<s>", "</s>"],
        ["\u0301", "😀"],
        ["1 2 3"],
    ],
    ids=["one letter", "long", "long and short", "signs of spaces", "names of tokens", "marks", "digits"],
)
def test_whatever_there_is_is_learned_from(unit, sentences):
    assert learned(sentences, unit).vocab_size() >= 4


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("size", [300, BYTES_FROM, 8_000])
def test_small_data_give_a_smaller_vocabulary_than_was_asked_for(unit, size):
    found = learned(digits(50), unit, size)
    assert 10 < found.vocab_size() <= size
    assert found.decode(found.encode("seven nine")) == "seven nine"


def test_each_digit_is_a_token():
    found = learned(["1999 2001", "1999 12", "2001 1999"] * 9)
    assert [piece for piece in found.encode("1999 2001", out_type=str) if piece != "▁"] == list("19992001")


@pytest.mark.parametrize("size", [32, BYTES_FROM])
def test_the_size_that_is_named_is_large_enough(size):
    characters = "".join(map(chr, range(0x4E00, 0x4E00 + size)))
    sentences = [characters[start : start + 40] for start in range(0, size, 40)]
    with pytest.raises(UserError, match=r"a test has more characters than that; set --\S+ \d+ or more") as caught:
        learned(sentences, size=size)
    named = int(str(caught.value).split()[-3])
    assert learned(sentences, size=named).encode(characters[-1])


def test_the_setting_that_is_too_small_is_named():
    with pytest.raises(
        UserError, match=r"^captions\.words is 16, but a test has more .* set --captions\.words \d+ or more"
    ):
        learn_vocabulary(["".join(map(chr, range(0x4E00, 0x4E20)))], "bpe", 16, "a test", setting="captions.words")


@pytest.mark.parametrize(("size", "min_count"), [(100, 1), (100, 2), (100, 5), (8, 2)])
def test_the_most_frequent_words_are_known_and_the_rare_ones_are_not(size, min_count):
    random = np.random.default_rng(1)
    words = random.choice([f"w{index}" for index in range(40)], 200, p=np.arange(1, 41) / 820)
    sentences = [" ".join(part) for part in words.reshape(-1, 5)]
    counts = Counter(words.tolist())
    frequent = sum(count >= min_count for count in counts.values())
    found = vocabulary(sentences, "word", size, min_count=min_count)
    assert found.size == min(size, 4 + frequent)
    known = [word for word in counts if found.ids(tf.constant([word])).to_list() != [[UNKNOWN_ID, END_ID]]]
    assert len(known) == found.size - 4
    assert min(counts[word] for word in known) >= max([min_count, *(counts[w] for w in counts if w not in known)])


def test_no_word_that_is_frequent_enough_is_one_sentence():
    with pytest.raises(UserError, match="no word stands 3 times in a test.*min_count 1"):
        learn_vocabulary(["a b", "a c"], "word", 60, "a test", min_count=3)


@pytest.mark.parametrize("unit", UNITS)
def test_texts_become_numbers_and_texts_again(unit):
    """As SentencePiece itself numbers them."""
    found = vocabulary(unit=unit)
    texts = ["one two three", "nine", "", "seven " * 30 + "six"]
    ids = found.ids(tf.constant(texts))
    assert ids.dtype == tf.int32 and found.size == learned(digits(50), unit).vocab_size()
    assert ids.to_list() == [[*row, END_ID] for row in learned(digits(50), unit).encode(texts)]
    assert [text.decode() for text in found.invert(ids.to_tensor(PAD_ID)).numpy()] == texts
    assert found.ids(tf.constant([], tf.string)).shape[0] == 0


def test_what_stands_behind_the_end_is_not_read():
    found = vocabulary(unit="word")
    (one, two) = found.ids(tf.constant(["one", "two"])).to_list()
    rows = [[*one, *two], [START_ID, *one, PAD_ID], [*one[:-1], PAD_ID, *two[:-1], END_ID], [END_ID], [PAD_ID], []]
    ids = tf.ragged.constant(rows, tf.int32).to_tensor(PAD_ID)
    assert found.invert(ids).numpy().tolist() == [b"one", b"one", b"one two", b"", b"", b""]


def test_a_token_of_unit_word_is_a_word_behind_one_sign_of_a_space():
    found = vocabulary(["a man's t-shirt 12 ▁ ▁▁x ▁", *digits(9)], "word")
    tokens = [token.decode() for token in found.tokens(tf.range(found.size)).numpy()]
    assert tokens[UNKNOWN_ID + 1 : END_ID + 1] == ["<s>", "</s>"]
    assert all(re.fullmatch("▁[^▁]*", token) for token in tokens[END_ID + 1 :])
    assert {"▁a", "▁man's", "▁t-shirt", "▁12", "▁x"} < set(tokens)
    ids = found.ids(tf.constant(["a strange man's t-shirt", "x"])).to_tensor(PAD_ID)
    shown = found.tokens(ids).numpy()
    assert shown.shape == (2, 5) and shown[0].tolist()[2:4] == ["▁man's".encode(), "▁t-shirt".encode()]
    assert ids.numpy()[0, 1] == UNKNOWN_ID


def test_cut_takes_the_first_tokens_and_the_end():
    rows = [[*range(4, 4 + count), END_ID] for count in (0, 1, 8, 9, 10, 70)]
    found = cut(tf.ragged.constant(rows, tf.int32), 10).to_list()
    assert found == [row if len(row) <= 10 else [*row[:9], END_ID] for row in rows]
    assert cut(tf.ragged.constant([], tf.int32, ragged_rank=1), 10).to_list() == []


def test_a_seed_that_is_set_takes_no_vocabulary_away():
    """TensorFlow drops the resources of kernels then."""
    found = vocabulary()
    texts = tf.constant(["one two"])
    before = found.ids(texts).to_list()
    keras.utils.set_random_seed(3)
    assert found.ids(texts).to_list() == before
    tf.random.set_seed(4)
    assert found.invert(tf.constant(before)).numpy().tolist() == [b"one two"]
    traced = tf.function(lambda texts: found.ids(texts))
    keras.utils.set_random_seed(5)
    assert traced(texts).to_list() == before


def test_bytes_are_the_same_vocabulary_and_damaged_ones_are_none():
    found = vocabulary()
    model = found.to_bytes()
    assert model == vocabulary().to_bytes()  # or a run could not be made again
    again = TokenVocabulary.from_bytes(model)
    assert again.ids(tf.constant(["two one"])).to_list() == found.ids(tf.constant(["two one"])).to_list()
    for damaged in (b"", model[: len(model) // 2], b"\0" * 100):
        with pytest.raises(ValueError, match="not a model of SentencePiece"):
            TokenVocabulary.from_bytes(damaged)


_LOAD = """
import sys
import tensorflow as tf
for library in sys.argv[2:]:
    tf.load_op_library(library)
loaded = tf.saved_model.load(sys.argv[1])
print(loaded.signatures["serving_default"](text=tf.constant(["один три"]))["ids"].numpy().tolist())
"""


def test_two_vocabularies_of_one_saved_model_stay_two_in_a_fresh_process(tmp_path):
    module = tf.Module()
    module.first, module.second = vocabulary(["один два три"], "word"), vocabulary(["три четыре пять один"], "word")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def both(text):
        return {"ids": tf.concat([module.first.ids(text), module.second.ids(text)], axis=1).to_tensor()}

    module.both = both
    expected = both(tf.constant(["один три"]))["ids"].numpy().tolist()
    assert expected[0][:3] != expected[0][3:]
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": both})
    libraries = op_libraries.needed(tmp_path / "saved_model.pb")
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(tmp_path), *libraries], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(expected)
