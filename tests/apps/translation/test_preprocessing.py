"""If these fail, the network reads another sentence than the person wrote, or says what nobody can read."""

import shutil
import time
import unicodedata

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.translation.pairs import SentencePairs
from apps.translation.preprocessing import Preprocessor
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from common.errors import UserError
from tests import command_line
from tests.apps.translation.small_model import make_config, make_pairs, make_preprocessor

MADE = make_pairs(40)
# Sentences of many kinds of letters and signs, so that all of them are in the vocabulary.
KINDS = (
    "Ça va, l'été?",
    "€ 12.50 — it's “fine”!",
    "שלום עולם",
    "日本語です。",
    "a🎬b",
    "p/k",
    "x_y <s> </s> <pad> <unk> <0x41>",
)
PAIRS = SentencePairs.from_lists([*MADE.sources, *KINDS], [*MADE.targets, *KINDS], "made pairs")
UNITS = ("bpe", "unigram", "word", "character")


@pytest.fixture(scope="module", params=[True, False], ids=["shared", "separate"])
def every_unit(request):
    return {
        unit: make_preprocessor(make_config(unit=unit, shared=request.param, vocabulary_size=150), PAIRS)
        for unit in UNITS
    }


@pytest.fixture(scope="module")
def plain():
    return make_preprocessor(make_config(vocabulary_size=150), PAIRS)


def ids_of(preprocessor, *texts):
    return preprocessor(tf.constant(texts, tf.string))["source_ids"].numpy()


def back(preprocessor, *texts):
    """What becomes of targets that are numbered and read again."""
    ids = preprocessor.target_ids(tf.constant(texts)).to_tensor(PAD_ID)
    return [text.decode("utf-8") for text in preprocessor.invert(ids).numpy()]


@pytest.mark.parametrize("unit", UNITS)
def test_numbers_of_a_sentence_are_that_sentence(every_unit, unit):
    texts = [*PAIRS.targets, ""] if unit != "word" else [*MADE.targets, ""]
    assert back(every_unit[unit], *texts) == texts


@pytest.mark.parametrize("unit", UNITS)
def test_a_row_is_tokens_then_the_end_then_padding(every_unit, unit):
    ids = ids_of(every_unit[unit], "one two three four", "one", "")
    assert ids.dtype == np.int32
    assert ids[2].tolist() == [END_ID] + [PAD_ID] * (ids.shape[1] - 1)
    for row in ids:
        (end,) = np.flatnonzero(row == END_ID)
        assert (row[:end] > END_ID).all() and (row[end + 1 :] == PAD_ID).all()


@pytest.mark.parametrize("shared", [True, False])
def test_the_vocabularies_are_as_large_as_they_say(shared):
    preprocessor = make_preprocessor(make_config(shared=shared, vocabulary_size=90), make_pairs())
    assert 16 < preprocessor.source_size <= 90 and 16 < preprocessor.target_size <= 90
    assert (preprocessor.source_model == preprocessor.target_model) == shared
    for side, size in (("source", preprocessor.source_size), ("target", preprocessor.target_size)):
        tokens = getattr(preprocessor, f"{side}_tokens")(tf.range(size)).numpy().tolist()
        assert len(set(tokens)) == size
        assert (tokens[START_ID], tokens[END_ID]) == (b"<s>", b"</s>")


def test_small_letters():
    preprocessor = make_preprocessor(make_config(lowercase=True, vocabulary_size=150), PAIRS)
    np.testing.assert_array_equal(ids_of(preprocessor, "ONE ÉTÉ"), ids_of(preprocessor, "one été"))
    assert back(preprocessor, "ONE ÉTÉ") == ["one été"]


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (unicodedata.normalize("NFD", "Ça va, l'été?"), "Ça va, l'été?"),
        ("one\u2028two\u2029three\u0085four", "one two three four"),
        ("\ufeffone\x00two\x1b three\t\n\r four\x7f", "one two three four"),
        ("one\u00a0two\u3000three", "one two three"),
        ("   one  two ", "one two"),
        (" \t\n", ""),
    ],
)
def test_what_looks_the_same_is_the_same(plain, written, same):
    assert plain.normalize(tf.constant([written])).numpy()[0].decode() == same
    np.testing.assert_array_equal(ids_of(plain, written), ids_of(plain, same))


