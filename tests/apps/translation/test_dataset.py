"""If these fail, the bundled phrase book cannot be prepared offline, or reads back otherwise than it was made."""

import itertools
import socket

import pytest

from apps.translation import dataset
from apps.translation.config import PHRASE_BOOK_LANGUAGES
from apps.translation.dataset import PhraseBook, config_name
from apps.translation.phrases import KINDS, generate
from common.data.catalogue import load_builder
from common.errors import UserError


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_what_is_prepared_is_what_was_made(monkeypatch, tmp_path):
    counts = {"train": 300, "validation": 40, "test": 50}
    monkeypatch.setattr(dataset, "COUNTS", counts)
    builder = PhraseBook(config=config_name("de", "ru"), data_dir=str(tmp_path))
    found = load_builder(builder, "source", "target", origin="phrase book", quiet=True)
    kinds = load_builder(builder, "source", "kind", origin="phrase book", quiet=True)
    assert str(tmp_path) in found.cache
    assert {part: len(texts) for part, texts in found.parts.items()} == counts
    for part, count in counts.items():
        texts = found.parts[part]
        assert list(texts.texts) == list(kinds.parts[part].texts)
        rows = zip(texts.texts, texts.labels, kinds.parts[part].labels, strict=True)
        assert set(rows) == set(generate("de", "ru", part, count, dataset.SEED))
    assert set(kinds.parts["train"].labels) <= set(KINDS)


def test_there_is_a_configuration_for_every_pair_of_languages_and_english_german_is_the_first():
    pairs = [config_name(*pair) for pair in itertools.permutations(PHRASE_BOOK_LANGUAGES, 2)]
    assert list(PhraseBook.builder_configs) == pairs
    assert len(pairs) == 72
    assert pairs[0] == "en_de"
    assert dataset.COUNTS == {"train": 40_000, "validation": 2_000, "test": 2_000}


@pytest.mark.parametrize(
    ("pair", "expected"),
    [(("en", "en"), "both are 'en'"), (("en", "english"), "no language 'english'"), (("xx", "de"), "no language 'xx'")],
)
def test_pairs_that_do_not_exist(pair, expected):
    with pytest.raises(UserError, match=expected):
        config_name(*pair)
