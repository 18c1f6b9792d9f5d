"""JSB chorales on a grid of sixteenths: nats per note on the test and on validation, for one or several seeds.

`FILE` is the JSON of the benchmarks of the field, `{"train": [...], "valid": [...], "test": [...]}`. It says neither where
notes begin nor where bars do. Trains the application by its command line and is measured once on the test; settings are chosen
by validation, and nothing may be chosen by the columns of the test. Every note counts, at each step of the grid one for each
voice; a chord that the model says first is charged to them.

After each run the JSON file of the results is written; a benchmark that was interrupted goes on where it was when it is started
with the same data, preset and settings. Results of other presets and settings stay in the file.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import child, results
from benchmarks.measured_runs import MeasuredRuns

BASELINES = ("repeat_last", "bigram", "chord_markov")
# Nats per note by others. TonicNet has 0.317 nats for each of five tokens, of which one is the chord: 5 / 4 of that for a note.
# Peracha 2019, arXiv:1911.11775.
PUBLISHED = {"per-voice bigram, test": 0.985, "TonicNet with its chords charged, validation": 0.396}


def main() -> int:
    parser = results.make_parser("music_jsb", __doc__, "Settings of the application go after --.")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="JSON with train, valid and test")
    parser.add_argument("--preset", default="jsb", help="of the application")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one run for each")
    parser.add_argument("--again", action="store_true", help="forget the runs of this preset and settings")
    words, settings = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)
    pieces = counted_pieces(parser, arguments.data)

    measured = MeasuredRuns("music_jsb", arguments.output, [arguments.data], arguments.preset, settings)
    if arguments.again:
        measured.runs.clear()
    for seed in arguments.seeds:
        if measured.find(seed=seed):
            print(f"seed {seed}: measured before")
            continue
        measured.runs.append(measure(arguments.data, pieces, arguments.preset, seed, settings))
        measured.save()
    show([measured.find(seed=seed) for seed in arguments.seeds])
    return 0


def counted_pieces(parser: argparse.ArgumentParser, data: Path) -> dict[str, int]:
    """How many pieces `valid` and `test` of the file have; ends the program where they are missing."""
    try:
        content = json.loads(data.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        parser.error(f"{data} cannot be read as JSON: {error}")
    if not isinstance(content, dict) or not {"train", "valid", "test"} <= content.keys():
        # The application would split the pieces itself, and nobody's figure would compare.
        parser.error(f"{data} has no splits of its own; expected an object with 'train', 'valid' and 'test'")
    return {"validation": len(content["valid"]), "test": len(content["test"])}


def measure(data: Path, pieces: dict[str, int], preset: str, seed: int, settings: Sequence[str]) -> dict[str, Any]:
    """Trains once, and measures on test and validation.

    Raises:
        RuntimeError: if it was not measured on every piece of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        finished = child.run(training_command(data, preset, seed, settings, folder))
        run = Path(folder, "runs", "music", "measured")
        child.run(child.application("evaluate", "--run", str(run), "--split", "validation", app="music"), echo=False)
        found = {
            "test": json.loads((run / "metrics.json").read_text(encoding="utf-8")),
            "validation": json.loads((run / "metrics-validation.json").read_text(encoding="utf-8")),
        }
        epochs = len((run / "history.csv").read_text(encoding="utf-8").splitlines()) - 1
    for split, metrics in found.items():
        examples = metrics["examples"]
        if examples != pieces[split]:
            raise RuntimeError(f"{examples} {split} pieces were measured, but the file has {pieces[split]}")
    test, validation = found["test"], found["validation"]
    return {
        "seed": seed,
        **{name: test["metrics"][name] for name in ("nats_per_note", "note_accuracy")},
        **{f"validation_{name}": validation["metrics"][name] for name in ("nats_per_note", "note_accuracy")},
        "baselines": {name: test["baselines"][name] for name in BASELINES},
        "validation_baselines": {name: validation["baselines"][name] for name in BASELINES},
        "samples": test["samples"],
        "pieces": pieces["test"],
        "validation_pieces": pieces["validation"],
        "epochs": epochs,
        "parameters": test["parameters"],
        "train_seconds": test["seconds"]["train"],
        "process_seconds": finished.seconds,
        "peak_gib": finished.peak_bytes / 2**30,
        "padding_waste": child.padding_waste(finished.output),
    }


def training_command(data: Path, preset: str, seed: int, settings: Sequence[str], folder: str) -> list[str]:
    """What a person would type; the later of two equal settings wins, so `settings` may change anything."""
    return child.application(
        *("train", "--preset", preset, "--name", "measured"),
        *("--runs", f"{folder}/runs", "--saved_models", f"{folder}/saved_models"),
        *("--data.source", "files", "--data.path", str(data), "--data.representation", "voices"),
        *("--train.seed", str(seed)),
        *settings,
        app="music",
    )


def show(runs: Sequence[dict[str, Any]]) -> None:
    """The tables: a row for each seed with the means below, models beside each other, and samples beside real pieces."""
    names = ("nats_per_note", "note_accuracy", "validation_nats_per_note", "validation_note_accuracy")
    names += ("epochs", "train_seconds", "process_seconds", "peak_gib", "padding_waste")
    rows = [[run["seed"], *(run[name] for name in names)] for run in runs]
    if len(runs) > 1:
        rows.append(["mean", *(_mean([run[name] for run in runs]) for name in names)])
        spread = [statistics.stdev(run[name] for run in runs) for name in names[:4]]
        rows.append(["±", *spread, *[None] * (len(names) - 4)])
    print(f"\n{runs[0]['pieces']:,} test pieces, {runs[0]['parameters']:,} parameters")
    header = ["seed", "test nats", "accuracy", "validation nats", "accuracy", "epochs"]
    results.print_table([*header, "s training", "s process", "GiB", "padding"], rows)

    models = {"this model": [(run["nats_per_note"], run["validation_nats_per_note"]) for run in runs]}
    for name in BASELINES:
        parts = ("baselines", "validation_baselines")
        models[name] = [tuple(run[part][name]["nats_per_note"] for part in parts) for run in runs]
    print()
    results.print_table(
        ["nats per note", "test", "validation"], [[name, *map(_mean, zip(*each))] for name, each in models.items()]
    )
    for name, value in PUBLISHED.items():
        print(f"published: {name}: {value}")

    sampled = [run["samples"] for run in runs if run["samples"]]
    if sampled:
        kinds = list(sampled[0])
        figures = [
            [figure, *(_mean([each[kind].get(figure) for each in sampled]) for kind in kinds)]
            for figure in sampled[0][kinds[0]]
        ]
        print()
        results.print_table(["samples", *kinds], figures)


def _mean(values):
    values = list(values)
    return None if None in values else float(statistics.fmean(values))


if __name__ == "__main__":
    sys.exit(main())
