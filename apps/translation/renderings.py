"""How the values of the phrase book are written in a language: what Babel knows of CLDR, and `number_words`.

Each function takes a value and a locale and returns its text, or None where the language has no such form. A locale
is a language of the phrase book, or a way in which people of one country write it, for sources: "en_GB".
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton, format_time, format_timedelta
from babel.lists import format_list
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent
from babel.units import format_compound_unit, format_unit

from apps.translation import number_words

Rendering = Callable[[Any, str], str | None]

_TWELVE_HOURS = ("en", "en_US", "en_AU")  # all others count to 24
_NO_OR = ("es",)  # "o" becomes "u" before ocho and once, which Babel does not know
_UNGROUPED = ("es", "pl")  # thousands of four digits have no separator, which Babel does not know
_UNSEPARATED = ("pt", "tr")  # CLDR puts only a space between date and time, too little before words
_COUNTED_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_536_000,
}
_ANY_NUMBER = 10**9  # more than any number of units, so that Babel does not choose another unit


def tidy(text: str) -> str:
    """The text with the spaces and apostrophes that people type.

    CLDR writes non-breaking and thin spaces and, in Italian, ’.
    """
    return " ".join(text.split()).replace("’", "'")


def language_of(locale: str) -> str:
    """ "en" of "en_GB"."""
    return locale.partition("_")[0]


def date(form: str) -> Rendering:
    """A date; `form` is full, long or a skeleton of CLDR such as yMMMd."""

    def render(value: datetime.date, locale: str) -> str:
        if form in ("full", "long"):
            return _with_first(format_date(value, form, locale=locale), locale)
        return _with_first(format_skeleton(form, value, locale=locale), locale)

    return render


def _with_first(text: str, locale: str) -> str:
    """French and Brazilian call the first of a month so: "1er mars", "1º de março". CLDR says it nowhere."""
    if locale == "fr":
        return re.sub(r"\b1(?=\s*–|\s[a-zéû])", "1er", text)
    return re.sub(r"\b1(?=\s*–|\sde\s)", "1º", text) if locale == "pt" else text


def time(value: tuple[int, int], locale: str) -> str:
    """(hour, minute) in digits: "9:15 AM", "09:15"."""
    return format_time(datetime.time(*value), "short", locale=locale)


def spoken_time(value: tuple[int, int, bool], locale: str) -> str | None:
    """(hour from 1 to 12, minute, whether "a quarter" may stand for "quarter") in words; targets have no article."""
    hour, minute, article = value
    return number_words.spoken_time(hour, minute, language_of(locale), article and locale != language_of(locale))


def date_and_time(date_rendering: Rendering, time_rendering: Rendering, form: str) -> Rendering:
    """(date, time) in the order of the locale; `form` is that of the date: full, long or medium."""

    def render(value: tuple[datetime.date, tuple[int, int]], locale: str) -> str | None:
        if time_rendering is spoken_time and locale in _UNSEPARATED:
            return None
        spoken = time_rendering(value[1], locale)
        pattern = Locale.parse(locale).datetime_formats["medium" if time_rendering is spoken_time else form]
        return spoken and str(pattern).format(spoken, date_rendering(value[0], locale))

    return render


def date_interval(skeleton: str) -> Rendering:
    """(first, last) date, without what they share: "Mar 5 – 9, 2001"."""
    return lambda value, locale: _with_first(format_interval(*value, skeleton, locale=locale), locale)


def time_interval(value: tuple[tuple[int, int], tuple[int, int]], locale: str) -> str:
    """((hour, minute), (hour, minute)): "9:15 – 11:45 AM", "09:15–11:45 Uhr"."""
    skeleton = "hm" if locale in _TWELVE_HOURS else "Hm"
    return format_interval(*(datetime.time(*part) for part in value), skeleton, locale=locale)


def number(value: int | Decimal, locale: str) -> str:
    """In digits: "1,234.5"."""
    return format_decimal(value, locale=locale, group_separator=_grouped(value, locale))


def _grouped(value: int | Decimal, locale: str) -> bool:
    return value >= 10_000 or locale not in _UNGROUPED


def percent(value: int, locale: str) -> str:
    """Tenths of a percent: 125 is "12.5%"."""
    return format_percent(Decimal(value) / 1000, locale=locale, decimal_quantization=False)


def compact(value: int, locale: str) -> str | None:
    """Millions or billions with one decimal place at most: 1200000 is "1.2 million"."""
    if locale == "fr" and value in (10**6, 10**9):
        return None  # Babel writes "1 millions"
    return format_compact_decimal(value, format_type="long", locale=locale, fraction_digits=1)


def cardinal(value: int, locale: str) -> str:
    """In words: "two hundred and one"."""
    return number_words.cardinal(value, language_of(locale))


def ordinal(value: int, locale: str) -> str | None:
    """In words: "twenty-first"."""
    return number_words.ordinal(value, language_of(locale))


def ordinal_digits(value: int, locale: str) -> str | None:
    """In digits: "21st", "21."."""
    return number_words.ordinal_digits(value, language_of(locale))


def year(value: int, locale: str) -> str | None:
    """In words: "nineteen eighty-four"."""
    return number_words.year(value, language_of(locale))


def money(form: str) -> Rendering:
    """(hundredths, currency); `form` is name ("12.50 euros", "12 euros") or standard ("€12.50", "€12.00")."""

    def render(value: tuple[int, str], locale: str) -> str:
        hundredths, currency = value
        options = {"locale": locale, "format_type": form}
        if locale == "en_AU":
            options["locale"] = "en_GB"  # Australians write "USD12.50"
        amount = Decimal(hundredths) / 100
        if (
            form == "name" and hundredths % 100 == 0
        ):  # with hundredths, Babel would take the plural of 2, and write 2.00
            amount, options["currency_digits"] = hundredths // 100, False
        return format_currency(amount, currency, group_separator=_grouped(amount, locale), **options)

    return render


def price(value: tuple[tuple[int, str], str], locale: str) -> str | None:
    """(money, unit): "12.50 euros per hour"; None where CLDR has no words for it, and Babel writes "euros/hour"."""
    text = format_compound_unit(money("name")(value[0], locale), denominator_unit=value[1], locale=locale)
    return None if "/" in text else text


@lru_cache(maxsize=100_000)
def _unit(amount: Decimal | int, unit: str, length: str, locale: str) -> str | None:
    text = format_unit(amount, unit, length, locale=locale)
    return None if unit in text else text  # Babel writes "3 duration-day" where it does not find the unit


def measure(length: str) -> Rendering:
    """(tenths, unit): "12.5 kilometers", or with length short "12.5 km"."""
    return lambda value, locale: _unit(_tenths(value[0]), value[1], length, locale)


def rate(length: str) -> Rendering:
    """(tenths, unit, unit): "80 liters per hour"; long only where CLDR has words, as for `price`."""

    def render(value: tuple[int, str, str], locale: str) -> str | None:
        tenths, unit, per = value
        text = format_compound_unit(_tenths(tenths), unit, denominator_unit=per, length=length, locale=locale)
        return None if length == "long" and "/" in text else text

    return render


def relative(value: tuple[int, str], locale: str) -> str:
    """(number, unit), a negative number being the past: "in 3 days", "3 days ago"."""
    amount, unit = value
    delta = datetime.timedelta(seconds=amount * _COUNTED_SECONDS[unit])
    return format_timedelta(delta, unit, threshold=_ANY_NUMBER, add_direction=True, locale=locale)


def listed(item: Rendering, style: str) -> Rendering:
    """Values as a list; `style` is standard ("A, B and C") or or ("A, B or C")."""

    def render(values: Sequence[Any], locale: str) -> str | None:
        texts = [item(value, locale) for value in values]
        if None in texts or (style == "or" and locale in _NO_OR):
            return None
        return format_list(texts, style=style, locale=locale)

    return render


def _tenths(value: int) -> Decimal | int:
    return Decimal(value) / 10 if value % 10 else value // 10
