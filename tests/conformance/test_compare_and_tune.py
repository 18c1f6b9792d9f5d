"""A comparison and a search of a real application, in real processes. If this fails, neither is worth starting for a night."""

import json
import signal

import pytest
import yaml

from tests import command_line

TINY = ("--preset", "tiny", "--data.limit", "600", "--train.epochs", "2")


@pytest.mark.slow
def test_a_comparison_is_interrupted_goes_on_and_ends_with_table_and_picture(tmp_path):
    words = ("compare", "--cells", "gru,min_gru", "--seeds", "1", *TINY)
    process = command_line.start("forecasting", *words, cwd=tmp_path)
    for line in process.stdout:
        if "1/2 gru-seed0: finished" in line:
            break
    process.send_signal(signal.SIGTERM)  # Ctrl-C is ignored where the tests run in the background
    _, err = process.communicate(timeout=command_line.SECONDS)
    assert process.returncode == 130 and "the same command goes on where this one stopped" in err
    out, _ = command_line.run("forecasting", *words, "--json", cwd=tmp_path)
    found = json.loads(out.splitlines()[-1])
    assert [row["variant"] for row in found["rows"]] == ["gru", "min_gru"]
    for row in found["rows"]:
        assert row["parameters"] > 0 and 0 < row["validation"]["mae"]["mean"] < 5 and row["inference_ms"]["mean"] > 0
        assert row["train_seconds"]["mean"] > 0 and row["peak_bytes"] > 2**27
    assert found["rows"][0]["cpu_seconds"]["mean"] > 1  # of the other, which was interrupted, it is not known
    assert {"seasonal_naive", "linear"} <= set(found["baselines"])
    folder = tmp_path / "runs/forecasting/compare-cell"
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert "| gru |" in (folder / "comparison.md").read_text()
    assert (folder / "gru-seed0/metrics-validation.json").exists() and not (folder / "gru-seed0/checkpoints").exists()


@pytest.mark.slow
def test_a_search_ends_with_settings_that_train_takes(tmp_path):
    words = ("--search", "model.units=4..16:log;model.cell=gru,min_gru", *TINY)
    command_line.run("forecasting", "tune", "--trials", "2", *words, cwd=tmp_path)
    folder = tmp_path / "runs/forecasting/tune"
    found = json.loads((folder / "tuning.json").read_text())["trials"]
    assert [trial["state"] for trial in found] == ["complete", "complete"]
    best = min(found, key=lambda trial: trial["quality"])
    assert yaml.safe_load((folder / "best.yaml").read_text())["model"]["cell"] == best["params"]["model.cell"]
    assert not list(folder.rglob("metrics.json")) and not (tmp_path / "saved_models").exists()
    out, _ = command_line.run("forecasting", "train", "--config", folder / "best.yaml", "--json", cwd=tmp_path)
    assert json.loads(out.splitlines()[-1])["config"]["model"]["units"] == best["params"]["model.units"]
