"""What a run was trained on, if these are somebody's own files: a digest of each, to notice that one has changed."""

import functools
import hashlib
from pathlib import Path

from common.config import ConfigModel
from common.errors import UserError
from common.runs import Run

# How settings of the section `data` that name a file or folder end.
_ENDINGS = ("path", "captions")


def digests(run: Run, data: ConfigModel) -> dict[str, str]:
    """The state of each file and folder that the section `data` names.

    Args:
        run: the run; a folder that it lies in is left out, since the training itself changes that.
        data: the section; what it names and is not there is left out, since whoever reads it says so.

    Returns:
        32 hexadecimal digits by name of the setting. Those of a file are of its bytes, those of a folder of the names and sizes
        of the files in it, because it may hold gigabytes of pictures.
    """
    named = {name: Path(value) for name, value in data.model_dump().items() if name.endswith(_ENDINGS) and value}
    return {
        name: _digest(path)
        for name, path in named.items()
        if path.exists() and not run.path.resolve().is_relative_to(path.resolve())
    }


def note_files(run: Run, data: ConfigModel) -> None:
    """Notes in `run.json` what the training reads, unless that was noted when it began."""
    found = digests(run, data)
    if found and "files" not in run.info():
        run.note(files=found)


def changed_files(run: Run, data: ConfigModel) -> list[str]:
    """The paths of those files whose content is another than when the training began."""
    noted = run.info().get("files")
    if not isinstance(noted, dict):
        return []
    return [getattr(data, name) for name, digest in digests(run, data).items() if noted.get(name, digest) != digest]


def require_same_files(run: Run, data: ConfigModel) -> None:
    """Raises UserError if a training would go on with other data than it began with."""
    for path in changed_files(run, data):
        raise UserError(
            f"{path} has changed since the training in {run.path} began, which can go on only with the same data; "
            "put the old content back, or start a new run"
        )


def _digest(path: Path) -> str:
    new = functools.partial(hashlib.blake2b, digest_size=16)
    try:
        if path.is_file():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, new).hexdigest()
        files = sorted((str(p.relative_to(path)), p.stat().st_size) for p in path.rglob("*") if p.is_file())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    return new(repr(files).encode("utf-8", "surrogateescape")).hexdigest()
