"""Reads a person's own pairs of sentences: TSV, JSONL, or two text files line by line; each gzipped too.

Stands at the start of the flow of data for `--data.source files`. Everything is read strictly. What cannot be read as it
stands is a `UserError` that names file and line: a line that is silently skipped in one of two files makes every pair
after it a wrong one.

Lines end with \\n or \\r\\n and nowhere else. A sentence may contain any other character, U+0085 and U+2028 too, and is
returned as it stands, white space at its ends included.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from apps.translation.pairs import SentencePairs
from common.data.text_files import checked_text, decoded_lines, json_objects, open_bytes, shown_names
from common.errors import UserError
from common.spelling import listed

NESTED_KEY = "translation"  # where Hugging Face puts the languages
_SUFFIXES = (".tsv", ".jsonl")


def read_pairs(
    path: str | Path,
    target_path: str | Path | None = None,
    source_language: str = "en",
    target_language: str = "de",
    *,
    swap: bool = False,
    setting: str = "data.path",
) -> SentencePairs:
    """Reads pairs from one file, or from two whose lines belong together.

    A TSV has the source in its first column and the target in the second; more columns are not looked at. It has no first
    line with names and no quoting: a `"` is a character. A JSONL has an object in each line, with the languages as keys,
    or inside the key "translation". Empty lines of a TSV or JSONL are no pairs; in two text files each line counts.

    Args:
        path: a file that ends in .tsv or .jsonl, or one of these with .gz; or the source side, a text file of any name
            (zipped if it ends in .gz).
        target_path: the target side, where `path` is the source side.
        source_language: key of the source in JSONL.
        target_language: key of the target in JSONL.
        swap: the second column, or `target_path`, is the source.
        setting: name of the setting that gave `path`, for the sentences of errors.

    Returns:
        All pairs in the order of the file; no side is empty.

    Raises:
        UserError: no such file, an unknown ending, bytes that are not UTF-8, two files of different length, a line without
            a tab, a JSON line without the keys, an empty side, no pair at all. The sentence names file and line.
    """
    path = str(path)
    if target_path is not None:
        target_path = str(target_path)
        origin, pairs = f"{path} and {target_path}", _aligned_pairs(path, target_path, setting)
    else:
        origin, pairs = path, _pairs_of_one_file(path, source_language, target_language, swap, setting)
    sources, targets = [], []
    for source, target in pairs:
        sources.append(source)
        targets.append(target)
    if not sources:
        raise UserError(f"{origin}: no pair in it; expected at least a few sentences with their translations.")
    if swap:
        sources, targets = targets, sources
    return SentencePairs.from_lists(sources, targets, origin)


def _pairs_of_one_file(
    path: str, source_language: str, target_language: str, swap: bool, setting: str
) -> Iterator[tuple[str, str]]:
    with open_bytes(path) as stream:  # before the ending is looked at: a folder has none
        name = Path(path).name.lower().removesuffix(".gz")
        if name.endswith(".jsonl"):
            if swap:
                raise UserError(
                    f"data.swap is true, but {path} names its sides: exchange data.source_language and "
                    "data.target_language instead."
                )
            yield from _json_pairs(stream, path, {"source": source_language, "target": target_language})
        elif name.endswith(".tsv"):
            yield from _table_pairs(stream, path)
        else:
            raise UserError(
                f"{path} does not end in {listed(_SUFFIXES)} or one of these with .gz; if it is the source side as text, "
                f"give the target side with --{_target_setting(setting)}, else convert or rename it."
            )


def _target_setting(setting: str) -> str:
    return setting.removesuffix("path") + "target_path"


def _table_pairs(stream: IO[bytes], path: str) -> Iterator[tuple[str, str]]:
    for number, content in enumerate(_contents(stream, path), start=1):
        if not content:
            continue
        columns = content.split("\t", 2)
        if len(columns) < 2:
            raise UserError(
                f"{path}, line {number}: expected a source, a tab and a target, but there is no tab in "
                f"{_beginning(content)}; separate the two by a tab, or take the line out."
            )
        for side, column in zip(columns[:2], ("first", "second"), strict=True):
            if not side.strip():
                raise UserError(
                    f"{path}, line {number}: the {column} column is empty; give both sides, or take the line out."
                )
        yield columns[0], columns[1]


def _json_pairs(stream: IO[bytes], path: str, keys: dict[str, str]) -> Iterator[tuple[str, str]]:
    example = json.dumps(dict.fromkeys(keys.values(), "..."), ensure_ascii=False)
    lines = decoded_lines(stream, path, old_line_ends=False)
    for number, record in json_objects(lines, path, example):
        nested = record.get(NESTED_KEY)
        is_nested = isinstance(nested, dict) and not all(key in record for key in keys.values())
        sides = nested if is_nested else record
        pair = []
        for side, key in keys.items():
            if key not in sides:
                raise UserError(
                    f"{path}, line {number} has no key {key!r}{f' in {NESTED_KEY!r}' if is_nested else ''}; what is there: "
                    f"{shown_names(list(sides))}. Name the right one with --data.{side}_language."
                )
            text = checked_text(sides[key], key, path, number)
            if not text.strip():
                raise UserError(f"{path}, line {number}: {key!r} is empty; give both sides, or take the line out.")
            pair.append(text)
        yield pair[0], pair[1]


def _aligned_pairs(path: str, target_path: str, setting: str) -> Iterator[tuple[str, str]]:
    target_setting = _target_setting(setting)
    if os.path.realpath(path) == os.path.realpath(target_path):
        raise UserError(
            f"{setting} and {target_setting} are both {path}; give the sentences of the one language as the first file "
            "and their translations, line by line, as the second."
        )
    for each in (path, target_path):
        if Path(each).name.lower().removesuffix(".gz").endswith((*_SUFFIXES, ".csv")):
            raise UserError(
                f"{each} is a table by its ending, but with {target_setting} each file is plain text with a sentence a "
                f"line; leave out --{target_setting} if {path} holds both sides, or rename it."
            )
    sources, targets = _lines(path), _lines(target_path)
    if len(sources) != len(targets):
        raise UserError(
            f"{path} has {len(sources):,} lines, but {target_path} has {len(targets):,}; each line of the one must be the "
            "translation of the same line of the other, so mend the shorter or the longer file."
        )
    for number, pair in enumerate(zip(sources, targets, strict=True), start=1):
        for side, each in zip(pair, (path, target_path), strict=True):
            if not side.strip():
                raise UserError(
                    f"{each}, line {number}: the line is empty; write the sentence, or take line {number} out of both files."
                )
        yield pair


def _lines(path: str) -> list[str]:
    with open_bytes(path) as stream:
        return list(_contents(stream, path))


def _contents(stream: IO[bytes], path: str) -> Iterator[str]:
    """The lines without their ends."""
    count, content = 0, ""
    for line in decoded_lines(stream, path, old_line_ends=False):
        count += 1
        content = line.removesuffix("\n").removesuffix("\r")
        yield content
    if count == 1 and "\r" in content:
        raise UserError(
            f"{path}: the lines end in a carriage return alone, as on old computers; write \\n in its place "
            "(for example: tr '\\r' '\\n')."
        )


def _beginning(content: str, most: int = 40) -> str:
    return repr(content if len(content) <= most else content[:most] + "...")
