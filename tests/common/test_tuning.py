"""If these fail, a night of trials is lost, looks at the test split, or ends without the settings it was for."""

import contextlib
import csv
import importlib
import io
import json

import pytest
import yaml

from common import console
from common.cli import main
from common.comparison.children import UNKNOWN, Ended
from common.config import ConfigModel, option
from common.config_options import AnyOf, Between, options_of
from common.figures import save_figure
from common.quality import Quality
from common.tuning import study, trials
from common.tuning.pictures import draw_trials
from common.tuning.record import COMPLETE, PRUNED, Trial


@pytest.fixture
def processes(run_main, monkeypatch):
    """Verbs in this process instead of their own: what was run is in the list. The quality is best with 20 units and lstm, and
    the loss after each epoch is what `losses` says."""
    from fake_app import evaluate, train
    from fake_app.config import PRESETS, Config

    class Processes(list):
        fail = {}
        losses = staticmethod(lambda config: [1.0])

    ran = Processes()
    measure, fit = evaluate.evaluate, train.train

    def measured(config, run, splits, split, preprocessor, model):
        metrics = measure(config, run, splits, split, preprocessor, model)
        metrics["metrics"]["accuracy"] = 0.9 - abs(config.model.units - 20) / 100 + (config.model.cell == "lstm") / 20
        return metrics

    def fitted(config, run, splits, preprocessor, resume):
        model = fit(config, run, splits, preprocessor, resume)
        rows = [f"{epoch},{loss}\n" for epoch, loss in enumerate(ran.losses(config), start=1)]
        run.history_path.write_text("epoch,loss\n" + "".join(rows))
        return model

    def run_verb(package, words, log, watch=None):
        ran.append(" ".join(words).replace("runs/fake/tune/", ""))
        failure = next((failure for name, failure in ran.fail.items() if words[2].endswith(name)), None)
        if isinstance(failure, BaseException):
            raise failure
        if failure:
            return Ended(2, 1.0, UNKNOWN, failure)
        outer = console.get_console()
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            code = main("fake", package, Config, PRESETS, list(words))
        console.use_console(outer)
        assert code == 0, out.getvalue()
        if watch is not None and watch():  # was stopped on the way
            path = log.parent / "run.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), "trained": False}))
            return Ended(130, 1.0, UNKNOWN, "interrupted")
        return Ended(0, 1.0, UNKNOWN, "")

    monkeypatch.setattr(evaluate, "evaluate", measured)
    monkeypatch.setattr(train, "train", fitted)
    monkeypatch.setattr(trials, "run_verb", run_verb)
    return ran


def search(tmp_path, name="tune"):
    return json.loads((tmp_path / f"runs/fake/{name}/tuning.json").read_text())


def test_the_best_settings_become_a_file_that_train_takes(run_main, processes, tmp_path):
    code, out, err = run_main("tune", "--trials", "12", "--data.examples", "4")
    assert code == 0 and not err
    folder = tmp_path / "runs/fake/tune"
    found = search(tmp_path)["trials"]
    assert [trial["number"] for trial in found] == list(range(12))
    # The configuration refuses 13 units.
    assert [trial["params"]["model.units"] for trial in found if trial["state"] != "complete"] == [13]
    assert next(trial["failure"] for trial in found if trial["failure"]).startswith("the search: model.units is 13")
    # The command's own values come first; those that are not declared, such as cell and units are, stay as they were.
    assert found[0]["params"]["model.cell"] == "gru" and found[0]["params"]["model.units"] == 4
    assert set(found[0]["params"]) == {"model.cell", "model.units", "train.learning_rate"}
    best = max(found, key=lambda trial: trial["quality"] or 0)
    settings = yaml.safe_load((folder / "best.yaml").read_text())
    assert settings["model"]["units"] == best["params"]["model.units"] and settings["data"]["examples"] == 4
    assert settings["train"]["learning_rate"] == best["params"]["train.learning_rate"]
    assert best["quality"] == pytest.approx(0.9 - abs(settings["model"]["units"] - 20) / 100 + 0.05, abs=0.051)
    rows = list(csv.DictReader(io.StringIO((folder / "trials.csv").read_text())))
    assert len(rows) == 12 and float(rows[best["number"]]["accuracy"]) == best["quality"]
    assert (folder / "tuning.png").read_bytes().startswith(b"\x89PNG")
    assert "train --config runs/fake/tune/best.yaml" in out and "The best of 12 trials" in out
    assert run_main("train", "--config", folder / "best.yaml", "--name", "again")[0] == 0


