"""If these fail, a person or a program at the end of a pipe gets no captions, or those of other pictures."""

import io
import json
import sys
from unittest import mock

import numpy as np
import pytest

from apps.captioning.config import PRESETS, Config
from apps.captioning.predict import answers
from apps.captioning.serving import endpoints, metadata
from common import saved_model
from common.cli import main
from common.export import export_model
from tests.apps.captioning.small_model import (
    encoded,
    make_config,
    make_network,
    make_pictures,
    make_preprocessor,
    two_colors,
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The folder of an exported model, not trained."""
    config = make_config(max_length=9, decoding={"beam_width": 3, "length_penalty": 0.8})
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor, scale=1.0)
    folder = tmp_path_factory.mktemp("saved_models")
    question = {"image": [make_pictures(1).pictures[0]], "beam_width": [2], "length_penalty": [1.0]}
    with mock.patch("common.export._Verifier"):  # which takes as long as all the rest; the conformance has it
        return export_model(
            "captioning",
            {name: each for name, each in endpoints(network, preprocessor).items() if name != "greedy"},
            {"a picture": question},
            folder,
            metadata(network, preprocessor),
            (preprocessor, network),
        ).parent


@pytest.fixture(scope="module")
def model(exported):
    return saved_model.load(exported, "captioning")


@pytest.fixture
def ask(exported, model, monkeypatch, capsys, tmp_path):
    """Runs `predict` in an empty folder, and returns what it wrote to stdout and stderr."""
    monkeypatch.setattr(saved_model, "load", lambda path, app: model)
    monkeypatch.chdir(tmp_path)

    def ask(*words, code=0):
        words = ["predict", "--model", str(exported), *map(str, words)]
        found = main("captioning", "apps.captioning", Config, PRESETS, words)
        out, err = capsys.readouterr()
        assert found == code, err
        return out, err

    return ask


def write(folder, count=3):
    """Pictures in files: their paths."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{index}.png" for index in range(count)]
    for path, picture in zip(paths, make_pictures(count).pictures, strict=True):
        path.write_bytes(picture)
    return paths


def test_a_line_for_each_picture_in_their_order(ask, model, tmp_path):
    paths = [*write(tmp_path / "a", 5)] * 7  # 35: two batches
    out, err = ask(*paths)
    expected = list(answers(model, paths))
    assert out.splitlines() == [f"{answer['image']}: {answer['caption']}" for answer in expected] and not err
    assert len({answer["caption"] for answer in expected}) > 2
    for index in (0, 31, 32, 34):
        (alone,) = answers(model, [paths[index]])
        assert alone["caption"] == expected[index]["caption"]
    assert ask(paths[0])[0] == expected[0]["caption"] + "\n"


def test_json_is_one_object_a_line(ask, tmp_path):
    paths = write(tmp_path / "a", 2)
    out, _ = ask("--json", *paths)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["image"] for row in rows] == list(map(str, paths))
    for row in rows:
        assert list(row) == ["image", "caption", "score", "tokens", "attention"]
        assert " ".join(row["tokens"]) == row["caption"] and row["score"] < 0
        np.testing.assert_allclose(np.sum(row["attention"], axis=(1, 2)), np.ones(len(row["tokens"])), atol=1e-5)


def test_the_best_so_many(ask, model, tmp_path):
    (path,) = write(tmp_path / "a", 1)
    (row,) = map(json.loads, ask("--json", "--n-best", "5", path)[0].splitlines())
    scores = [each["score"] for each in row["captions"]]
    assert len(scores) == 5 and scores == sorted(scores, reverse=True)
    assert row["captions"][0] == {"caption": row["caption"], "score": row["score"]}
    shown = [line.split(maxsplit=1) for line in ask("--n-best", "2", path)[0].splitlines()]
    (answer,) = answers(model, [path], n_best=2)
    assert [words for _, words in shown] == [each["caption"] for each in answer["captions"]]
    assert [float(score) for score, _ in shown] == pytest.approx([a["score"] for a in answer["captions"]], abs=1e-3)


