"""If these fail, somebody's pairs are read wrongly (then every sentence learns another's translation), or refused without
saying where they are wrong."""

import gzip
import json
import time

import pytest

from apps.translation.pair_files import read_pairs
from common.errors import UserError

PAIRS = [
    ("Good morning.", "Guten Morgen."),
    ('He said "no".', 'Er sagte "nein'),
    ("naïve 👩‍👩‍👧", "映画を見る。"),
    ("שלום עולם", "مرحبا بالعالم"),
    (" with spaces ", "with\x85next\u2028line\u2029and\x0b\x0c\x1c\x1e"),
    ("nul \x00 in it", "a\rb"),
    ("e" + "\u0301" * 1_000_000, "é"),
]


def written(path, content):
    """Writes bytes or text, gzipped if the name says so; returns the path."""
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    path.write_bytes(gzip.compress(data, 1) if path.name.endswith(".gz") else data)
    return str(path)


def table(pairs=PAIRS, end="\n"):
    return "".join(f"{source}\t{target}{end}" for source, target in pairs)


def records(make, pairs=PAIRS):
    return "".join(json.dumps(make(*pair), ensure_ascii=False) + "\n" for pair in pairs)


def pairs_of(found):
    return list(zip(found.sources, found.targets, strict=True))


def message(*arguments, **settings):
    with pytest.raises(UserError) as caught:
        read_pairs(*arguments, **settings)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".")
    return text


CONTENTS = {
    "a.tsv": table(),
    "windows.tsv": table(end="\r\n"),
    "no_end.TSV": table().removesuffix("\n"),
    "blank.tsv": table(end="\n\n"),
    "anki.tsv": table(end="\tCC-BY 2.0 (France) Attribution: tatoeba.org\tmore\n"),
    "a.jsonl": records(lambda source, target: {"id": 1, "en": source, "de": target}),
    "nested.jsonl": records(lambda source, target: {"translation": {"de": target, "en": source, "fr": ""}}),
    "both.jsonl": records(lambda source, target: {"en": source, "de": target, "translation": {"en": "x", "de": "y"}}),
    "text.jsonl": records(lambda source, target: {"en": source, "de": target, "translation": "x"}),
}


