"""What separates the columns of a person's CSV: commas, semicolons as spreadsheets of many countries write them, or tabs.

Told by the line that names the columns alone: below it, commas and semicolons are part of people's texts. For `text_files`
and for the applications that read tables of their own.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}

_QUOTED = re.compile(r'"[^"]*("|$)')
# Characters of the line that are looked at: what is no table may be one line of a hundred million, and the csv module refuses
# fields above 128 KiB.
_LONGEST_HEADER = 100_000


def first_line(lines: Iterator[str]) -> tuple[str, Iterator[str]]:
    """The first line that is not empty, "" if there is none, and all lines again."""
    beginning = []
    for line in lines:
        beginning.append(line)
        if line.strip():
            return line, itertools.chain(beginning, lines)
    return "", iter(beginning)


def separator_of(header: str, columns: Sequence[str] = (), usual: str = ",") -> str:
    """What separates the columns of a table.

    Args:
        header: the line that names the columns.
        columns: those that will be read. The separator that gives all of them is the one, the usual one before others.
        usual: the separator that the name of the file promises.

    Returns:
        One of `SEPARATORS`. Where none gives the columns, the one that the line has most of outside of quotes; the usual one
        if it has as many.
    """
    found = separator_with(header, columns, usual) if columns else None
    bare = _QUOTED.sub("", header)
    return found or max(_in_order(usual), key=bare.count)


def separator_with(header: str, columns: Sequence[str], usual: str = ",") -> str | None:
    """The separator by which a line names all of `columns`, the usual one before others; None for any other line."""
    header = header[:_LONGEST_HEADER].rstrip("\r\n")
    for separator in _in_order(usual):
        names = next(csv.reader([header], delimiter=separator), [])
        if set(columns) <= {name.strip() for name in names}:
            return separator
    return None


def _in_order(usual: str) -> list[str]:
    return [usual, *(separator for separator in SEPARATORS if separator != usual)]
