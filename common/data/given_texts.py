"""The texts that a person gives to `predict`: as words, as a file, or on standard input."""

import sys
from collections.abc import Sequence

from common.data.text_files import STANDARD_INPUT, read_texts
from common.errors import UserError


def given_texts(words: Sequence[str], input_path: str | None = None, column: str | None = None) -> list[str]:
    """Returns the texts, at least one.

    Args:
        words: The texts as words of the command line. If there are none and no file either, they are read from
            standard input, one a line.
        input_path: A file of texts, as `read_texts` takes it; "-" is standard input.
        column: The column of the file.

    Raises:
        UserError: If both words and a file are given, a column without a file, or the file cannot be read or is empty.
    """
    if words and input_path is not None:
        raise UserError("give the inputs either as words or as --input FILE, not both")
    if column is not None and input_path is None:
        raise UserError("--column names a column of --input FILE, which is missing")
    if words:
        return list(words)
    path = STANDARD_INPUT if input_path is None else input_path
    if path == STANDARD_INPUT and sys.stdin.isatty():
        print("Reading texts from the terminal, one a line; end with Ctrl-D.", file=sys.stderr)
    notes: list[str] = []
    texts = read_texts(path, column, notes)
    for note in notes:
        print(note, file=sys.stderr)
    if not texts:
        where = "standard input" if path == STANDARD_INPUT else path
        raise UserError(f"{where} holds no text; expected at least one line")
    return texts
