"""Reads a person's own texts: CSV, TSV, JSONL and plain text, each gzipped too.

Stands at the start of the flow of data: `read_labelled_texts` for `--data.source files`, `read_texts` for
`predict --input`. Everything is read strictly. What cannot be read as it stands is a `UserError` that names
file and line, because a row that is silently skipped or mended is a wrong example in somebody's training set.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from common.data.separators import SEPARATORS, first_line, separator_of
from common.data.splits import LabelledTexts
from common.errors import UserError

STANDARD_INPUT = "-"

_ONLY = "text"  # the column of texts where none is named
_TABLES = {".csv": ",", ".tsv": "\t"}
_SUFFIXES = (".csv", ".tsv", ".jsonl", ".txt")
# The csv module refuses fields above 128 KiB by default. The limit is a C long, 32 bits on some systems.
_FIELD_LIMIT = 2**31 - 1
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Those of encodings with two or four bytes a character; the longer ones first, because one begins like another.
_WIDE_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def read_labelled_texts(path: str | Path, text_key: str = "text", label_key: str = "label") -> LabelledTexts:
    """Reads examples from a CSV, TSV or JSONL file, gzipped or not.

    The first row of a CSV or TSV names the columns, and tells whether commas, semicolons or tabs separate them
    (`separators`); fields may be quoted with `"`, may then contain line ends, and a quote inside is doubled. Each
    line of a JSONL file is an object. Empty texts are examples; empty lines are not.

    Args:
        path: a file that ends in .csv, .tsv or .jsonl, or one of these with .gz.
        text_key: name of the column, or key, of the text.
        label_key: name of the column, or key, of the label: a string, a whole number or a truth value; white
            space around it is dropped.

    Returns:
        All examples in the order of the file, with a note if another separator was found than the name of the file
            promises.

    Raises:
        UserError: no such file, column or label, bytes that are not UTF-8, a row with too few or too many
            fields, a broken line of JSON, no example at all. The sentence names file and line.
    """
    path = str(path)
    suffix = _suffix(path)
    if suffix == ".txt":
        raise UserError(f"{path} is plain text, which has no labels; give a .csv, .tsv or .jsonl file (.gz too).")
    hints = {text_key: "--data.text_key", label_key: "--data.label_key"}
    texts, labels, notes = [], [], []
    with open_bytes(path) as stream:
        for line, values in _records(decoded_lines(stream, path), suffix, [text_key, label_key], path, hints, notes):
            texts.append(checked_text(values[0], text_key, path, line))
            labels.append(_label(values[1], label_key, path, line))
    if not texts:
        raise UserError(f"{path} has no examples; expected at least a few texts for each label.")
    return LabelledTexts.from_lists(texts, labels, path, notes)


def read_texts(path: str | Path, column: str | None = None, notes: list[str] | None = None) -> list[str]:
    """Reads texts without labels, for predictions.

    Args:
        path: a .txt file with one example a line, where an empty line is an empty example so that answers
            keep the numbers of the lines; or a .csv, .tsv or .jsonl file; each may be gzipped. "-" is
            standard input: lines of text, or with `column` JSONL if its first character is "{" and CSV
            otherwise.
        column: name of the column, or key, of the text. Left out, it is the only column of the file, or the
            one named "text".
        notes: a sentence is added if another separator was found than the name of the file promises.

    Raises:
        UserError: as for `read_labelled_texts`; or a column for plain text.
    """
    notes = [] if notes is None else notes
    if path == STANDARD_INPUT:
        return _texts_of_stream(sys.stdin.buffer, None if column else ".txt", column, "standard input", notes)
    path = str(path)
    suffix = _suffix(path)
    if suffix == ".txt" and column:
        raise UserError(f"{path} is plain text, one example a line, and has no column {column!r}; leave out --column.")
    with open_bytes(path) as stream:
        return _texts_of_stream(stream, suffix, column, path, notes)


def _texts_of_stream(stream, suffix: str | None, column: str | None, origin: str, notes: list[str]) -> list[str]:
    lines = decoded_lines(stream, origin)
    if suffix == ".txt":
        return [line.rstrip("\r\n") for line in lines]
    if suffix is None:
        lines = list(lines)
        suffix = ".jsonl" if lines and lines[0].lstrip().startswith("{") else ".csv"
    records = _records(iter(lines), suffix, [column], origin, {column: "--column"}, notes)
    return [checked_text(values[0], column or "text", origin, line) for line, values in records]


def _suffix(path: str) -> str:
    name = Path(path).name.lower().removesuffix(".gz")
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return suffix
    raise UserError(
        f"{path} does not end in {', '.join(_SUFFIXES)} or one of these with .gz, so its form is unknown; "
        "convert it, or rename it if it is one of them."
    )


@contextlib.contextmanager
def open_bytes(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, unzipped if its name ends in .gz. Errors of reading, too, become one sentence."""
    try:
        with (gzip.open if path.lower().endswith(".gz") else open)(path, "rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path} (looked from {Path.cwd()}).") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder; give a file.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} is not a whole gzip file ({error}); make it again, or rename it if it is not zipped."
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error


