"""If these fail, a person or a program at the end of a pipe gets no translations, or those of other sentences."""

import json

import pytest

from apps.translation.config import PRESETS, Config
from apps.translation.predict import answers
from apps.translation.serving import endpoints, metadata
from common import saved_model
from common.cli import main
from common.export import export_model
from tests.apps.translation.small_model import make_config, make_network, make_preprocessor


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The folder of an exported model of words, not trained."""
    config = make_config(unit="word", max_length=12, decoding={"beam_width": 3, "length_penalty": 0.8})
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor, scale=0.8)
    folder = tmp_path_factory.mktemp("saved_models")
    question = {"text": ["one two"], "beam_width": [2], "length_penalty": [1.0]}
    return export_model(
        "translation",
        {name: each for name, each in endpoints(network, preprocessor).items() if name != "greedy"},
        {"a sentence": question},
        folder,
        metadata(network, preprocessor),
        (preprocessor, network),
    ).parent


@pytest.fixture(scope="module")
def model(exported):
    return saved_model.load(exported, "translation")


@pytest.fixture
def ask(exported, model, monkeypatch, capsys):
    """Runs `predict`, and returns what it wrote to stdout and stderr."""
    monkeypatch.setattr(saved_model, "load", lambda path, app: model)

    def ask(*words, code=0):
        found = main("translation", "apps.translation", Config, PRESETS, ["predict", "--model", str(exported), *words])
        out, err = capsys.readouterr()
        assert found == code, err
        return out, err

    return ask


def test_a_line_for_each_sentence_in_their_order(ask, model):
    texts = [f"{word} " * count for count in range(1, 5) for word in ("one", "two", "nine")] * 6  # 72: two batches
    out, err = ask(*texts)
    expected = [answer["translation"] for answer in answers(model, texts)]
    assert out.splitlines() == expected and not err and len(set(expected)) > 2
    for index in (0, 63, 64, 71):
        (alone,) = answers(model, [texts[index]])
        assert alone["translation"] == expected[index]


def test_json_is_one_object_a_line(ask):
    out, _ = ask("--json", "one two", "line\nbreak \u2028")
    first, second = map(json.loads, out.rstrip("\n").split("\n"))
    assert list(first) == ["text", "translation", "score", "truncated"]
    assert first["text"] == "one two" and first["truncated"] is False and first["score"] < 0
    assert second["text"] == "line\nbreak \u2028"


def test_the_best_so_many(ask, model):
    out, _ = ask("--json", "--n-best", "5", "one two", "")
    for row in map(json.loads, out.splitlines()):
        scores = [each["score"] for each in row["translations"]]
        assert len(scores) == 5 and scores == sorted(scores, reverse=True)
        assert row["translations"][0] == {"translation": row["translation"], "score": row["score"]}
    out, _ = ask("--n-best", "2", "one two")
    (answer,) = answers(model, ["one two"], n_best=2)
    shown = [line.split(maxsplit=1) for line in out.splitlines()]
    assert [words for _, words in shown] == [each["translation"] for each in answer["translations"]]
    assert [float(score) for score, _ in shown] == pytest.approx([a["score"] for a in answer["translations"]], abs=1e-3)


def test_settings_of_the_search(model):
    """What is not given is as exported."""

    def beam(width, penalty):
        inputs = {"text": [b"one two three"], "beam_width": [width], "length_penalty": [penalty]}
        found = model.run("beam", inputs)
        return found["translations"][0, 0].decode(), pytest.approx(float(found["scores"][0, 0]), rel=1e-5)

    for given, expected in (
        ({}, (3, 0.8)),
        ({"beam_width": 1}, (1, 0.8)),
        ({"length_penalty": 0.0}, (3, 0.0)),
        ({"n_best": 2}, (3, 0.8)),
        ({"n_best": 7}, (7, 0.8)),
        ({"n_best": 2, "beam_width": 5, "length_penalty": 2.0}, (5, 2.0)),
        ({"n_best": 4, "beam_width": 2}, (4, 0.8)),
    ):
        (answer,) = answers(model, ["one two three"], **given)
        assert (answer["translation"], answer["score"]) == beam(*expected), given
        assert len(answer.get("translations", [])) == given.get("n_best", 0)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--n-best", "0"), "--n-best is 0, but must be a whole number from 1 to 64"),
        (("--n-best", "65"), "from 1 to 64"),
        (("--beam_width", "many"), "--beam_width is many, but must be a whole number from 1 to 64"),
        (("--beam_width", "2.5"), "must be a whole number from 1 to 64"),
        (("--length_penalty", "-1"), "--length_penalty is -1, but must be a number from 0 to 10"),
        (("--length_penalty", "nan"), "must be a number from 0 to 10"),
        (("--length_penalty", "inf"), "must be a number from 0 to 10"),
        (("--length_penalty", "x"), "must be a number from 0 to 10"),
        (("--attention", "a.png", "three"), "--attention draws one sentence, but 2 were given; give one"),
        (("--attention", "a.jpg"), "--attention is 'a.jpg', but must be a file that ends in .png"),
        (("--attention", "a"), "must be a file that ends in .png"),
        (("--input", "nowhere.txt"), "not both"),
        (("--column", "text"), "--column names a column of --input FILE, which is missing"),
    ],
)
def test_mistakes_are_one_sentence(ask, words, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, err = ask("one two", *words, code=2)
    assert not out and err.startswith("error: ") and err.count("\n") == 1 and sentence in err
    assert not list(tmp_path.iterdir())


def test_what_was_cut_is_told_beside_the_translations(ask):
    """Else line n of the translations is not that of sentence n."""
    for more in ((), ("--json",)):
        out, err = ask("one", "nine " * 30, "two", *more)
        assert len(out.splitlines()) == 3
        assert err.count("warning: a sentence was cut to the first 12 tokens") == 1 and "'nine nine" in err


@pytest.mark.parametrize("text", ["one two three", "", "€ $x_2$ שלום 日本", "nine " * 30])
def test_the_picture_of_the_attention(ask, text, tmp_path):
    path = tmp_path / "new" / "Attention.PNG"
    out, err = ask("--attention", str(path), text)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert len(out.splitlines()) == 1 and str(path) in err


def test_sentences_of_a_file(ask, tmp_path):
    (tmp_path / "a.csv").write_text('id,english\n1,"one, two"\n2,\n3,nine\n', encoding="utf-8")
    out, _ = ask("--json", "--input", str(tmp_path / "a.csv"), "--column", "english")
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["one, two", "", "nine"]
