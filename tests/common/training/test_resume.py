"""What a user loses without these: a night of training, or trust in a resumed one."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.common.training import small_training as small

ROOT = Path(__file__).parents[3]
STEPS = 30


def start(path, *arguments):
    path.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, str(Path(__file__).with_name("small_training.py")), str(path), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """An unbroken run, and one that got SIGKILL in its second epoch and was resumed."""
    folder = tmp_path_factory.mktemp("runs")
    killed = start(folder / "killed", "17")
    small.run(folder / "unbroken")
    assert finish(killed)[0] == -9
    left = sorted(p.name for p in (folder / "killed" / "checkpoints").iterdir())
    code, errors = finish(start(folder / "killed"))
    assert code == 0, errors
    assert "Warning" not in errors  # of Keras, which would have the person look for a fault in the data
    return folder / "unbroken", folder / "killed", left


def test_killed_in_mid_epoch_ends_with_the_same_weights_bit_for_bit(runs):
    unbroken, killed, _ = runs
    with np.load(unbroken / "final.npz") as expected, np.load(killed / "final.npz") as found:
        assert expected.files == found.files
        for name in expected.files:
            np.testing.assert_array_equal(found[name], expected[name])


def test_killed_in_mid_epoch_ends_with_the_same_history_without_gap_or_double(runs):
    unbroken, killed, left = runs
    expected, found = (json.loads((path / "final.json").read_text()) for path in (unbroken, killed))
    assert found["rows"] == expected["rows"]
    assert found["best"] == expected["best"]
    # It really continued, and from within the second epoch: step 16, or 12 if the kill came before 16 was
    # written.
    assert expected["resumed"] == 0
    assert found["resumed"] in (12, 16) and str(found["resumed"]) in left
    with open(killed / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "val_loss", "accuracy", "val_accuracy", "learning_rate", "gradient_norm"} <= set(rows[0])


def test_only_the_newest_checkpoints_stay_on_the_disk(runs):
    for path in runs[:2]:
        kept = sorted(p.name for p in (path / "checkpoints").iterdir() if p.name.isdecimal())
        assert kept == ["28", str(STEPS)]
