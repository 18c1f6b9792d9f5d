"""The programs that measure the forecasting application. If one of these fails, a table shows numbers of another protocol, an
interrupted benchmark starts from the beginning, or a comparison is with something else than the same network."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import child, default_training, forecasting_ett, forecasting_memory, forecasting_speed, torch_segrnn
from benchmarks import forecasting_steps as parts


def metrics_of(split, horizon, mse, windows=None):
    return {
        "split": split,
        "windows": windows or 2880 - horizon + 1,
        "metrics": {"mse": mse, "mae": mse / 2, "coverage_80": 0.8},
        "baselines": {"linear": {"mse": 0.4}, "seasonal_naive": {"mse": 0.5}},
        "parameters": 7,
        "config": {"model": {"look_back": 96}},
    }


@pytest.fixture
def trained(monkeypatch):
    """Commands that were run, by a stand-in for the training, which writes what an application would."""
    commands, windows = [], {}

    def run(command, echo=True):
        given = dict(zip(command[4::2], command[5::2]))
        commands.append((command[3], given))
        if command[3] == "train":
            folder = Path(given["--runs"], "forecasting", given["--name"])
            folder.mkdir(parents=True)
            seed, horizon = int(given["--train.seed"]), int(given["--model.horizon"])
            (folder / "metrics.json").write_text(
                json.dumps(metrics_of("test", horizon, 0.5 + seed / 10, windows.get("test")))
            )
            (folder / "metrics-validation.json").write_text(json.dumps(metrics_of("validation", horizon, 0.9)))
            (folder / "history.csv").write_text("epoch\n1\n2\n")
        return child.Finished(3.0, 2**30, "")

    monkeypatch.setattr(forecasting_ett.child, "run", run)
    return commands, windows


def ett(monkeypatch, tmp_path, *words):
    data = tmp_path / "ETTh1.csv"
    data.write_text("date,a\n")
    words = ["forecasting_ett", "--data", str(data), "--output", str(tmp_path / "ett.json"), *words]
    monkeypatch.setattr("sys.argv", words)
    return forecasting_ett.main()


def test_ett_is_trained_by_the_protocol_and_shown_beside_what_others_reached(trained, monkeypatch, tmp_path, capsys):
    assert ett(monkeypatch, tmp_path, "--horizons", "96", "--seeds", "0", "1", "--", "--train.epochs", "3") == 0
    verb, given = trained[0][0]
    assert verb == "train" and given["--preset"] == "ett" and given["--train.epochs"] == "3"
    assert [given[f"--data.{part}_rows"] for part in ("train", "validation", "test")] == ["8640", "2880", "2880"]
    assert (trained[0][1][0], trained[0][1][1]["--split"]) == ("evaluate", "validation")
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("96 ")]
    expected = "96 96 2 0.5500 0.0707 0.2750 0.9000 0.4000 0.5000 3.00 0.5120 0.3680 0.3590"
    assert " ".join(row.split()) == expected


def test_an_interrupted_ett_goes_on_where_it_was_with_the_same_settings_only(trained, monkeypatch, tmp_path):
    commands, _ = trained
    ett(monkeypatch, tmp_path, "--horizons", "96", "--seeds", "0")
    ett(monkeypatch, tmp_path, "--horizons", "96", "720", "--seeds", "0")
    asked = [given["--model.horizon"] for verb, given in commands if verb == "train"]
    assert asked == ["96", "720"]
    ett(monkeypatch, tmp_path, "--horizons", "96", "--seeds", "0", "--", "--model.look_back", "720")
    assert len([verb for verb, _ in commands if verb == "train"]) == 3
    kept = json.loads((tmp_path / "ett.json").read_text("utf-8"))["measured"]
    assert [(each["settings"], len(each["runs"])) for each in kept] == [([], 2), (["--model.look_back", "720"], 1)]


def test_ett_refuses_what_was_not_measured_on_every_window(trained, monkeypatch, tmp_path):
    trained[1]["test"] = 2784
    with pytest.raises(RuntimeError, match="2784 windows and the protocol has 2785"):
        ett(monkeypatch, tmp_path, "--horizons", "96")


def test_the_share_under_the_baselines_is_that_of_the_first_target():
    metrics = {
        "targets": {"temperature": {"model": 1.5, "seasonal_naive": 2.0, "linear": 1.6}},
        "metrics": {"coverage_80": 0.79},
        "windows": 9,
        "season": 24,
    }
    row, _ = default_training.of_forecasting(metrics, "")
    assert (row["target"], row["under_seasonal_naive"], row["coverage_80"]) == ("temperature", 0.25, 0.79)


def test_training_is_timed_beside_the_linear_map():
    shape = forecasting_speed.Shape.parse("8x4x2x4x5")
    (row,) = forecasting_speed.speed([shape], rounds=2, steps=2)
    assert row["segrnn_windows_per_s"] > 0 and row["times_linear"] > 0 and row["shape"] == "8x4x2x4x5"


def test_the_linear_map_begins_at_the_last_value():
    config = parts.configured(8, 4, 3, 5)
    network = parts.linear_network(config, 2)
    history = np.full((3, 8, 2), 7.0, np.float32)
    np.testing.assert_allclose(network({"history": history}), np.full((3, 4, 2, 1), 7.0))


@pytest.mark.slow
def test_the_memory_of_a_process_is_beside_the_size_of_its_table():
    (row,) = forecasting_memory.memory([1000], 1)
    assert row["table_mib"] == 8 * 8 * 1000 / 2**20
    assert row["peak_minus_table_mib"] == row["peak_mib"] - row["table_mib"] > 100


def test_the_network_in_pytorch_is_that_of_the_application():
    torch = pytest.importorskip("torch")
    config = parts.configured(48, 48, 6, 5)
    preprocessor, _ = parts.prepared(config, parts.random_walk(200, 2))
    ours = parts.segrnn(config, preprocessor)
    settings = torch_segrnn.Settings(48, 48, config.model.segment_length, 2, 6, 0.0, 1e-3, 1.0, 200, 5, 1, 1)
    theirs = torch_segrnn.make_network(settings)
    segment, segment_bias, position, channel, kernel, recurrent, bias, output, output_bias = ours.get_weights()

    def gates(array):  # z, r, n here; r, z, n there
        z, r, n = np.split(array, 3, axis=-1)
        return np.concatenate([r, z, n], axis=-1).T

    weights = {
        "embed.0.weight": segment.T,
        "embed.0.bias": segment_bias,
        "position": position,
        "channel": channel,
        "gru.weight_ih_l0": gates(kernel),
        "gru.weight_hh_l0": gates(recurrent),
        "gru.bias_ih_l0": gates(bias[0]),
        "gru.bias_hh_l0": gates(bias[1]),
        "output.1.weight": output.T,
        "output.1.bias": output_bias,
    }
    theirs.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()})
    history = np.random.default_rng(0).standard_normal((3, 48, 2)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(history)).numpy()
    np.testing.assert_allclose(ours({"history": history})[..., 0], expected, atol=1e-5)
