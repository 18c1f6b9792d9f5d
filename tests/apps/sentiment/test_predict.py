"""If these fail, a person or a program at the end of a pipe gets no answers, or the wrong ones."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from apps.sentiment import answers, prediction_view
from apps.sentiment.predict import predict
from common import saved_model
from common.console import Console, use_console
from common.errors import UserError
from tests import command_line


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return saved_model.load(tiny_model_dir)


@pytest.fixture
def ask(model, monkeypatch):
    """Asks the tiny model, as if it were one of this application; writes to `stream`, or to stdout."""
    monkeypatch.setattr(saved_model, "load", lambda path, app: model)

    def ask(*texts, stream=None, interactive=False, **flags):
        use_console(Console(stream=stream, interactive=interactive) if stream else Console())
        predict("unused", texts, {"input": None, "column": None, "explain": False, "json": False, **flags})
        return stream.getvalue() if stream else None

    return ask


def test_json_is_one_object_a_line(ask, capsys):
    """Else a program that reads the answers line by line breaks."""
    ask("good film", "line\nbreak 日本 \u2028", json=True)
    first, second = (json.loads(line) for line in capsys.readouterr().out.rstrip("\n").split("\n"))
    assert list(first) == ["text", "label", "probabilities"]
    assert list(first["probabilities"]) == ["negative", "neutral", "positive"]
    assert first["label"] == max(first["probabilities"], key=first["probabilities"].get)
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert second["text"] == "line\nbreak 日本 \u2028"


def test_explain_gives_the_words_without_padding(model):
    """Else empty words appear in the explanation of every shorter text of a batch."""
    long, short = answers.answers(model, ["good bad good film", "bad"], explain=True)
    assert long["words"] == [["good", 4.0], ["bad", -3.0], ["good", 4.0], ["film", 0.0]]
    assert (short["words"], short["bias"]) == ([["bad", -3.0]], 0.25)


def test_batches_do_not_change_answers_or_their_order(model):
    """Else line 65 of a file gets the answer of another line."""
    texts = [f"{'good ' * (i % 5)}film {i}" for i in range(130)]
    found = list(answers.answers(model, texts))
    assert [answer["text"] for answer in found] == texts
    for i in (0, 63, 64, 129):
        (alone,) = answers.answers(model, [texts[i]])
        assert found[i]["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-6)


def test_a_file_and_a_column(ask, tmp_path, capsys):
    """Else the texts of a table cannot be answered for."""
    (tmp_path / "a.csv").write_text('id,review\n1,"good, film"\n2,bad\n', encoding="utf-8")
    ask(input=str(tmp_path / "a.csv"), column="review", json=True)
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == [
        "good, film",
        "bad",
    ]


def test_mistakes_are_one_sentence(ask, tmp_path):
    """Else a typing slip is a traceback, or answers nothing without a word."""
    (tmp_path / "empty.txt").touch()
    with pytest.raises(UserError, match="give the inputs either as words or as --input FILE, not both"):
        ask("a", input="b.txt")
    with pytest.raises(UserError, match="--column names a column of --input FILE, which is missing"):
        ask("a", column="b")
    with pytest.raises(UserError, match=r"empty\.txt holds no text"):
        ask(input=str(tmp_path / "empty.txt"))


def test_the_table_is_for_people(ask):
    """Else a person cannot see at a glance what the model thinks."""
    lines = ask("good film", "bad\x1b[31m\nfilm " * 50, stream=io.StringIO()).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("good film   ") and "%" in lines[0] and "░" in lines[0]
    assert "\x1b" not in lines[1] and "…" in lines[1]
    assert lines[0].index("%") == lines[1].index("%")


def test_the_explanation_adds_up_for_a_reader(ask):
    """Else the numbers shown beside the words are not those of the answer."""
    _, words = ask("good bad film", explain=True, stream=io.StringIO()).splitlines()
    assert " ".join(words.split()) == "+4.000 good -3.000 bad +0.000 1 other word +0.250 bias = +1.250"


def test_colours_on_a_terminal(ask):
    """Else --explain on a terminal does not show for and against."""
    shown = ask("good bad [bold]film", explain=True, stream=io.StringIO(), interactive=True)
    assert "\x1b[1;32mgood" in shown and "\x1b[1;31mbad" in shown
    assert "[bold]film" in shown


def test_outputs_of_another_form_are_shown_as_they_are():
    """Else an output that somebody adds to the model ends `predict`."""
    outputs = {
        "score": np.float32(0.2),
        "names": np.array([b"x", b"y"], dtype=object),
        "values": np.float32([[0.1, 2]]),
        "count": np.int64(3),
    }
    answer = {"count": 3, "names": ["x", "y"], "score": 0.2, "values": [[0.1, 2.0]]}
    assert answers._answer(outputs, []) == answer


@pytest.mark.parametrize(("text", "shown"), [("ab", "ab  "), ("abcdef", "abc…"), ("日本語", "日… "), ("", "    ")])
def test_fit_counts_terminal_columns(text, shown):
    """Else rows with Japanese or long texts break the table."""
    assert prediction_view.fit(text, 4) == shown


def test_standard_input_and_a_closed_pipe(tiny_model_dir, tmp_path):
    """Else `cat reviews.txt | predict | head -1` ends in a traceback."""
    shutil.copytree(tiny_model_dir, tmp_path / "m")
    notes = tmp_path / "m" / "1" / "assets.extra" / "unroll.json"
    notes.write_text(json.dumps(json.loads(notes.read_text()) | {"app": "sentiment"}))
    process = subprocess.Popen(
        [sys.executable, "-m", "apps.sentiment", "predict", "--model", "m", "--json"],
        cwd=tmp_path, env=command_line.environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdin.write(b"good\n\n" + b"bad film\n" * 5000)
    process.stdin.close()
    first = json.loads(process.stdout.readline())
    process.stdout.close()
    assert (process.stderr.read(), process.wait(30)) == (b"", 0)
    process.stderr.close()
    assert first["text"] == "good"