@pytest.mark.parametrize("zipped", ["", ".gz"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", CONTENTS)
def test_every_form_reads_the_same_pairs_unchanged(tmp_path, name, mark, zipped):
    path = written(tmp_path / (name + zipped), mark + CONTENTS[name].encode())
    found = read_pairs(path)
    assert pairs_of(found) == PAIRS
    assert found.origin == path


@pytest.mark.parametrize("zipped", ["", ".gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_two_files_of_any_name(tmp_path, zipped, end):
    sources, targets = ("".join(side + end for side in sides) for sides in zip(*PAIRS, strict=True))
    source = written(tmp_path / f"train.en{zipped}", b"\xef\xbb\xbf" + sources.encode())
    target = written(tmp_path / f"train.de.txt{zipped}", targets)
    found = read_pairs(source, target)
    assert pairs_of(found) == PAIRS
    assert found.origin == f"{source} and {target}"
    swapped = read_pairs(source, target, swap=True)
    assert pairs_of(swapped) == [(b, a) for a, b in PAIRS]


def test_swap_takes_the_second_column_as_source(tmp_path):
    path = written(tmp_path / "a.tsv", "eins\tone\tnote\nzwei\ttwo\tnote\n")
    assert pairs_of(read_pairs(path, swap=True)) == [("one", "eins"), ("two", "zwei")]
    path = written(tmp_path / "a.jsonl", records(lambda source, target: {"en": source, "de": target}))
    assert "exchange data.source_language and data.target_language" in message(path, swap=True)


def test_keys_of_json_are_the_languages(tmp_path):
    path = written(tmp_path / "a.jsonl", '{"translation": {"pt": "um", "fr": "un"}}\n\n{"pt": "dois", "fr": "deux"}\n')
    found = read_pairs(path, source_language="fr", target_language="pt")
    assert pairs_of(found) == [("un", "um"), ("deux", "dois")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.tsv", "", ["no pair in it"]),
        ("a.tsv", "\n\r\n", ["no pair in it"]),
        ("a.tsv.gz", "", ["no pair in it"]),
        ("a.jsonl", "\n", ["no pair in it"]),
        ("a.tsv", "one\teins\n\ntwo zwei\n", ["line 3", "no tab in 'two zwei'", "take the line out"]),
        ("a.tsv", "x" * 1000, ["line 1", "no tab", "xxx...'"]),
        ("a.tsv", "one\teins\n\tzwei\n", ["line 2", "the first column is empty"]),
        ("a.tsv", "one\teins\ntwo\t\u2028 \tnote\n", ["line 2", "the second column is empty"]),
        ("a.tsv", "\t\n", ["line 1", "the first column is empty"]),
        ("a.tsv", "one\teins\rtwo\tzwei\r", ["carriage return alone", "tr '\\r' '\\n'"]),
        ("a.tsv", b"one\teins\ncaf\xe9\tCaf\xe9\n", ["line 2", "0xe9", "UTF-8"]),
        ("a.tsv", b"a\tone\rtwo\ncaf\xe9\tCaf\xe9\n", ["line 2", "0xe9"]),
        ("a.tsv.gz", b"one\teins\ncaf\xe9\tCaf\xe9\n", ["line 2", "0xe9", "UTF-8"]),
        ("a.tsv", "one\teins\n".encode("utf-16"), ["line 1", "UTF-16"]),
        ("a.jsonl", '{"en": "a", "de": "b"}\n{"en": "a", \n', ["line 2", "not valid JSON"]),
        ("a.jsonl", '["a", "b"]\n', ["line 1", 'an object like {"en": "...", "de": "..."}', '["a", "b"]']),
        ("a.jsonl", '{"en": "a", "fr": "b"}\n', ["line 1 has no key 'de'", "'en', 'fr'", "--data.target_language"]),
        ("a.jsonl", "{}\n", ["line 1 has no key 'en'", "nothing", "--data.source_language"]),
        (
            "a.jsonl",
            '{"translation": {"fr": "b"}}\n',
            ["no key 'en' in 'translation'", "'fr'", "--data.source_language"],
        ),
        ("a.jsonl", '{"translation": "b"}\n', ["no key 'en'; what is there: 'translation'"]),
        ("a.jsonl", '{"en": "a", "de": " "}\n', ["line 1", "'de' is empty"]),
        ("a.jsonl", '{"en": "a", "de": ["b"]}\n', ["line 1", "'de' should be a string", '["b"]']),
        ("a.jsonl", '{"en": "a", "de": null}\n', ["line 1", "'de' should be a string", "null"]),
        ("a.jsonl", '{"en": "a", "de": "\\ud83d"}\n', ["line 1", "surrogate"]),
        ("a.xlsx", "x", [".tsv or .jsonl", ".gz", "--data.target_path"]),
        ("a.txt", "x", ["if it is the source side", "--data.target_path"]),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path, name, content, expected):
    path = written(tmp_path / name, content)
    text = message(path)
    assert path in text
    for part in expected:
        assert part in text


def test_a_carriage_return_that_json_spells_is_a_character(tmp_path):
    path = written(tmp_path / "a.jsonl", records(lambda source, target: {"en": source, "de": target}, [("a\rb", "x")]))
    assert pairs_of(read_pairs(path)) == [("a\rb", "x")]


def test_missing_files_folders_and_broken_gzip(tmp_path):
    assert "There is no file" in message(tmp_path / "none.tsv")
    assert "There is no file" in message(tmp_path / "none")
    folder, text = tmp_path / "folder", tmp_path / "a.en"
    folder.mkdir()
    text.write_text("a\n")
    assert "is a folder" in message(folder)
    assert "is a folder" in message(text, folder)
    assert "is a folder" in message(folder, text)
    assert "There is no file" in message(text, tmp_path / "none.de")
    broken = tmp_path / "a.tsv.gz"
    broken.write_bytes(gzip.compress(table(PAIRS[:4]).encode())[:-5])
    assert "not a whole gzip file" in message(broken)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a\nb\n", "x\n", ["a.en has 2 lines", "a.de has 1;"]),
        ("a\n" * 1001, "x\n" * 1000 + "x\n\n", ["a.en has 1,001", "has 1,002"]),
        ("", "x\n", ["a.en has 0 lines", "a.de has 1;"]),
        ("", "", ["no pair in it"]),
        ("a\n\nc\n", "x\ny\nz\n", ["a.en, line 2: the line is empty", "out of both files"]),
        ("a\nb\nc\n", "x\ny\n \u2028\n", ["a.de, line 3: the line is empty"]),
        ("a\n\n", "x\n\n", ["a.en, line 2: the line is empty"]),
        (b"a\n\xff\n", "x\ny\n", ["a.en, line 2: byte 0xff"]),
        ("a\nb\n", b"x\n\xe4\n", ["a.de, line 2: byte 0xe4"]),
        ("a\rb\r", "x\ry\r", ["carriage return alone"]),
    ],
)
def test_two_files_that_do_not_fit_together(tmp_path, source, target, expected):
    text = message(written(tmp_path / "a.en", source), written(tmp_path / "a.de", target))
    for part in expected:
        assert part in text


def test_one_file_for_both_sides(tmp_path):
    path = written(tmp_path / "a.txt", "a\n")
    same = tmp_path / ".." / tmp_path.name / "a.txt"
    assert "data.test_path and data.test_target_path are both" in message(path, same, setting="data.test_path")


def test_a_table_where_a_side_is_expected(tmp_path):
    both, side = written(tmp_path / "a.tsv", "a\tb\n"), written(tmp_path / "a.de", "b\n")
    text = message(both, side, setting="data.validation_path")
    assert "a.tsv is a table" in text and "leave out --data.validation_target_path" in text


def test_large_files_take_seconds(tmp_path):
    lines = [
        (f"This is the sentence number {n} of a file.", f"Das ist Satz Nummer {n} einer Datei.") for n in range(200_000)
    ]
    path = written(tmp_path / "a.tsv", table(lines))
    start = time.process_time()
    assert len(read_pairs(path)) == 200_000
    assert time.process_time() - start < 10
