"""Captions of photographs: CIDEr, BLEU-1 to 4 and ROUGE-L on held-out pictures of Flickr8k, beside those of the nearest training photograph.

`DIR` has `train.csv`, `dev.csv`, both with the columns image and caption, and the folder `images`. Trains the application by its
command line on `train.csv`, a part of which is split off as validation, and is measured once on `dev.csv`. Settings are chosen by
validation; nothing may be chosen by the columns of dev. Features of the encoder and everything else that is made of the data
lie in a folder that is removed afterwards, so that they are computed anew for each seed, and `process` counts it.

After each run the JSON file is written, with numbers alone; a benchmark that was interrupted goes on where it was when it is
started with the same data, preset and settings. Results of other presets and settings stay in the file.
"""

import argparse
import csv
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import child, results
from benchmarks.measured_runs import MeasuredRuns

METRICS = ("cider", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l")
NEAREST, FREQUENT = "nearest_picture", "most_frequent"
SYSTEMS = {
    "model": "this model",
    NEAREST: "caption of the nearest training photograph",
    FREQUENT: "most frequent caption",
}
# What the preset `photos` was made for: how many times the metric of the nearest photograph's caption, and minutes of the whole.
RATIO_GOALS = {"cider": 1.6, "bleu_4": 1.5}
GOAL_MINUTES = 15.0


def main() -> int:
    parser = results.make_parser("captioning_flickr8k", __doc__, "Settings of the application go after --.")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="train.csv, dev.csv and the folder images"
    )
    parser.add_argument("--preset", default="photos", help="of the application")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one run for each")
    parser.add_argument("--again", action="store_true", help="forget the runs of this preset and settings")
    words, settings = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)
    files = files_of(arguments.data)
    pictures = counted_pictures(parser, files)

    tables = [files["captions"], files["test_captions"]]
    measured = MeasuredRuns("captioning_flickr8k", arguments.output, tables, arguments.preset, settings)
    if arguments.again:
        measured.runs.clear()
    for seed in arguments.seeds:
        if measured.find(seed=seed):
            print(f"seed {seed}: measured before")
            continue
        measured.runs.append(measure(files, pictures, arguments.preset, seed, settings))
        measured.save()
    show([measured.find(seed=seed) for seed in arguments.seeds])
    return 0


def files_of(folder: Path) -> dict[str, Path]:
    """Setting of the application, such as `test_captions`, to its file or folder."""
    return {"path": folder / "images", "captions": folder / "train.csv", "test_captions": folder / "dev.csv"}


def counted_pictures(parser: argparse.ArgumentParser, files: dict[str, Path]) -> int:
    """How many pictures are measured; ends the program where the data are not there."""
    if not files["path"].is_dir():
        parser.error(f"there is no folder {files['path']}")
    counts = {}
    for part in ("captions", "test_captions"):
        try:
            with files[part].open(encoding="utf-8", newline="") as table:
                counts[part] = len({row["image"] for row in csv.DictReader(table)})
        except (OSError, ValueError, KeyError) as error:
            parser.error(f"{files[part]} cannot be read as CSV with the columns image and caption: {error}")
    return counts["test_captions"]


def measure(files: dict[str, Path], pictures: int, preset: str, seed: int, settings: Sequence[str]) -> dict[str, Any]:
    """Trains once, and measures on dev and on validation.

    Raises:
        RuntimeError: if it was not measured on every picture of dev.
    """
    with tempfile.TemporaryDirectory() as folder:
        finished = child.run(training_command(files, preset, seed, settings, folder))
        run = Path(folder, "runs", "captioning", "measured")
        child.run(
            child.application("evaluate", "--run", str(run), "--split", "validation", app="captioning"), echo=False
        )
        dev, validation = (
            json.loads((run / f"{name}.json").read_text(encoding="utf-8")) for name in ("metrics", "metrics-validation")
        )
        epochs = len((run / "history.csv").read_text(encoding="utf-8").splitlines()) - 1
    if dev["examples"] != pictures:
        raise RuntimeError(f"{dev['examples']} pictures of dev were measured, but the file has {pictures}")
    return {
        "seed": seed,
        "dev": systems_of(dev),
        "validation": systems_of(validation),
        "ratios": ratios_of(dev),
        "validation_ratios": ratios_of(validation),
        **{name: dev["metrics"][name] for name in ("token_accuracy", "perplexity")},
        **{f"validation_{name}": validation["metrics"][name] for name in ("token_accuracy", "perplexity")},
        "diversity": dev["diversity"],
        "signatures": dev["signatures"],
        "pictures": dev["examples"],
        "validation_pictures": validation["examples"],
        "epochs": epochs,
        "parameters": dev["parameters"],
        "train_seconds": dev["seconds"]["train"],
        "caption_seconds": dev["seconds"]["caption"],
        "process_seconds": finished.seconds,
        "peak_gib": finished.peak_bytes / 2**30,
        "padding_waste": child.padding_waste(finished.output),
    }


