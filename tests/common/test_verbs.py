"""If these fail, a verb leaves its work undone, in the wrong place, or unfindable."""

import json
import re

import pytest

from common import model_files
from common.errors import UserError


def test_train_does_everything_and_says_where(run_main, world, tmp_path):
    code, out, err = run_main("train", "--preset", "tiny", "--name", "a", "--data.examples", "4")
    run = tmp_path / "runs" / "fake" / "a"
    assert code == 0 and not err
    assert (run / "model.keras").read_text() == "a model"
    assert (run / "preprocessor" / "words.json").exists()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["metrics"] == {"accuracy": 0.5, "roc_auc": None}
    assert list(metrics["seconds"]) == ["predict", "data", "adapt", "train", "evaluate", "export"]
    assert metrics["config"]["data"]["examples"] == 4 and metrics["config"]["model"]["units"] == 2
    assert world["export"][0][:4] == ("fake", ["serve"], {"all": {"text": ["It's good."]}}, "saved_models")
    assert world["export"][0][4] == {
        "run": run.relative_to(tmp_path),
        "metrics": metrics["metrics"],
        "class_names": ["bad", "good"],
    }
    assert json.loads((run / "run.json").read_text())["finished"] is True
    for words in (
        "settings  data.examples 4, model.units 2, train.epochs 1",
        "device    CPU",
        "train        4 examples from nowhere [really]",
        "answers      bad, good",
        "prepared in  the cache",
        "a note",
        "accuracy      0.5000    0.5000  0.9123",
        "roc_auc          nan         -       -",
        "runs/fake/a/history.csv",
        "runs/fake/a/pictures/confusion.png",
        "saved_models/fake/1",
        """python -m apps.fake predict --model saved_models/fake 'It'"'"'s good.'""",
        "Done in",
    ):
        assert words in out, (words, out)


def test_with_json_stdout_is_the_metrics(run_main, tmp_path):
    code, out, err = run_main("train", "--name", "a", "--json")
    assert code == 0 and out.count("\n") == 1 and "Training" in err
    assert json.loads(out) == json.loads((tmp_path / "runs/fake/a/metrics.json").read_text())
    code, out, err = run_main("evaluate", "--run", "runs/fake/a", "--split", "validation", "--json")
    assert code == 0 and json.loads(out)["split"] == "validation"
    code, out, err = run_main("export", "--run", "runs/fake/a", "--json")
    assert json.loads(out) == {"app": "fake", "run": "runs/fake/a", "saved_model": "saved_models/fake/2"}


def test_other_folders(run_main, world, tmp_path):
    assert run_main("train", "--name", "a", "--runs", "my runs", "--saved_models", "out")[0] == 0
    assert (tmp_path / "my runs/fake/a/metrics.json").exists() and (tmp_path / "out/fake/1").is_dir()
    assert run_main("export", "--run", "my runs/fake/a")[0] == 0
    assert world["export"][-1][3] == "saved_models"


def test_a_wrong_setting_leaves_nothing_behind(run_main, tmp_path):
    assert run_main("train", "--model.units", "0")[0] == 2
    assert not list(tmp_path.iterdir())


def test_a_taken_name_is_refused(run_main):
    assert run_main("train", "--name", "a")[0] == 0
    code, _, err = run_main("train", "--name", "a")
    assert code == 2
    assert err == (
        "error: there is a run runs/fake/a already; continue it with --resume runs/fake/a or choose another --name\n"
    )


def test_evaluate_keeps_the_seconds_of_the_training_and_other_splits_apart(run_main, tmp_path):
    run_main("train", "--name", "a")
    run = tmp_path / "runs/fake/a"
    before = json.loads((run / "metrics.json").read_text())
    code, out, _ = run_main("evaluate", "--run", run, "--split", "train")
    assert code == 0 and "accuracy" in out
    assert json.loads((run / "metrics.json").read_text()) == before
    assert json.loads((run / "metrics-train.json").read_text())["split"] == "train"
    assert run_main("evaluate", "--run", run)[0] == 0
    after = json.loads((run / "metrics.json").read_text())["seconds"]
    assert after["train"] == before["seconds"]["train"] and list(after) == list(before["seconds"])


