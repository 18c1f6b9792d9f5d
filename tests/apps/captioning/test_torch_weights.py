"""If these fail, a file of weights is read wrongly, or runs what somebody wrote into it."""

import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from apps.captioning.torch_weights import file_sha256, read_torch_weights
from common.errors import UserError

PREFIX = {"order": b"\x80\x02ccollections\nOrderedDict\n)R", "tensor": b"ctorch._utils\n_rebuild_tensor_v2\n"}


def program(value):
    """A pickle of plain values as PyTorch's, protocol 2."""
    return pickle.dumps(value, protocol=2)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key, count, offset, shape, strides, storage="FloatStorage", view=b"N"):
    """The instructions of one tensor, as `torch.save` writes them."""
    identity = b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text(key) + text("cpu") + number(count)
    identity += view + b"tQ"
    return PREFIX["tensor"] + b"(" + identity + number(offset) + numbers(shape) + numbers(strides) + b"\x89)tR"


def table(**tensors):
    return PREFIX["order"] + b"(" + b"".join(text(name) + code for name, code in tensors.items()) + b"u."


def legacy(path, weights, storages):
    heads = program(0x1950A86A20F9469CFC6C) + program(1001) + program({"little_endian": True})
    data = b"".join(struct.pack("<q", len(values)) + values.tobytes() for values in storages.values())
    path.write_bytes(heads + weights + program(list(storages)) + data)
    return path


def zipped(path, weights, storages, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", weights)
        for key, values in storages.items():
            archive.writestr(f"archive/data/{key}", values.tobytes())
    return path


ROW = np.arange(12, dtype=np.float32)
BOTH = pytest.mark.parametrize("write", [legacy, zipped])


@BOTH
def test_strides_and_offsets_are_honoured(write, tmp_path):
    weights = table(
        plain=tensor("0", 12, 0, (3, 4), (4, 1)),
        turned=tensor("0", 12, 0, (4, 3), (1, 4)),
        part=tensor("0", 12, 5, (2, 2), (4, 1)),
        scalar=tensor("1", 1, 0, (), (), "LongStorage"),
        empty=tensor("0", 12, 0, (0, 4), (4, 1)),
    )
    found = read_torch_weights(write(tmp_path / "a.pth", weights, {"0": ROW, "1": np.array([7])}))
    np.testing.assert_array_equal(found["plain"], ROW.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], ROW.reshape(3, 4).T)
    np.testing.assert_array_equal(found["part"], [[5, 6], [9, 10]])
    assert found["scalar"] == 7 and found["scalar"].dtype == np.int64 and found["scalar"].shape == ()
    assert found["empty"].shape == (0, 4)
    assert all(value.flags["C_CONTIGUOUS"] for value in found.values())


class Command:
    def __reduce__(self):
        return os.system, ("touch ran",)


@BOTH
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: OrderedDict(a=value)], ids=["bare", "in a table"])
def test_a_file_that_calls_is_refused_and_nothing_runs(write, wrap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.pth", program(wrap(Command())), {"0": ROW})
    with pytest.raises(UserError, match=r"a\.pth is no file .* it wants to call (posix|nt)\.system; give"):
        read_torch_weights(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (PREFIX["order"] + b"(" + text("a") + b"ibuiltins\nexec\nu.", "instruction INST"),
        (PREFIX["tensor"] + b"(tR.", r"call torch\._utils\._rebuild_tensor_v2"),
        (table(a=tensor("0", 12, 0, (3, 5), (4, 1))), "beyond its numbers"),
        (table(a=tensor("0", 12, 9, (2, 2), (2, 1))), "beyond its numbers"),
        (table(a=tensor("0", 12, -1, (2,), (1,))), "no proper shape"),
        (table(a=tensor("0", 12, 5, (2,), (-1,))), "no proper shape"),
        (table(a=tensor("0", 12, 0, (2, 2), (1,))), "no proper shape"),
        (table(a=tensor("0", 12, 0, (30_000, 30_000), (0, 0))), "beyond its numbers"),
        (table(a=tensor("0", -4, 0, (2,), (1,))), "no proper length"),
        (table(a=tensor("0", 12, 0, (2,), (1,), "QUInt8Storage")), r"keeps numbers as torch\.QUInt8Storage"),
        (table(a=tensor("0", 12, 0, (2,), (1,), view=numbers((1, 0, 2)))), "keeps numbers as"),
        (b"\x80\x02J\x01\x00\x00\x00.", "no names with tensors"),
        (b"\x80\x02]0.", "instruction POP"),
        (b"\x80\x02h\x07.", "damaged"),
        (b"\x80\x02.", "damaged"),
        (b"\x80\x02u.", "."),
        (b"", "damaged|program|exhausted|ends"),
    ],
)
def test_what_is_no_table_of_tensors_is_said_in_one_sentence(code, reason, tmp_path):
    with pytest.raises(UserError, match=rf"a\.pth is no file of PyTorch weights .*{reason}") as raised:
        read_torch_weights(zipped(tmp_path / "a.pth", code, {"0": ROW}))
    assert "\n" not in str(raised.value)


@BOTH
def test_a_file_cut_off_anywhere_is_refused(write, tmp_path):
    path = write(tmp_path / "a.pth", table(a=tensor("0", 12, 0, (3, 4), (4, 1))), {"0": ROW})
    content = path.read_bytes()
    for length in range(len(content) - 1, 0, -7):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match="new copy if it was cut off"):
            read_torch_weights(path)


def test_a_compressed_archive_is_refused_before_it_fills_the_memory(tmp_path):
    path = zipped(tmp_path / "a.pth", table(), {"0": np.zeros(10_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="compressed"):
        read_torch_weights(path)


def test_other_files_and_no_file(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"weights")
    with pytest.raises(UserError, match="does not begin as such files do"):
        read_torch_weights(tmp_path / "a.pth")
    with pytest.raises(UserError, match="cannot be read"):
        read_torch_weights(tmp_path / "none.pth")


@BOTH
def test_what_torch_saves_is_read(write, tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.BatchNorm2d(5))
    module[0].weight.data = module[0].weight.data.transpose(2, 3)
    torch.save(module.state_dict(), tmp_path / "a.pth", _use_new_zipfile_serialization=write is zipped)
    found = read_torch_weights(tmp_path / "a.pth")
    assert set(found) == set(module.state_dict())
    for name, value in module.state_dict().items():
        np.testing.assert_array_equal(found[name], value.numpy())


def test_the_checksum_is_that_of_the_whole_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
