"""Own captions: the forms they come in, and what is refused; a caption read wrongly is a wrong example in a training set."""

import gzip
import json

import pytest

from apps.captioning.caption_files import PictureNames, read_captions, read_captions_or_names
from common.errors import UserError


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return str(path)


def coco(images, annotations):
    keys = ("id", "file_name"), ("image_id", "caption")
    lists = [[dict(zip(names, each)) for each in rows] for names, rows in zip(keys, (images, annotations))]
    return json.dumps({"info": {}, "images": lists[0], "annotations": lists[1], "licenses": []})


EXPECTED = {"a.jpg": ["A dog, a cat", 'He says "hi"'], "sub/b ü.PNG": ["Zwei Hunde"]}


@pytest.mark.parametrize(
    "content",
    [
        'image,caption\na.jpg,"A dog, a cat"\nsub/b ü.PNG,Zwei Hunde\na.jpg,"He says ""hi"""\n',
        '\ufeffimage,caption\r\na.jpg,"A dog, a cat"\r\n./sub/b ü.PNG,Zwei Hunde\r\na.jpg,"He says ""hi"""\r\n',
        'nr;caption;image\n1;A dog, a cat;a.jpg\n2;"He says ""hi""";a.jpg\n3;Zwei Hunde;sub//b ü.PNG',
        '\n"image"\t"caption"\na.jpg\tA dog, a cat\nsub/b ü.PNG\tZwei Hunde\n\na.jpg\t"He says ""hi"""\n',
        'a.jpg#0\tA dog, a cat\na.jpg#1\tHe says "hi"\nsub/b ü.PNG#0\tZwei Hunde\n',
        '\ufeffa.jpg#0\tA dog, a cat\r\n\r\nsub/b ü.PNG#4\tZwei Hunde\r\na.jpg#1\tHe says "hi"\r\n',
        coco([(7, "a.jpg"), ("x", "sub/b ü.PNG")], [(7, "A dog, a cat"), ("x", "Zwei Hunde"), (7, 'He says "hi"')]),
    ],
    ids=["commas", "windows", "semicolons", "tabs", "token file", "token file of windows", "coco"],
)
def test_every_form_says_the_same(tmp_path, content):
    table = read_captions(written(tmp_path / "captions", content))
    assert table.captions == EXPECTED
    assert next(iter(table.captions)) == "a.jpg"
    zipped = read_captions(written(tmp_path / "captions.txt.gz", gzip.compress(content.encode("utf-8"))))
    assert zipped.captions == EXPECTED


def test_captions_are_kept_as_they_stand(tmp_path):
    csv = 'image,caption\n a.jpg ," A\nnew line "\na.jpg,same\na.jpg,same\n'
    assert read_captions(written(tmp_path / "a.csv", csv)).captions == {"a.jpg": [" A\nnew line ", "same", "same"]}
    token = "a.jpg.1#0\tone\ttwo \u2028 \x85\nb#1.jpg#2\tthree\n"
    assert read_captions(written(tmp_path / "a.token", token)).captions == {
        "a.jpg.1": ["one\ttwo \u2028 \x85"],
        "b#1.jpg": ["three"],
    }


def test_places_are_lines_of_the_file(tmp_path):
    table = read_captions(written(tmp_path / "a.csv", 'image,caption\na.jpg,"x\ny"\n\nb.jpg,z\n'))
    assert table.places == {"a.jpg": "line 2", "b.jpg": "line 5"} and not table.in_subfolders


def test_coco_with_pictures_without_captions_and_captions_without_pictures(tmp_path):
    path = written(tmp_path / "a.json", coco([(1, "a.jpg"), (2, "b.jpg")], [(1, "x\n"), (3, "y")]))
    table = read_captions(path)
    assert table.captions == {"a.jpg": ["x\n"]} and table.in_subfolders
    assert table.without_name == ("image_id 3, annotations[1]",)


def test_a_long_first_line(tmp_path):
    captions = [(1, f"caption {n}") for n in range(10_000)]
    assert len(read_captions(written(tmp_path / "a.json", coco([(1, "a.jpg")], captions))).captions["a.jpg"]) == 10_000
    with pytest.raises(UserError, match="line 1: these are no captions: 'xxx"):
        read_captions(written(tmp_path / "a.txt", "x" * 1_000_000))