def test_bytes_that_are_no_text_are_a_character_like_another(plain):
    broken = tf.constant([b"one \xff\xfe two", b"\xed\xa0\x80", b"\xc3"])
    assert plain.normalize(broken).numpy()[0].decode() == "one \ufffd\ufffd two"
    ids = plain(broken)["source_ids"].numpy()
    assert (ids == UNKNOWN_ID).any(axis=1).all()
    for row in ids:
        assert (row == END_ID).sum() == 1


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("text", ["</s>", "<s>", "<pad>", "<unk>", "one </s> two", "<s> one <pad></s>", "▁", "▁▁one▁"])
def test_no_text_becomes_a_token_that_steers(every_unit, unit, text):
    """Else whoever writes `</s>` ends the sentence there."""
    (row,) = ids_of(every_unit[unit], text)
    assert row[-1] == END_ID and not np.isin(row[:-1], (PAD_ID, START_ID, END_ID)).any()


def test_directions_and_joiners_stay(plain):
    for text in ("שלום\u200f!", "نمی\u200cخواهم", "👩\u200d👩"):
        assert plain.normalize(tf.constant([text])).numpy()[0].decode() == text


def test_a_million_marks_on_one_letter_do_not_take_minutes(plain):
    started = time.perf_counter()
    marks = "a" + "\u0301\u0323" * 500_000
    ids = ids_of(plain, marks, "one")
    assert time.perf_counter() - started < 5
    assert (ids == END_ID).sum() == 2
    # Characters that are unknown one after the other are one token; still, most of them were not looked at.
    assert plain.is_cut(tf.constant([marks, "龍" * 5_000, "龍" * 500])).numpy().tolist() == [True, True, False]


def test_neighbours_change_no_row(plain):
    texts = ["one two", "", "nine " * 100, "שלום", "three"]
    together = ids_of(plain, *texts)
    for text, row in zip(texts, together, strict=True):
        (alone,) = ids_of(plain, text)
        assert row[: len(alone)].tolist() == alone.tolist() and not row[len(alone) :].any()
    assert ids_of(plain).shape[0] == 0


