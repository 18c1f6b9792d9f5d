"""The phrase book: short phrases about dates, times, amounts and numbers, in any two of its languages.

A phrase is one value or a few, such as a date and a time, written by the same form in both languages: full with
full, abbreviated with abbreviated, words with words. So a source has exactly one right target.
"""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from apps.translation import phrase_values as draw
from apps.translation import renderings as write
from apps.translation.config import PHRASE_BOOK_LANGUAGES
from apps.translation.drawing import SPLITS, Drawer, NotFoundError
from apps.translation.renderings import Rendering
from common.errors import UserError
from common.spelling import did_you_mean, listed

MAX_CHARACTERS = 100  # of either side

# Further ways to write a source; a target is always written in one and the same.
_SOURCE_LOCALES = {"en": ("en_US", "en_GB", "en_AU")}
_ATTEMPTS = 20_000  # that may fail in a row before the phrases are taken to be used up


@dataclass(frozen=True)
class Phrase:
    """One phrase in two languages.

    Attributes:
        source: as people type it.
        target: its only right translation.
        kind: what it is about, such as "date and time".
        values: names of the values; none of them stands in a phrase of another split.
    """

    source: str
    target: str
    kind: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class _Form:
    """A way to say something.

    Attributes:
        kind: for people.
        weight: how often it is drawn, relative to the others.
        draw: draws the value.
        render: writes it.
        rival: another way to write the same value. Where both are the same in the source but not in the target
            ("5 mars 2001" is "March 5, 2001" and "Mar 5, 2001"), the rival is right.
    """

    kind: str
    weight: float
    draw: Callable[[Drawer], Any]
    render: Rendering
    rival: Rendering | None = None


def _list_of(
    weight: float,
    item: Callable[[Drawer], Any],
    render: Rendering,
    styles: tuple[str, ...] = ("standard", "standard", "or"),
) -> tuple[_Form, ...]:
    def items(drawer: Drawer) -> tuple:
        values = tuple(item(drawer) for _ in range(drawer.between(2, 3)))
        if len(set(values)) < len(values):
            raise NotFoundError
        return values

    return tuple(_Form("list", weight / len(styles), items, write.listed(render, style)) for style in styles)


def _date_and(time: Callable[[Drawer], Any], date: Callable[[Drawer], Any] = draw.date) -> Callable[[Drawer], tuple]:
    return lambda drawer: (date(drawer), time(drawer))


def _with_date(weight: float, kind: str, time: Callable[[Drawer], Any], render: Rendering) -> tuple[_Form, ...]:
    full, long, weekday, medium, day = (
        write.date_and_time(write.date(form), render, style)
        for form, style in (
            ("full", "full"),
            ("long", "long"),
            ("yMMMEd", "medium"),
            ("yMMMd", "medium"),
            ("MMMMd", "medium"),
        )
    )
    dated = _date_and(time)
    return (
        _Form(kind, 0.4 * weight, dated, full),
        _Form(kind, 0.25 * weight, dated, long),
        _Form(kind, 0.15 * weight, dated, weekday),
        _Form(kind, 0.1 * weight, dated, medium, long),
        _Form(kind, 0.1 * weight, _date_and(time, draw.day), day),
    )


_FORMS = (
    _Form("date", 7, draw.date, write.date("full")),
    _Form("date", 5, draw.date, write.date("long")),
    _Form("date", 3, draw.date, write.date("yMMMEd")),
    _Form("date", 3, draw.date, write.date("yMMMd"), write.date("long")),
    _Form("date", 1, draw.day, write.date("MMMMd")),
    _Form("month", 2, draw.month, write.date("yMMMM")),
    _Form("quarter", 1.5, draw.quarter, write.date("yQQQQ")),
    _Form("time", 3, draw.time, write.time),
    _Form("spoken time", 1, draw.spoken_time, write.spoken_time),
    *_with_date(11, "date and time", draw.time, write.time),
    *_with_date(12, "date and spoken time", draw.spoken_time, write.spoken_time),
    _Form("interval of dates", 4, draw.dates, write.date_interval("yMMMd")),
    _Form("interval of dates", 3, draw.dates, write.date_interval("yMMMEd")),
    _Form("interval of dates", 2, draw.months, write.date_interval("yMMMM")),
    _Form("interval of times", 4, draw.times, write.time_interval),
    _Form("number", 2, draw.number(7), write.number),
    _Form("number", 2, draw.decimal, write.number),
    _Form("large number", 3, draw.compact, write.compact),
    _Form("number in words", 10, draw.number(5), write.cardinal),
    _Form("ordinal", 2, draw.number(3), write.ordinal),
    _Form("ordinal", 1, draw.number(3), write.ordinal_digits),
    _Form("year in words", 1, draw.year, write.year, write.cardinal),
    _Form("percentage", 2, draw.percent, write.percent),
    _Form("money", 5, draw.money, write.money("name")),
    _Form("money", 3, draw.money_with_symbol, write.money("standard")),
    _Form("price", 4, draw.price, write.price),
    _Form("measure", 4, draw.measure, write.measure("long")),
    _Form("measure", 2, draw.short_measure, write.measure("short"), write.measure("long")),
    _Form("rate", 2, draw.rate, write.rate("long")),
    _Form("rate", 1, draw.speed, write.rate("short"), write.rate("long")),
    _Form("duration", 1, draw.time_span, write.measure("long")),
    _Form("duration", 3, draw.duration, write.listed(write.measure("long"), "standard")),
    _Form("relative time", 2.5, draw.relative, write.relative),
    *_list_of(3, draw.day, write.date("MMMMd")),
    # "One hundred and five" is one number, or two.
    *_list_of(2.5, draw.number(3), write.cardinal, ("or",)),
    *_list_of(1.5, draw.number(2), write.ordinal),
    *_list_of(2.5, draw.money, write.money("name")),
    *_list_of(2.5, draw.measure, write.measure("long")),
    *_list_of(1.5, draw.percent, write.percent),
)
_BOUNDS = tuple(itertools.accumulate(form.weight for form in _FORMS))
KINDS = tuple(dict.fromkeys(form.kind for form in _FORMS))


