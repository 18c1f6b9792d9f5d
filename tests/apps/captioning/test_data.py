"""Which picture is in which split: one split for each, the same on every machine, and nothing that is left out unsaid."""

import io
import json
import random

import pytest
from PIL import Image

from apps.captioning.config import PRESETS, Config
from apps.captioning.data import load_splits
from common.config import resolve_config
from common.errors import UserError

PARTS = ("train", "validation", "test")


def picture(number, form="JPEG"):
    """A small picture of a color of its own."""
    stream = io.BytesIO()
    color = (number * 7 % 256, number * 13 % 256, number // 256)
    Image.new("RGB", (8, 6), color).save(stream, form)
    return stream.getvalue()


@pytest.fixture
def photos(tmp_path):
    """Forty photographs with two captions each."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.png").write_bytes(picture(number, "PNG"))
    return folder


def table(path, numbers, names="{}.png"):
    rows = [(names.format(number), f"caption {number} {which}") for number in numbers for which in "ab"]
    path.write_text("image,caption\n" + "".join(f"{name},{caption}\n" for name, caption in rows))
    return str(path)


def load(**settings):
    return load_splits(
        resolve_config(Config, PRESETS, overrides={f"data.{key}": value for key, value in settings.items()})
    )


def from_files(folder, captions, **settings):
    return load(source="files", path=str(folder), captions=str(captions), **settings)


def refused(*arguments, **settings):
    with pytest.raises(UserError) as caught:
        from_files(*arguments, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def lengths(splits):
    return [len(getattr(splits, part)) for part in PARTS]


def names(splits):
    return [set(getattr(splits, part).names) for part in PARTS]


def everything(splits):
    return {
        name: (captions, part.pictures[index])
        for part in (getattr(splits, each) for each in PARTS)
        for index, (name, captions) in enumerate(zip(part.names, part.captions))
    }


# Files


def test_every_picture_goes_with_its_captions_into_one_split(photos, tmp_path):
    splits = from_files(photos, table(tmp_path / "a.csv", range(40)), test_fraction=0.2)
    assert lengths(splits) == [28, 4, 8]
    assert everything(splits) == {
        f"{n}.png": ((f"caption {n} a", f"caption {n} b"), picture(n, "PNG")) for n in range(40)
    }
    assert splits.notes == () and splits.available is None and splits.cache is None
    assert splits.compositions is None and splits.train.meanings is None
    assert splits.describe()["train"] == f"28 pictures with 56 captions from {tmp_path / 'a.csv'}"


def test_the_split_depends_on_the_pictures_alone(photos, tmp_path):
    numbers = list(range(40))
    first = from_files(photos, table(tmp_path / "a.csv", numbers))
    random.Random(1).shuffle(numbers)
    renamed = tmp_path / "elsewhere"
    (renamed / "sub").mkdir(parents=True)
    for number in numbers:
        (renamed / "sub" / f"{99 - number}.png").write_bytes(picture(number, "PNG"))
    path = tmp_path / "b.csv"
    path.write_text("image,caption\n" + "".join(f"sub/{99 - n}.png,caption {n} a\n" for n in numbers))
    for limit in (None, 1, 3, 39):
        first = from_files(photos, tmp_path / "a.csv", limit=limit)
        second = from_files(renamed, path, limit=limit)
        assert lengths(first) == [min(limit or 32, 32), min(limit or 4, 4), min(limit or 4, 4)]
        assert first.available == ((32, 4, 4) if limit in (1, 3) else None)
        for part in PARTS:
            bytes_of = [
                {each.pictures[index] for index in range(len(each))}
                for each in (getattr(first, part), getattr(second, part))
            ]
            assert bytes_of[0] == bytes_of[1]


def test_a_picture_under_two_names_never_stands_in_two_splits(photos, tmp_path):
    for number in range(40):
        (photos / f"again{number}.png").write_bytes(picture(number, "PNG"))
    path = table(tmp_path / "a.csv", range(40))
    rows = [f"again{n}.png,another {n}\n" for n in range(40)]
    (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text() + "".join(rows))
    splits = from_files(photos, path, test_fraction=0.3)
    assert lengths(splits) == [48, 8, 24]
    for part in names(splits):
        assert {f"again{name}" for name in part if not name.startswith("again")} == {
            name for name in part if name.startswith("again")
        }


def test_given_splits_are_kept_and_training_loses_what_they_have(photos, tmp_path):
    for number in (35, 1):
        (photos / f"copy{number}.jpg").write_bytes(picture(number, "PNG"))
    train = table(tmp_path / "train.csv", range(35))
    (tmp_path / "train.csv").write_text((tmp_path / "train.csv").read_text() + "copy35.jpg,x\n")
    validation = table(tmp_path / "validation.csv", range(30, 36))
    test = table(tmp_path / "test.csv", range(35, 40))
    (tmp_path / "test.csv").write_text((tmp_path / "test.csv").read_text() + "copy1.jpg,x\n")
    splits = from_files(photos, train, validation_captions=validation, test_captions=test)
    assert lengths(splits) == [29, 5, 6]
    assert names(splits)[0] == {f"{n}.png" for n in range(30) if n != 1}
    assert splits.notes == (
        f"1 validation pictures were left out because their content also stands in the test set ({test}).",
        f"5 training pictures were left out because their content also stands in the validation set ({validation}).",
        f"2 training pictures were left out because their content also stands in the test set ({test}).",
    )


@pytest.mark.parametrize(("given", "split"), [("validation", "test"), ("test", "validation")])
def test_a_split_that_is_not_given_is_split_off(photos, tmp_path, given, split):
    settings = {f"{given}_captions": table(tmp_path / "b.csv", range(30, 40)), f"{split}_fraction": 0.2}
    splits = from_files(photos, table(tmp_path / "a.csv", range(30)), **settings)
    assert len(splits.train) == 24 and len(getattr(splits, given)) == 10 and len(getattr(splits, split)) == 6


def test_lists_of_flickr8k_take_their_pictures_out_of_the_training(photos, tmp_path):
    tokens = tmp_path / "Flickr8k.token.txt"
    tokens.write_text("".join(f"{n}.png#{which}\tcaption {n} {which}\n" for n in range(40) for which in range(5)))
    for part, numbers in (("dev", range(6)), ("test", range(6, 14))):
        (tmp_path / f"{part}.txt").write_text("".join(f"{n}.png\n" for n in numbers))
    lists = {"validation_captions": str(tmp_path / "dev.txt"), "test_captions": str(tmp_path / "test.txt")}
    splits = from_files(photos, tokens, **lists)
    assert names(splits) == [{f"{n}.png" for n in each} for each in (range(14, 40), range(6), range(6, 14))]
    assert len(splits.test.captions[0]) == 5 and splits.notes == ()
    assert splits.describe()["test"] == f"8 pictures with 40 captions from {tmp_path / 'test.txt'}"
    (tmp_path / "dev.txt").write_text("0.png\n\n41.png\n")
    assert "dev.txt, line 3: '41.png' has no caption in" in refused(photos, tokens, **lists)
    (tmp_path / "dev.txt").write_text("".join(f"{n}.png\n" for n in (*range(6), *range(14, 40))))
    assert "for training can be used, because all others stand in the lists" in refused(photos, tokens, **lists)


def test_coco_with_a_folder_for_each_split(tmp_path):
    files = {}
    for part, numbers in (("train", range(20)), ("val", range(20, 26))):
        (tmp_path / "coco" / f"{part}2017").mkdir(parents=True)
        for n in numbers:
            (tmp_path / "coco" / f"{part}2017" / f"{n:012}.jpg").write_bytes(picture(n))
        images = [{"id": n, "file_name": f"{n:012}.jpg"} for n in numbers]
        annotations = [{"id": n, "image_id": n, "caption": f"caption {n}"} for n in reversed(numbers)]
        files[part] = tmp_path / f"captions_{part}2017.json"
        files[part].write_text(json.dumps({"images": images, "annotations": annotations}))
    splits = from_files(tmp_path / "coco", files["train"], validation_captions=str(files["val"]))
    assert lengths(splits) == [18, 6, 2]
    assert everything(splits) == {f"{n:012}.jpg": ((f"caption {n}",), picture(n)) for n in range(26)}


def test_what_cannot_be_used_is_counted_and_above_a_limit_it_stops(photos, tmp_path):
    path = table(tmp_path / "a.csv", [*range(38), 77])
    for name in ("5.png", "6.png"):
        (photos / name).write_bytes(b"")
    (photos / "sub").mkdir()
    (photos / "sub" / "more.gif").write_bytes(b"GIF")
    splits = from_files(photos, path, max_unusable_fraction=0.08)
    assert sum(lengths(splits)) == 36
    assert splits.notes == (
        f"2 of 78 captions in {path} have no picture in {photos} (the first: 77.png, line 78); left out.",
        f"2 of 39 pictures of {path} are empty files (the first: 5.png, line 12); left out.",
        f"3 of 41 pictures in {photos} have no caption (the first: 38.png); left out.",
    )
    sentence = refused(photos, path, max_unusable_fraction=0.07)
    assert sentence.startswith("3 of 41 pictures in") and "max_unusable_fraction, 0.07, allows" in sentence
    assert "--data.validation_captions or --data.test_captions" in sentence
    assert refused(photos, path, max_unusable_fraction=0.03).startswith("2 of 39 pictures of")
    assert refused(photos, path, max_unusable_fraction=0.02).startswith("2 of 78 captions in")
    assert refused(photos, table(tmp_path / "b.csv", range(90, 93)), max_unusable_fraction=1).startswith(
        f"None of the pictures that {tmp_path / 'b.csv'} names for training can be used"
    )
    assert "which is more than" in refused(tmp_path, path)  # the wrong folder


def test_pictures_of_other_splits_are_not_without_captions(photos, tmp_path):
    path = table(tmp_path / "a.csv", range(30))
    assert "10 of 40 pictures" in refused(photos, path)
    assert from_files(photos, path, validation_captions=table(tmp_path / "b.csv", range(30, 40))).notes == ()


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_to_split(photos, tmp_path, count):
    sentence = refused(photos, table(tmp_path / "a.csv", range(count)), max_unusable_fraction=1)
    assert f"{count} different pictures are too few to split a validation and a test set from" in sentence
    assert "at least 3 are needed" in sentence and "--data.validation_captions" in sentence


def test_three_are_enough(photos, tmp_path):
    assert lengths(from_files(photos, table(tmp_path / "a.csv", range(3)), max_unusable_fraction=1)) == [1, 1, 1]


def test_the_training_captions_given_once_more(photos, tmp_path):
    path = table(tmp_path / "a.csv", range(40))
    assert "Every training picture" in refused(photos, path, test_captions=path)


def test_a_picture_that_cannot_be_read(photos, tmp_path, monkeypatch):
    path = table(tmp_path / "a.csv", range(40))
    splits = from_files(photos, path)
    (photos / splits.train.names[0]).unlink()
    with pytest.raises(UserError, match="cannot be read .No such file or directory.; put the picture back"):
        splits.train.pictures[0]