def test_train_may_stop_before_the_evaluation_which_resume_makes_up_for(run_main, world, tmp_path):
    run = tmp_path / "runs/fake/a"
    code, out, err = run_main("train", "--name", "a", "--until", "train", "--json")
    assert code == 0 and json.loads(out) == {"app": "fake", "run": "runs/fake/a"}
    assert (run / "model.keras").exists() and not (run / "metrics.json").exists() and not world["export"]
    assert "python -m apps.fake train --resume runs/fake/a" in err
    assert run_main("evaluate", "--run", run, "--split", "validation")[0] == 0
    assert run_main("train", "--resume", run)[0] == 0
    assert (run / "metrics.json").exists() and len(world["export"]) == 1
    assert run_main("train", "--until", "fit")[2] == "error: --until is 'fit', but must be train or export\n".replace(
        "'", ""
    )


def test_ctrl_c_in_the_training_says_how_to_go_on(run_main):
    from fake_app import train

    train.fail_with = KeyboardInterrupt()
    code, _, err = run_main("train", "--name", "my run")
    assert code == 130
    assert err == "interrupted; continue with: python -m apps.fake train --resume 'runs/fake/my run'\n"


def test_ctrl_c_keeps_what_the_training_says_of_its_last_checkpoint(run_main):
    from fake_app import train

    train.fail_with = KeyboardInterrupt("step 21 is saved, continue with: this")
    assert run_main("train", "--name", "a")[::2] == (130, "interrupted; step 21 is saved, continue with: this\n")


@pytest.mark.parametrize(
    ("words", "folder"), [(["train", "--name", "a"], "runs/fake"), (["diagnose"], "pictures/fake")]
)
def test_data_that_cannot_be_read_leave_no_run_and_the_name_free(run_main, tmp_path, monkeypatch, words, folder):
    from fake_app import data

    def load_splits(config):
        raise UserError("there is no file x")

    with monkeypatch.context() as patch:
        patch.setattr(data, "load_splits", load_splits)
        assert run_main(*words)[::2] == (2, "error: there is no file x\n")
    assert not list((tmp_path / folder).iterdir())
    assert run_main(*words)[0] == 0


def test_a_mistake_found_while_training_is_one_sentence(run_main):
    from fake_app import train

    train.fail_with = UserError("the loss is not a number")
    assert run_main("train", "--name", "a")[::2] == (2, "error: the loss is not a number\n")


def test_predict_hands_on_what_was_asked(run_main, tmp_path):
    (tmp_path / "m").mkdir()
    from fake_app import predict

    assert run_main("predict", "--model", "m", "one", "two", "--explain", "--beam", "7")[0] == 0
    flags = {"input": None, "beam": 7, "order": "best", "explain": True, "json": False}
    assert predict.calls == [("m", ("one", "two"), flags)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "nope"], "there is no exported model nope; train or export writes one to saved_models"),
        (["--model", "m", "silly"], "this question is silly; ask another one"),
    ],
)
def test_what_predict_refuses(run_main, tmp_path, words, sentence):
    (tmp_path / "m").mkdir()
    assert run_main("predict", *words) == (2, "", f"error: {sentence}\n")


def test_serve_hands_on_its_limits(run_main, world, tmp_path):
    (tmp_path / "m").mkdir()
    assert run_main("serve", "--model", "m", "--port", "1234")[0] == 0
    assert world["serve"] == [
        {
            "app": "fake",
            "model": "m",
            "host": "127.0.0.1",
            "port": 1234,
            "max_body_bytes": 1 << 24,
            "max_batch": 128,
        }
    ]
    assert run_main("serve", "--model", "nope")[0] == 2


def test_demo_shows_the_one_model_and_ends_if_it_cannot(run_main, world, tmp_path):
    (tmp_path / "m").mkdir()
    assert run_main("demo", "--model", "m", "--port", "0", "--max_upload_bytes", "5")[0] == 0
    assert world["demo"] == [
        {
            "models": [("fake", "fake_app", "m")],
            "host": "127.0.0.1",
            "port": 0,
            "max_upload_bytes": 5,
            "strict": True,
        }
    ]
    assert run_main("demo", "--model", "nope")[0] == 2


