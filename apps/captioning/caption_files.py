"""Reads a person's own captions: CSV, the token file of Flickr8k or the JSON of COCO; and lists of picture names.

Stands at the start of the flow of data for `--data.source files`; `captioned_files` finds the pictures. Everything is read
strictly. What cannot be read as it stands is a `UserError` that names file and line.
"""

from __future__ import annotations

import itertools
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from common.data.separators import separator_with
from common.data.text_files import decoded_lines, open_bytes, table_records
from common.errors import UserError

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp")
_COLUMNS = ("image", "caption")
_TOKEN_LINE = re.compile(r"(?P<name>[^\t]+)#\d+\t(?P<caption>.*)", re.DOTALL)
_FORMS = (
    "CSV whose first line names the columns image and caption, the token file of Flickr8k (name.jpg#0, a tab, the caption) "
    "or the JSON of COCO"
)


@dataclass(frozen=True)
class CaptionTable:
    """What a file of captions says, before anybody looks for the pictures.

    Attributes:
        path: the file.
        captions: the captions of each picture in the order of the file, by its name: a path relative to the folder of the
            pictures, without "." and "..". No caption is empty.
        places: where each name stands first, for people: "line 3", or "images[2]" of JSON.
        in_subfolders: whether a name may stand for a picture in any folder below; COCO gives its names without the folder.
        without_name: places of captions whose picture the file itself does not name.
    """

    path: str
    captions: dict[str, list[str]]
    places: dict[str, str]
    in_subfolders: bool = False
    without_name: tuple[str, ...] = ()


@dataclass(frozen=True)
class PictureNames:
    """A list of pictures whose captions stand elsewhere.

    Attributes:
        path: the file.
        places: where each name stands first, by name: "line 3".
    """

    path: str
    places: dict[str, str]


def read_captions(path: str) -> CaptionTable:
    """Reads captions; the form is told by the content.

    Args:
        path: CSV with a first line that names the columns image and caption (others are not looked at; separated by commas,
            semicolons or tabs); a token file of Flickr8k, `name.jpg#0<TAB>caption` in each line; or JSON of COCO. UTF-8,
            zipped if the name ends in .gz.

    Raises:
        UserError: no such file, none of these forms, bytes that are not UTF-8, an empty caption, a name that leaves the
            folder of the pictures, no caption at all. The sentence names file and line.
    """
    table = read_captions_or_names(path)
    if isinstance(table, PictureNames):
        raise UserError(f"{path} is a list of picture names without captions; give {_FORMS}.")
    return table


def read_captions_or_names(path: str) -> CaptionTable | PictureNames:
    """Reads captions, or a list of picture names, one a line, as the splits of Flickr8k are given; else as `read_captions`."""
    path = str(path)
    with open_bytes(path) as stream:
        lines = decoded_lines(stream, path)
        # Up to the first line that is not empty, which tells the form.
        beginning = []
        for line in lines:
            beginning.append(line)
            if line.strip():
                break
        first = beginning[-1].strip() if beginning else ""
        lines = itertools.chain(beginning, lines)
        separator = separator_with(first, _COLUMNS)
        if not first:
            raise UserError(f"{path} is empty; expected {_FORMS}.")
        if first.startswith(("{", "[")):
            table = _coco_table("".join(lines), path)
        elif separator is not None:
            table = _collected(_csv_rows(lines, separator, path), path)
        elif _TOKEN_LINE.fullmatch(first):
            table = _collected(_token_rows(lines, path), path)
        elif first.lower().endswith(PICTURE_ENDINGS):
            return _names(lines, path)
        else:
            raise UserError(f"{path}, line {len(beginning)}: {_what_is_wrong(first)}; expected {_FORMS}.")
    if not table.captions:
        raise UserError(f"{path} has no captions; expected at least a few pictures with theirs.")
    return table


def _what_is_wrong(first: str) -> str:
    fields = re.split("[,;\t]", first)
    if len(fields) > 1 and fields[0].strip(' "').lower().endswith(PICTURE_ENDINGS):
        return "the columns have no names; put a first line image,caption before it"
    if len(fields) > 1:
        return f"there are no columns named image and caption in {_beginning(first)}"
    return f"these are no captions: {_beginning(first)}"


def _csv_rows(lines: Iterator[str], separator: str, path: str) -> Iterator[tuple[str, str, str]]:
    for line, (name, caption) in table_records(lines, separator, _COLUMNS, path, dict.fromkeys(_COLUMNS, "")):
        yield name, caption, f"line {line}"