def test_settings_of_the_search(model, tmp_path):
    """What is not given is as exported."""
    (path,) = write(tmp_path / "a", 1)

    def beam(width, penalty):
        inputs = {"image": [path.read_bytes()], "beam_width": [width], "length_penalty": [penalty]}
        found = model.run("beam", inputs)
        return found["captions"][0, 0].decode(), pytest.approx(float(found["scores"][0, 0]), rel=1e-4)

    for given, expected in (
        ({}, (3, 0.8)),
        ({"beam_width": 1}, (1, 0.8)),
        ({"length_penalty": 0.0}, (3, 0.0)),
        ({"n_best": 7}, (7, 0.8)),
        ({"n_best": 2, "beam_width": 5, "length_penalty": 2.0}, (5, 2.0)),
    ):
        (answer,) = answers(model, [path], **given)
        assert (answer["caption"], answer["score"]) == beam(*expected), given
        assert len(answer.get("captions", [])) == given.get("n_best", 0)


def test_pictures_of_a_folder_and_of_a_list(ask, tmp_path, monkeypatch):
    paths = write(tmp_path / "a", 3)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "a" / "folder.jpg").mkdir()
    inner = tmp_path / "a" / "folder.jpg" / "UPPER.JPG"
    inner.write_bytes(encoded(two_colors("red", "blue"), "JPEG"))
    images = [json.loads(line)["image"] for line in ask("--json", tmp_path / "a")[0].splitlines()]
    assert images == sorted(map(str, [*paths, inner]))
    # An empty line names no picture; as a path it would be the current folder.
    (tmp_path / "list.txt").write_text(f"{paths[1]}\n\n{paths[0]}\n")
    out, err = ask("--json", "--input", "list.txt")
    assert [json.loads(line)["image"] for line in out.splitlines()] == [str(paths[1]), str(paths[0])] and not err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{paths[2]}\n".encode())))
    assert json.loads(ask("--json", "--input", "-")[0])["image"] == str(paths[2])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "give the files of pictures, or a file with their paths by --input FILE"),
        (("",), "the paths are empty"),
        (("nowhere.jpg",), "There is no file nowhere.jpg"),
        (("letter.jpg",), "letter.jpg "),
        (("array.npy",), "array.npy "),
        (("empty.png",), "empty.png is empty; copy the picture again"),
        (("cut.jpg",), "cut.jpg "),
        (("good.png", "letter.jpg"), "letter.jpg "),
        (("texts",), "there is no picture in the folder texts; expected files that end in .jpg"),
        (("good.png", "good.png", "--attention", "a.png"), "--attention draws one picture, but 2 were given"),
        (("good.png", "--attention", "a.jpg"), "--attention is 'a.jpg', but must be a file that ends in .png"),
        (("good.png", "--input", "list.txt"), "not both"),
        (("good.png", "--n-best", "33"), "--n-best is 33, but must be a whole number from 1 to 32"),
        (("good.png", "--beam", "2.5"), "must be a whole number from 1 to 32"),
        (("good.png", "--length_penalty", "nan"), "must be a number from 0 to 10"),
    ],
)
def test_mistakes_are_one_sentence(ask, words, sentence, tmp_path):
    (tmp_path / "good.png").write_bytes(encoded(two_colors("red", "blue")))
    (tmp_path / "letter.jpg").write_text("Dear picture, where are you? " * 20)
    np.save(tmp_path / "array.npy", np.random.default_rng(0).normal(size=50))
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.jpg").write_bytes(encoded(two_colors("red", "blue", 200, 300), "JPEG")[:700])
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    before = sorted(tmp_path.rglob("*"))
    out, err = ask(*words, code=2)
    assert not out and err.startswith("error: ") and err.count("\n") == 1 and sentence in err, err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_picture_of_the_attention(ask, tmp_path):
    (path,) = write(tmp_path / "a", 1)
    target = tmp_path / "new" / "Attention.PNG"
    out, err = ask("--attention", target, path)
    assert target.read_bytes().startswith(b"\x89PNG")
    assert len(out.splitlines()) == 1 and str(target) in err
