"""The pictures of a folder: all of them, and nothing that lies elsewhere."""

import os
from pathlib import Path

import pytest

from apps.captioning.picture_folder import PictureFolder
from common.errors import UserError


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    for name, content in {
        "a.jpg": b"12",
        "sub/deep/B.JPEG": b"345",
        "sub/a.jpg": b"6",
        "sub/c.webp": b"",
        "notes.txt": b"x",
        "d.tiff": b"x",
        ".hidden.jpg": b"x",
        "._a.jpg": b"x",
        ".git/e.png": b"x",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return root


def test_pictures_are_found_in_all_folders_by_their_endings(folder):
    pictures = PictureFolder(folder)
    assert pictures.sizes == {"a.jpg": 2, "sub/deep/B.JPEG": 3, "sub/a.jpg": 1, "sub/c.webp": 0}
    assert pictures.find("sub/deep/B.JPEG", "t") == ("sub/deep/B.JPEG", 3)
    assert Path(pictures.file("sub/deep/B.JPEG")).read_bytes() == b"345"
    assert pictures.find("d.tiff", "t") == ("d.tiff", 1)  # what a picture is, others check
    for name in ("none.jpg", "sub", ".", "a.jpg/b.jpg", "x" * 5000, "sub/deep/b.jpeg/"):
        assert pictures.find(name, "t") is None


def test_the_name_without_its_folder(folder):
    pictures = PictureFolder(str(folder) + "/")
    assert pictures.find("B.JPEG", "t") is None
    assert pictures.find_below("B.JPEG", "t") == ("sub/deep/B.JPEG", 3)
    assert pictures.find_below("a.jpg", "t") == ("a.jpg", 2)
    assert pictures.find_below("none.jpg", "t") is None
    (folder / "sub/deep/c.webp").write_bytes(b"x")
    with pytest.raises(
        UserError, match="f.json, images.3.: 'c.webp' stands in several folders .*sub/c.webp and sub/deep"
    ):
        PictureFolder(folder).find_below("c.webp", "f.json, images[3]")


def test_links_may_lead_inside_only(folder, tmp_path):
    os.symlink(folder / "a.jpg", folder / "link.jpg")
    os.symlink("../../secret.jpg", folder / "sub/out.jpg")
    os.symlink(tmp_path, folder / "up")
    os.symlink("sub", folder / "inside")
    os.symlink("nothing.jpg", folder / "broken.jpg")
    os.symlink(folder, folder / "sub/loop")
    os.symlink(folder, tmp_path / "photos_link")
    for root in (folder, tmp_path / "photos_link"):
        pictures = PictureFolder(root)
        assert set(pictures.sizes) == {"a.jpg", "link.jpg", "sub/deep/B.JPEG", "sub/a.jpg", "sub/c.webp"}
        assert pictures.find("inside/deep/B.JPEG", "t") == ("sub/deep/B.JPEG", 3)
        assert pictures.find("broken.jpg", "t") is None
        for name in ("sub/out.jpg", "up/secret.jpg", "up/none.jpg"):
            with pytest.raises(UserError, match=f"captions.csv, line 7: '{name}' is a link that leads out of"):
                pictures.find(name, "captions.csv, line 7")


def test_no_such_folder(folder):
    with pytest.raises(UserError, match="is not there .looked from .*none"):
        PictureFolder(folder / "none")
    with pytest.raises(UserError, match="is a file: .*a.jpg"):
        PictureFolder(folder / "a.jpg")


def test_something_that_is_no_file_has_no_size(folder):
    os.mkfifo(folder / "pipe.jpg")  # to open it would wait for ever
    assert "pipe.jpg" not in PictureFolder(folder).sizes