def training_command(files: dict[str, Path], preset: str, seed: int, settings: Sequence[str], folder: str) -> list[str]:
    """What a person would type; the later of two equal settings wins, so `settings` may change anything."""
    return child.application(
        *("train", "--preset", preset, "--name", "measured"),
        *("--runs", f"{folder}/runs", "--saved_models", f"{folder}/saved_models"),
        *("--data.source", "files", "--data.cache_dir", f"{folder}/cache"),
        *(word for name, path in files.items() for word in (f"--data.{name}", str(path))),
        *("--train.seed", str(seed)),
        *settings,
        app="captioning",
    )


def systems_of(metrics: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """The metrics that are compared of the model and of each baseline, out of the content of `metrics.json`."""
    found = {"model": metrics["metrics"], **{name: metrics["baselines"][name] for name in (NEAREST, FREQUENT)}}
    return {system: {name: each[name] for name in METRICS} for system, each in found.items()}


def ratios_of(metrics: dict[str, Any]) -> dict[str, float | None]:
    """How many times the metric of the nearest photograph's caption; None where that is 0 or was not defined."""
    systems = systems_of(metrics)
    return {
        name: systems["model"][name] / systems[NEAREST][name]
        if systems["model"][name] is not None and systems[NEAREST][name]
        else None
        for name in RATIO_GOALS
    }


def show(runs: Sequence[dict[str, Any]]) -> None:
    """The tables: systems beside each other, a row for each seed, and what was reached beside the goals."""
    print(f"\n{runs[0]['pictures']:,} pictures of dev, {runs[0]['parameters']:,} parameters, means over the seeds")
    rows = [
        [f"{part}: {title}", *(_mean([run[part][system][name] for run in runs]) for name in METRICS)]
        for part in ("dev", "validation")
        for system, title in SYSTEMS.items()
    ]
    results.print_table(["", *METRICS], rows)

    names = ("epochs", "train_seconds", "process_seconds", "caption_seconds", "peak_gib", "padding_waste")
    by_seed = [
        [
            run["seed"],
            *(run[part]["model"][name] for part in ("dev", "validation") for name in RATIO_GOALS),
            *(run[name] for name in names),
        ]
        for run in runs
    ]
    if len(runs) > 1:
        columns = list(zip(*(row[1:] for row in by_seed)))
        by_seed.append(["mean", *map(_mean, columns)])
        by_seed.append(["±", *map(_spread, columns[: len(RATIO_GOALS)]), *[None] * (len(columns) - len(RATIO_GOALS))])
    print()
    header = ["seed", *RATIO_GOALS, *(f"validation {name}" for name in RATIO_GOALS), "epochs"]
    results.print_table([*header, "s training", "s process", "s captioning", "GiB", "padding"], by_seed)

    reached = [
        [f"{name}, times that of the nearest photograph's caption", _mean([run["ratios"][name] for run in runs]), goal]
        for name, goal in RATIO_GOALS.items()
    ]
    minutes = {name: _mean([run[f"{name}_seconds"] / 60 for run in runs]) for name in ("train", "process")}
    print()
    results.print_table(
        ["", "measured", "goal"],
        [
            *([title, value, f"≥ {goal:g}"] for title, value, goal in reached),
            ["minutes of training", minutes["train"], None],
            ["minutes of the whole process", minutes["process"], f"≤ {GOAL_MINUTES:g}"],
        ],
    )


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(statistics.fmean(values))


def _spread(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(statistics.stdev(values))


if __name__ == "__main__":
    sys.exit(main())
