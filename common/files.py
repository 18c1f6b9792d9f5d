"""Files and directories that appear whole or not at all.

Everything a run or an export leaves behind is written through this module: first under a temporary name in
the same directory, then flushed to the disk, then renamed. A full disk or a killed process therefore leaves
what was there before. What a killed process could not clean up has a name that starts with `.tmp-`; readers
skip those names.
"""

import contextlib
import errno
import json
import math
import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from common.errors import UserError

TEMPORARY_PREFIX = ".tmp-"

# What the person can mend: make room, change rights, choose another place. Other causes are bugs and keep
# their traceback.
_MENDABLE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EFBIG,
    errno.EIO,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
}

# What reading a file raises that is missing, cut off or overwritten; UnicodeDecodeError, JSONDecodeError and
# pydantic's ValidationError are ValueErrors.
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class TargetExistsError(UserError):
    """The path to be created is there already. A caller that can choose another name may catch this."""


def is_temporary(path: str | os.PathLike[str]) -> bool:
    """Tells whether `path` is unfinished work of a running or killed process, to be skipped by readers."""
    return Path(path).name.startswith(TEMPORARY_PREFIX)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a file that replaces `path` when the block ends without an exception.

    Args:
        path: The file to write. Missing parent directories are made.
        mode: `"w"` for UTF-8 text with newlines as written, `"wb"` for bytes.

    Yields:
        The open file, for writing.

    Raises:
        UserError: If the disk is full, or the place cannot be written.
        ValueError: If `mode` is neither `"w"` nor `"wb"`.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"atomic_write writes a new file: mode is 'w' or 'wb', not {mode!r}")
    with atomic_path(path) as temporary:
        text = {} if mode == "wb" else {"encoding": "utf-8", "newline": ""}
        with open(temporary, mode, **text) as file:
            yield file


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path of the same suffix for writers that insist on a path; it replaces `path` at
    the end.

    Raises:
        UserError: If the disk is full, or the place cannot be written.
    """
    path = Path(path)
    temporary = _temporary_beside(path)
    try:
        with _explained(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
    except BaseException:
        # The first failure is the one to report; on a broken disk the removal may well fail too.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields an empty temporary directory that becomes `path` when the block ends without an exception.

    Args:
        path: The directory to create; it must not exist yet. Missing parent directories are made.

    Raises:
        TargetExistsError: If `path` exists, at the start or when the block ends.
        UserError: If the disk is full, or the place cannot be written.
    """
    path = Path(path)
    _refuse_existing(path)
    temporary = _temporary_beside(path)
    try:
        with _explained(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Not tempfile.mkdtemp: its rights, 0700, would hide an export from the user of a server.
            temporary.mkdir()
            yield temporary
            for folder, _, names in os.walk(temporary):
                for name in names:
                    _sync(Path(folder, name))
                _sync(Path(folder))
            _refuse_existing(path)
            try:
                os.rename(temporary, path)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    raise TargetExistsError(_exists_sentence(path)) from error
                raise
            _sync(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], advice: str) -> Iterator[None]:
    """Turns a failure to read `path` in the block, which should do nothing else, into a sentence.

    Args:
        path: The file that the block reads.
        advice: What the person can do, e.g. `"delete it and run evaluate again"`.

    Raises:
        UserError: If the file is missing or damaged.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise UserError(f"{path} is missing or damaged; {advice}") from error


def require_writable_directory(path: str | os.PathLike[str]) -> None:
    """Checks that the directory `path` can be made and written to, and leaves everything as it was.

    What is missing is made below another name: two processes that ask for the same place must not remove it under each other.

    Raises:
        UserError: If it cannot be made, or nothing can be written there.
    """
    path = Path(path)
    there = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if there == path and path.is_dir():
        if not (os.access(path, os.W_OK | os.X_OK) and _takes_files(path)):
            raise UserError(f"cannot write into the folder {path}; change its rights or choose another place")
        return
    try:
        with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=there) as probe:
            Path(probe, path.relative_to(there)).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror}; choose another place") from error


def require_png_path(path: str | os.PathLike[str], setting: str) -> None:
    """Checks that a picture can be written to `path`, before the work for it begins.

    Args:
        path: The file that is to be written.
        setting: Where the person named it, e.g. `"--attention"`.

    Raises:
        UserError: If it does not end in .png, is a folder, or its folder cannot be made or written to.
    """
    if Path(path).suffix.lower() != ".png":
        raise UserError(f"{setting} is {os.fspath(path)!r}, but must be a file that ends in .png")
    if Path(path).is_dir():
        raise UserError(f"{setting} is {os.fspath(path)!r}, which is a folder; give a file")
    require_writable_directory(Path(path).parent)


def _takes_files(folder: Path) -> bool:
    """Whether a file can be made in a folder; in some, as in /proc, whatever their rights are, none can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` to `path` as indented JSON, whole or not at all; see `to_json` for what is converted."""
    with atomic_write(path) as file:
        file.write(to_json(value, indent=2) + "\n")


def to_json(value: Any, indent: int | None = None) -> str:
    """Returns strict JSON: NumPy values become numbers and lists, NaN and infinities become null."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy, without importing it here
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _temporary_beside(path: Path) -> Path:
    # The whole name stays at the end, for writers that choose the format by the suffix (keras wants
    # `.keras`).
    return path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-{path.name}")


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise TargetExistsError(_exists_sentence(path))


def _exists_sentence(path: Path) -> str:
    return f"{path} exists already and is left as it is; move it away or choose another place"


def _sync(path: Path) -> None:
    """Flushes a file or directory to the disk, so that the rename after it cannot overtake its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(path: Path, temporary: Path) -> Iterator[None]:
    """Turns a failure to write that a person can mend into a sentence with `path` and the cause."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        cause = _mendable_cause(error, path, temporary)
        if cause is None:
            raise
        raise UserError(
            f"cannot write {path}: {cause}; what was there before is unchanged, so mend this and run again"
        ) from error


def _mendable_cause(error: Exception, path: Path, temporary: Path) -> str | None:
    # HDF5 and TensorFlow raise their own exceptions for a full disk and put the system's words into the
    # message.
    full = os.strerror(errno.ENOSPC)
    if full in str(error):
        return full
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return os.strerror(error.errno)
    # The block may also fail to read some unrelated file, which must not be reported as a failure to write
    # this one.
    named = None if error.filename is None else Path(os.fsdecode(error.filename))
    ours = named is None or named in (path, *path.parents) or temporary in (named, *named.parents)
    if ours and isinstance(error, (FileExistsError, NotADirectoryError)) and not path.parent.is_dir():
        return f"{path.parent} is not a directory"
    # Where the folder is there, it is a writer that made no file: a bug.
    if ours and isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return f"the folder {path.parent} cannot be made"
    return os.strerror(error.errno) if ours and error.errno in _MENDABLE else None
