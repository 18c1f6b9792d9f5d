"""If these fail, dates, times, amounts or numbers are written wrongly in one of the languages of the phrase book."""

import datetime
from decimal import Decimal

import pytest

from apps.translation import number_words, renderings
from apps.translation.config import PHRASE_BOOK_LANGUAGES

MONDAY = datetime.date(2001, 3, 5)
FIRST = datetime.date(2001, 5, 1)
HALF_PAST_NINE = (9, 30, True)
QUARTER = (9, 15, True)


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
