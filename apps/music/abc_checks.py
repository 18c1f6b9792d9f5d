"""Finds text that is no ABC notation, before `score_files` hands a file to music21, which reads on over what it does not know.

Of `hello world` it takes the letters e and d for notes. The standard: https://abcnotation.com/wiki/abc:standard:v2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 40  # characters of a line in a sentence
_SLIPS = 50  # of so many words one may be none, as in collections that people typed
_BLOCK = re.compile(r"%%begin(\w+).*?(?:%%end\1|\Z)", re.DOTALL)  # text or PostScript between two directives
_KEY = re.compile(r"^K:", re.MULTILINE)
_FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
_NO_MUSIC = re.compile(
    r"%.*"  # a comment
    r'|"[^"]*"'  # a chord symbol or an annotation
    r"|![^!\s]*!|\+[^+\n]*\+"  # a decoration by its name, or a chord as it was once written
    r"|\[[A-Za-z]:[^\]]*\]|\b[A-Zw]:(?![|:]).*"  # a field among the notes
)
_NOTE = re.compile(r"[A-Ga-g]")
# Letters that a person may give a meaning, and many do without telling it, before a note or a space and a note; `held` has more
# than stand before a note.
_SIGNS = re.compile(r"(?<![H-Wh-w])[H-Wh-w]{1,2}(?=[.~]*[({\[0-9]*[\^_=]*[A-Ga-gxz])|(?<![A-Za-z])[H-Wh-w]$")
# Notes, rests and spaces; decorations, J and R as programs before the standard knew them; signs; what is kept for later.
_KNOWN = set("ABCDEFGabcdefgxyzXZ~.HJLMOPRSTuv^_=',0123456789/<>|:[](){}-&!+$`\\#*;?@\"")
_ASSIGNED = re.compile(r"^U:\s*([H-Wh-w])\s*=", re.MULTILINE)


def foreign_text(text: str) -> tuple[str, bool]:
    """Says what in a file of ABC is no ABC.

    What stands before the key of a tune, and after the empty line that ends it, is for people and may be anything. Without a
    key, all lines are taken for notes that are no fields.

    Args:
        text: the content of the file.

    Returns:
        A sentence about the first word that is none, without a full stop, empty if there is none; and whether they are so many
        that it is another kind of text, not a slip.
    """
    known = _KNOWN | set(_ASSIGNED.findall(text))
    foreign, words = [], 0
    for line in _lines_of_notes(_BLOCK.sub("", text)):
        found = _NO_MUSIC.sub("", line).split()
        words += len(found)
        foreign += [(word, line) for word in found if not known.issuperset(_SIGNS.sub("", word))]
    if not foreign:
        return "", False
    word, line = foreign[0]
    sentence = f"{_quoted(word)} in {_quoted(line)} is no ABC, which writes notes as the letters A to G and a to g"
    return sentence, len(foreign) * _SLIPS > words


def _lines_of_notes(text: str) -> Iterator[str]:
    has_keys = _KEY.search(text) is not None
    in_tune, has_notes = not has_keys, False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("K:"):
            in_tune = True
        elif line.startswith("X:") or (not line and has_notes):
            in_tune, has_notes = not has_keys, False
        elif in_tune and not _FIELD.match(line):
            yield line
            has_notes = has_notes or bool(_NOTE.search(_NO_MUSIC.sub("", line)))


def lacks_length(text: str) -> bool:
    """Whether a text of ABC says nowhere how long a note is, which music21 has to know."""
    return re.search(r"(^|\[)[LM]:", text, re.MULTILINE) is None


def read_text(path: Path) -> str:
    """The text of a file, in UTF-8 or else, as older collections are, in Latin-1."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _quoted(text: str) -> str:
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return "“" + "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text) + "”"
