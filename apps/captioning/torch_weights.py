"""Reads the weights that PyTorch saved, without PyTorch and without running anything that stands in the file.

A `.pth` file is a program for Python's pickle machine, and bytes for it to put into tensors. The program can call any
function. Here a machine of our own runs it: it knows the instructions that build lists, dictionaries and tensors, notes the
names of what would be called without importing it, and stops at the first thing that weights do not need.
"""

import hashlib
import io
import math
import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError

_MAGIC_NUMBER, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # how files of PyTorch before 1.6 begin
_STORAGES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
    "torch BoolStorage": "<?",
}
_DICTIONARY, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_MARK = object()


@dataclass(frozen=True)
class _Name:
    """A function or class that the file names; never looked up."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """Numbers that lie elsewhere in the file, in one row."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; lengths are counted in numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_weights(path: Path | str) -> dict[str, np.ndarray]:
    """Reads what `torch.save(module.state_dict(), path)` wrote, in the form of before or after PyTorch 1.6.

    Args:
        path: a `.pth` or `.pt` file.

    Returns:
        Each tensor by its name, contiguous, with the shape and dtype that it has in PyTorch; names without a tensor are left
        out.

    Raises:
        UserError: the file cannot be read, is cut off, or holds anything but tensors.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); name a file of PyTorch weights") from error
    try:
        if content.startswith(b"PK"):
            weights, storages = _read_zip(content)
        else:
            weights, storages = _read_legacy(content)
        if not isinstance(weights, dict):
            raise ValueError("it holds no names with tensors")
        return {
            name: _array(value, storages)
            for name, value in weights.items()
            if isinstance(name, str) and isinstance(value, _Tensor)
        }
    except (ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile, NotImplementedError) as error:
        reason = error.args[0] if isinstance(error, ValueError) and error.args else "it is damaged"
        raise UserError(
            f"{path} is no file of PyTorch weights that can be read safely: {reason}; "
            "give the file of a state_dict, or a new copy if it was cut off"
        ) from error


def file_sha256(path: Path | str) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_zip(content):
    """The program and the bytes of each storage, by key, of a file that PyTorch 1.6 or later wrote."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: info for info in archive.infolist()}
        programs = [name for name in members if name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise ValueError("it is an archive without one data.pkl")
        folder = programs[0].removesuffix("data.pkl")
        if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
            raise ValueError("its members are compressed, which PyTorch never does")
        if archive.read(folder + "byteorder") != b"little" if folder + "byteorder" in members else False:
            raise ValueError("its numbers have their high bytes first")
        weights = _run(io.BytesIO(archive.read(programs[0])))
        prefix = folder + "data/"
        storages = {name.removeprefix(prefix): archive.read(name) for name in members if name.startswith(prefix)}
    return weights, storages


def _read_legacy(content):
    """The same of a file that an earlier PyTorch wrote: five programs, then each storage with its length before it."""
    file = io.BytesIO(content)
    if not content.startswith(b"\x80\x02") or _run(file) != _MAGIC_NUMBER or _run(file) != _PROTOCOL:
        raise ValueError("it does not begin as such files do")
    if not _run(file)["little_endian"]:
        raise ValueError("its numbers have their high bytes first")
    found: dict[str, _Storage] = {}
    weights, keys = _run(file, found), _run(file)
    storages, position = {}, file.tell()
    for key in keys:
        storage, start = found[key], position + 8
        position = start + storage.count * storage.dtype.itemsize
        if int.from_bytes(content[start - 8 : start], "little") != storage.count or position > len(content):
            raise ValueError("it ends before its last tensor")
        storages[key] = memoryview(content)[start:position]
    return weights, storages


def _array(tensor, storages):
    """The numbers of one tensor, copied in the order of its axes."""
    storage = tensor.storage
    numbers = np.frombuffer(storages[storage.key], storage.dtype)
    count = math.prod(tensor.shape)
    lengths = (tensor.offset, *tensor.shape, *tensor.strides)
    if len(tensor.shape) != len(tensor.strides) or not all(type(length) is int and length >= 0 for length in lengths):
        raise ValueError("a tensor has no proper shape")
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides))
    # More elements than the storage has, by a stride of 0, would let a small file fill the memory.
    if count and (last >= len(numbers) or count > len(numbers)):
        raise ValueError("a tensor reaches beyond its numbers")
    if not count:
        return np.zeros(tensor.shape, storage.dtype)
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
    return np.array(view, order="C")


def _run(file, storages=None):
    """Runs one program of the file and returns what it built.

    Args:
        file: binary, read from its position to the end of the program.
        storages: dictionary that gets each storage the program speaks of, by key; optional.
    """
    stack, memo = [], {}

    def since_mark():
        start = len(stack) - 1 - stack[::-1].index(_MARK)
        values = stack[start + 1 :]
        del stack[start:]
        return values

    for instruction, argument, _ in pickletools.genops(file):
        name = instruction.name
        match name:
            case "PROTO":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
            case "MARK":
                stack.append(_MARK)
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack[-int(name[-1]) :] = [tuple(stack[-int(name[-1]) :])]
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "APPEND" | "APPENDS":
                values = [stack.pop()] if name == "APPEND" else since_mark()
                _of(list, stack[-1]).extend(values)
            case "SETITEM" | "SETITEMS":
                values = [stack.pop(-2), stack.pop()] if name == "SETITEM" else since_mark()
                _of(dict, stack[-1]).update(zip(values[::2], values[1::2]))
            case "GLOBAL":
                stack.append(_Name(argument))
            case "REDUCE":
                values = stack.pop()
                stack.append(_made(_of(_Name, stack.pop()).name, values))
            case "BINPERSID":
                storage = _storage(stack.pop())
                stack.append(storage)
                if storages is not None and storages.setdefault(storage.key, storage) != storage:
                    raise ValueError("two storages have one key")
            case "BUILD":
                stack.pop()  # The versions of the modules, which PyTorch hangs on the dictionary as an attribute.
                _of(dict, stack[-1])
            case "STOP":
                return stack.pop()
            case _:
                raise ValueError(f"it uses the instruction {name}, which weights do not need")
    raise ValueError("it ends in the middle of a program")


def _of(kind, value):
    if not isinstance(value, kind):
        raise ValueError("it builds something that is no table of tensors")
    return value


def _made(name, arguments):
    """What the call of the function `name` would have returned: an empty dictionary, or a tensor."""
    if name == _DICTIONARY and arguments == ():
        return {}
    if name == _TENSOR and isinstance(arguments, tuple) and len(arguments) in (6, 7):
        storage, offset, shape, strides = arguments[:4]
        return _Tensor(_of(_Storage, storage), offset, _of(tuple, shape), _of(tuple, strides))
    raise ValueError(f"it wants to call {name.replace(' ', '.')}")


def _storage(identity):
    """The storage that a tuple in the program stands for: ("storage", its class, its key, its device, how many numbers)."""
    kind, storage_class, key, _, count, *view = _of(tuple, identity)
    dtype = _STORAGES.get(_of(_Name, storage_class).name)
    if kind != "storage" or dtype is None or any(part is not None for part in view):
        raise ValueError(f"it keeps numbers as {storage_class.name.replace(' ', '.')}")
    if type(count) is not int or count < 0:
        raise ValueError("a storage has no proper length")
    return _Storage(_of(str, key), np.dtype(dtype), count)
