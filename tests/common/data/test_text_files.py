"""If these fail, somebody's own file is read wrongly, or refused without saying where it is wrong."""

import csv
import gzip
import io
import json
import shutil
import subprocess

import pytest

from common.data.separators import separator_of, separator_with
from common.data.splitting import make_splits
from common.data.text_files import read_labelled_texts, read_texts
from common.errors import UserError

ROWS = [
    ("good, really", "pos"),
    ('he said "no"', "neg"),
    ("two\nlines", "pos"),
    ("", "neg"),
    ("naïve café 映画", "pos"),
]


def written(path, content):
    """Writes bytes or text, gzipped if the name says so; returns the path."""
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return str(path)


def table(delimiter, line_end="\r\n"):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=line_end)
    writer.writerows([("text", "label"), *ROWS])
    return stream.getvalue()


@pytest.mark.parametrize(
    ("encoding", "mark", "named"),
    [
        ("utf-16-le", "\ufeff", "utf-16"),
        ("utf-16-be", "\ufeff", "utf-16"),
        ("utf-32-le", "\ufeff", "utf-32"),
        ("utf-32-be", "\ufeff", "utf-32"),
        ("utf-16-le", "", "utf-16le"),
        ("utf-16-be", "", "utf-16be"),
        ("utf-32-le", "", "utf-32le"),
        ("utf-32-be", "", "utf-32be"),
    ],
)
def test_two_or_four_bytes_a_character_get_a_hint_that_mends_them(tmp_path, encoding, mark, named):
    """A spreadsheet's "Unicode text" is UTF-16; read as Latin-1 it would become a file full of zeros."""
    data = (mark + table(",")).encode(encoding)
    said = message(written(tmp_path / "a.csv", data))
    assert "a.csv, line 1: " in said and f"iconv -f {named} -t utf-8" in said and "latin1" not in said
    if shutil.which("iconv"):
        command = ["iconv", "-f", named, "-t", "utf-8"]
        mended = subprocess.run(command, input=data, capture_output=True, check=True).stdout
        assert len(read_labelled_texts(written(tmp_path / "b.csv", mended))) == len(ROWS)


def message(path, **keys):
    with pytest.raises(UserError) as caught:
        read_labelled_texts(path, **keys)
    text = str(caught.value)
    assert "\n" not in text
    return text


CONTENTS = {
    "a.csv": table(","),
    "unix.csv": table(",", "\n"),
    "a.tsv": table("\t"),
    "a.jsonl": "\n".join(json.dumps({"label": label, "text": text}) for text, label in ROWS) + "\n",
}


