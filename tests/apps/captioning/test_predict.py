"""If these fail, a person or a program at the end of a pipe gets no captions, or those of other pictures."""

import io
import json
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf

from apps.captioning.config import PRESETS, Config
from apps.captioning.picture_decoding import decode_pictures
from apps.captioning.predict import answers
from common import saved_model
from common.cli import main
from common.errors import UserError
from tests.apps.captioning.small_model import COLORS, SIZE, encoded, make_pictures, two_colors


class Exported:
    """Stands for the loaded SavedModel, which the conformance asks: what it says depends on the picture and on the search."""

    metadata = {"beam_width": 3, "length_penalty": 0.8, "picture_size": SIZE, "fit": "stretch"}

    def run(self, endpoint, inputs):
        images = inputs["image"]
        try:
            decode_pictures(images, 8)
        except tf.errors.InvalidArgumentError as error:
            raise UserError("the model refuses this input: it knows no names") from error
        widths = inputs.get("beam_width", [3] * len(images))
        penalties = inputs.get("length_penalty", [0.8] * len(images))
        captions = np.full((len(images), max(widths)), b"", object)
        scores = np.zeros(captions.shape, np.float32)
        tokens, attention = np.full((len(images), 9), b"", object), np.zeros((len(images), 9, 4, 4), np.float32)
        for row, (image, width, penalty) in enumerate(zip(images, widths, penalties, strict=True)):
            random = np.random.default_rng([zlib.crc32(image), int(width), round(1_000 * float(penalty))])
            scores[row, :width] = -np.sort(random.random(width))
            said = [random.choice(list(COLORS), random.integers(1, 9)) for _ in range(width)]
            captions[row, :width] = [" ".join(words).encode() for words in said]
            tokens[row, : len(said[0])] = [word.encode() for word in said[0]]
            attention[row, : len(said[0])] = random.dirichlet(np.ones(16), len(said[0])).reshape(-1, 4, 4)
        found = {"tokens": tokens, "attention": attention}
        if endpoint == "beam":
            return {"captions": captions, "scores": scores, **found}
        assert endpoint == "serving_default" and list(inputs) == ["image"]
        return {"caption": captions[:, 0], "score": scores[:, 0], **found}


@pytest.fixture
def model():
    return Exported()


@pytest.fixture
def ask(model, monkeypatch, capsys, tmp_path, tmp_path_factory):
    """Runs `predict` in an empty folder, and returns what it wrote to stdout and stderr."""
    monkeypatch.setattr(saved_model, "load", lambda path, app: model)
    monkeypatch.chdir(tmp_path)
    exported = tmp_path_factory.mktemp("exported")

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
    (tmp_path / "table.csv").write_text(f"image,caption\n{paths[1]},a\n")
    assert json.loads(ask("--json", "--input", "table.csv")[0])["image"] == str(paths[1])
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
        (("good.png", "--attention", "good.png"), "--attention would overwrite the picture good.png"),
        (("a" * 300,), "is no path of a picture"),
        (("--input", "nul.txt"), "is no path of a picture"),
        (("--input", "table.csv"), "table.csv"),
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
    (tmp_path / "nul.txt").write_text("good.png\na\0b\n")
    (tmp_path / "table.csv").write_text("picture,caption\ngood.png,a\n")
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
