"""Captions of bundled scenes: written in several ways that all mean the same, and read back.

English has articles and plurals. The other languages are telegraphic ("2x fuchs links von erdbeere"): what would have to agree
with the gender of a name is left out, so nothing is wrong.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from apps.captioning.scene_forms import BACKGROUND_PHRASES, FORMS, NUMBERS, SIZE_PHRASES
from apps.captioning.scene_objects import SceneObject, check_language, scene_objects, with_article
from apps.captioning.scenes import ARRANGEMENTS, MOST_OF_ONE, SIZES, Group, Scene

CAPTIONS = 5  # of a scene
_SLOTS = "ABC"
_SLOT = re.compile(rf"\b[{_SLOTS}]\b")
_ATTEMPTS = 100  # to find captions that are different; a scene has more than CAPTIONS of them


def write_captions(scene: Scene, language: str, random: Random) -> tuple[str, ...]:
    """Describes a scene.

    Args:
        scene: with sizes and background.
        language: one of `SCENE_LANGUAGES`.
        random: drawn from.

    Returns:
        `CAPTIONS` different captions. Each says all things, their counts and how they stand; some say sizes, some the background.

    Raises:
        UserError: there is no such language.
    """
    check_language(language)
    forms = FORMS[language][scene.arrangement]
    captions: dict[str, None] = {}  # in the order in which they were drawn
    order = random.sample(forms, len(forms))
    for attempt in range(_ATTEMPTS):
        with_sizes, with_background = random.random() < 0.5, random.random() < 0.4
        form = order[attempt % len(order)]
        said = [_noun_phrase(group, language, with_sizes) for group in scene.groups]
        background = _background_phrase(scene.background, language) if with_background else ""
        captions.setdefault(_fill(form, said, [group.count for group in scene.groups]) + background)
        if len(captions) == CAPTIONS:
            break
    return tuple(captions)


def _fill(form: str, noun_phrases: Sequence[str], counts: Sequence[int]) -> str:
    is_one = counts[_SLOTS.index(_SLOT.search(form)[0])] == 1
    text = form.replace("{is}", "is" if is_one else "are").replace("{this}", "this is" if is_one else "these are")
    return _SLOT.sub(lambda slot: noun_phrases[_SLOTS.index(slot[0])], text)


def _background_phrase(background: str | None, language: str) -> str:
    if not background:
        return ""
    # Without an article before it, what follows a name would seem to belong to it alone.
    return f"{'' if language == 'en' else ','} {BACKGROUND_PHRASES[language][background]}"


def _noun_phrase(group: Group, language: str, with_size: bool) -> str:
    return _written(group.name, group.count, group.size if with_size else None, language)


@functools.lru_cache(maxsize=100_000)
def _written(name: str, count: int, size: str | None, language: str) -> str:
    """One group in words: "a fox", "two large mice", "2x fuchs in klein"."""
    thing = _objects_by_name(language)[name]
    if language == "en":
        noun = thing.label if count == 1 else thing.plural
        sized = f"{size} {noun}" if size else noun
        return with_article(sized) if count == 1 else f"{NUMBERS[count]} {sized}"
    counted = thing.label if count == 1 else f"{count}x {thing.label}"
    return f"{counted} {SIZE_PHRASES[language][size]}" if size else counted


@functools.lru_cache
def _objects_by_name(language: str) -> Mapping[str, SceneObject]:
    return {thing.name: thing for thing in scene_objects(language, large=True)}


def read_caption(text: str, language: str) -> Scene | None:
    """What a caption means, of things of any configuration.

    Args:
        text: a caption in one of the forms of `write_captions`; case, punctuation and spaces do not matter.
        language: one of `SCENE_LANGUAGES`.

    Returns:
        The scene, with sizes and background where the caption says them; None for a text that is no such caption.

    Raises:
        UserError: there is no such language.
    """
    check_language(language)
    words = _words(text)
    if len(words) > _MOST_WORDS:
        return None
    for background, rest in _without_background(words, language):
        for arrangement, pieces in _readable_forms(language):
            groups = _match(pieces, rest, _groups_by_words(language))
            if groups is not None:
                return Scene(tuple(groups[slot] for slot in _SLOTS[: len(groups)]), arrangement, background)
    return None


_MOST_WORDS = 80
_MOST_WORDS_OF_GROUP = 10


def _words(text: str) -> tuple[str, ...]:
    """Letters and digits, case folded, split at everything else."""
    return tuple(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def _joined(text: str) -> str:
    """Without spaces: a tokenizer makes one word, or two, of what has a hyphen or an apostrophe."""
    return "".join(_words(text))


def _without_background(words: tuple[str, ...], language: str) -> Iterator[tuple[str | None, tuple[str, ...]]]:
    phrases = _backgrounds_by_words(language)
    for length in range(min(6, len(words)), 0, -1):
        background = phrases.get("".join(words[-length:]))
        if background is not None:
            yield background, words[:-length]
    yield None, words


@functools.lru_cache
def _backgrounds_by_words(language: str) -> Mapping[str, str]:
    return {_joined(phrase): background for background, phrase in BACKGROUND_PHRASES[language].items()}


@functools.lru_cache
def _groups_by_words(language: str) -> Mapping[str, Group]:
    """Each group that can be said, by its words without spaces."""
    every = itertools.product(scene_objects(language, large=True), range(1, MOST_OF_ONE + 1), (*SIZES, None))
    return {
        _joined(_written(thing.name, count, size, language)): Group(thing.name, count, size)
        for thing, count, size in every
    }


@functools.lru_cache
def _readable_forms(language: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(arrangement, pieces): slots, and the words between them without spaces."""
    forms = []
    for arrangement in itertools.chain.from_iterable(ARRANGEMENTS.values()):
        for form in FORMS[language][arrangement]:
            spoken = {
                form.format(**{"is": verb, "this": this}) for verb, this in (("is", "this is"), ("are", "these are"))
            }
            for text in sorted(spoken):
                parts = re.split(rf"({_SLOT.pattern})", text)
                pieces = tuple(part if part in _SLOTS and part else _joined(part) for part in parts)
                forms.append((arrangement, tuple(piece for piece in pieces if piece)))
    return tuple(forms)


def _match(
    pieces: tuple[str, ...], words: tuple[str, ...], groups_by_words: Mapping[str, Group]
) -> dict[str, Group] | None:
    """The group of each slot, or None where the words do not fit the pieces."""
    if not pieces:
        return None if words else {}
    piece = pieces[0]
    for length in range(1, min(len(words), _MOST_WORDS_OF_GROUP) + 1):
        text = "".join(words[:length])
        if piece in _SLOTS:
            group = groups_by_words.get(text)
            if group is not None:
                rest = _match(pieces[1:], words[length:], groups_by_words)
                if rest is not None:
                    return {piece: group, **rest}
        elif text == piece:
            return _match(pieces[1:], words[length:], groups_by_words)
        elif not piece.startswith(text):
            return None
    return None
