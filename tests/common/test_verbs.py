"""If these fail, a verb leaves its work undone, in the wrong place, or unfindable."""

import json
import re
import sys
from types import ModuleType

import pytest

from common import model_files, verbs
from common.cli import main
from common.errors import UserError


@pytest.fixture
def world(fake_app, tmp_path, monkeypatch):
    """The modules that need TensorFlow, replaced; what they were asked to do is in the returned lists."""
    monkeypatch.chdir(tmp_path)
    calls = {"export": [], "predict": [], "serve": []}

    def export_model(app, endpoints, examples, saved_models_dir, metadata, tracked):
        calls["export"].append((app, sorted(endpoints), list(examples), str(saved_models_dir), metadata))
        version = tmp_path / saved_models_dir / app / str(len(calls["export"]))
        version.mkdir(parents=True)
        return version.relative_to(tmp_path)

    replaced = {
        "common.export": {"export_model": export_model},
        "common.predict": {"run_predict": lambda *words, **flags: calls["predict"].append((words, flags))},
        "common.server.app": {"serve": lambda **flags: calls["serve"].append(flags)},
    }
    for name, functions in replaced.items():
        module = ModuleType(name)
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(model_files, "load_model", lambda path, package: path.read_text())
    monkeypatch.setattr(verbs, "device_line", lambda: "CPU")
    return calls


@pytest.fixture
def run_main(world, capsys):
    """Runs the command line: exit code, stdout, stderr."""
    from fake_app.config import PRESETS, Config

    def run(*words):
        capsys.readouterr()  # what a fixture wrote
        code = main("fake", "fake_app", Config, PRESETS, [str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def interrupted(run_main, tmp_path):
    """The path of a run whose training was cut off."""
    from fake_app import train

    train.fail_with = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        run_main("train", "--name", "a", "--model.units", "3")
    train.fail_with = None
    train.calls.clear()
    return tmp_path / "runs" / "fake" / "a"


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
    assert world["export"][0][:4] == ("fake", ["serve"], ["It's good."], "saved_models")
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
        "labels       bad, good",
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


def test_an_interrupted_run_is_resumed_with_its_settings_and_vocabulary(run_main, world, interrupted):
    from fake_app import preprocessing, train

    code, _, err = run_main("evaluate", "--run", interrupted)
    assert code == 2 and "has not ended" in err and f"train --resume {interrupted}" in err
    adapted = preprocessing.Preprocessor.adapted
    code, _, err = run_main("train", "--resume", interrupted)
    assert code == 0 and not err, err
    assert train.calls == [(5, True)]
    assert preprocessing.Preprocessor.adapted == adapted
    assert json.loads((interrupted / "metrics.json").read_text())["config"]["model"]["units"] == 3
    assert len(world["export"]) == 1


def test_a_finished_run_resumes_only_for_more_epochs(run_main, interrupted):
    from fake_app import train

    run_main("train", "--resume", interrupted)
    for words in ([], ["--train.epochs", "5"], ["--train.epochs", "4"]):
        code, _, err = run_main("train", "--resume", interrupted, *words)
        assert code == 2
        assert err == (
            f"error: {interrupted} is finished with its 5 epochs; to train on, raise --train.epochs above 5\n"
        )
    assert run_main("train", "--resume", interrupted, "--train.epochs", "6")[0] == 0
    assert train.calls[-1] == (6, True)
    assert "epochs: 6" in (interrupted / "config.yaml").read_text()
    assert run_main("train", "--resume", interrupted)[0] == 2


@pytest.mark.parametrize("failure", ["the data", "the checkpoint"])
def test_a_failure_in_loading_leaves_a_finished_run_finished(run_main, interrupted, monkeypatch, failure):
    """Else a data file that was moved makes a trained model unusable: `evaluate` and `export` would refuse the run."""
    from fake_app import data, train

    def load_splits(config):
        raise UserError("there is no file x")

    run_main("train", "--resume", interrupted)
    before = (interrupted / "run.json").read_text(), (interrupted / "config.yaml").read_text()
    with monkeypatch.context() as patch:
        if failure == "the data":
            patch.setattr(data, "load_splits", load_splits)
        else:
            patch.setattr(train, "fail_with", UserError("the data have 7 steps an epoch"))
        assert run_main("train", "--resume", interrupted, "--train.epochs", "6")[0] == 2
    assert ((interrupted / "run.json").read_text(), (interrupted / "config.yaml").read_text()) == before
    assert run_main("evaluate", "--run", interrupted)[0] == 0
    assert run_main("train", "--resume", interrupted, "--train.epochs", "6")[0] == 0
    assert train.calls[-1] == (6, True)


def test_a_failure_after_a_new_checkpoint_keeps_the_new_number_of_epochs(run_main, interrupted, monkeypatch):
    from fake_app import train

    def fail_after_a_checkpoint(config, run, splits, preprocessor, resume):
        (run.checkpoints_path / "120").mkdir(parents=True)
        raise UserError("the loss is not a number")

    run_main("train", "--resume", interrupted)
    with monkeypatch.context() as patch:
        patch.setattr(train, "train", fail_after_a_checkpoint)
        assert run_main("train", "--resume", interrupted, "--train.epochs", "6")[0] == 2
    assert "has not ended" in run_main("evaluate", "--run", interrupted)[2]
    assert run_main("train", "--resume", interrupted)[0] == 0
    assert train.calls[-1] == (6, True)


def test_a_run_stopped_while_it_got_more_epochs_resumes(run_main, interrupted):
    from fake_app import train

    run_main("train", "--resume", interrupted)
    train.fail_with = KeyboardInterrupt()
    assert run_main("train", "--resume", interrupted, "--train.epochs", "6")[0] == 130
    train.fail_with = None
    assert run_main("train", "--resume", interrupted)[0] == 0
    assert train.calls[-1] == (6, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--model.units", "9"],
            "--resume {run} keeps the settings of the run, so leave --model.units out "
            "(only --train.epochs may be given)",
        ),
        (
            ["--preset", "tiny"],
            "--resume {run} keeps the settings of the run, so leave --preset out (only --train.epochs may be given)",
        ),
        (
            ["--config", "a.yaml"],
            "--resume {run} keeps the settings of the run, so leave --config out (only --train.epochs may be given)",
        ),
        (["--name", "b"], "--resume continues a run under the name it has; leave --name out"),
        (
            ["--train.epochs", "0"],
            "train.epochs is 0 (command line), but must be a whole number of at least 1 and at most 100000 (epochs)",
        ),
    ],
)
def test_what_cannot_change_on_resume(run_main, interrupted, words, sentence):
    before = (interrupted / "config.yaml").read_text()
    assert run_main("train", "--resume", interrupted, *words) == (
        2,
        "",
        f"error: {sentence.format(run=interrupted)}\n",
    )
    assert (interrupted / "config.yaml").read_text() == before


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


