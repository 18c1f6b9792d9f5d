"""What the trained part reads of each picture, computed once and kept on the disk.

That is its pixels, or the features of a frozen encoder. `store_inputs` goes through the pictures once, with a progress bar, and
computes what is not there yet; `StoredInputs.gather` then reads single records, so that neither pictures nor features are ever
all in memory.

A record is known by the content of its picture (blake2b of the bytes), whatever its name is and in whatever set it lies.
Records lie in shards, files that appear whole or not at all: a run that was broken off goes on where it was, and two runs at
once do the same work twice and no harm. What is in the way, a shard that is cut off, is made again.

```
FOLDER/efficientnet_lite0-224-stretch-5f0c.../     one folder for each key
  3b1e....inputs                                   a shard: header, contents, records
  77aa....broken                                   contents of pictures that cannot be read
```
"""

import collections
import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from apps.captioning.pictures import Pictures
from common.console import get_console
from common.errors import UserError
from common.files import atomic_write, is_temporary

_DIGEST_BYTES = 16
_MAGIC = b"UNROLLI1"
_HEADER = struct.Struct("<8sQQ16s")  # magic, records, bytes of a record, digest of the contents
_SHARD_RECORDS, _SHARD_BYTES = 1_024, 64 * 2**20
# A batch of pictures waits in memory; of very large ones fewer go into a batch.
_BATCH_BYTES = 128 * 2**20
_READERS = 4
_NAMED = 3  # broken pictures that are named

Compute = Callable[[list[bytes]], np.ndarray]


