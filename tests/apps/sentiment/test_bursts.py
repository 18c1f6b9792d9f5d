"""If these fail, the names of one film pass for opinions, or opinions for names."""

import numpy as np
import pytest

from apps.sentiment.bursts import blocks_of_texts, burstiness
from apps.sentiment.config import PreprocessingConfig
from apps.sentiment.preprocessing import Preprocessor
from common.data.splits import LabelledTexts
from common.errors import UserError


def test_blocks_are_of_one_label_each_and_keep_the_order():
    labels = np.array(list("aabbabaab"))
    assert blocks_of_texts(labels, 2).tolist() == [0, 0, 3, 3, 1, 4, 1, 2, 4]
    assert blocks_of_texts(labels, 1).tolist() == [0, 1, 5, 6, 2, 7, 3, 4, 8]
    assert blocks_of_texts(labels, 100).tolist() == [0, 0, 1, 1, 0, 1, 0, 0, 1]
    assert blocks_of_texts(labels[:0], 2).shape == (0,)


@pytest.mark.parametrize("seed", range(5))
def test_burstiness_is_what_counting_by_hand_gives(seed):
    random = np.random.default_rng(seed)
    texts, terms, labels = random.integers(0, 30, 200), random.integers(0, 12, 200), random.integers(0, 2, 30)
    blocks = blocks_of_texts(labels, 4)
    found = burstiness(terms, texts, blocks, labels, 13)
    for term in range(13):
        held, expected = 0, 0.0
        for label in (0, 1):
            count = len({int(block) for block in blocks[labels == label]})
            of_term = {text for text, each in zip(texts, terms) if each == term and labels[text] == label}
            held += len({int(blocks[text]) for text in of_term})
            expected += count * (1 - (1 - 1 / count) ** len(of_term))
        assert found[term] == pytest.approx(1 - held / expected if expected else 0)


def test_what_is_said_with_one_label_alone_is_no_burst():
    """Else opinions were left out, of which there is most to learn."""
    random, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 3_000)
    texts = np.flatnonzero((labels == 1) & (random.random(len(labels)) < 0.1))
    found = burstiness(np.zeros(len(texts), int), texts, blocks_of_texts(labels, 30), labels, 1)
    assert abs(found[0]) < 0.05


def reviews():
    """Of ten films with six reviews each, good and bad ones in turn: each names its film and uses one word of three."""
    texts = [f"film{i} {word} seen film{i} {word}" for i in range(10) for word in ("fine", "well", "dull") * 2]
    return LabelledTexts.from_lists(texts, [("bad", "good")[i % 2] for i in range(10) for _ in range(6)], "films")


def adapted(**settings):
    settings = {"min_count": 1, "phrase_min_count": 1, "max_length": 16, "phrase_length": 2} | settings
    preprocessor = Preprocessor(PreprocessingConfig(**settings))
    preprocessor.adapt(reviews())
    return preprocessor


def test_what_is_said_of_one_film_only_is_unknown():
    known = adapted(topic_block=6)
    assert sorted(known.vocabulary) == ["dull", "fine", "seen", "well"]
    assert sorted(known.phrases) == ["dull seen", "fine seen", "well seen"]


@pytest.mark.parametrize("settings", [{"topic_block": 1}, {"topic_block": 6, "max_burstiness": 1.0}])
def test_without_blocks_or_a_bound_nothing_is_left_out(settings):
    assert len(adapted(**settings).vocabulary) == 14
    assert len(adapted(**settings).phrases) == 43


def test_no_rarer_word_takes_the_place_of_one_that_is_left_out():
    assert len(adapted(max_tokens=10).vocabulary) == 8
    assert sorted(adapted(max_tokens=10, topic_block=6).vocabulary) == ["dull", "fine", "seen", "well"]


def test_words_of_one_thing_only_are_the_users_mistake():
    texts = [f"word{i // 6} word{i // 6}" for i in range(60)]
    preprocessor = Preprocessor(PreprocessingConfig(topic_block=3))
    with pytest.raises(
        UserError, match="about one thing only; set a smaller or larger --preprocessing.topic_block than 3"
    ):
        preprocessor.adapt(LabelledTexts.from_lists(texts, [("bad", "good")[i // 6 % 2] for i in range(60)], "films"))
