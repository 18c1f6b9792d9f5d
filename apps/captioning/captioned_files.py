"""Brings together a person's captions and pictures: which caption has no picture, which picture no caption.

Stands above `caption_files` and `picture_folder`, for `--data.source files`.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.captioning.caption_files import CaptionTable, PictureNames, read_captions, read_captions_or_names
from apps.captioning.picture_folder import PictureFolder
from apps.captioning.pictures import CaptionedPictures, PictureFiles
from common.errors import UserError


@dataclass(frozen=True)
class _Found:
    """The usable pictures of one table.

    Attributes:
        files: path relative to the folder of each picture, by its name in the table.
        origin: file of the captions.
    """

    files: dict[str, str]
    table: CaptionTable
    origin: str

    def taken(self, names) -> _Found:
        """Those of some names, in the order of the table."""
        return _Found({name: file for name, file in self.files.items() if name in names}, self.table, self.origin)


def load_captioned_files(data) -> tuple[dict[str, CaptionedPictures], list[str]]:
    """Reads the captions and finds the pictures of `data.path`.

    Args:
        data: the section `data` of the configuration.

    Returns:
        The parts that were given, "train" among them, and notes about captions without a picture, empty pictures and pictures
        without a caption.

    Raises:
        UserError: a file cannot be read as it stands, a name leads out of the folder, more than `data.max_unusable_fraction` is
            unusable, or nothing is left.
    """
    tables: dict[str, CaptionTable | PictureNames] = {"train": read_captions(data.captions)}
    for part in ("validation", "test"):
        path = getattr(data, f"{part}_captions")
        if path is not None:
            tables[part] = read_captions_or_names(path)
    folder = PictureFolder(data.path)
    notes: list[str] = []
    whole = _found(tables["train"], folder, data.max_unusable_fraction, notes)
    found, listed = {"train": whole}, set()
    for part, table in tables.items():
        if isinstance(table, PictureNames):
            _check_listed(table, whole.table)
            listed |= set(table.places)
            found[part] = _Found(whole.files, whole.table, table.path).taken(table.places)
        elif part != "train":
            found[part] = _found(table, folder, data.max_unusable_fraction, notes)
    captioned = {file for each in found.values() for file in each.files.values()}
    found["train"] = whole.taken(set(whole.files) - listed)
    _tell_uncaptioned(folder, captioned, data.max_unusable_fraction, notes)
    for part, each in found.items():
        if not each.files:
            rest = (
                ", because all others stand in the lists of validation and test" if part == "train" and listed else ""
            )
            raise UserError(
                f"None of the pictures that {each.origin} names for {_PURPOSES[part]} can be used{rest}; give captions of more "
                f"pictures that lie in {data.path}."
            )
    return {part: _captioned(each, folder) for part, each in found.items()}, notes


_PURPOSES = {"train": "training", "validation": "validation", "test": "the test"}


def _found(table: CaptionTable, folder: PictureFolder, most: float, notes: list[str]) -> _Found:
    """The pictures of a table that are there and not empty."""
    find = folder.find_below if table.in_subfolders else folder.find
    files, empty, missing = {}, [], list(table.without_name)
    for name, captions in table.captions.items():
        place = table.places[name]
        found = find(name, f"{table.path}, {place}")
        if found is None:
            missing += [f"{name}, {place}"] * len(captions)
        elif not found[1]:
            empty.append(f"{name}, {place}")
        else:
            files[name] = found[0]
    total = sum(map(len, table.captions.values())) + len(table.without_name)
    advice = "names are relative to data.path, so mend one of the two, put the pictures there, or"
    _tell(missing, total, f"captions in {table.path}", f"have no picture in {folder.path}", most, notes, advice)
    advice = "put the pictures there again, or"
    _tell(empty, len(table.captions), f"pictures of {table.path}", "are empty files", most, notes, advice)
    return _Found(files, table, table.path)


def _tell_uncaptioned(folder: PictureFolder, captioned: set[str], most: float, notes: list[str]) -> None:
    # An empty file that has captions was told of already.
    uncaptioned = [name for name, size in folder.sizes.items() if name not in captioned and size]
    advice = "name more captions with --data.validation_captions or --data.test_captions, take the pictures out, or"
    _tell(uncaptioned, len(folder.sizes), f"pictures in {folder.path}", "have no caption", most, notes, advice)


def _tell(unusable: list[str], total: int, what: str, why: str, most: float, notes: list[str], advice: str) -> None:
    """A note of what is left out, or a UserError if it is too much."""
    if not unusable:
        return
    sentence = f"{len(unusable):,} of {total:,} {what} {why} (the first: {unusable[0]})"
    if len(unusable) > most * total:
        raise UserError(
            f"{sentence}, which is more than data.max_unusable_fraction, {most:g}, allows; {advice} allow more."
        )
    notes.append(f"{sentence}; left out.")


def _check_listed(names: PictureNames, table: CaptionTable) -> None:
    for name, place in names.places.items():
        if name not in table.captions:
            raise UserError(
                f"{names.path}, {place}: {name!r} has no caption in {table.path}; a list names pictures of data.captions, so "
                "write it as there, or take it out."
            )


def _captioned(found: _Found, folder: PictureFolder) -> CaptionedPictures:
    return CaptionedPictures.from_lists(
        PictureFiles([folder.file(file) for file in found.files.values()]),
        [found.table.captions[name] for name in found.files],
        list(found.files),
        found.origin,
    )