def test_the_test_split_is_never_looked_at(run_main, processes, tmp_path):
    assert run_main("tune", "--trials", "2", "--seeds", "2", "--preset", "tiny")[0] == 0
    assert json.loads((tmp_path / "runs/fake/tune/trial-1-seed1/run.json").read_text())["preset"] == "tiny"
    assert [words.partition(" --saved_models")[0] for words in processes[:4]] == [
        "train --resume trial-0-seed0 --until train",
        "evaluate --run trial-0-seed0 --split validation",
        "train --resume trial-0-seed1 --until train",
        "evaluate --run trial-0-seed1 --split validation",
    ]
    assert not list(tmp_path.rglob("metrics.json")) and not (tmp_path / "saved_models").exists()
    assert [len(trial["values"]) for trial in search(tmp_path)["trials"]] == [2, 2]


def test_the_same_command_adds_nothing_and_more_trials_go_on_as_one_search_would(run_main, processes, tmp_path):
    assert run_main("tune", "--trials", "10", "--name", "whole")[0] == 0
    assert run_main("tune", "--trials", "3")[0] == 0
    processes.clear()
    assert run_main("tune", "--trials", "3")[0] == 0 and not processes
    assert run_main("tune", "--trials", "10")[0] == 0
    whole, parts = (search(tmp_path, name)["trials"] for name in ("whole", "tune"))
    assert [trial["params"] for trial in whole] == [trial["params"] for trial in parts]


def test_an_interrupted_trial_goes_on(run_main, processes, tmp_path):
    processes.fail = {"trial-1-seed0": KeyboardInterrupt()}
    code, _, err = run_main("tune", "--trials", "3")
    assert (code, err) == (130, "interrupted; the same command goes on where this one stopped\n")
    assert [trial["state"] for trial in search(tmp_path)["trials"]] == ["complete", "running"]
    assert (tmp_path / "runs/fake/tune/best.yaml").exists() and (tmp_path / "runs/fake/tune/trials.csv").exists()
    params = search(tmp_path)["trials"][1]["params"]
    processes.clear()
    processes.fail = {}
    assert run_main("tune", "--trials", "3")[0] == 0
    assert processes[0].startswith("train --resume trial-1-seed0")
    assert search(tmp_path)["trials"][1]["params"] == params and len(search(tmp_path)["trials"]) == 3


def test_a_trial_that_fails_is_kept_as_such(run_main, processes, tmp_path):
    processes.fail = {"trial-1-seed0": "the loss became NaN"}
    code, out, _ = run_main("tune", "--trials", "3")
    assert code == 0 and "failed after 1.0 s: the loss became NaN" in out
    assert [trial["state"] for trial in search(tmp_path)["trials"]] == ["complete", "failed", "complete"]
    processes.fail = {"seed0": "no data"}
    code, _, err = run_main("tune", "--trials", "2", "--name", "other")
    assert code == 2 and "none of 2 trials was finished; the first failed: no data" in err


def test_a_trial_that_falls_behind_is_stopped_unless_told_otherwise(run_main, processes, tmp_path):
    # Trial 0 has the 4 units of the command, far from all others after two epochs.
    processes.losses = lambda config: [1.0, 0.5, 0.4] if config.model.units != 60 else [9.0, 9.0, 9.0]
    words = ("--search", "model.units=60,2,3,4,5,6,7", "--trials", "30")
    code, out, _ = run_main("tune", *words)
    found = search(tmp_path)["trials"]
    behind = [trial for trial in found if trial["state"] == "pruned"]
    late = [trial for trial in found[5:] if trial["params"]["model.units"] == 60]
    assert code == 0 and late and late == [trial for trial in behind if trial["number"] >= 5]
    assert behind[0]["quality"] is None and behind[0]["epochs"] == {"1": 9.0, "2": 9.0, "3": 9.0}
    assert "fell behind after 3 epochs" in out
    assert run_main("tune", *words, "--name", "all", "--no_pruning")[0] == 0
    assert {trial["state"] for trial in search(tmp_path, "all")["trials"]} == {"complete"}


def test_what_is_given_as_a_flag_is_not_searched_and_other_settings_are_refused(run_main, processes, tmp_path):
    assert run_main("tune", "--trials", "1", "--model.cell", "lstm")[0] == 0
    assert set(search(tmp_path)["trials"][0]["params"]) == {"model.units", "train.learning_rate"}
    for words, sentence in (
        (["--model.cell", "gru"], "model.cell is gru, but runs/fake/tune was begun with lstm"),
        ([], "runs/fake/tune looks through model.units=2..64:log;train.learning_rate=0.0003..0.02:log, not model.cell"),
        (["--model.cell", "lstm", "--seeds", "2"], "runs/fake/tune was begun with seeds 1, not 2"),
    ):
        code, _, err = run_main("tune", "--trials", "1", *words)
        assert code == 2 and err.startswith(f"error: {sentence}") and err.count("\n") == 1