def test_a_sentence_that_is_too_long_is_cut_and_said_to_be():
    preprocessor = make_preprocessor(make_config(max_length=6, unit="word"))
    texts = ["one " * count for count in (0, 4, 5, 6, 500)]
    assert preprocessor.is_cut(tf.constant(texts)).numpy().tolist() == [False, False, False, True, True]
    ids = ids_of(preprocessor, *texts)
    assert ids.shape == (5, 6)
    assert (ids == END_ID).argmax(axis=1).tolist() == [0, 4, 5, 5, 5]
    assert ((ids == END_ID).sum(axis=1) == 1).all()
    whole = preprocessor.source_ids(tf.constant(texts))
    assert whole.row_lengths().numpy().tolist() == [1, 5, 6, 7, 384 // 4 + 1]  # 64 characters for each token


def test_cut_takes_the_first_tokens_and_the_end(plain):
    longest = plain.config.max_length
    rows = [[*range(4, 4 + count), END_ID] for count in (0, 1, longest - 2, longest - 1, longest, 70)]
    found = plain.cut(tf.ragged.constant(rows, tf.int32)).to_list()
    assert found == [row if len(row) <= longest else [*row[: longest - 1], END_ID] for row in rows]
    assert plain.cut(tf.ragged.constant([], tf.int32, ragged_rank=1)).to_list() == []


def test_what_stands_behind_the_end_is_not_read(plain):
    (one,) = plain.target_ids(tf.constant(["eins"])).to_list()
    (two,) = plain.target_ids(tf.constant(["zwei"])).to_list()
    width = 20
    rows = [[*one, *two, PAD_ID], [START_ID, *one], [*one[:-1], PAD_ID, PAD_ID], [END_ID], [PAD_ID]]
    rows = np.array([row + [PAD_ID] * (width - len(row)) for row in rows], np.int32)
    assert plain.invert(tf.constant(rows)).numpy().tolist() == [b"eins", b"eins", b"eins", b"", b""]


def test_the_vocabulary_is_a_function_of_the_data_and_the_settings():
    """Else a run cannot be made again."""
    first, second = (make_preprocessor(make_config(vocabulary_size=90)) for _ in range(2))
    assert first.source_model == second.source_model and first.shapes == second.shapes


def test_a_seed_that_is_set_takes_no_vocabulary_away(plain):
    """TensorFlow drops the resources of kernels then."""
    before, sentence = ids_of(plain, "one two"), back(plain, "eins zwei")
    keras.utils.set_random_seed(3)
    np.testing.assert_array_equal(ids_of(plain, "one two"), before)
    tf.random.set_seed(4)
    assert back(plain, "eins zwei") == sentence

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def traced(texts):
        return plain(texts)["source_ids"]

    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(traced(tf.constant(["one two"])).numpy(), before)


_LOAD = """
import sys
import tensorflow as tf
from apps.translation.preprocessing import Preprocessor
preprocessor = Preprocessor.load(sys.argv[1])
ids = preprocessor(tf.constant(sys.argv[2:]))["source_ids"]
print([preprocessor.shapes == tuple(preprocessor.shapes), ids.numpy().tolist()])
print([list(map(int, shape)) for shape in preprocessor.shapes], preprocessor.decoding.beam_width)
print(preprocessor.invert(preprocessor.target_ids(["eins zwei"]).to_tensor()).numpy()[0].decode())
"""


@pytest.fixture
def saved(tmp_path):
    preprocessor = make_preprocessor(make_config(shared=False, decoding={"beam_width": 4}))
    preprocessor.save(tmp_path)
    return preprocessor, tmp_path


def test_a_fresh_process_reads_the_same(saved):
    preprocessor, folder = saved
    texts = ["one two three", "Ünïcode 日本", "nine " * 80]
    out = command_line.run_python(_LOAD, folder, *texts, cwd=folder).splitlines()
    assert out[-3] == str([True, ids_of(preprocessor, *texts).tolist()])
    assert out[-2] == f"{[list(shape) for shape in preprocessor.shapes]} 4"
    assert out[-1] == "eins zwei"


@pytest.mark.parametrize("name", ["preprocessor.json", "source.model", "target.model"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_file_that_is_missing_or_damaged_is_one_sentence(saved, tmp_path_factory, name, damage):
    folder = tmp_path_factory.mktemp("damaged")
    shutil.copytree(saved[1], folder, dirs_exist_ok=True)
    content = (folder / name).read_bytes()
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    with pytest.raises(UserError, match=f"{name}.*put it back from a copy, or train a new run"):
        Preprocessor.load(folder)


@pytest.mark.parametrize("unit", UNITS)
def test_one_pair_is_enough_to_learn_from(unit):
    pairs = SentencePairs.from_lists(["a"], ["b"], "one pair")
    preprocessor = make_preprocessor(make_config(unit=unit), pairs)
    assert back(preprocessor, "b") == ["b"]
    assert len(preprocessor.shapes) == 1


@pytest.mark.parametrize("shared", [True, False])
def test_nothing_to_learn_from_is_one_sentence(shared):
    for texts in ([], ["", " \t"], ["▁ ▁"]):
        pairs = SentencePairs.from_lists(texts, texts, "my.tsv")
        with pytest.raises(UserError, match=r"my\.tsv has no sentence with a letter in it"):
            make_preprocessor(make_config(shared=shared), pairs)


@pytest.mark.parametrize("unit", UNITS)
def test_a_vocabulary_too_small_for_the_characters_says_how_large_it_must_be(unit):
    many = ["".join(map(chr, range(0x4E00 + start, 0x4E00 + start + 20))) for start in range(0, 100, 20)]
    pairs = SentencePairs.from_lists(many, many, "my.tsv")
    if unit in ("word", "character"):  # the rest are unknown then
        assert make_preprocessor(make_config(unit=unit, vocabulary_size=32), pairs).source_size <= 32
        return
    with pytest.raises(
        UserError, match=r"vocabulary_size is 32, but my\.tsv has more characters .* set --pre\S+ (\d+)"
    ):
        make_preprocessor(make_config(unit=unit, vocabulary_size=32), pairs)


def test_a_large_vocabulary_knows_every_character():
    """Byte by byte, where the vocabulary has room for that."""
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghijklmnopqrst"), 7)) for _ in range(1500)]
    pairs = SentencePairs.from_lists(words, words, "many words")
    preprocessor = make_preprocessor(make_config(vocabulary_size=2_500), pairs)
    assert not (ids_of(preprocessor, "日本語 🎬") == UNKNOWN_ID).any()
    assert back(preprocessor, "日本語 🎬 a") == ["日本語 🎬 a"]