def _token_rows(lines: Iterator[str], path: str) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(lines, start=1):
        content = line.rstrip("\r\n")
        if not content.strip():
            continue
        match = _TOKEN_LINE.fullmatch(content)
        if match is None:
            raise UserError(
                f"{path}, line {number}: expected a name, # and a number, a tab and a caption, as in the lines above, found "
                f"{_beginning(content)}; mend the line or take it out."
            )
        yield match["name"], match["caption"], f"line {number}"


def _collected(rows: Iterator[tuple[str, str, str]], path: str) -> CaptionTable:
    """The captions of rows (name, caption, place), by name."""
    captions, places = {}, {}
    for name, caption, place in rows:
        name = _checked_name(name, path, place)
        _check_caption(caption, path, place)
        places.setdefault(name, place)
        captions.setdefault(name, []).append(caption)
    return CaptionTable(path, captions, places)


def _names(lines: Iterator[str], path: str) -> PictureNames:
    places = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            places.setdefault(_checked_name(line, path, f"line {number}"), f"line {number}")
    return PictureNames(path, places)


def _coco_table(content: str, path: str) -> CaptionTable:
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        place, reason = "", "a number too long or nesting too deep"
        if isinstance(error, json.JSONDecodeError):
            place, reason = f", line {error.lineno}", error.msg
        raise UserError(f"{path}{place}: not valid JSON ({reason}); make or download the file again.") from error
    for key in ("images", "annotations"):
        if not isinstance(record, dict) or not isinstance(record.get(key), list):
            raise UserError(
                f"{path} is JSON without a list {key!r}; captions as JSON have the form of COCO: "
                '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "caption": "..."}]}.'
            )
    names, captions, places, without_name = {}, {}, {}, []
    for number, image in enumerate(record["images"]):
        place = f"images[{number}]"
        identity, name = _values(image, ("id", "file_name"), path, place)
        if identity in names:
            raise UserError(f"{path}, {place}: a second picture with the id {identity!r}; give each its own.")
        names[identity] = name = _checked_name(name, path, place)
        places.setdefault(name, place)
        captions.setdefault(name, [])
    for number, annotation in enumerate(record["annotations"]):
        place = f"annotations[{number}]"
        identity, caption = _values(annotation, ("image_id", "caption"), path, place)
        _check_caption(caption, path, place)
        if identity in names:
            captions[names[identity]].append(caption)
        else:
            without_name.append(f"image_id {identity!r}, {place}")
    captions = {name: found for name, found in captions.items() if found}
    return CaptionTable(path, captions, places, in_subfolders=True, without_name=tuple(without_name))


def _values(record: object, keys: tuple[str, str], path: str, place: str) -> tuple[int | str, str]:
    """The id and the string under `keys`."""
    if not isinstance(record, dict) or not set(keys) <= set(record):
        raise UserError(f"{path}, {place}: expected an object with {keys[0]!r} and {keys[1]!r}.")
    identity, text = (record[key] for key in keys)
    if isinstance(identity, bool) or not isinstance(identity, int | str) or not isinstance(text, str):
        raise UserError(
            f"{path}, {place}: {keys[0]!r} should be a whole number and {keys[1]!r} a string, found "
            f"{_beginning(json.dumps(identity))} and {_beginning(json.dumps(text))}."
        )
    return identity, text


def _checked_name(name: str, path: str, place: str) -> str:
    """The name of a picture as a path below the folder, in its shortest form."""
    name = name.strip()
    if not name:
        raise UserError(f"{path}, {place}: the name of the picture is empty; write it, or take the caption out.")
    windows = PureWindowsPath(name)
    if PurePosixPath(name).is_absolute() or windows.root or ".." in windows.parts:
        raise UserError(
            f"{path}, {place}: {_beginning(name)} leads out of the folder of the pictures (data.path); names are relative to "
            "it and without '..', so choose a folder above, or write them otherwise."
        )
    if any(character < " " or "\ud800" <= character <= "\udfff" for character in name):
        raise UserError(f"{path}, {place}: {_beginning(name)} has characters that no name of a file has; mend it.")
    return posixpath.normpath(name)


def _check_caption(caption: str, path: str, place: str) -> None:
    if not caption.strip():
        raise UserError(f"{path}, {place}: the caption is empty; write it, or take it out.")
    # JSON can spell half a character ("\ud800"), which no encoder accepts later.
    try:
        caption.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"{path}, {place}: the caption contains half a surrogate pair, which is not text; mend it."
        ) from error


def _beginning(content: str, most: int = 40) -> str:
    return repr(content if len(content) <= most else content[:most] + "...")
