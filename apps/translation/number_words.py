"""Numbers, ordinals and years in words, and times as they are spoken, in the languages of the phrase book.

The words of numbers come from num2words; where a language of it is wrong in a way that a rule mends, it is mended
here, and where it is not, None says that there are no words. The spoken times are a small grammar of our own,
because neither CLDR nor num2words has one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words

# num2words writes Turkish numbers as one word, as on a cheque; elsewhere each part is a word of its own.
_TURKISH_PARTS = (
    "sıfır|bir|iki|üç|dört|dörd|beş|altmış|altı|yedi|sekiz|seksen|dokuz|doksan|on|yirmi|otuz|kırk|elli|yetmiş|yüz|bin"
)
_TURKISH = re.compile(rf"({_TURKISH_PARTS})(?=(?:{_TURKISH_PARTS}))")
_YEAR_LANGUAGES = ("en", "de", "fr", "es", "it", "tr")  # Polish and Russian name years by ordinals in the genitive


@lru_cache(maxsize=100_000)
def cardinal(number: int, language: str) -> str:
    """A number from 0 to 999,999 in words, as it is counted (masculine where that matters)."""
    # CLDR's Portuguese is that of Brazil. Neither there nor in English do people write commas into a number.
    words = num2words(number, lang="pt_BR" if language == "pt" else language).replace(",", "")
    if language == "es":
        words = words.replace("veintiuno mil", "veintiún mil").replace("uno mil", "un mil")
    if language == "it" and number % 10 == 3 and number > 3 and words.endswith("tre"):
        words = words[:-1] + "é"  # ventitré has its accent, duemilaventitre has not
    return _spaced(words) if language == "tr" else words


@lru_cache(maxsize=20_000)
def ordinal(number: int, language: str) -> str | None:
    """A rank from 1 to 999 in words, masculine; None where num2words does not know how to write it."""
    if language == "es":
        return None  # décimoprimero, quadragésimo, octigentésimo
    if language == "pt" and number >= 400:
        return None  # quadrigentésimo, septigentésimo, octigentésimo
    words = num2words(number, lang="pt_BR" if language == "pt" else language, to="ordinal").replace(",", "")
    if language == "fr":
        words = words.replace("vingtsième", "vingtième").replace("centsième", "centième")
    return _spaced(words) if language == "tr" else words


def ordinal_digits(number: int, language: str) -> str | None:
    """A rank in digits such as "21st"; None where num2words has none, or (French, Spanish, Turkish) writes it wrongly."""
    return str(num2words(number, lang=language, to="ordinal_num")) if language in ("en", "de", "pt") else None


def year(number: int, language: str) -> str | None:
    """A year from 1900 to 2099 as it is read out."""
    if language not in _YEAR_LANGUAGES:
        return None
    if language != "en" and language != "de":
        return cardinal(number, language)
    return num2words(number, lang=language, to="year")


def _spaced(words: str) -> str:
    return _TURKISH.sub(r"\1 ", words)


def _by_clock(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_ENGLISH = _by_clock("one two three four five six seven eight nine ten eleven twelve")
_GERMAN = _by_clock("eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf")
_FRENCH = _by_clock("une deux trois quatre cinq six sept huit neuf dix onze douze")
_SPANISH = _by_clock("una dos tres cuatro cinco seis siete ocho nueve diez once doce")
_ITALIAN = _by_clock("una due tre quattro cinque sei sette otto nove dieci undici dodici")
_POLISH = _by_clock("pierwsza druga trzecia czwarta piąta szósta siódma ósma dziewiąta dziesiąta jedenasta dwunasta")
_RUSSIAN = _by_clock("час два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать")
_RUSSIAN_HALVES = _by_clock(
    "первого второго третьего четвёртого пятого шестого седьмого восьмого девятого десятого одиннадцатого двенадцатого"
)
_RUSSIAN_LEFT = {25: "двадцати пяти", 20: "двадцати", 15: "четверти", 10: "десяти", 5: "пяти"}


def spoken_time(hour: int, minute: int, language: str, article: bool = False) -> str | None:
    """A time on the dial, such as "quarter past nine", "Viertel nach neun", "neuf heures et quart".

    Args:
        hour: 1 to 12.
        minute: a multiple of 5 below 60.
        language: any; Portuguese and Turkish have no grammar here.
        article: English only: "a quarter" instead of "quarter".
    """
    speak = _SPOKEN.get(language)
    if speak is None:
        return None
    # What is said in full hours: this one, and the one to come.
    this, following = hour - 1, hour % 12
    words = speak(this, following, minute)
    return words.replace("quarter", "a quarter") if article and language == "en" else words


def _english(this: int, following: int, minute: int) -> str:
    if minute == 0:
        return f"{_ENGLISH[this]} o'clock"
    if minute == 30:
        return f"half past {_ENGLISH[this]}"
    minutes = min(minute, 60 - minute)
    words = "quarter" if minutes == 15 else cardinal(minutes, "en")
    return f"{words} past {_ENGLISH[this]}" if minute < 30 else f"{words} to {_ENGLISH[following]}"


def _german(this: int, following: int, minute: int) -> str:
    now, then = _GERMAN[this], _GERMAN[following]
    near_half = {25: "fünf vor halb", 30: "halb", 35: "fünf nach halb"}
    if minute == 0:
        return f"{'ein' if this == 0 else now} Uhr"
    if minute in near_half:
        return f"{near_half[minute]} {then}"
    minutes = min(minute, 60 - minute)
    words = "Viertel" if minutes == 15 else cardinal(minutes, "de")
    return f"{words} nach {now}" if minute < 30 else f"{words} vor {then}"


def _french(this: int, following: int, minute: int) -> str:
    now, then = (f"{_FRENCH[hour]} heure{'s' if hour else ''}" for hour in (this, following))
    if minute == 0:
        return now
    if minute <= 30:
        return f"{now} {({15: 'et quart', 30: 'et demie'}).get(minute) or cardinal(minute, 'fr')}"
    return f"{then} moins {'le quart' if minute == 45 else cardinal(60 - minute, 'fr')}"


def _spanish(this: int, following: int, minute: int) -> str:
    now, then = (f"{'las' if hour else 'la'} {_SPANISH[hour]}" for hour in (this, following))
    if minute == 0:
        return now
    if minute <= 30:
        return f"{now} y {({15: 'cuarto', 30: 'media'}).get(minute) or cardinal(minute, 'es')}"
    return f"{then} menos {'cuarto' if minute == 45 else cardinal(60 - minute, 'es')}"


def _italian(this: int, following: int, minute: int) -> str:
    now, then = (f"le {_ITALIAN[hour]}" if hour else "l'una" for hour in (this, following))
    if minute == 0:
        return now
    if minute <= 30:
        return f"{now} e {({15: 'un quarto', 30: 'mezza'}).get(minute) or cardinal(minute, 'it')}"
    return f"{then} meno {'un quarto' if minute == 45 else cardinal(60 - minute, 'it')}"


def _polish(this: int, following: int, minute: int) -> str:
    # Locative and genitive of the hour are the same.
    past, half = (f"{_POLISH[hour][:-1]}{'i' if hour == 1 else ''}ej" for hour in (this, following))
    if minute == 0:
        return f"godzina {_POLISH[this]}"  # without the noun it would be "the ninth"
    if minute == 30:
        return f"wpół do {half}"
    minutes = min(minute, 60 - minute)
    words = "kwadrans" if minutes == 15 else cardinal(minutes, "pl")
    return f"{words} po {past}" if minute < 30 else f"za {words} {_POLISH[following]}"


def _russian(this: int, following: int, minute: int) -> str:
    if minute == 0:
        # Only one has no number; two to four want another case of the hour than the rest.
        unit = "" if this == 0 else " часа" if this < 4 else " часов"
        return _RUSSIAN[this] + unit
    if minute in (15, 30):
        return f"{'четверть' if minute == 15 else 'половина'} {_RUSSIAN_HALVES[following]}"
    if minute < 30:
        return f"{cardinal(minute, 'ru')} минут {_RUSSIAN_HALVES[following]}"
    return f"без {_RUSSIAN_LEFT[60 - minute]} {_RUSSIAN[following]}"


_SPOKEN = {
    "en": _english,
    "de": _german,
    "fr": _french,
    "es": _spanish,
    "it": _italian,
    "pl": _polish,
    "ru": _russian,
}