@pytest.mark.parametrize("zipped", ["", ".gz"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", CONTENTS)
def test_every_form_reads_the_same_examples(tmp_path, name, mark, zipped):
    path = written(tmp_path / (name + zipped), mark + CONTENTS[name].encode())
    examples = read_labelled_texts(path)
    assert list(zip(examples.texts, examples.labels, strict=True)) == ROWS
    assert examples.origin == path
    assert read_texts(path) == [text for text, _ in ROWS]


def test_columns_by_name_in_any_place_and_extra_columns(tmp_path):
    path = written(tmp_path / "a.CSV", "id,stars, review\n1, 5 ,fine\n2,1,bad\n")
    examples = read_labelled_texts(path, "review", "stars")
    assert list(examples.texts) == ["fine", "bad"]
    assert list(examples.labels) == ["5", "1"]


def test_old_line_ends_and_blank_lines(tmp_path):
    path = written(tmp_path / "a.csv", "text,label\rgood,pos\r\rbad,neg\r")
    assert list(read_labelled_texts(path).texts) == ["good", "bad"]
    path = written(tmp_path / "b.txt", "one\rtwo\r\nthree\n\nfive")
    assert read_texts(path) == ["one", "two", "three", "", "five"]


def test_only_line_ends_end_a_line(tmp_path):
    """Sentences of some languages hold characters that str.splitlines takes for an end."""
    odd = "one\x85two\u2028three\u2029four\x0b\x0c\x1c\x1d\x1e five \x00"
    assert read_texts(written(tmp_path / "a.txt", f"{odd}\n{odd}\r\nשלום")) == [odd, odd, "שלום"]
    assert read_texts(written(tmp_path / "a.tsv", f"text\tn\n{odd}\t1\n")) == [odd]
    assert read_texts(written(tmp_path / "a.jsonl", json.dumps({"text": odd}, ensure_ascii=False))) == [odd]


def test_labels_of_json_are_named_as_they_are_spelled(tmp_path):
    lines = [json.dumps({"text": "t", "label": label}) for label in (1, True, " x ", "1")]
    assert list(read_labelled_texts(written(tmp_path / "a.jsonl", "\n\n".join(lines))).labels) == [
        "1",
        "true",
        "x",
        "1",
    ]


def test_text_of_a_megabyte(tmp_path):
    before = csv.field_size_limit()
    path = written(tmp_path / "a.csv", f"text,label\n{'word ' * 250_000},pos\n")
    assert len(read_labelled_texts(path).texts[0]) == 1_250_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "", ["is empty"]),
        ("a.csv", "text,label\n", ["no examples"]),
        ("a.jsonl", "\n\n", ["no examples"]),
        ("a.csv", "review,label\nx,y\n", ["no column 'text'", "'review', 'label'", "--data.text_key"]),
        ("a.csv", "text,stars\nx,y\n", ["no column 'label'", "'text', 'stars'", "--data.label_key"]),
        ("a.csv", "text,text,label\nx,y,z\n", ["2 columns named 'text'; rename all but one"]),
        ("a.csv", 'text,label\n"two\nlines",pos\nno, quotes,pos\n', ["line 4", "3 fields", "2 columns"]),
        ("a.csv", "text,label\nfine,pos\nshort\n", ["line 3", "1 fields"]),
        ("a.csv", 'text,label\nfine,pos\n"open,pos\nmore,neg\n', ["line 3", "closed"]),
        ("a.tsv", 'text\tlabel\n"odd" quotes\tpos\n', ["line 2", "quotes"]),
        ("a.csv", "text,label\nfine,pos\nempty, \n", ["line 3", "'label' is empty"]),
        ("a.csv", b"text,label\nfine,pos\ncaf\xe9,neg\n", ["line 3", "0xe9", "UTF-8"]),
        ("a.csv.gz", b"text,label\nfine,pos\ncaf\xe9,neg\n", ["line 3", "0xe9", "UTF-8"]),
        ("a.csv", b"text,label\n\x89PNG\x00\x00,pos\n", ["line 2", "0x89", "no text at all"]),
        ("a.jsonl", b'{"text": "a", "label": 1}\n{"text": "\xff"}\n', ["line 2", "0xff"]),
        ("a.jsonl", '{"text": "a", "label": 1}\n\n{"text": "b", \n', ["line 3", "not valid JSON"]),
        ("a.jsonl", '{"text": "a", "label": ' + "1" * 5000 + "}\n", ["line 1", "not valid JSON"]),
        ("a.jsonl", '["a", 1]\n', ["line 1", "object"]),
        ("a.jsonl", '{"text": "a", "stars": 1}\n', ["line 1", "no column 'label'", "'text', 'stars'"]),
        ("a.jsonl", '{"text": "a", "label": null}\n', ["line 1", "is empty"]),
        ("a.jsonl", '{"text": "a", "label": 0.5}\n', ["line 1", "whole number", "0.5"]),
        ("a.jsonl", '{"text": 3, "label": 1}\n', ["line 1", "'text' should be a string", "3"]),
        ("a.jsonl", '{"text": "\\ud83d", "label": 1}\n', ["line 1", "surrogate"]),
        ("a.txt", "x\n", ["plain text", "no labels"]),
        ("a.xlsx", "x", [".csv", ".jsonl", "rename"]),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path, name, content, expected):
    path = written(tmp_path / name, content)
    text = message(path)
    assert path in text
    for part in expected:
        assert part in text


