"""If these fail, a night of training is lost to a power cut, or ends in other numbers than it should."""

import csv
import json
import os
import signal
import time

import numpy as np
import pytest

from common.model_files import load_model
from common.training.compilation import count_compilations, dump_flags
from tests import command_line

# Small and quick to compile; 128 steps an epoch, so that there is a middle to be killed in.
SETTINGS = {
    "preset": "tiny",
    "data.limit": 512,
    "model.cell": "simple_rnn",
    "model.bidirectional": "false",
    "train.epochs": 3,
    "train.batch_size": 4,
    "train.patience": 0,
    "train.checkpoint_every_steps": 20,
}
BUCKETS = 2  # of the preset


def words(name):
    settings = [word for key, value in SETTINGS.items() for word in (f"--{key}", value)]
    return ["train", "--until", "train", "--name", name, *settings]


def flags(dumps):
    """Every process compiles in the same way: machine code that is made fast rounds in another way."""
    return f"{command_line.XLA_FLAGS} {dump_flags(dumps)}"


def newest_step(run):
    """Number of the newest checkpoint; 0 = none."""
    folder = run / "checkpoints"
    return (
        max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=0) if folder.is_dir() else 0
    )


def wait_for_step(process, run, step):
    """Waits until a checkpoint of a step not before `step` is there."""
    until = time.monotonic() + command_line.SECONDS
    while newest_step(run) < step:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "the training does not come forward"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A training that nothing disturbed; and one that got SIGKILL in its second epoch and was resumed."""
    folder = tmp_path_factory.mktemp("resume")
    whole, killed = folder / "runs" / "sentiment" / "whole", folder / "runs" / "sentiment" / "killed"
    undisturbed = command_line.start("sentiment", *words("whole"), cwd=folder, XLA_FLAGS=flags(folder / "xla"))
    process = command_line.start("sentiment", *words("killed"), cwd=folder)  # beside it, which takes less time
    try:
        wait_for_step(process, killed, 1)
        state = killed / "checkpoints" / str(newest_step(killed)) / "state.json"
        steps = json.loads(state.read_text())["steps_per_epoch"]
        wait_for_step(process, killed, steps + 20)
        process.kill()
        process.communicate()
        _, err = undisturbed.communicate(timeout=command_line.SECONDS)
        assert undisturbed.returncode == 0, err
    finally:
        process.kill()
        undisturbed.kill()
    left = newest_step(killed)
    assert steps < left < 2 * steps and left % steps, "it was not killed in the middle of its second epoch"
    assert not (killed / "model.keras").exists()
    _, err = command_line.run("sentiment", "evaluate", "--run", killed, cwd=folder, code=2)
    assert f"train --resume {killed}" in err
    again = ("train", "--resume", killed, "--until", "train")
    command_line.run("sentiment", *again, cwd=folder, XLA_FLAGS=flags(folder / "xla2"))
    return folder, whole, killed


def history(run):
    with open(run / "history.csv", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_a_killed_training_ends_with_all_its_epochs_and_the_same_numbers(runs):
    _, whole, killed = runs
    rows, expected_rows = history(killed), history(whole)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    for row, expected_row in zip(rows, expected_rows, strict=True):
        assert row.pop("seconds") > 0 and expected_row.pop("seconds") > 0
        assert row == pytest.approx(expected_row, rel=1e-5, abs=1e-6)
    found, expected = (load_model(run / "model.keras", "apps.sentiment").get_weights() for run in (killed, whole))
    # Several threads add up, in no fixed order.
    for weights, expected_weights in zip(found, expected, strict=True):
        np.testing.assert_allclose(weights, expected_weights, rtol=1e-4, atol=1e-4)
    assert not list(killed.rglob(".tmp-*"))


def test_xla_compiles_once_for_each_length(runs):
    """Else the first epoch takes minutes, and nobody sees why."""
    folder, *_ = runs
    training, validation, *_ = count_compilations(folder / "xla")
    assert (
        1 <= training <= BUCKETS and validation <= BUCKETS + 1
    )  # validation may hold a text longer than all of training
    assert max(count_compilations(folder / "xla2")) <= BUCKETS + 1


@pytest.mark.slow
def test_ctrl_c_is_a_sentence_with_the_command_that_goes_on(runs):
    folder, whole, *_ = runs
    longer = ["train", "--resume", whole, "--train.epochs", 600]
    process = command_line.start("sentiment", *longer, cwd=folder)
    try:
        wait_for_step(process, whole, newest_step(whole) + 20)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert f"step {newest_step(whole)} is saved, continue with: python -m apps.sentiment train --resume {whole}" in err
    assert "Traceback" not in err