def test_two_trainings_of_one_run_do_not_mix(run_main, interrupted):
    from common.runs import open_run

    with open_run(interrupted, "fake", trained=False).lock():
        code, _, err = run_main("train", "--resume", interrupted)
    assert code == 2 and "another process is working in" in err


def test_predict_hands_on_what_was_asked(run_main, world, tmp_path):
    (tmp_path / "m").mkdir()
    assert run_main("predict", "--model", "m", "one", "two", "--explain")[0] == 0
    assert world["predict"] == [
        (
            ("m", ("one", "two")),
            {"input_path": None, "column": None, "explain": True, "as_json": False, "app": "fake"},
        )
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "nope"], "there is no exported model nope; train or export writes one to saved_models"),
        (
            ["--model", "m", "--input", "a", "text"],
            "give the inputs either as words or as --input FILE, not both",
        ),
        (["--model", "m", "--column", "a"], "--column names a column of --input FILE, which is missing"),
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
            "max_body_bytes": 1 << 20,
            "max_batch": 128,
        }
    ]
    assert run_main("serve", "--model", "nope")[0] == 2


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


def test_an_unfinished_run_cannot_get_fewer_epochs(run_main, interrupted):
    code, _, err = run_main("train", "--resume", interrupted, "--train.epochs", "4")
    assert code == 2 and "was started for 5 epochs, which can only be raised" in err
    assert "epochs: 4" not in (interrupted / "config.yaml").read_text()


def test_a_run_that_patience_ended_says_so(run_main, tmp_path):
    run_main("train", "--name", "a")
    (tmp_path / "runs/fake/a/history.csv").write_text("epoch,loss\n1,0.5\n2,0.6\n")
    code, _, err = run_main("train", "--resume", "runs/fake/a")
    assert code == 2 and "its train.patience ended it after 2 of 5 epochs" in err
