"""If these fail, a run is overwritten, or a verb works on the wrong one."""

import json

import pytest

from common import runs
from common.errors import UserError
from common.files import atomic_directory
from common.runs import create_run, open_run


@pytest.fixture
def config(fake_app):
    from fake_app.config import Config

    return Config()


def trained(run):
    run.model_path.write_text("a model")
    run.note(trained=True)
    return run


def test_a_new_run_says_what_made_it(tmp_path, config):
    run = create_run(tmp_path / "runs", "fake", config, "first try")
    assert run.path == tmp_path / "runs" / "fake" / "first try"
    assert run.config(type(config)) == config
    info = json.loads(run.info_path.read_text())
    assert info["app"] == "fake" and "T" in info["created"]
    assert {"python", "keras", "pydantic"} <= set(info["versions"])
    assert not run.trained and not run.finished
    assert [p.name for p in run.path.parent.iterdir()] == ["first try"]


def test_the_time_is_the_name_and_two_runs_in_one_second_are_two(tmp_path, config):
    paths = [create_run(tmp_path, "fake", config).path for _ in range(3)]
    assert len(set(paths)) == 3
    assert all(len(path.name) >= len("20260101-120000") for path in paths)


def test_a_taken_name_is_refused(tmp_path, config):
    run = create_run(tmp_path, "fake", config, "a")
    (run.path / "precious").write_text("")
    with pytest.raises(UserError, match=r"there is a run .*a already; continue it with --resume .* --name"):
        create_run(tmp_path, "fake", config, "a")
    assert (run.path / "precious").exists()


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "a\\b", "/tmp"])
def test_a_name_that_is_no_folder_name(tmp_path, config, name):
    with pytest.raises(UserError, match=r"--name is .*must be a plain folder name"):
        create_run(tmp_path, "fake", config, name)


@pytest.mark.parametrize(("name", "reason"), [("a" * 101, "at most 100"), ("a\nb", "control characters")])
def test_a_name_that_file_systems_or_screens_cannot_bear(tmp_path, config, name, reason):
    with pytest.raises(UserError, match=reason):
        create_run(tmp_path, "fake", config, name)
    assert not list(tmp_path.iterdir())


def test_open_a_trained_run(tmp_path, config):
    run = trained(create_run(tmp_path, "fake", config, "a"))
    assert open_run(str(run.path), "fake") == run
    assert run.trained and not run.finished
    run.note(finished=True)
    assert run.finished and run.info()["app"] == "fake"


def test_what_is_not_a_run(tmp_path, config):
    with pytest.raises(UserError, match=r"there is no run directory .*nope; the runs are the folders"):
        open_run(tmp_path / "nope", "fake")
    run = create_run(tmp_path, "fake", config, "a")
    with pytest.raises(UserError, match=f"there is no run directory .*nope; the newest run there is {run.path}"):
        open_run(run.path.parent / "nope", "fake")
    with pytest.raises(UserError, match=f"fake is not a run directory .*; the newest run there is {run.path}"):
        open_run(run.path.parent, "fake")
    with pytest.raises(UserError, match=r"config.yaml is not a run directory"):
        open_run(run.config_path, "fake")


def test_another_apps_run(tmp_path, config):
    run = trained(create_run(tmp_path, "fake", config, "a"))
    with pytest.raises(UserError, match=r"is a run of fake, not of music; use python -m apps.fake or another run"):
        open_run(run.path, "music")


def test_an_unfinished_run(tmp_path, config):
    run = create_run(tmp_path, "fake", config, "a")
    with pytest.raises(UserError, match=r"has not ended, .*python -m apps.fake train --resume"):
        open_run(run.path, "fake")
    assert open_run(run.path, "fake", trained=False) == run
    run.note(trained=True)  # but the model was deleted since
    with pytest.raises(UserError, match="has not ended"):
        open_run(run.path, "fake")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"app": 5}', "\udcff"])
def test_a_damaged_run(tmp_path, config, text):
    run = create_run(tmp_path, "fake", config, "a")
    run.info_path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"run\.json .*cannot be used as a run directory"):
        open_run(run.path, "fake")


def test_leftovers_of_killed_processes_are_no_runs(tmp_path, config):
    folder = create_run(tmp_path, "fake", config, "a").path.parent
    with atomic_directory(folder / "b") as half:
        (half / "run.json").write_text('{"app": "fake"}')
        with pytest.raises(UserError, match=rf"the newest run there is {folder / 'a'}"):
            open_run(folder, "fake")


def test_two_processes_do_not_train_in_one_run(tmp_path, config):
    run = create_run(tmp_path, "fake", config, "a")
    with run.lock(), pytest.raises(UserError, match="another process is working in"), run.lock():
        pass
    with run.lock():  # free again
        pass


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, config, monkeypatch):
    run = create_run(tmp_path, "fake", config, "a")

    def refuse(file, how):
        raise OSError(runs.errno.ENOLCK, "no locks")

    monkeypatch.setattr(runs.fcntl, "flock", refuse)
    with run.lock():
        pass


def test_only_finished_pictures_count(tmp_path, config):
    run = create_run(tmp_path, "fake", config, "a")
    assert run.pictures() == []
    run.pictures_path.mkdir()
    for name in ("b.png", "a.png", ".tmp-1-c.png", "notes.txt"):
        (run.pictures_path / name).write_text("")
    assert [p.name for p in run.pictures()] == ["a.png", "b.png"]
    assert [run.metrics_path(s).name for s in ("test", "train")] == ["metrics.json", "metrics-train.json"]


def test_the_tables_of_a_run_are_those_of_its_evaluation(tmp_path, config):
    run = create_run(tmp_path, "fake", config, "a")
    for name in ("history.csv", "errors-test.csv", ".errors-test.csv.tmp", "words.txt"):
        (run.path / name).write_text("")
    assert [path.name for path in run.tables()] == ["errors-test.csv"]
