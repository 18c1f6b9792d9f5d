"""Words for error messages: the nearest valid spelling, and a list a person can read."""

import difflib
from collections.abc import Iterable, Sequence

# One wrong letter in a word of four makes 0.75.
_CLOSE_ENOUGH = 0.7


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Returns the candidate that `word` most probably meant, or None when none is close.

    Args:
        word: What the person wrote.
        candidates: The valid spellings. Dotted names are compared by their last part first, so that `epochs`
        finds
            `train.epochs`; among equals the same section wins.
    """
    scored = [(_likeness(word.lower(), candidate.lower()), candidate) for candidate in candidates]
    best = max(scored, key=lambda pair: pair[0], default=((0.0, 0.0), ""))
    return best[1] if best[0][0] >= _CLOSE_ENOUGH else None


def _likeness(word: str, candidate: str) -> tuple[float, float]:
    word_section, _, word_tail = word.rpartition(".")
    section, _, tail = candidate.rpartition(".")
    section_likeness = difflib.SequenceMatcher(None, word_section, section).ratio()
    if sorted(word_tail) == sorted(tail):  # swapped letters, which difflib rates low in short words
        return 1.0, section_likeness
    initials = "".join(part[0] for part in tail.split("_") if part)
    if len(initials) > 1 and word_tail == initials:  # lr for learning_rate
        return 0.9, section_likeness
    return difflib.SequenceMatcher(None, word_tail, tail).ratio(), section_likeness


def listed(words: Sequence[str], last: str = "or") -> str:
    """Returns `a`, `a or b`, `a, b or c`."""
    words = [str(word) for word in words]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def did_you_mean(word: str, candidates: Iterable[str], prefix: str = "") -> str:
    """Returns `; did you mean X?` to append to a sentence, or the empty string."""
    best = nearest(word, candidates)
    return f"; did you mean {prefix}{best}?" if best is not None else ""
