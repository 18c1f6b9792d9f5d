"""If these fail, a full disk or a killed process costs the person what was there before."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.files import (
    TargetExistsError,
    atomic_directory,
    atomic_path,
    atomic_write,
    is_temporary,
    require_png_path,
    require_writable_directory,
    to_json,
    write_json,
)

ROOT = Path(__file__).parents[2]


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_file_is_replaced_and_nothing_is_left_over(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic_write(path) as file:
        file.write("ä\n")
    with atomic_write(path) as file:
        file.write("second\n")
        assert path.read_text(encoding="utf-8") == "ä\n"
    assert path.read_text() == "second\n"
    with atomic_write(path, "wb") as file:
        file.write(b"\x00")
    assert path.read_bytes() == b"\x00"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_no_other_mode_than_writing(tmp_path):
    with pytest.raises(ValueError, match="'a'"), atomic_write(tmp_path / "file", "a"):
        pass


def test_a_failure_leaves_the_old_file_and_no_temporary(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as file:
        file.write("half")
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        assert temporary.suffix == ".txt" and temporary.parent == tmp_path and is_temporary(temporary)
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_directory_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "parent" / "1"
    with atomic_directory(path) as temporary:
        (temporary / "variables").mkdir()
        (temporary / "variables" / "a").write_text("a")
        assert is_temporary(temporary) and not path.exists()
    assert (path / "variables" / "a").read_text() == "a"
    with pytest.raises(ZeroDivisionError), atomic_directory(tmp_path / "parent" / "2") as temporary:
        (temporary / "a").write_text("a")
        raise ZeroDivisionError
    assert [p.name for p in path.parent.iterdir()] == ["1"]


def test_others_may_read_what_was_written(tmp_path):
    """A server usually runs as another user than the one who trained."""
    umask = os.umask(0o022)
    try:
        with atomic_directory(tmp_path / "1") as temporary, atomic_write(temporary / "a") as file:
            file.write("a")
    finally:
        os.umask(umask)
    assert (tmp_path / "1").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "1" / "a").stat().st_mode & 0o777 == 0o644


def test_an_existing_directory_is_never_touched(tmp_path):
    path = tmp_path / "1"
    path.mkdir()
    with pytest.raises(TargetExistsError, match="exists already"), atomic_directory(path):
        pytest.fail("the block must not run")


def test_of_two_writers_of_one_directory_the_first_wins(tmp_path):
    path = tmp_path / "1"
    with pytest.raises(TargetExistsError), atomic_directory(path) as slow:
        (slow / "who").write_text("slow")
        with atomic_directory(path) as fast:
            (fast / "who").write_text("fast")
    assert (path / "who").read_text() == "fast"
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize("writer", ["atomic_write", "atomic_directory"])
def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch, writer):
    path = tmp_path / "target"
    before = "old"
    if writer == "atomic_write":
        path.write_text(before)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write .*target: No space left on device") as caught:
        if writer == "atomic_write":
            with atomic_write(path) as file:
                file.write("new")
        else:
            with atomic_directory(path) as temporary:
                (temporary / "a").write_text("a")
    assert "\n" not in str(caught.value)
    left = [p.name for p in tmp_path.iterdir()]
    assert left == (["target"] if writer == "atomic_write" else [])
    assert writer == "atomic_directory" or path.read_text() == before


def test_a_full_disk_in_another_librarys_words(tmp_path):
    """HDF5 and TensorFlow wrap the system's error in their own exceptions."""
    with pytest.raises(UserError, match="No space left on device"), atomic_path(tmp_path / "model.keras"):
        raise RuntimeError("ResourceExhausted: /x/y; No space left on device [Op:SaveV2]")


def test_the_systems_own_limit_is_one_sentence(tmp_path):
    """A real refusal to write, from the kernel: a file may not grow above 1,000 bytes."""
    path = tmp_path / "file"
    path.write_text("old")
    done = run_python(
        """
        import resource, sys
        from common.errors import UserError
        from common.files import atomic_write
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            with atomic_write(sys.argv[1]) as file:
                file.write("x" * 100_000)
        except UserError as error:
            print(error)
        """,
        path,
    )
    assert done.stdout.startswith(f"cannot write {path}: "), done.stderr
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("writer", ["atomic_write", "atomic_directory"])
def test_a_killed_process_leaves_the_old_and_a_name_that_readers_skip(tmp_path, writer):
    path = tmp_path / "target"
    if writer == "atomic_write":
        path.write_text("old")
    done = run_python(
        """
        import os, signal, sys
        from common import files
        with getattr(files, sys.argv[2])(sys.argv[1]) as half:
            half.write("half") if hasattr(half, "write") else (half / "a").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        path,
        writer,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    finished = [p for p in tmp_path.iterdir() if not is_temporary(p)]
    assert [p.read_text() for p in finished] == (["old"] if writer == "atomic_write" else [])
    assert any(is_temporary(p) for p in tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "a", tmp_path / "file" / "b" / "a"):
        with pytest.raises(UserError, match=r"is not a directory"), atomic_write(path):
            pass


def test_a_failure_to_read_something_else_is_not_blamed_on_the_target(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "file") as file:
        file.write((tmp_path / "missing").read_text())
    with pytest.raises(PermissionError), atomic_write(tmp_path / "file"):
        raise PermissionError(errno.EACCES, "denied", "/somewhere/else")


def test_json_is_strict(tmp_path):
    """Programs in other languages do not read NaN."""
    value = {"a": np.float32(0.5), "b": [float("nan"), np.int64(3), float("inf")], "c": np.ones(2), 4: "ä"}
    assert to_json(value) == '{"a": 0.5, "b": [null, 3, null], "c": [1.0, 1.0], "4": "ä"}'
    write_json(tmp_path / "a.json", {"path": tmp_path})
    assert str(tmp_path) in (tmp_path / "a.json").read_text()


def test_who_asks_for_a_place_makes_and_removes_nothing_that_another_may_be_using(tmp_path, monkeypatch):
    """Else the second of two trainings that start at once in a fresh clone ends with an error."""
    made, removed = [], []
    monkeypatch.setattr(Path, "rmdir", removed.append)
    real = os.mkdir
    monkeypatch.setattr(os, "mkdir", lambda path, *mode, **place: made.append(Path(path)) or real(path, *mode, **place))
    require_writable_directory(tmp_path / "saved_models" / "app")
    assert made and not removed and tmp_path / "saved_models" not in made
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["x" * 300, "link", "file", "file/below"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "missing")
    with pytest.raises(UserError, match=f"^cannot make the folder .*{place}: .*; choose another place$"):
        require_writable_directory(tmp_path / place)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}


def test_a_picture_can_be_written_where_it_is_asked_for(tmp_path):
    require_png_path(tmp_path / "new" / "a.PNG", "--picture")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.jpg", r"--picture is '\S*a\.jpg', but must be a file that ends in \.png"),
        ("png", "but must be a file that ends in .png"),
        ("folder.png", r"--picture is '\S*folder\.png', which is a folder; give a file"),
        ("file.txt/a.png", "cannot make the folder .*file.txt"),
    ],
)
def test_a_place_where_no_picture_can_be_written_is_named(tmp_path, name, message):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(UserError, match=message):
        require_png_path(tmp_path / name, "--picture")
