"""What bad input gets. If these fail, a person gets a page of traceback for a slip, or a file that is half of something.

The command line is called in this process, because the start of TensorFlow would be most of each test.
"""

import csv
import errno
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from apps.sentiment import report
from apps.sentiment.config import PRESETS, Config
from apps.sentiment.data import load_splits
from apps.sentiment.preprocessing import Preprocessor
from common.cli import main
from common.config import resolve_config
from common.errors import UserError
from common.model_files import load_model
from common.runs import Run
from tests import command_line

SETTINGS = {
    "data.limit": "none",
    "train.epochs": 1,
    "train.jit_compile": "false",
    "model.cell": "simple_rnn",
    "model.bidirectional": "false",
    "preprocessing.phrase_length": 1,
}
QUICK = ("--preset", "tiny", *(word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))))
WORDS = (
    *("sun", "rain", "snow", "wind", "fog", "hail", "heat", "frost", "dew", "mist"),
    *("gale", "calm", "storm", "flood", "drought", "breeze", "cloud", "ice", "thunder", "sleet"),
)
MEGABYTE = "sun and rain " * 80_000


def write_csv(path, rows, header=("text", "label")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def twenty_classes():
    """240 texts that name their class; one is empty, one is a megabyte long."""
    rows = [(f"today {word} and {word} again, report {n}", word) for word in WORDS for n in range(12)]
    return [("", "sun"), (MEGABYTE, "sun"), *rows[2:]]


@pytest.fixture
def sentiment(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        code = main("sentiment", "apps.sentiment", Config, PRESETS, [str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(sentiment, tmp_path):
    """Checks that a command ends with code 2 and one sentence, which is returned, and leaves nothing half made."""

    def run(*words):
        code, _, err = sentiment(*words)
        assert code == 2, err
        assert err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err
        assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".tmp-") or path.name == "config.yaml"]
        assert not (tmp_path / "saved_models" / "sentiment").exists()
        return err.removeprefix("error: ").rstrip()

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on twenty classes from a file, one text of it empty and one a megabyte long, with its SavedModel."""
    folder = tmp_path_factory.mktemp("twenty")
    path = write_csv(folder / "weather.csv", twenty_classes())
    places = ("--runs", folder / "runs", "--saved_models", folder / "saved_models", "--name", "weather")
    words = ("train", *QUICK, "--data.source", "files", "--data.path", path, "--train.epochs", "2", *places)
    assert main("sentiment", "apps.sentiment", Config, PRESETS, [str(word) for word in words]) == 0
    return folder


# Data


def train_on(path, *words):
    return ("train", *QUICK, "--name", "a", "--data.source", "files", "--data.path", path, *words)


def test_a_missing_file(refused):
    assert refused(*train_on("no.csv")).startswith("There is no file no.csv (looked from ")


def test_a_missing_column(refused):
    write_csv("my.csv", [("good", "1")], header=("review", "stars"))
    sentence = refused(*train_on("my.csv"))
    assert "my.csv has no column 'text'; what is there: 'review', 'stars'" in sentence and "--data.text_key" in sentence
    assert "--data.label_key" in refused(*train_on("my.csv", "--data.text_key", "review"))


def test_a_missing_label(refused):
    write_csv("my.csv", [("good", "yes"), ("bad", "")])
    assert refused(*train_on("my.csv")).startswith("my.csv, line 3: the label 'label' is empty")


def test_a_label_in_test_that_train_does_not_have(refused):
    write_csv("my.csv", [(f"{word} {n}", word) for word in ("good", "bad") for n in range(8)])
    write_csv("test.csv", [("fine", "good"), ("so so", "mixed")])
    sentence = refused(*train_on("my.csv", "--data.test_path", "test.csv"))
    assert "The label 'mixed' stands on 1 test examples of test.csv" in sentence and "'bad', 'good'" in sentence


def test_bytes_that_are_not_utf8(refused, tmp_path):
    (tmp_path / "my.csv").write_bytes("text,label\ngood,yes\ncafé,no\n".encode("latin-1"))
    assert refused(*train_on("my.csv")).startswith("my.csv, line 3: byte 0xe9 is not UTF-8; save the file as UTF-8")


def test_ragged_rows(refused, tmp_path):
    (tmp_path / "my.csv").write_text("text,label\ngood,yes\nbad, really,no\n")
    assert refused(*train_on("my.csv")).startswith("my.csv, line 3: 3 fields, but the first line names 2 columns")


def test_one_class_only(refused):
    write_csv("my.csv", [(f"good {n}", "yes") for n in range(20)])
    assert "have the label 'yes'; a classifier needs at least two labels" in refused(*train_on("my.csv"))


def test_no_word_that_occurs_twice(refused):
    write_csv("my.csv", [(f"word{n}", "yes" if n % 2 else "no") for n in range(20)])
    assert "no word occurs 2 times" in refused(*train_on("my.csv"))


@pytest.mark.slow
def test_after_the_mistake_is_mended_the_name_is_free(sentiment, tmp_path):
    """Ten examples in all are few, but enough to try everything."""
    assert sentiment(*train_on("ten.csv"))[0] == 2
    rows = [(f"a {'good' if n % 2 else 'bad'} film {n}", "yes" if n % 2 else "no") for n in range(10)]
    write_csv("ten.csv", rows)
    code, _, err = sentiment(*train_on("ten.csv", "--json"))
    assert code == 0, err
    assert (tmp_path / "saved_models" / "sentiment" / "1" / "saved_model.pb").is_file()


def test_bundled_data_with_a_test_file_of_ones_own(refused, tmp_path):
    bundled = {"data.source": "bundled", "data.test_path": "my.csv"}
    write_csv("my.csv", [("wonderful", "yes"), ("dreadful", "no")])
    words = (word for name, value in bundled.items() for word in (f"--{name}", value))
    assert "'negative', 'positive'" in refused("train", *QUICK, *words, "--name", "a")
    write_csv("my.csv", [("wonderful", "positive"), ("dreadful", "negative"), ("", "negative")])
    splits = load_splits(resolve_config(Config, PRESETS, "tiny", overrides=bundled))
    assert (len(splits.test), splits.test.origin) == (3, "my.csv")
    assert len(splits.train) == len(splits.validation) == PRESETS["tiny"]["data"]["limit"]


# Settings


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--preset", "tyni"], "there is no preset tyni"),
        (["--model.unit", "3"], "did you mean"),
        (["--modle.units", "3"], "did you mean"),
        (["--model.cell", "lsmt"], "model.cell is lsmt (command line), but must be one of simple_rnn, gru, lstm"),
        (["--train.batch_size", "0"], "train.batch_size is 0 (command line), but must be a whole number of at least 1"),
        (["--config", "no.yaml"], "no.yaml"),
    ],
)
def test_settings_stop_before_any_work(refused, tmp_path, words, sentence):
    assert sentence in refused("train", *words)
    assert not list(tmp_path.iterdir())


def test_a_key_of_a_file_that_does_not_exist(refused, tmp_path):
    (tmp_path / "my.yaml").write_text("train:\n  epoch: 3\n")
    sentence = refused("train", "--config", "my.yaml")
    assert "train.epoch" in sentence and "my.yaml" in sentence and "train.epochs" in sentence


def test_a_training_that_diverges_says_what_to_try(sentiment, tmp_path):
    divergent = ("--train.learning_rate", "10", "--train.weight_decay", "0.9", "--train.batch_size", "4")
    words = ("--data.limit", "256", "--train.epochs", "9", "--train.patience", "0")
    code, _, err = sentiment("train", *QUICK, *words, *divergent, "--name", "a")
    assert code == 2 and err.count("\n") == 1
    assert "try a lower --train.learning_rate (it is 10)" in err
    assert not (tmp_path / "runs" / "sentiment" / "a" / "model.keras").exists()
    for path in (tmp_path / "runs" / "sentiment" / "a" / "checkpoints").rglob("*.npz"):
        with np.load(path) as arrays:
            assert all(np.isfinite(array).all() for name, array in arrays.items() if "metrics" not in name), path


# Runs and models


@pytest.mark.parametrize(
    "words", [["evaluate", "--run"], ["export", "--run"], ["diagnose", "--run"], ["train", "--resume"]]
)
def test_a_run_directory_that_is_not_one(refused, tmp_path, words):
    assert "there is no run directory no" in refused(*words, "no")
    (tmp_path / "empty").mkdir()
    assert refused(*words, "empty").startswith("empty is not a run directory (it has no run.json)")


@pytest.mark.parametrize("verb", ["predict", "serve"])
def test_a_saved_model_of_another_app_or_none(refused, tmp_path, verb):
    extra = tmp_path / "m" / "1" / "assets.extra"
    extra.mkdir(parents=True)
    (tmp_path / "m" / "1" / "saved_model.pb").write_bytes(b"")
    (extra / "unroll.json").write_text('{"app": "music"}')
    words = (verb, "--model", "m") + (("a text",) if verb == "predict" else ("--port", "0"))
    assert "is a model of music, not of sentiment; use python -m apps.music" in refused(*words)
    (extra / "unroll.json").write_text('{"app": "sentiment"}')
    assert "damaged" in refused(*words)
    (tmp_path / "m" / "1" / "saved_model.pb").unlink()
    assert "is not a SavedModel" in refused(*words)


# What works


@pytest.mark.slow
def test_twenty_classes_an_empty_text_and_a_megabyte(sentiment, trained):
    run, model = trained / "runs" / "sentiment" / "weather", trained / "saved_models" / "sentiment"
    code, out, err = sentiment("evaluate", "--run", run, "--split", "train", "--json")
    assert code == 0, err
    assert set(json.loads(out)["metrics"]) == {
        "accuracy", "macro_f1", "roc_auc", "expected_calibration_error", "log_loss"
    }  # fmt: skip
    code, out, err = sentiment("predict", "--model", model, "--json", "--explain", "", "today fog and fog", MEGABYTE)
    assert code == 0, err
    for answer in map(json.loads, out.splitlines()):
        assert set(answer["probabilities"]) == set(WORDS) and answer["label"] in WORDS
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        contributions = sum(value for _, value in answer["words"])
        assert contributions + answer["bias"] == pytest.approx(answer["score"], abs=1e-3)


# A full disk, a killed process


def disk_full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def everything(folder):
    """All files of a folder with their content, less what a lock or a log leaves."""
    return {
        p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock"
    }


def test_a_full_disk_during_export_leaves_the_version_before(sentiment, trained, monkeypatch):
    import tensorflow as tf

    def write_half(_, folder, **__):
        Path(folder, "saved_model.pb").write_bytes(b"half")
        disk_full()

    before = everything(trained / "saved_models")
    monkeypatch.setattr(tf.saved_model, "save", write_half)
    run = trained / "runs" / "sentiment" / "weather"
    code, _, err = sentiment("export", "--run", run, "--saved_models", trained / "saved_models")
    assert code == 2 and err.startswith("error: cannot write ") and "No space left on device" in err
    assert everything(trained / "saved_models") == before


_KILLED = """
import os, signal, sys
from common.export import _Verifier
from apps.sentiment.config import PRESETS, Config
from common.cli import main
_Verifier.verify = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main("sentiment", "apps.sentiment", Config, PRESETS, sys.argv[1:])
"""


def test_a_kill_during_export_leaves_the_version_before_and_the_number_after_it(sentiment, trained):
    models, run = trained / "saved_models", trained / "runs" / "sentiment" / "weather"
    before = everything(models)
    with pytest.raises(AssertionError):  # it cannot end with code 0
        command_line.run_python(_KILLED, "export", "--run", run, "--saved_models", models, cwd=trained)
    after = everything(models)
    left = {path for path in after if path not in before}
    assert left and all(path.parts[1].startswith(".tmp-") for path in left), "it was not killed in the middle"
    assert {path: after[path] for path in before} == before
    code, out, err = sentiment("export", "--run", run, "--saved_models", models, "--json")
    assert code == 0, err
    assert json.loads(out)["saved_model"] == str(models / "sentiment" / "2")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_full_disk_during_a_checkpoint_leaves_the_one_before_and_resume_goes_on(sentiment, trained, monkeypatch):
    run, handler = trained / "runs" / "sentiment" / "weather", signal.getsignal(signal.SIGINT)
    whole = everything(run / "checkpoints"), (run / "model.keras").read_bytes()
    longer = ("train", "--resume", run, "--train.epochs", "3", "--saved_models", trained / "saved_models", "--json")
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", disk_full)
        code, _, err = sentiment(*longer)
    assert code == 2 and err.splitlines()[-1].startswith("error: cannot write ") and "No space left on device" in err
    assert (everything(run / "checkpoints"), (run / "model.keras").read_bytes()) == whole
    code, _, err = sentiment(*longer)
    assert code == 0, err
    assert (run / "history.csv").read_text().splitlines()[-1].startswith("3,")
    assert not list(run.rglob(".tmp-*")) and signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("content", [None, b"", b"\xff\x00\x9d random", b"{}"])
def test_a_damaged_run_is_one_sentence(tmp_path, content):
    run = Run(tmp_path, "sentiment")
    files = [
        (tmp_path / "preprocessor.json", lambda: Preprocessor.load(tmp_path)),
        (run.model_path, lambda: load_model(run.model_path, "apps.sentiment")),
        (report.predictions_path(run, "test"), lambda: report.draw_pictures(run)),
    ]
    for path, read in files:
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match=rf"{path.name} (is missing or damaged|does not exist); "):
            read()
