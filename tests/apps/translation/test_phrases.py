"""If these fail, the phrase book teaches wrong translations, has two answers to one question, or its test phrases
hold what was seen in training."""

import datetime
import hashlib
import itertools
import re
import subprocess
import sys
from decimal import Decimal

import pytest

from apps.translation import number_words, phrases, renderings
from apps.translation.config import PHRASE_BOOK_LANGUAGES
from apps.translation.phrases import KINDS, MAX_CHARACTERS, SPLITS, generate
from common.errors import UserError

MONDAY = datetime.date(2001, 3, 5)
FIRST = datetime.date(2001, 5, 1)
HALF_PAST_NINE = (9, 30, True)
QUARTER = (9, 15, True)


@pytest.fixture(scope="module")
def english_german():
    """split to phrases."""
    return {
        split: list(phrases.phrases("en", "de", split, 6_000 if split == "train" else 1_000, 0)) for split in SPLITS
    }


@pytest.mark.parametrize(
    ("render", "value", "expected"),
    [
        (
            renderings.date("full"),
            MONDAY,
            {
                "en": "Monday, March 5, 2001",
                "en_GB": "Monday, 5 March 2001",
                "de": "Montag, 5. März 2001",
                "fr": "lundi 5 mars 2001",
                "es": "lunes, 5 de marzo de 2001",
                "pt": "segunda-feira, 5 de março de 2001",
                "it": "lunedì 5 marzo 2001",
                "pl": "poniedziałek, 5 marca 2001",
                "ru": "понедельник, 5 марта 2001 г.",
                "tr": "5 Mart 2001 Pazartesi",
            },
        ),
        (renderings.date("long"), FIRST, {"fr": "1er mai 2001", "pt": "1º de maio de 2001", "de": "1. Mai 2001"}),
        (renderings.date("yMMMM"), MONDAY, {"pl": "marzec 2001", "ru": "март 2001 г.", "es": "marzo de 2001"}),
        (
            renderings.date_and_time(renderings.date("full"), renderings.spoken_time, "full"),
            (MONDAY, QUARTER),
            {
                "en_GB": "Monday, 5 March 2001, a quarter past nine",
                "en": "Monday, March 5, 2001, quarter past nine",
                "de": "Montag, 5. März 2001, Viertel nach neun",
                "fr": "lundi 5 mars 2001, neuf heures et quart",
                "pt": None,
                "tr": None,
            },
        ),
        (
            renderings.spoken_time,
            HALF_PAST_NINE,
            {
                "en": "half past nine",
                "de": "halb zehn",
                "fr": "neuf heures et demie",
                "es": "las nueve y media",
                "it": "le nove e mezza",
                "pl": "wpół do dziesiątej",
                "ru": "половина десятого",
            },
        ),
        (
            renderings.spoken_time,
            (3, 50, False),
            {"en": "ten to four", "de": "zehn vor vier", "ru": "без десяти четыре"},
        ),
        (
            renderings.spoken_time,
            (12, 45, False),
            {
                "en": "quarter to one",
                "de": "Viertel vor eins",
                "es": "la una menos cuarto",
                "pl": "za kwadrans pierwsza",
            },
        ),
        (renderings.spoken_time, (1, 0, False), {"de": "ein Uhr", "en": "one o'clock", "fr": "une heure", "ru": "час"}),
        (renderings.spoken_time, (2, 25, False), {"de": "fünf vor halb drei", "en": "twenty-five past two"}),
        (renderings.time, (21, 5), {"en": "9:05 PM", "de": "21:05", "en_GB": "21:05", "es": "21:05"}),
        (renderings.time, (0, 5), {"en": "12:05 AM", "de": "00:05"}),
        (
            renderings.time_interval,
            ((9, 15), (11, 45)),
            {"en": "9:15 – 11:45 AM", "de": "09:15–11:45 Uhr", "fr": "09:15 – 11:45"},
        ),
        (
            renderings.date_interval("yMMMd"),
            (MONDAY, datetime.date(2001, 3, 9)),
            {"en": "Mar 5 – 9, 2001", "de": "5.–9. März 2001", "ru": "5–9 мар. 2001 г."},
        ),
        (renderings.date_interval("yMMMd"), (FIRST, datetime.date(2001, 5, 9)), {"fr": "1er–9 mai 2001"}),
        (
            renderings.cardinal,
            2345,
            {"en": "two thousand three hundred and forty-five", "pt": "dois mil trezentos e quarenta e cinco"},
        ),
        (renderings.cardinal, 21_021, {"es": "veintiún mil veintiuno", "ru": "двадцать одна тысяча двадцать один"}),
        (
            renderings.cardinal,
            2_023,
            {"it": "duemilaventitré", "tr": "iki bin yirmi üç", "de": "zweitausenddreiundzwanzig"},
        ),
        (renderings.cardinal, 280, {"fr": "deux cent quatre-vingts", "pl": "dwieście osiemdziesiąt"}),
        (
            renderings.ordinal,
            280,
            {
                "en": "two hundred and eightieth",
                "fr": "deux cent quatre-vingtième",
                "es": None,
                "tr": "iki yüz sekseninci",
            },
        ),
        (renderings.ordinal, 500, {"pt": None, "de": "fünfhundertste"}),
        (renderings.ordinal_digits, 21, {"en": "21st", "de": "21.", "fr": None}),
        (renderings.year, 1984, {"en": "nineteen eighty-four", "de": "neunzehnhundertvierundachtzig", "ru": None}),
        (
            renderings.money("name"),
            (123_450, "EUR"),
            {"en": "1,234.50 euros", "de": "1.234,50 Euro", "fr": "1 234,50 euros", "es": "1234,50 euros"},
        ),
        (
            renderings.money("name"),
            (300, "USD"),
            {"en": "3 US dollars", "ru": "3 доллара США", "pl": "3 dolary amerykańskie"},
        ),
        (renderings.money("name"), (500, "USD"), {"ru": "5 долларов США", "pl": "5 dolarów amerykańskich"}),
        (
            renderings.money("standard"),
            (1_200, "EUR"),
            {"en": "€12.00", "en_AU": "€12.00", "de": "12,00 €", "tr": "€12,00"},
        ),
        (
            renderings.price,
            ((1_250, "EUR"), "duration-hour"),
            {"en": "12.50 euros per hour", "de": "12,50 Euro pro Stunde", "ru": "12,50 евро в час", "tr": None},
        ),
        (renderings.compact, 70 * 10**9, {"en": "70 billion", "de": "70 Milliarden", "ru": "70 миллиардов"}),
        (renderings.compact, 12 * 10**5, {"en": "1.2 million", "de": "1,2 Millionen", "fr": "1,2 million"}),
        (renderings.compact, 10**6, {"en": "1 million", "de": "1 Million", "fr": None}),
        (renderings.number, Decimal("1234.5"), {"en": "1,234.5", "de": "1.234,5", "pl": "1234,5"}),
        (renderings.percent, 125, {"en": "12.5%", "de": "12,5 %", "tr": "%12,5"}),
        (renderings.measure("long"), (20, "duration-hour"), {"en": "2 hours", "de": "2 Stunden", "pl": "2 godziny"}),
        (renderings.measure("long"), (20, "duration-day"), {"de": "2 Tage", "pt": None, "tr": None}),
        (renderings.measure("short"), (125, "length-kilometer"), {"en": "12.5 km", "ru": "12,5 км"}),
        (renderings.rate("long"), (120, "volume-liter", "duration-day"), {"en_GB": "12 litres per day", "tr": None}),
        (renderings.rate("short"), (800, "length-kilometer", "duration-hour"), {"de": "80 km/h", "ru": "80 км/ч"}),
        (renderings.relative, (-3, "week"), {"en": "3 weeks ago", "de": "vor 3 Wochen", "ru": "3 недели назад"}),
        (renderings.relative, (3, "day"), {"en": "in 3 days", "de": "in 3 Tagen", "es": "dentro de 3 días"}),
        (
            renderings.listed(renderings.cardinal, "or"),
            (7, 8, 11),
            {
                "en": "seven, eight, or eleven",
                "en_GB": "seven, eight or eleven",
                "de": "sieben, acht oder elf",
                "es": None,
            },
        ),
    ],
)
def test_forms_are_those_of_the_language(render, value, expected):
    written = {locale: render(value, locale) for locale in expected}
    assert {locale: text and renderings.tidy(text) for locale, text in written.items()} == expected


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pl", "ru"])
def test_every_spoken_time_is_another(language):
    times = [number_words.spoken_time(hour, minute, language) for hour in range(1, 13) for minute in range(0, 60, 5)]
    assert len(set(times)) == 144


@pytest.mark.parametrize("language", PHRASE_BOOK_LANGUAGES)
def test_every_number_in_words_is_another(language):
    assert len({number_words.cardinal(number, language) for number in range(2_500)}) == 2_500


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