def test_a_list_of_names(tmp_path):
    path = written(tmp_path / "Flickr_8k.devImages.txt", "\ufeff\r\na.jpg\r\n./b.jpg\r\n\r\na.jpg\r\n")
    assert read_captions_or_names(path) == PictureNames(path, {"a.jpg": "line 2", "b.jpg": "line 3"})
    with pytest.raises(UserError, match="is a list of picture names without captions"):
        read_captions(path)
    table = read_captions_or_names(written(tmp_path / "a.csv", "image,caption\na.jpg,x\n"))
    assert table.captions == {"a.jpg": ["x"]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is empty; expected CSV whose first line"),
        ("\n \n", "is empty"),
        ("image,caption\n", "has no captions"),
        (coco([(1, "a.jpg")], []), "has no captions"),
        ("a.jpg,A dog\nb.jpg,A cat\n", "line 1: the columns have no names; put a first line image,caption before it"),
        ("file,text\na.jpg,A dog\n", "line 1: there are no columns named image and caption in 'file,text'"),
        ("\n\nSome text\n", "line 3: these are no captions: 'Some text'"),
        ("image,caption,image\na.jpg,x,a.jpg\n", "2 columns named 'image'"),
        ("image,caption\na.jpg,x,y\n", "line 2: 3 fields, but the first line names 2 columns"),
        ('image,caption\na.jpg,"x\n', "line 2: the row that begins here cannot be read"),
        ("image,caption\na.jpg,x\na.jpg, \n", "line 3: the caption is empty"),
        ("image,caption\n ,x\n", "line 2: the name of the picture is empty"),
        ("a.jpg#0\tx\nb.jpg#0 y\n", "line 2: expected a name, # and a number, a tab and a caption"),
        ("a.jpg#0\tx\nb.jpg#0\t\n", "line 2: the caption is empty"),
        (b"image,caption\na.jpg,\xe9t\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        ("image,caption\na.jpg,x\n".encode("utf-16"), "line 1: these bytes are UTF-16"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\n\x00", "line 1: byte 0xff is not UTF-8; the bytes around it are no text"),
        ('{"images": [', "line 1: not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "is JSON without a list 'images'"),
        ('{"images": [], "annotations": 3}', "is JSON without a list 'annotations'"),
        ('{"images": [3], "annotations": []}', r"images\[0\]: expected an object with 'id' and 'file_name'"),
        (coco([(1, "a.jpg"), (1, "b.jpg")], []), r"images\[1\]: a second picture with the id 1"),
        (
            coco([([], "a.jpg")], []),
            r"images\[0\]: 'id' should be a whole number and 'file_name' a string, found '\[\]'",
        ),
        (coco([(True, "a.jpg")], []), "found 'true'"),
        (coco([(1, "a.jpg")], [(1, None)]), r"annotations\[0\]: 'image_id' should be a .* found '1' and 'null'"),
        (coco([(1, "a.jpg")], [(1, "")]), r"annotations\[0\]: the caption is empty"),
        (coco([(1, "a.jpg")], [(1, "\ud800")]), "half a surrogate pair"),
        (coco([(1, "a\ud800.jpg")], [(1, "x")]), "characters that no name of a file has"),
        (coco([(1, "a\0.jpg")], [(1, "x")]), "characters that no name of a file has"),
        (coco([(1, "../a.jpg")], [(1, "x")]), r"images\[0\]: '../a.jpg' leads out of the folder"),
    ],
)
def test_what_is_refused_is_one_sentence_with_the_place(tmp_path, content, expected):
    path = tmp_path / "captions.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    with pytest.raises(UserError, match=expected) as caught:
        read_captions(str(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "name", ["../a.jpg", "sub/../../a.jpg", "/etc/a.jpg", "sub/..", "..\\a.jpg", "C:\\a.jpg", "\\\\host\\share\\a.jpg"]
)
def test_names_that_lead_out_of_the_folder(tmp_path, name):
    for content, line in ((f"image,caption\na.jpg,x\n{name},x\n", 3), (f"a.jpg#0\tx\n{name}#0\tx\n", 2)):
        path = written(tmp_path / "a.csv", content)
        with pytest.raises(UserError, match=f"line {line}: .* leads out of the folder of the pictures"):
            read_captions(path)
    with pytest.raises(UserError, match="line 2: .* leads out of the folder of the pictures"):
        read_captions_or_names(written(tmp_path / "a.txt", f"a.jpg\n{name}\n"))


def test_no_such_file_and_a_folder(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        read_captions(str(tmp_path / "none.csv"))
    with pytest.raises(UserError, match="is a folder"):
        read_captions(str(tmp_path))
