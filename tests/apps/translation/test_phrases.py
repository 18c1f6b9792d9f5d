"""If these fail, the phrase book teaches wrong translations, has two answers to one question, or its test phrases
hold what was seen in training."""

import hashlib
import itertools
import re
import subprocess
import sys

import pytest

from apps.translation import phrases, renderings
from apps.translation.config import PHRASE_BOOK_LANGUAGES
from apps.translation.phrases import KINDS, MAX_CHARACTERS, SPLITS, generate
from common.errors import UserError


@pytest.fixture(scope="module")
def english_german():
    """split to phrases."""
    return {
        split: list(phrases.phrases("en", "de", split, 6_000 if split == "train" else 1_000, 0)) for split in SPLITS
    }


@pytest.mark.parametrize(("source", "target"), list(itertools.permutations(PHRASE_BOOK_LANGUAGES, 2)))
def test_every_pair_of_languages_has_phrases_that_can_be_typed(source, target):
    made = list(generate(source, target, "train", 200))
    assert len({text for text, _, _ in made}) == 200
    for pair in made:
        for text in pair[:2]:
            assert 0 < len(text) <= MAX_CHARACTERS
            assert text == " ".join(text.split())  # also finds non-breaking, thin and narrow spaces
            assert not re.search(r"[\u2018\u2019]|None|duration-|length-|volume-|mass-|area-", text)
        assert pair[2] in KINDS


def test_the_same_phrases_each_time_and_in_another_process(english_german):
    made = list(generate("en", "de", "train", 500))
    assert made == [(phrase.source, phrase.target, phrase.kind) for phrase in english_german["train"][:500]]
    assert made != list(generate("en", "de", "train", 500, seed=1))
    digest = hashlib.sha256(repr(made).encode()).hexdigest()
    code = (
        "import hashlib; from apps.translation.phrases import generate; "
        "print(hashlib.sha256(repr(list(generate('en', 'de', 'train', 500))).encode()).hexdigest())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == digest


@pytest.mark.parametrize(("source", "target"), [("en", "de"), ("de", "en"), ("fr", "en"), ("en", "es"), ("ru", "pl")])
def test_a_source_has_one_target_whatever_the_seed(source, target):
    answers = {}
    for split, seed in (("train", 0), ("train", 1), ("test", 0), ("test", 1)):
        for text, translation, _ in generate(source, target, split, 3_000 if split == "train" else 500, seed):
            assert answers.setdefault(text, translation) == translation, text


@pytest.mark.parametrize(("source", "target"), [("fr", "en"), ("de", "en"), ("en", "es"), ("tr", "ru"), ("pt", "de")])
def test_all_forms_of_a_value_together_are_unambiguous(source, target):
    """Every form of the same value, drawn for many values: where two agree in the source, they do so in the target."""
    drawer = phrases.Drawer(phrases.Random(7), "train")
    for form in phrases._FORMS:
        others = [other for other in phrases._FORMS if other.draw is form.draw and other is not form]
        for _ in range(30):
            try:
                value = form.draw(drawer)
            except phrases.NotFoundError:
                continue
            if form.render(value, source) is None or form.render(value, target) is None:
                continue
            for other in others:
                if (
                    other.render(value, source) == form.render(value, source)
                    and other.render(value, target) is not None
                ):
                    settled = form.rival or other.rival
                    assert settled or other.render(value, target) == form.render(value, target), form.kind


@pytest.mark.parametrize("language", [*PHRASE_BOOK_LANGUAGES, "en_GB"])
def test_no_list_of_numbers_is_a_number(language):
    """ "One hundred and five" is 105; so are "cento e cinco", "treinta y uno", "vingt et un" numbers."""
    numbers = {renderings.cardinal(number, language) for number in range(1, 1_000)}
    drawer = phrases.Drawer(phrases.Random(7), "train")
    forms = [form for form in phrases._FORMS if form.kind == "list" and isinstance(form.draw(drawer)[0], int)]
    for form, pair in itertools.product(forms, [(20, 1), (30, 1), (60, 11), (100, 5), (150, 7), (200, 31)]):
        assert form.render(pair, language) not in numbers
    assert len(forms) > 4


def test_no_value_stands_in_two_splits(english_german):
    values = {split: {name for phrase in made for name in phrase.values} for split, made in english_german.items()}
    sources = {split: {phrase.source for phrase in made} for split, made in english_german.items()}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not values[one] & values[other]
        assert not sources[one] & sources[other]
    assert {phrase.kind for phrase in english_german["test"]} == set(KINDS)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d+\. (?:Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)[a-zä]*\.? \d{4}",
        r"[\d.,]+ (?:Euro|US-Dollar|Britische Pfund|Schweizer Franken)",
        r"[\d.,]+ (?:Kilometer|Meter|Liter|Kilogramm)\b(?! pro)",
        r"(?:\w+ (?:vor|nach) (?:halb )?|halb )\w+$",
    ],
)
def test_no_text_of_a_value_stands_in_two_splits(english_german, pattern):
    """The same again without trusting the names of the values."""
    found = {}
    for split, made in english_german.items():
        texts = [
            text for phrase in made for text in re.findall(pattern, phrase.target) if phrase.kind != "relative time"
        ]
        # Months by their first letters, so that abbreviated ones count.
        found[split] = {re.sub(r"(?<=\. )([A-Z][a-zä]{2})[a-zä]*\.?", r"\1", text) for text in texts}
    singular = {text for text in found["train"] if text.startswith("1 ")}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not (found[one] & found[other]) - singular
    assert min(map(len, found.values())) > 5


def test_phrases_are_short(english_german):
    lengths = [len(phrase.source) for phrase in english_german["train"]]
    assert 15 < sum(lengths) / len(lengths) < 40


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("en", "en", "train", 1), "between two languages, but both are 'en'"),
        (("en", "nl", "train", 1), "no language 'nl', only en, de, fr"),
        (("EN", "de", "train", 1), "no language 'EN'"),
        (("en", "de", "dev", 1), "no split 'dev', only train, validation and test"),
    ],
)
def test_what_there_is_not(arguments, expected):
    with pytest.raises(UserError, match=expected):
        generate(*arguments)


def test_more_phrases_than_there_are(monkeypatch):
    form = next(form for form in phrases._FORMS if form.kind == "quarter")
    monkeypatch.setattr(phrases, "_FORMS", (form,))
    monkeypatch.setattr(phrases, "_BOUNDS", (form.weight,))
    monkeypatch.setattr(phrases, "_ATTEMPTS", 2_000)
    with pytest.raises(UserError, match="no more than about 7.. phrases from de to fr for train; ask for fewer"):
        list(generate("de", "fr", "train", 10_000))