def decoded_lines(stream, origin: str, *, old_line_ends: bool = True) -> Iterator[str]:
    """Lines of UTF-8 text with their ends (\\n, \\r\\n or \\r), without a byte order mark.

    Args:
        stream: of bytes.
        origin: what to call it for people.
        old_line_ends: whether a \\r alone ends a line; it did once, and still comes out of some spreadsheets.
    """
    number = 0
    for raw in stream:
        if number == 0:
            _refuse_wide(raw, origin)
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        try:
            decoded = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            number += 1 + (raw[: error.start].count(b"\r") if old_line_ends else 0)
            advice = (
                "the bytes around it are no text at all, so give another file"
                if 0 in raw
                else "save the file as UTF-8 (from Latin-1, for example: iconv -f latin1 -t utf-8)"
            )
            raise UserError(
                f"{origin}, line {number}: byte 0x{raw[error.start]:02x} is not UTF-8; {advice}."
            ) from error
        if not old_line_ends:
            number += 1
            yield decoded
            continue
        body = decoded.removesuffix("\n").removesuffix("\r")
        for line in _split_keeping_returns(body, decoded[len(body) :]):
            number += 1
            yield line


def _refuse_wide(first_line: bytes, origin: str) -> None:
    """Raises UserError for a file with two or four bytes a character, most of which would pass for UTF-8."""
    encoding = next((name for mark, name in _WIDE_MARKS.items() if first_line.startswith(mark)), None)
    # Without a mark the zeros tell it: Latin letters have one in two bytes, or three in four.
    zeros = first_line.count(0)
    if encoding is None and 3 * zeros > len(first_line):
        width = 4 if 5 * zeros > 3 * len(first_line) else 2
        order = "BE" if first_line[::width].count(0) > first_line[width - 1 :: width].count(0) else "LE"
        encoding = f"UTF-{8 * width}{order}"
    if encoding is not None:
        raise UserError(
            f"{origin}, line 1: these bytes are {encoding}, not UTF-8; save the file as UTF-8 "
            f"(for example: iconv -f {encoding.lower()} -t utf-8)."
        )


def _split_keeping_returns(body: str, end: str) -> list[str]:
    pieces = body.split("\r")
    return [piece + "\r" for piece in pieces[:-1]] + [pieces[-1] + end]


def _records(
    lines: Iterator[str],
    suffix: str,
    keys: Sequence[str | None],
    origin: str,
    hints: Mapping[str | None, str],
    notes: list[str],
) -> Iterator[tuple[int, list[object]]]:
    """The values of `keys` in every record, each with the number of the line on which the record begins."""
    if suffix == ".jsonl":
        return _json_records(lines, keys, origin, hints)
    header, lines = first_line(lines)
    separator = separator_of(header, [_ONLY if key is None else key for key in keys], _TABLES[suffix])
    if separator != _TABLES[suffix]:
        notes.append(f"{origin}: read with {SEPARATORS[separator]}s between the columns.")
    return table_records(lines, separator, keys, origin, hints)