def test_missing_file_and_folder(tmp_path):
    assert "no file" in message(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in message(tmp_path / "folder.csv")


@pytest.mark.parametrize("cut", [3, -4])
def test_broken_gzip(tmp_path, cut):
    data = gzip.compress(table(",").encode() * 100)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(data[:cut] if cut < 0 else data[cut:])
    assert "not a whole gzip file" in message(path)


def test_texts_for_predictions_by_column(tmp_path):
    path = written(tmp_path / "a.csv", "id,review\n1,fine\n2,\n")
    assert read_texts(path, "review") == ["fine", ""]
    with pytest.raises(UserError, match=r"no column 'text'.*--column"):
        read_texts(path)
    assert read_texts(written(tmp_path / "one.csv", "review\nfine\n")) == ["fine"]
    with pytest.raises(UserError, match="leave out --column"):
        read_texts(written(tmp_path / "a.txt", "x"), "review")


@pytest.mark.parametrize(
    ("content", "column", "expected"),
    [
        (b"one\n\nthree", None, ["one", "", "three"]),
        ("a\x85b\u2028c\n\U0001f44d\n".encode(), None, ["a\x85b\u2028c", "\U0001f44d"]),
        (b"", None, []),
        (b'{"t": "one"}\n{"t": "two"}\n', "t", ["one", "two"]),
        (b't,u\n"a, b",c\n', "t", ["a, b"]),
    ],
)
def test_standard_input(monkeypatch, content, column, expected):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read_texts("-", column) == expected


def test_standard_input_that_is_not_text(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"fine\n\xff\n")))
    with pytest.raises(UserError, match="standard input, line 2: byte 0xff"):
        read_texts("-")


def test_a_file_with_semicolons_is_read_and_the_guess_is_said(tmp_path):
    """A spreadsheet of many countries writes semicolons and a byte order mark; else its owner learns nothing."""
    content = b"\xef\xbb\xbf" + table(";").replace("text;label", "message; category").encode()
    path = written(tmp_path / "excel.csv", content)
    examples = read_labelled_texts(path, "message", "category")
    assert list(zip(examples.texts, examples.labels, strict=True)) == ROWS
    assert examples.notes == (f"{path}: read with semicolons between the columns.",)
    assert make_splits(read_labelled_texts(written(tmp_path / "l.csv", SEMICOLONS))).notes == (
        f"{tmp_path / 'l.csv'}: read with semicolons between the columns.",
    )
    notes = []
    assert read_texts(path, "message", notes) == [text for text, _ in ROWS]
    assert notes == list(examples.notes)
    # A wrong name is answered with those that are there, one by one.
    assert "no column 'text'; what is there: 'message', 'category'. Name the right one" in message(path)
    ragged = written(tmp_path / "ragged.csv", "text;label\ngood; really;pos\n")
    assert "line 2: 3 fields, but the first line names 2 columns (semicolon-separated)" in message(ragged)


SEMICOLONS = "text;label\n" + "".join(f"{word} {n};{word}\n" for word in ("good", "bad") for n in range(20))


@pytest.mark.parametrize(
    "header",
    [
        "text,label",
        "text,label,a;b;c;d",
        '"a;b;c;d;e",label,text',
        'text,label,"two;;;;',
        "label,;;;;,text",
        "x\ty,text,label",
    ],
)
def test_a_file_with_commas_is_read_by_its_header_whatever_its_texts_hold(tmp_path, header):
    """Semicolons and tabs are part of people's texts: a comma file must never be cut at them."""
    names = next(csv.reader([header]))
    row = {name: f"odd {name}" for name in names} | {"text": "a; b\t; c; d", "label": "pos;neg"}
    fields = ",".join(row[name] for name in names)
    path = written(tmp_path / "a.csv", f"{header}{chr(34) if header.count(chr(34)) % 2 else ''}\n{fields}\n")
    examples = read_labelled_texts(path)
    assert (list(examples.texts), list(examples.labels)) == (["a; b\t; c; d"], ["pos;neg"])
    assert examples.notes == ()


def test_separators_of_headers():
    assert separator_of("a;b;c,d\n") == ";" and separator_of("a;b,c") == "," and separator_of("a") == ","
    assert separator_of("a;b,c", usual="\t") == "," and separator_of("a", usual="\t") == "\t"
    assert separator_of('"x;y;z",b\r\n') == "," and separator_of('a,"b;c;') == ","
    assert separator_of("a;b;c,d", ["c,d"]) == ";" and separator_of("a;b;c,d", ["d"]) == ","
    assert separator_with("x" * 1_000_000 + ",text", ["text"]) is None
