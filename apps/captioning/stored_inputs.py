"""What the trained part reads of each picture, kept on the disk: the files, and how records are read from them.

A record holds the pixels of a picture, or the features of a frozen encoder; `input_computation` computes what is not there yet.
`StoredInputs.gather` reads single records, so that neither pictures nor features are ever all in memory.

A record is known by the content of its picture (blake2b of the bytes), whatever its name is and in whatever set it lies.
Records lie in shards, files that appear whole or not at all: a run that was broken off goes on where it was, and two runs at
once do the same work twice and no harm. What is in the way, a shard that is cut off, is made again.

```
FOLDER/efficientnet_lite0-224-stretch-5f0c.../     one folder for each key
  3b1e....inputs                                   a shard: header, contents, records
  77aa....broken                                   contents of pictures that cannot be read
```
"""

import contextlib
import hashlib
import json
import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.console import get_console
from common.errors import UserError
from common.files import atomic_write, is_temporary

_DIGEST_BYTES = 16
_MAGIC = b"UNROLLI1"
_HEADER = struct.Struct("<8sQQ16s")  # magic, records, bytes of a record, digest of the contents
_SHARD_RECORDS, _SHARD_BYTES = 1_024, 64 * 2**20


class StoredInputs:
    """Inputs on the disk, one for each picture; made by `input_computation.store_inputs`.

    Attributes:
        usable: bool [pictures], whether the picture could be read; the others have no input.
        notes: sentences for the console about those that could not.
        shape: of one input.
        dtype: of the inputs.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        shard_of: np.ndarray,
        position_of: np.ndarray,
        shape: tuple[int, ...],
        dtype: np.dtype,
        notes: tuple[str, ...] = (),
    ):
        self.usable = shard_of >= 0
        self.notes = notes
        self.shape = shape
        self.dtype = dtype
        self._shards = list(shards)
        self._shard_of = shard_of  # int32 [pictures], -1 = none
        self._position_of = position_of  # int64 [pictures], byte in the shard

    def __len__(self) -> int:
        return len(self.usable)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Reads the inputs of some pictures; may be called from several threads.

        Args:
            rows: int64 [batch], numbers of pictures that are usable; -1 gives zeros.

        Returns:
            [batch, *shape].

        Raises:
            UserError: If a file is gone or damaged.
            ValueError: If a picture is not usable.
        """
        rows = np.asarray(rows, np.int64)
        inputs = np.zeros((len(rows), *self.shape), self.dtype)
        real = np.flatnonzero(rows >= 0)
        if not self.usable[rows[real]].all():
            raise ValueError(
                f"no inputs of pictures {rows[real][~self.usable[rows[real]]].tolist()}: they are not usable"
            )
        shards, positions = self._shard_of[rows[real]], self._position_of[rows[real]]
        order = np.lexsort((positions, shards))
        descriptor, opened = -1, -1
        try:
            for index in order:
                if shards[index] != opened:
                    if descriptor >= 0:
                        os.close(descriptor)
                    descriptor = -1
                    descriptor, opened = os.open(self._shards[shards[index]], os.O_RDONLY), shards[index]
                target = inputs[real[index]].reshape(-1).view(np.uint8)
                if os.preadv(descriptor, [target], positions[index]) != target.nbytes:
                    raise OSError("cut off")
        except OSError as error:
            raise UserError(
                f"{self._shards[shards[index]]} is missing or damaged; delete its folder and run again, then it is made anew"
            ) from error
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        return inputs


class InputStore:
    """The folder of one key: which contents are there, and a shard that grows in memory.

    Args:
        folder: of the key, see `folder_name`; need not exist.
        shape: of one input.
        dtype: of the inputs.

    Attributes:
        broken: digests of contents that were found not to be pictures; `close` keeps what was added.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype):
        self.folder, self.shape, self.dtype = folder, tuple(shape), dtype
        self._record_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self._shard_records = max(1, min(_SHARD_RECORDS, _SHARD_BYTES // max(1, self._record_bytes)))
        self._shards: list[Path] = []
        self._places: dict[bytes, tuple[int, int]] = {}  # digest -> shard and byte in it
        self._new: dict[bytes, bytes] = {}
        self.broken: set[bytes] = set()
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            if path.suffix == ".inputs" and not is_temporary(path):
                self._open(path)
            elif path.suffix == ".broken" and not is_temporary(path):
                self.broken |= set(_cut(path.read_bytes()))
        self._broken_before = set(self.broken)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._places or digest in self._new

    def add(self, digest: bytes, values: np.ndarray) -> None:
        self._new[digest] = np.ascontiguousarray(values).tobytes()
        if len(self._new) == self._shard_records:
            self._write()

    def close(self) -> None:
        """Writes what is still in memory."""
        if self._new:
            self._write()
        new = b"".join(sorted(self.broken - self._broken_before))
        if new:
            with atomic_write(self.folder / f"{digest_of(new).hex()}.broken", "wb") as file:
                file.write(new)

    def inputs(self, digests: list[bytes], notes: tuple[str, ...]) -> StoredInputs:
        """The inputs of the pictures with these contents, in their order."""
        places = np.array([self._places.get(digest, (-1, -1)) for digest in digests], np.int64).reshape(-1, 2)
        return StoredInputs(self._shards, places[:, 0].astype(np.int32), places[:, 1], self.shape, self.dtype, notes)

    def _write(self) -> None:
        contents = b"".join(self._new)
        path = self.folder / f"{digest_of(contents).hex()}.inputs"
        with atomic_write(path, "wb") as file:
            file.write(_HEADER.pack(_MAGIC, len(self._new), self._record_bytes, digest_of(contents)))
            file.write(contents)
            file.writelines(self._new.values())
        self._register(path, list(self._new))
        self._new = {}

    def _open(self, path: Path) -> None:
        """Reads which contents a shard has; removes it if it is cut off or something else."""
        try:
            with open(path, "rb") as file:
                magic, count, record_bytes, digest = _HEADER.unpack(file.read(_HEADER.size))
                size = os.fstat(file.fileno()).st_size
                whole = _HEADER.size + count * (_DIGEST_BYTES + record_bytes)
                contents = file.read(count * _DIGEST_BYTES) if whole == size else b""
        except struct.error:
            magic, record_bytes, digest, contents = b"", 0, b"", b""
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}); give it rights or delete it") from error
        if magic == _MAGIC and record_bytes == self._record_bytes and digest == digest_of(contents):
            self._register(path, _cut(contents))
        else:
            get_console().warn(f"{path} is damaged; its pictures are read again")
            with contextlib.suppress(OSError):
                path.unlink()

    def _register(self, path: Path, digests: list[bytes]) -> None:
        start = _HEADER.size + _DIGEST_BYTES * len(digests)
        for number, digest in enumerate(digests):
            self._places[digest] = (len(self._shards), start + number * self._record_bytes)
        self._shards.append(path)


def folder_name(key: str, shape: tuple[int, ...], dtype: np.dtype) -> str:
    """The name of the folder of a key, which a person can recognise."""
    everything = json.dumps([key, list(shape), dtype.str]).encode()
    readable = re.sub(r"[^a-z0-9_]+", "-", key.lower()).strip("-")[:60].rstrip("-")
    return f"{readable}-{digest_of(everything).hex()}"


def digest_of(data: bytes) -> bytes:
    """By what a content is known, 16 bytes."""
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _cut(contents: bytes) -> list[bytes]:
    return [contents[at : at + _DIGEST_BYTES] for at in range(0, len(contents), _DIGEST_BYTES)]
