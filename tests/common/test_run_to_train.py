"""If these fail, a resume changes what it should keep, or makes a finished run unusable."""

import json

import pytest

from common.errors import UserError


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


def test_two_trainings_of_one_run_do_not_mix(run_main, interrupted):
    from common.runs import open_run

    with open_run(interrupted, "fake", trained=False).lock():
        code, _, err = run_main("train", "--resume", interrupted)
    assert code == 2 and "another process is working in" in err


def test_an_unfinished_run_cannot_get_fewer_epochs(run_main, interrupted):
    code, _, err = run_main("train", "--resume", interrupted, "--train.epochs", "4")
    assert code == 2 and "was started for 5 epochs, which can only be raised" in err
    assert "epochs: 4" not in (interrupted / "config.yaml").read_text()


def test_a_run_that_patience_ended_says_so(run_main, tmp_path):
    run_main("train", "--name", "a")
    (tmp_path / "runs/fake/a/history.csv").write_text("epoch,loss\n1,0.5\n2,0.6\n")
    code, _, err = run_main("train", "--resume", "runs/fake/a")
    assert code == 2 and "its train.patience ended it after 2 of 5 epochs" in err


def test_a_training_does_not_go_on_with_other_data(run_main, tmp_path):
    """Else its order of examples, its vocabulary and its checkpoint belong to rows that are not there any more."""
    from fake_app import train

    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    train.fail_with = KeyboardInterrupt()
    run_main("train", "--name", "a", "--data.path", "mine.csv")
    train.fail_with = None
    (tmp_path / "mine.csv").write_text("a,b\n1,3\n")
    code, _, err = run_main("train", "--resume", "runs/fake/a")
    assert code == 2 and err == (
        "error: mine.csv has changed since the training in runs/fake/a began, which can go on only with the same data; "
        "put the old content back, or start a new run\n"
    )
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    assert run_main("train", "--resume", "runs/fake/a")[::2] == (0, "")


def test_a_folder_that_the_run_lies_in_may_change(run_main, tmp_path):
    from fake_app import train

    train.fail_with = KeyboardInterrupt()
    run_main("train", "--name", "a", "--data.path", ".")
    train.fail_with = None
    assert run_main("train", "--resume", "runs/fake/a")[::2] == (0, "")


def test_an_evaluation_says_that_the_data_have_changed(run_main, tmp_path):
    (tmp_path / "pictures" / "more").mkdir(parents=True)
    (tmp_path / "pictures" / "more" / "1.png").write_bytes(b"1")
    assert run_main("train", "--name", "a", "--data.path", "pictures")[0] == 0
    assert run_main("evaluate", "--run", "runs/fake/a")[::2] == (0, "")
    (tmp_path / "pictures" / "more" / "2.png").write_bytes(b"2")
    code, out, err = run_main("evaluate", "--run", "runs/fake/a")
    assert code == 0 and "pictures has changed since the training; this measures the model on what is there now" in (
        out + err
    )
