"""If these fail, a training ends in a traceback before it begins, or numbers are learned by heart."""

import pytest
import sentencepiece

from apps.translation.config import PreprocessingConfig
from apps.translation.vocabulary import BYTES_FROM, END_ID, PAD_ID, START_ID, UNKNOWN_ID, learn_vocabulary
from common.errors import UserError
from tests.apps.translation.small_model import make_pairs

UNITS = ("bpe", "unigram", "word", "character")


def learned(sentences, unit="bpe", size=60):
    model = learn_vocabulary(sentences, PreprocessingConfig(unit=unit, vocabulary_size=size), "a test")
    return sentencepiece.SentencePieceProcessor(model_proto=model)


@pytest.mark.parametrize("unit", UNITS)
def test_the_tokens_that_steer_have_their_numbers(unit):
    found = learned(make_pairs(30).sources, unit)
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
    found = learned(make_pairs(50).sources, unit, size)
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