class StoredInputs:
    """Inputs on the disk, one for each picture; made by `store_inputs`.

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


def store_inputs(
    pictures: Pictures,
    names: Sequence[str],
    compute: Compute,
    *,
    shape: tuple[int, ...],
    dtype: np.typing.DTypeLike,
    key: str,
    folder: Path | str,
    batch_size: int = 128,
    max_unusable_fraction: float = 1.0,
    description: str = "reading the pictures",
) -> StoredInputs:
    """Computes the inputs of all pictures that are not on the disk yet.

    Args:
        pictures: encoded pictures.
        names: one for each picture, for people.
        compute: from `batch_size` encoded pictures to their inputs `[batch_size, *shape]`; is not called if all are there. The last
            batch is filled up with `b""`. Raises `tf.errors.OpError` if one is broken.
        shape: of one input.
        dtype: of the inputs.
        key: everything that the inputs depend on beside the picture: encoder, digest of its weights, size, fit.
        folder: where the folder of this key is, or is made.
        batch_size: pictures.
        max_unusable_fraction: of the pictures, how many may be broken.
        description: of the stage, for the progress bar.

    Raises:
        UserError: If more pictures are broken, or the disk is full.
        ValueError: If `compute` returns another shape than told.
    """
    store = _Store(Path(folder) / _folder_name(key, shape, np.dtype(dtype)), shape, np.dtype(dtype))
    work = _Work(pictures, names, compute, store, batch_size, max_unusable_fraction)
    with get_console().progress(len(pictures), description) as progress:
        for done, usual in work.run():
            progress.update(done, unusual=not usual)
    return work.result()


class _Work:
    """One way through the pictures."""

    def __init__(self, pictures, names, compute, store, batch_size, max_unusable_fraction):
        self._pictures, self._names, self._compute, self._store = pictures, names, compute, store
        self._batch_size, self._limit = batch_size, max_unusable_fraction
        self._digests: list[bytes] = []
        self._waiting: dict[bytes, tuple[int, bytes]] = {}  # digest -> number of the picture and its bytes
        self._waiting_bytes = 0
        self._broken: dict[bytes, tuple[int, str]] = {}  # digest -> number of the picture and the sentence on it
        self._broken_count, self._computed = 0, False

    def run(self) -> Iterator[tuple[int, bool]]:
        """Yields how many pictures are done, and whether the time since then says something of the rest."""
        for index, (digest, data) in enumerate(_read_ahead(self._pictures)):
            self._digests.append(digest)
            if digest in self._broken:
                self._count_broken()
            elif digest not in self._store and digest not in self._waiting:
                self._add(index, digest, data)
            if len(self._waiting) == self._batch_size or self._waiting_bytes > _BATCH_BYTES:
                usual = self._computed
                self._flush()
                yield index + 1, usual
            elif not self._waiting and index % 64 == 0:
                yield index + 1, False
        self._flush()
        self._store.close()
        yield len(self._pictures), False

    def result(self) -> StoredInputs:
        notes = ()
        if self._broken_count:
            notes = (
                f"{self._counted()} cannot be read and {'is' if self._broken_count == 1 else 'are'} left out: {self._named()}",
            )
        return self._store.inputs(self._digests, notes)

    def _add(self, index: int, digest: bytes, data: bytes) -> None:
        # An empty string would be taken for the filling of a batch. What was broken in the run before probably still is, and
        # must not break the batch.
        if (not data or digest in self._store.broken) and self._is_broken(index, digest, data):
            return
        self._waiting[digest] = (index, data)
        self._waiting_bytes += len(data)

    def _flush(self) -> None:
        import tensorflow as tf  # late, as everything that only those need who compute

        if not self._waiting:
            return
        try:
            inputs = self._inputs()
        except tf.errors.OpError:
            before = len(self._waiting)
            for digest, (index, data) in list(self._waiting.items()):
                if self._is_broken(index, digest, data):
                    del self._waiting[digest]
            if len(self._waiting) == before:
                raise
            inputs = self._inputs() if self._waiting else ()
        self._computed = True
        for digest, values in zip(self._waiting, inputs):
            self._store.add(digest, values)
        self._waiting, self._waiting_bytes = {}, 0

    def _inputs(self) -> np.ndarray:
        batch = [data for _, data in self._waiting.values()]
        inputs = np.asarray(self._compute(batch + [b""] * (self._batch_size - len(batch))))
        expected = (self._batch_size, *self._store.shape)
        if inputs.shape != expected or inputs.dtype != self._store.dtype:
            raise ValueError(
                f"compute returned {inputs.dtype} {list(inputs.shape)}, not {self._store.dtype} {list(expected)}"
            )
        return inputs[: len(batch)]

    def _is_broken(self, index: int, digest: bytes, data: bytes) -> bool:
        from apps.captioning import picture_checks  # late, like TensorFlow

        try:
            picture_checks.check_picture(data, str(self._names[index]))
        except UserError as error:
            self._broken[digest] = index, str(error)
            self._store.broken.add(digest)
            self._count_broken()
            return True
        return False

    def _count_broken(self) -> None:
        self._broken_count += 1
        if self._broken_count > self._limit * len(self._pictures):
            self._store.close()  # what was computed until here is of use when the person has mended it
            raise UserError(
                f"at least {self._counted()} cannot be read, but at most {self._limit:.2%} may be unusable; mend or delete them, or "
                f"raise data.max_unusable_fraction: {self._named()}"
            )

    def _counted(self) -> str:
        return f"{self._broken_count:,} of {len(self._pictures):,} pictures"

    def _named(self) -> str:
        sentences = [sentence for _, sentence in sorted(self._broken.values())]
        more = [f"and {len(sentences) - _NAMED:,} more"] if len(sentences) > _NAMED else []
        return " | ".join(sentences[:_NAMED] + more)


class _Store:
    """The folder of one key: which contents are there, and a shard that grows in memory."""

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
            with atomic_write(self.folder / f"{_digest(new).hex()}.broken", "wb") as file:
                file.write(new)

    def inputs(self, digests: list[bytes], notes: tuple[str, ...]) -> StoredInputs:
        """The inputs of the pictures with these contents, in their order."""
        places = np.array([self._places.get(digest, (-1, -1)) for digest in digests], np.int64).reshape(-1, 2)
        return StoredInputs(self._shards, places[:, 0].astype(np.int32), places[:, 1], self.shape, self.dtype, notes)

    def _write(self) -> None:
        contents = b"".join(self._new)
        path = self.folder / f"{_digest(contents).hex()}.inputs"
        with atomic_write(path, "wb") as file:
            file.write(_HEADER.pack(_MAGIC, len(self._new), self._record_bytes, _digest(contents)))
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
        if magic == _MAGIC and record_bytes == self._record_bytes and digest == _digest(contents):
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


def _read_ahead(pictures: Pictures) -> Iterator[tuple[bytes, bytes]]:
    """Yields the digest and the bytes of each picture; some threads read a few ahead."""

    def read(index):
        data = pictures[index]
        return _digest(data), data

    with concurrent.futures.ThreadPoolExecutor(_READERS) as pool:
        ahead: collections.deque[concurrent.futures.Future] = collections.deque()
        for index in range(len(pictures)):
            ahead.append(pool.submit(read, index))
            if len(ahead) > 4 * _READERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _folder_name(key: str, shape: tuple[int, ...], dtype: np.dtype) -> str:
    everything = json.dumps([key, list(shape), dtype.str]).encode()
    readable = re.sub(r"[^a-z0-9_]+", "-", key.lower()).strip("-")[:60].rstrip("-")
    return f"{readable}-{_digest(everything).hex()}"


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _cut(contents: bytes) -> list[bytes]:
    return [contents[at : at + _DIGEST_BYTES] for at in range(0, len(contents), _DIGEST_BYTES)]