def table_records(
    lines: Iterator[str], delimiter: str, keys: Sequence[str | None], origin: str, hints: Mapping[str | None, str]
) -> Iterator[tuple[int, list[str]]]:
    """The fields of some columns in each row of CSV, with the number of the line on which the row begins.

    Args:
        lines: with their ends, the first one with the names of the columns.
        delimiter: between the columns.
        keys: names of the columns; None for the only one, or the one named "text".
        origin: what to call the file for people.
        hints: for each of `keys` the option that names another.

    Raises:
        UserError: no such column, a row with too few or too many fields, a quote that is never closed.
    """
    rows = _table_rows(lines, delimiter, origin)
    first = next(rows, None)
    if first is None:
        raise UserError(f"{origin} is empty; expected a first line with the names of the columns, then the examples.")
    header = [name.strip() for name in first[1]]
    columns = [header.index(_present(key, header, origin, hints[key])) for key in keys]
    for line, row in rows:
        if len(row) != len(header):
            raise UserError(
                f"{origin}, line {line}: {len(row)} fields, but the first line names {len(header)} columns "
                f"({SEPARATORS[delimiter]}-separated); "
                'put a text that contains the separator in quotes ("), and double the quotes inside it.'
            )
        yield line, [row[column] for column in columns]


def _table_rows(lines: Iterator[str], delimiter: str, origin: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        # The limit belongs to the process, so it is raised only while a row is read.
        before = csv.field_size_limit(_FIELD_LIMIT)
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(
                f"{origin}, line {line}: the row that begins here cannot be read ({error}); "
                'a field in quotes (") must be closed, and the quotes inside it doubled.'
            ) from error
        finally:
            csv.field_size_limit(before)
        if row:
            yield line, row


def _json_records(lines, keys, origin, hints) -> Iterator[tuple[int, list[object]]]:
    for line, record in json_objects(lines, origin):
        place = f"{origin}, line {line}"
        yield line, [record[_present(key, list(record), place, hints[key])] for key in keys]


def json_objects(
    lines: Iterator[str], origin: str, example: str = '{"text": ...}'
) -> Iterator[tuple[int, dict[str, object]]]:
    """The object on each line of JSONL, with the number of the line; empty lines have none.

    Raises:
        UserError: a line that is none; the sentence shows `example`.
    """
    for line, content in enumerate(lines, start=1):
        if not content.strip():
            continue
        try:
            record = json.loads(content)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number too long or nesting too deep"
            raise UserError(f"{origin}, line {line}: not valid JSON ({reason}); expected one object a line.") from error
        if not isinstance(record, dict):
            raise UserError(f"{origin}, line {line}: expected an object like {example}, found {_short(content)}.")
        yield line, record


def _present(key: str | None, names: list[str], place: str, option: str) -> str:
    """`key`, or the only sensible one where it is None, if the file has exactly one of this name."""
    if key is None:
        key = names[0] if len(names) == 1 else _ONLY
    if names.count(key) == 1:
        return key
    if key in names:
        raise UserError(f"{place} has {names.count(key)} columns named {key!r}; rename all but one of them.")
    raise UserError(
        f"{place} has no column {key!r}; what is there: {shown_names(names)}. Name the right one with {option}."
    )


def shown_names(names: Sequence[str]) -> str:
    """Names of columns or keys for a sentence, not more than fit in one."""
    return (", ".join(repr(_short(name)) for name in names[:20]) + (" ..." if len(names) > 20 else "")) or "nothing"


def checked_text(value: object, key: str, origin: str, line: int) -> str:
    """`value` if it is text.

    Raises:
        UserError: it is something else, or half a character; the sentence names the line.
    """
    if not isinstance(value, str):
        raise UserError(f"{origin}, line {line}: {key!r} should be a string, found {_short(json.dumps(value))}.")
    # JSON can spell half a character ("\ud800"), which no encoder accepts later.
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"{origin}, line {line}: {key!r} contains half a surrogate pair, which is not text.") from error
    return value


def _label(value: object, key: str, origin: str, line: int) -> str:
    if isinstance(value, bool):
        return str(value).lower()  # as the file spells it
    if isinstance(value, int):
        return str(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise UserError(
            f"{origin}, line {line}: the label {key!r} is empty; give every example a label or leave it out."
        )
    if not isinstance(value, str):
        raise UserError(
            f"{origin}, line {line}: the label {key!r} should be a string or a whole number, "
            f"found {_short(json.dumps(value))}."
        )
    return checked_text(value.strip(), key, origin, line)


def _short(value: str, most: int = 40) -> str:
    value = value.strip()
    return value if len(value) <= most else value[:most] + "..."