def test_diagnose_an_untrained_model_or_a_trained_run(run_main, interrupted):
    code, out, err = run_main("diagnose", "--model.units", "9", "--json")
    assert code == 0 and json.loads(out) == {"units": 9, "model": None}
    assert re.search(r"gradient  pictures/fake/\d{8}-\d{6}/gradient\.png", err)
    run_main("train", "--resume", interrupted)
    code, out, err = run_main("diagnose", "--run", interrupted, "--json")
    assert code == 0 and json.loads(out) == {"units": 3, "model": "a model"}
    assert (interrupted / "pictures" / "gradient.png").exists()
    code, _, err = run_main("diagnose", "--run", interrupted, "--model.units", "9")
    assert code == 2
    assert err == f"error: --run {interrupted} brings its own settings, so leave --model.units out\n"
    code, _, err = run_main("diagnose", "--run", interrupted, "--pictures", "here")
    assert code == 2
    assert err == f"error: the picture of --run {interrupted} goes into the run, so leave --pictures out\n"


def test_the_picture_of_an_untrained_model_is_nothing_that_looks_like_a_run(run_main, interrupted, tmp_path):
    """Else --run, --resume and the hint at the newest run meet a folder without a training."""
    before = sorted(tmp_path.rglob("*"))
    assert run_main("diagnose", "--model.units", "9", "--pictures", "mine")[0] == 0
    assert run_main("diagnose", "--model.units", "9", "--pictures", "mine")[0] == 0
    made = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert all(path.is_relative_to(tmp_path / "mine") for path in made)
    assert {path.name for path in made if path.is_file()} == {"gradient.png", "settings.yaml"}
    first, second = sorted((tmp_path / "mine" / "fake").iterdir())
    assert "units: 9" in (first / "settings.yaml").read_text()
    for verb in ("evaluate", "export", "diagnose"):
        code, _, err = run_main(verb, "--run", second)
        assert code == 2 and "is not a run directory" in err


def test_a_damaged_metrics_file_is_one_sentence(run_main, tmp_path):
    run_main("train", "--name", "a")
    (tmp_path / "runs/fake/a/metrics.json").write_text("{")
    code, _, err = run_main("evaluate", "--run", "runs/fake/a")
    assert (code, err) == (
        2,
        "error: runs/fake/a/metrics.json is damaged; delete it and run evaluate again\n",
    )


@pytest.mark.parametrize("place", ["a file", "a file/below"])
def test_a_place_for_the_export_that_cannot_be_written_is_noticed_first(run_main, tmp_path, place):
    (tmp_path / "a file").write_text("")
    code, _, err = run_main("train", "--saved_models", place)
    assert code == 2 and err.startswith(f"error: cannot make the folder {place}/fake: ") and err.count("\n") == 1
    assert not list((tmp_path / "runs" / "fake").iterdir())


def test_an_export_looks_at_its_place_before_it_loads_anything(run_main, interrupted, tmp_path, monkeypatch):
    """Else a person waits for the model to be loaded and traced, and only then hears of the wrong folder."""
    run_main("train", "--resume", interrupted)
    (tmp_path / "a file").write_text("")
    monkeypatch.setattr(model_files, "load_model", lambda *_: pytest.fail("the model was loaded first"))
    code, _, err = run_main("export", "--run", interrupted, "--saved_models", "a file")
    assert code == 2 and err.startswith("error: cannot make the folder a file/fake: ") and err.count("\n") == 1


def test_another_format_is_refused_in_one_sentence_where_it_cannot_be(run_main, tmp_path, monkeypatch):
    """Else a person waits for a conversion that cannot come, or looks for its result in vain."""
    from common.export_formats import file_export

    assert run_main("train", "--name", "a")[0] == 0
    monkeypatch.setattr(file_export.importlib.util, "find_spec", lambda name: None)
    code, _, err = run_main("export", "--run", "runs/fake/a", "--format", "onnx")
    assert code == 2 and "--format onnx needs tf2onnx and onnxruntime; run pip install" in err
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(file_export, "require_format", lambda *_: None)
    monkeypatch.setattr(model_files, "load_model", lambda path, package: path.read_text())
    code, _, err = run_main("export", "--run", "runs/fake/a", "--format", "litert")
    assert code == 2 and "fake_app has no numeric.py, which says what of it is numbers alone" in err
    code, _, err = run_main("export", "--run", "runs/fake/a", "--format", "tflite")
    assert code == 2 and "--format is tflite, but must be saved_model, litert or onnx" in err
    assert not list((tmp_path / "exports").rglob("*.*"))
