"""The pictures below a folder, found without opening one.

Stands between a file of captions and the pictures that it names.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from pathlib import Path

from apps.captioning.caption_files import PICTURE_ENDINGS
from common.errors import UserError


class PictureFolder:
    """What pictures lie in a folder and in those below it.

    Hidden files and folders are not looked into, and links to folders are not followed; a name that leads through one is found
    all the same, as long as it stays inside.

    Args:
        path: the folder.

    Attributes:
        root: its absolute path, without links.
        sizes: bytes of each file with the ending of a picture, by its path relative to the folder, with "/".

    Raises:
        UserError: there is no such folder, or one in it cannot be read.
    """

    def __init__(self, path: str | Path):
        self.path = str(path)
        self.root = os.path.realpath(Path(path).expanduser())
        if not os.path.isdir(self.root):
            what = "is a file" if os.path.exists(self.root) else f"is not there (looked from {Path.cwd()})"
            raise UserError(f"data.path, the folder of the pictures, {what}: {path}; name the folder that they lie in.")
        self.sizes: dict[str, int] = {}
        self._scan(self.root, "")
        self._by_base: dict[str, list[str]] | None = None

    def find(self, name: str, where: str) -> tuple[str, int] | None:
        """The file of a name.

        Args:
            name: a path relative to the folder, without "..".
            where: file and line that give the name, for people.

        Returns:
            Its path relative to the folder, and its size in bytes; None if there is no such file.

        Raises:
            UserError: it lies outside of the folder, behind a link.
        """
        if name in self.sizes:
            return name, self.sizes[name]
        path = os.path.join(self.root, name)
        if not self._is_inside(path):
            raise UserError(
                f"{where}: {name!r} is a link that leads out of {self.path} (data.path); choose a folder that has the pictures "
                "themselves, or copy them there."
            )
        size = _file_size(path)
        if size is None:
            return None
        # Where a link leads, so that the picture is not taken for another one, without a caption.
        real = os.path.relpath(os.path.realpath(path), self.root)
        return real.replace(os.sep, "/"), size

    def find_below(self, name: str, where: str) -> tuple[str, int] | None:
        """The same for a picture of which only the name without its folder may be known.

        Raises:
            UserError: several folders have a picture of this name, or as above.
        """
        found = self.find(name, where)
        if found is not None:
            return found
        if self._by_base is None:
            self._by_base = defaultdict(list)
            for path in self.sizes:
                self._by_base[path.rpartition("/")[2]].append(path)
        paths = self._by_base.get(name, ())
        if len(paths) > 1:
            raise UserError(
                f"{where}: {name!r} stands in several folders below {self.path}, such as {paths[0]} and {paths[1]}; write the "
                "folder into the name, or give a data.path that has it once."
            )
        return (paths[0], self.sizes[paths[0]]) if paths else None

    def file(self, name: str) -> str:
        """The absolute path of what `find` found."""
        return os.path.join(self.root, *name.split("/"))

    def _scan(self, folder: str, prefix: str) -> None:
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            raise UserError(f"The folder {folder} cannot be read ({error.strerror}); give it rights.") from error
        for entry in entries:
            if entry.name.startswith("."):  # what systems leave beside pictures, such as ._a.jpg
                continue
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                self._scan(entry.path, f"{name}/")
            elif entry.name.lower().endswith(PICTURE_ENDINGS) and (
                not entry.is_symlink() or self._is_inside(entry.path)
            ):
                size = _file_size(entry.path)
                if size is not None:
                    self.sizes[name] = size

    def _is_inside(self, path: str) -> bool:
        try:
            return os.path.commonpath([os.path.realpath(path), self.root]) == self.root
        except ValueError:  # another drive
            return False


def _file_size(path: str) -> int | None:
    try:
        status = os.stat(path)
    except OSError:  # not there, a name too long for a file, or a link to nothing
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
