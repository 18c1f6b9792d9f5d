"""ETTh1, all seven channels: the protocol of the papers on long horizons, for several horizons and seeds.

Trains the application by its command line on the first 8,640 rows, chooses the epoch on the next 2,880 and is measured on
every window of the 2,880 after those (the last batch is never dropped); windows of validation and test look back into the
rows before them. MSE and MAE are those of values standardised by the training rows, over all windows, steps and channels.
Seeds differ in weights, dropout and the order of the windows. Nothing may be chosen by the columns of the test: compare look-backs
and settings by `validation mse`.

After each run the JSON file is written; a benchmark that was interrupted goes on where it was when it is started with the
same data, preset and settings. Results of other presets and settings stay in the file.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import child, results
from benchmarks.measured_runs import MeasuredRuns

HORIZONS = (96, 192, 336, 720)
TRAIN_ROWS, VALIDATION_ROWS, TEST_ROWS = 8640, 2880, 2880
SEASON = 24
# MSE at the four horizons, as others reached it: Lin et al. 2023 (arXiv:2308.11200) and their repository.
PUBLISHED = {
    "repeat last day": dict(zip(HORIZONS, (0.512, 0.581, 0.650, 0.655))),
    "SegRNN, 96": dict(zip(HORIZONS, (0.368, 0.408, 0.444, 0.446))),
    "best, 720": dict(zip(HORIZONS, (0.359, 0.394, 0.423, 0.421))),
}


def main() -> int:
    parser = results.make_parser("forecasting_ett", __doc__, "Settings of the application go after --.")
    parser.add_argument("--data", type=Path, required=True, help="ETTh1.csv: date and seven columns, hourly")
    parser.add_argument("--preset", default="ett", help="of the application")
    parser.add_argument("--horizons", type=int, nargs="+", default=list(HORIZONS), help="steps ahead")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one run for each, at each horizon")
    parser.add_argument("--again", action="store_true", help="forget the runs of this preset and settings")
    words, settings = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)
    if not arguments.data.is_file():
        parser.error(f"there is no file {arguments.data}")

    measured = MeasuredRuns("forecasting_ett", arguments.output, [arguments.data], arguments.preset, settings)
    if arguments.again:
        measured.runs.clear()
    for horizon in arguments.horizons:
        for seed in arguments.seeds:
            if measured.find(horizon=horizon, seed=seed):
                print(f"horizon {horizon}, seed {seed}: measured before")
                continue
            measured.runs.append(measure(arguments.data, arguments.preset, horizon, seed, settings))
            measured.save()
    show([measured.find(horizon=horizon, seed=seed) for horizon in arguments.horizons for seed in arguments.seeds])
    return 0


def measure(data: Path, preset: str, horizon: int, seed: int, settings: Sequence[str]) -> dict[str, Any]:
    """Trains once, and measures on test and validation.

    Raises:
        RuntimeError: if it was not measured on every window of the protocol.
    """
    with tempfile.TemporaryDirectory() as folder:
        finished = child.run(training_command(data, preset, horizon, seed, settings, folder))
        run = Path(folder, "runs", "forecasting", "measured")
        child.run(
            child.application("evaluate", "--run", str(run), "--split", "validation", app="forecasting"), echo=False
        )
        test, validation = (
            json.loads((run / f"{name}.json").read_text(encoding="utf-8")) for name in ("metrics", "metrics-validation")
        )
        epochs = len((run / "history.csv").read_text(encoding="utf-8").splitlines()) - 1
    for metrics, rows in ((test, TEST_ROWS), (validation, VALIDATION_ROWS)):
        if metrics["windows"] != rows - horizon + 1:
            raise RuntimeError(
                f"{metrics['split']} had {metrics['windows']} windows and the protocol has {rows - horizon + 1}; "
                "are there numbers of rows among the settings, or is it another table?"
            )
    return {
        "horizon": horizon,
        "seed": seed,
        "look_back": test["config"]["model"]["look_back"],
        "windows": test["windows"],
        "mse": test["metrics"]["mse"],
        "mae": test["metrics"]["mae"],
        "validation_mse": validation["metrics"]["mse"],
        "linear_mse": test["baselines"]["linear"]["mse"],
        "seasonal_naive_mse": test["baselines"]["seasonal_naive"]["mse"],
        "epochs": epochs,
        "parameters": test["parameters"],
        "process_seconds": finished.seconds,
        "peak_gib": finished.peak_bytes / 2**30,
    }


def training_command(data, preset, horizon, seed, settings, folder) -> list[str]:
    """What a person would type; the later of two equal settings wins, so `settings` may change anything."""
    rows = zip(("train", "validation", "test"), (TRAIN_ROWS, VALIDATION_ROWS, TEST_ROWS))
    return child.application(
        *("train", "--preset", preset, "--name", "measured"),
        *("--runs", f"{folder}/runs", "--saved_models", f"{folder}/saved_models"),
        *("--data.source", "files", "--data.path", str(data), "--data.time", "date", "--data.season", str(SEASON)),
        *(word for name, count in rows for word in (f"--data.{name}_rows", str(count))),
        *("--model.horizon", str(horizon), "--train.seed", str(seed)),
        *settings,
        app="forecasting",
    )


def show(runs: Sequence[dict[str, Any]]) -> None:
    """The table: a row for each horizon, with the mean over its seeds."""
    rows = []
    for horizon in dict.fromkeys(run["horizon"] for run in runs):
        seeds = [run for run in runs if run["horizon"] == horizon]
        mean = {
            key: statistics.fmean(run[key] for run in seeds)
            for key in ("mse", "mae", "validation_mse", "linear_mse", "seasonal_naive_mse", "process_seconds")
        }
        spread = statistics.stdev(run["mse"] for run in seeds) if len(seeds) > 1 else None
        published = [figures.get(horizon) for figures in PUBLISHED.values()]
        look_back = "/".join(str(each) for each in dict.fromkeys(run["look_back"] for run in seeds))
        rows.append([horizon, look_back, len(seeds), mean.pop("mse"), spread, *mean.values(), *published])
    print("\nmse and mae in standard deviations of the training rows; the last three columns are published mse")
    header = ["horizon", "look-back", "seeds", "mse", "±", "mae", "validation mse", "linear mse"]
    results.print_table([*header, f"season {SEASON} mse", "s per run", *PUBLISHED], rows)


if __name__ == "__main__":
    sys.exit(main())