def check_languages(source_language: str, target_language: str) -> None:
    """Raises UserError where the phrase book does not have this pair of languages."""
    for language in (source_language, target_language):
        if language not in PHRASE_BOOK_LANGUAGES:
            raise UserError(
                f"The phrase book has no language {language!r}, only {listed(PHRASE_BOOK_LANGUAGES, 'and')}"
                f"{did_you_mean(language, PHRASE_BOOK_LANGUAGES)}."
            )
    if source_language == target_language:
        raise UserError(f"The phrase book translates between two languages, but both are {source_language!r}.")


def generate(
    source_language: str, target_language: str, split: str, count: int, seed: int = 0
) -> Iterator[tuple[str, str, str]]:
    """Makes (source, target, kind) of distinct sources: the same for the same arguments, everywhere.

    Args:
        source_language: one of `PHRASE_BOOK_LANGUAGES`.
        target_language: another.
        split: train, validation or test; their phrases have no value in common, whatever the seed.
        count: how many.
        seed: any whole number; the bundled data are those of 0.

    Raises:
        UserError: the languages or the split do not exist, or there are fewer phrases.
    """
    check_languages(source_language, target_language)
    if split not in SPLITS:
        raise UserError(f"The phrase book has no split {split!r}, only {listed(SPLITS, 'and')}.")
    found = phrases(source_language, target_language, split, count, seed)
    return ((phrase.source, phrase.target, phrase.kind) for phrase in found)


def phrases(source_language: str, target_language: str, split: str, count: int, seed: int) -> Iterator[Phrase]:
    """As `generate`, with the values."""
    start = hashlib.blake2b(f"{source_language} {target_language} {split} {seed}".encode(), digest_size=8).digest()
    drawer = Drawer(Random(int.from_bytes(start, "big")), split)
    seen: set[str] = set()
    failures = 0
    while len(seen) < count:
        phrase = _draw_phrase(drawer, source_language, target_language)
        if phrase is None or phrase.source in seen:
            failures += 1
            if failures == _ATTEMPTS:
                raise UserError(
                    f"The phrase book has no more than about {len(seen):,} phrases from {source_language} to "
                    f"{target_language} for {split}; ask for fewer."
                )
            continue
        failures = 0
        seen.add(phrase.source)
        yield phrase


def _draw_phrase(drawer: Drawer, source_language: str, target_language: str) -> Phrase | None:
    """One phrase, or None where the form drawn cannot be written in both languages, or not without doubt."""
    form = _FORMS[bisect(_BOUNDS, drawer.chance() * _BOUNDS[-1])]
    locale = drawer.choose(_SOURCE_LOCALES.get(source_language, (source_language,)))
    with_hyphen = drawer.chance() < 0.5
    drawer.drawn.clear()
    try:
        value = form.draw(drawer)
    except NotFoundError:
        return None
    source, target = form.render(value, locale), form.render(value, target_language)
    if source is None or target is None:
        return None
    if form.rival and form.rival(value, locale) == source and form.rival(value, target_language) != target:
        return None
    if with_hyphen:  # keyboards have no dash
        source = source.replace("–", "-")
    source, target = write.tidy(source), write.tidy(target)
    if max(len(source), len(target)) > MAX_CHARACTERS:
        return None
    return Phrase(source, target, form.kind, tuple(drawer.drawn))