def test_no_trial_begins_after_the_time(run_main, processes, tmp_path):
    code, out, _ = run_main("tune", "--trials", "9", "--timeout", "1e-9")
    assert code == 0 and "are over" in out and not processes


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--search model.unit=1..2", "unknown setting model.unit = 1..2 (--search); did you mean model.units?"),
        ("--search model.units", "--search has model.units, but must be like"),
        (
            "--search model.units=1..x",
            "must be model.units=LOW..HIGH or model.units=LOW..HIGH:log with two whole numbers",
        ),
        ("--search model.units=1.5..3", "with two whole numbers"),
        ("--search model.units=9..3", "the smaller number first"),
        (
            "--search model.units=0..3",
            "--search: model.units is 0 (command line), but must be a whole number of at least 1",
        ),
        ("--search model.dropout=0..0.5:log", "must be above 0"),
        ("--search model.dropout=0..0.5:lin", "the smaller number first"),
        ("--search model.cell=a..b", "must be model.cell=A,B,... with values of it"),
        ("--search model.cell=gru", "must name two different values or more"),
        (
            "--search model.cell=gru,lstn",
            "--search: model.cell is lstn (command line), but must be one of gru, lstm; did you",
        ),
        ("--search model.units=2..4;model.units=2..5", "--search has model.units twice"),
        ("--search model.units=2..4 --model.units 3", "model.units is searched, so leave --model.units out"),
        ("--search train.seed=1,2", "--search has train.seed, which cannot be searched"),
        ("--search ;", "--search names no setting"),
        ("--trials 0", "--trials is 0, but must be a whole number from 1 to 10000"),
        ("--timeout -1", "--timeout is -1, but must be a number above 0"),
        ("--model.units 4 --model.cell gru --train.learning_rate 1", "nothing is left to search"),
        ("--name .x", "--name is '.x'"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(run_main, processes, tmp_path, words, sentence):
    code, _, err = run_main("tune", *words.split())
    assert code == 2 and sentence in err and err.count("\n") == 1
    assert not processes and not (tmp_path / "runs").exists()


def test_without_optuna_one_sentence_says_how_to_get_it(run_main, processes, monkeypatch, tmp_path):
    real = importlib.import_module

    def without(name, *arguments):
        if name == "optuna":
            raise ModuleNotFoundError("No module named 'optuna'", name="optuna")
        return real(name, *arguments)

    monkeypatch.setattr(study.importlib, "import_module", without)
    code, _, err = run_main("tune")
    assert code == 2 and "make setup installs it, and so does pip install" in err and err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


class Everything(ConfigModel):
    """Settings of each kind that can be searched."""

    units: int = option(4, "a whole number", tune=Between(2, 64, log=True))
    rate: float = option(0.1, "a number", tune=Between(0.0, 1.0))
    cell: str = option("a", "a word", tune=AnyOf(("a", "b", None, True)))


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_search_finds_what_is_better_in_its_direction(mode):
    """Compared with drawing at random, whose best of 40 is further from the optimum."""
    options, quality = options_of(Everything), Quality("score", mode)
    space = {path: known.tune for path, known in options.items()}
    sign, finished = (1 if mode == "min" else -1), []
    for number in range(40):
        params = study.suggest(finished, space, options, quality, seed=3).params
        assert isinstance(params["units"], int) and params["cell"] in ("a", "b", None, True)
        distance = abs(params["units"] - 40) / 40 + abs(params["rate"] - 0.3) + (params["cell"] != "b")
        finished.append(Trial(number, params, COMPLETE, quality=sign * distance))
    distances = [sign * trial.quality for trial in finished]
    assert min(distances) < 0.1 and sum(distances[30:]) < 0.5 * sum(distances[:10])


def test_the_picture_survives_a_single_trial_and_many_settings(tmp_path):
    space = {f"model.setting_{number}": Between(1.0, 10.0, log=bool(number % 2)) for number in range(13)}
    space["model.cell"] = AnyOf(("gru", None, True))
    space = {"model.cell": space.pop("model.cell"), **space}
    params = {path: (None if path == "model.cell" else 3.0) for path in space}
    found = [Trial(0, params, COMPLETE, quality=0.5), Trial(1, params, PRUNED), Trial(2, params, COMPLETE, quality=0.7)]
    save_figure(draw_trials(found, space, 2, Quality("accuracy", "max")), tmp_path / "many.png")
    one = [Trial(0, {"model.units": 3}, COMPLETE, quality=0.5)]
    save_figure(draw_trials(one, {"model.units": Between(1, 5)}, 0, Quality("mae", "min")), tmp_path / "one.png")
