"""What the phrases of the phrase book are about: dates, times, amounts and numbers, drawn for one split.

A value is the whole thing that is meant: a day of a year, a time on the dial, an amount of money, three hours, a
number; its name says which.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import Decimal

from apps.translation.drawing import Drawer, NotFoundError

IRREGULAR = 20  # numbers below it have words of their own, which no other number teaches
_CENTURIES = datetime.date(1900, 1, 1).toordinal(), datetime.date(2099, 12, 31).toordinal()
_CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY", "PLN")
_WITH_SYMBOL = ("EUR", "USD", "GBP")
_UNITS = (
    "length-kilometer",
    "length-meter",
    "length-centimeter",
    "length-mile",
    "area-square-meter",
    "area-hectare",
    "volume-liter",
    "volume-cubic-meter",
    "mass-kilogram",
    "mass-gram",
    "temperature-celsius",
    "power-watt",
)
# Babel finds the short form of these for every number in every language; of others it writes the long one for some.
_SHORT_UNITS = ("length-kilometer", "length-centimeter", "length-millimeter", "mass-kilogram", "mass-tonne")
_RATES = (
    ("length-kilometer", "duration-hour"),
    ("length-meter", "duration-second"),
    ("volume-liter", "duration-minute"),
    ("volume-liter", "duration-day"),
    ("mass-kilogram", "duration-week"),
    ("mass-gram", "volume-liter"),
)
_PRICED = ("duration-hour", "duration-day", "duration-month", "mass-kilogram", "volume-liter", "area-square-meter")
# Units of time, and the largest number of each.
_TIME_UNITS = {"second": 120, "minute": 120, "hour": 120, "day": 365, "week": 104, "month": 60, "year": 120}
# Two units of time that make one span, and the largest number of the second.
_DURATIONS = (
    ("year", "month", 11),
    ("week", "day", 6),
    ("day", "hour", 23),
    ("hour", "minute", 59),
    ("minute", "second", 59),
)


def date(drawer: Drawer) -> datetime.date:
    """A day from 1900 to 2099."""
    return drawer.value(lambda: datetime.date.fromordinal(drawer.between(*_CENTURIES)), _name_date)


def dates(drawer: Drawer) -> tuple[datetime.date, datetime.date]:
    """Two days, the second after the first: half of the time within 60 days, else within 3 years."""
    first = date(drawer)
    span = 60 if drawer.chance() < 0.5 else 1_000
    return first, drawer.value(lambda: first + datetime.timedelta(days=drawer.between(1, span)), _name_date)


def _name_date(value: datetime.date) -> str:
    return f"date {value.isoformat()}"


def day(drawer: Drawer) -> datetime.date:
    """A day of a year; the year itself, 2000, means nothing."""
    first = datetime.date(2000, 1, 1)
    return drawer.value(
        lambda: first + datetime.timedelta(days=drawer.between(0, 365)), lambda value: f"day {value.month}-{value.day}"
    )


def month(drawer: Drawer) -> datetime.date:
    """The first day of a month from 1900 to 2099."""
    return drawer.value(lambda: datetime.date(drawer.between(1900, 2099), drawer.between(1, 12), 1), _name_month)


def months(drawer: Drawer) -> tuple[datetime.date, datetime.date]:
    """The first days of two months, the second after the first."""
    first = month(drawer)

    def later() -> datetime.date:
        years, index = divmod(first.month - 1 + drawer.between(1, 30), 12)
        return datetime.date(first.year + years, index + 1, 1)

    return first, drawer.value(later, _name_month)


def _name_month(value: datetime.date) -> str:
    return f"month {value.year}-{value.month}"


def quarter(drawer: Drawer) -> datetime.date:
    """The first day of a quarter from 1900 to 2099."""
    return drawer.value(
        lambda: datetime.date(drawer.between(1900, 2099), 3 * drawer.between(0, 3) + 1, 1),
        lambda value: f"quarter {value.year}-{value.month}",
    )


def time(drawer: Drawer) -> tuple[int, int]:
    """(hour, minute); both halves of the day are of the same split."""
    return drawer.value(lambda: divmod(drawer.between(0, 24 * 60 - 1), 60), _name_time)


def times(drawer: Drawer) -> tuple[tuple[int, int], tuple[int, int]]:
    """Two times of a day, the second after the first."""
    first = time(drawer)
    if first == (23, 59):
        raise NotFoundError
    start = 60 * first[0] + first[1]
    return first, drawer.value(lambda: divmod(drawer.between(start + 1, 24 * 60 - 1), 60), _name_time)


def spoken_time(drawer: Drawer) -> tuple[int, int, bool]:
    """(hour from 1 to 12, minute, whether with an article), the minute a multiple of five."""
    return drawer.value(
        lambda: (drawer.between(1, 12), 5 * drawer.between(0, 11), drawer.chance() < 0.5),
        lambda value: _name_time(value[:2]),
    )


def _name_time(value: tuple[int, int]) -> str:
    return f"time {value[0] % 12}:{value[1]:02}"


def number(digits: int) -> Callable[[Drawer], int]:
    """A whole number of 1 to so many digits."""
    return lambda drawer: drawer.value(
        lambda: drawer.with_digits(digits), _name_number, lambda value: value < IRREGULAR
    )


def decimal(drawer: Drawer) -> Decimal:
    """A number with two decimal places at most."""
    return drawer.value(lambda: Decimal(drawer.with_digits(8)) / 100, _name_number)


def year(drawer: Drawer) -> int:
    """A year from 1900 to 2099."""
    return drawer.value(lambda: drawer.between(1900, 2099), _name_number)


def _name_number(value: int | Decimal) -> str:
    return f"number {value}"


def percent(drawer: Drawer) -> int:
    """Tenths of a percent, up to 100 %."""
    return drawer.value(lambda: drawer.between(1, 1_000), lambda value: f"percent {value}")


def compact(drawer: Drawer) -> int:
    """Millions or billions, from 1 to 999.9 of them; half of them whole."""

    def draw() -> int:
        tenths = 10 * drawer.with_digits(3) if drawer.chance() < 0.5 else drawer.between(11, 9_999)
        return tenths * drawer.choose((10**5, 10**8))

    return drawer.value(draw, _name_number, lambda value: value in (10**6, 10**9))


def money(drawer: Drawer) -> tuple[int, str]:
    """(hundredths, currency), from 1 to 9,999.99; half of them whole."""

    def draw() -> tuple[int, str]:
        currency = drawer.choose(_CURRENCIES)
        if currency == "JPY" or drawer.chance() < 0.5:  # the yen has no hundredths
            return 100 * drawer.with_digits(4), currency
        return _amount(drawer), currency

    return drawer.value(draw, _name_money, lambda value: value[0] == 100)


def money_with_symbol(drawer: Drawer) -> tuple[int, str]:
    """(hundredths, currency) of a currency that has a symbol in every language."""
    return drawer.value(lambda: (_amount(drawer), drawer.choose(_WITH_SYMBOL)), _name_money)


def _amount(drawer: Drawer) -> int:
    return 100 * drawer.with_digits(4) + drawer.between(0, 99)


def _name_money(value: tuple[int, str]) -> str:
    return f"money {value[0]} {value[1]}"


def price(drawer: Drawer) -> tuple[tuple[int, str], str]:
    """(money, unit), the money being what one unit costs."""
    return money(drawer), drawer.choose(_PRICED)


def measure(drawer: Drawer) -> tuple[int, str]:
    """(tenths, unit) of length, area, volume, mass, warmth or power."""
    return _measure(drawer, lambda: (_tenths(drawer), drawer.choose(_UNITS)))


def short_measure(drawer: Drawer) -> tuple[int, str]:
    """(tenths, unit) of a unit with a symbol."""
    return _measure(drawer, lambda: (_tenths(drawer), drawer.choose(_SHORT_UNITS)))


def time_span(drawer: Drawer) -> tuple[int, str]:
    """(tenths, unit), a whole number of units of time."""
    unit = drawer.choose(tuple(_TIME_UNITS))
    return _measure(drawer, lambda: (10 * drawer.between(1, _TIME_UNITS[unit]), f"duration-{unit}"))


def duration(drawer: Drawer) -> tuple[tuple[int, str], tuple[int, str]]:
    """Two time spans, such as hours and minutes, that make one."""
    larger, smaller, fewer = drawer.choose(_DURATIONS)
    return tuple(
        _measure(drawer, lambda unit=unit, most=most: (10 * drawer.between(1, most), f"duration-{unit}"))
        for unit, most in ((larger, _TIME_UNITS[larger]), (smaller, fewer))
    )


def _tenths(drawer: Drawer) -> int:
    return drawer.with_digits(4) if drawer.chance() < 0.3 else 10 * drawer.with_digits(3)


def _measure(drawer: Drawer, draw: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    return drawer.value(draw, lambda value: f"measure {value[0]} {value[1]}", lambda value: value[0] == 10)


def rate(drawer: Drawer) -> tuple[int, str, str]:
    """(tenths, unit, unit): so much of the first in one of the second."""
    return _rate(drawer, _RATES)


def speed(drawer: Drawer) -> tuple[int, str, str]:
    """A rate in kilometres per hour."""
    return _rate(drawer, _RATES[:1])


def _rate(drawer: Drawer, units: Sequence[tuple[str, str]]) -> tuple[int, str, str]:
    return drawer.value(
        lambda: (_tenths(drawer), *drawer.choose(units)),
        lambda value: "rate {} {} {}".format(*value),
        lambda value: value[0] == 10,
    )


def relative(drawer: Drawer) -> tuple[int, str]:
    """(number, unit), a time span from now; a negative number is in the past."""

    def draw() -> tuple[int, str]:
        unit = drawer.choose(tuple(_TIME_UNITS))
        return drawer.between(1, _TIME_UNITS[unit]) * drawer.choose((1, -1)), unit

    return drawer.value(draw, lambda value: f"relative {value[0]} {value[1]}", lambda value: abs(value[0]) == 1)
