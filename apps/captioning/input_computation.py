"""Computes what the trained part reads of each picture, once: from encoded pictures to records on the disk.

`store_inputs` goes through the pictures with a progress bar, and computes what `stored_inputs` does not have yet. Pictures that
cannot be read are counted, named and left out.
"""

import collections
import concurrent.futures
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from apps.captioning.pictures import Pictures
from apps.captioning.stored_inputs import InputStore, StoredInputs, digest_of, folder_name
from common.console import get_console
from common.errors import UserError

# A batch of pictures waits in memory; of very large ones fewer go into a batch.
_BATCH_BYTES = 128 * 2**20
_READERS = 4
_NAMED = 3  # broken pictures that are named

Compute = Callable[[list[bytes]], np.ndarray]


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
    store = InputStore(Path(folder) / folder_name(key, shape, np.dtype(dtype)), shape, np.dtype(dtype))
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


def _read_ahead(pictures: Pictures) -> Iterator[tuple[bytes, bytes]]:
    """Yields the digest and the bytes of each picture; some threads read a few ahead."""

    def read(index):
        data = pictures[index]
        return digest_of(data), data

    with concurrent.futures.ThreadPoolExecutor(_READERS) as pool:
        ahead: collections.deque[concurrent.futures.Future] = collections.deque()
        for index in range(len(pictures)):
            ahead.append(pool.submit(read, index))
            if len(ahead) > 4 * _READERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
