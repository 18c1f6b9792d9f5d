"""What `make train` costs and gives, with all defaults: time, memory, parameters, and quality on its own test split.

Runs the command of that target in a process of its own, into a folder that is removed afterwards. The bundled data are
prepared in the first run in this clone; run twice, or read `data` apart. `start of training to done` is all but `data` and
`adapt`: compiling, fitting, evaluating beside the baselines, exporting and verifying the export. The JSON file is
`benchmarks/results/default_training.json`, with `--app forecasting` `forecasting_training.json`, with `--app translation`
`translation_training.json`, with `--app music` `music_training.json`, with `--app captioning` `captioning_training.json`.
"""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import child, results

STAGES = ("data", "adapt", "train", "evaluate", "export")
# Application to the name of its results.
APPS = {
    "sentiment": "default_training",
    "forecasting": "forecasting_training",
    "translation": "translation_training",
    "music": "music_training",
    "captioning": "captioning_training",
}
# What the default training of music was made for: from start of training to done, and on the test split of the chorales.
MUSIC_GOALS = {"training_to_done_seconds": 300.0, "nats_per_note": 0.50}
# That of captioning: seconds at most; at least these shares of the scenes described in full, of combinations of things, and of
# relations with counts, that were never in training.
CAPTIONING_SECONDS = 360.0
CAPTIONING_GOALS = {"scene_accuracy": 0.90, "composition_accuracy": 0.75}


def main() -> int:
    parser = results.make_parser("default_training", __doc__, "Options of the application go after --.")
    parser.add_argument("--app", choices=tuple(APPS), default="sentiment", help="which application")
    # The name of the file depends on the application.
    parser.set_defaults(output=None)
    words, options = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)
    name = APPS[arguments.app]
    output = arguments.output or results.default_output(name)
    with tempfile.TemporaryDirectory() as folder:
        into = ["--name", "measured", "--runs", f"{folder}/runs", "--saved_models", f"{folder}/saved_models"]
        finished = child.run(child.application("train", *into, *options, app=arguments.app))
        run = Path(folder, "runs", arguments.app, "measured")
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        epochs = len((run / "history.csv").read_text(encoding="utf-8").splitlines()) - 1

    seconds = {stage: metrics["seconds"][stage] for stage in STAGES}
    cost = {
        "seconds": seconds,
        "training_to_done_seconds": seconds["train"] + seconds["evaluate"] + seconds["export"],
        "process_seconds": finished.seconds,
        "epochs": epochs,
        "parameters": metrics["parameters"],
        "peak_gib": finished.peak_bytes / 2**30,
    }
    readers = {
        "sentiment": of_sentiment,
        "forecasting": of_forecasting,
        "translation": of_translation,
        "music": of_music,
        "captioning": of_captioning,
    }
    quality, lines = readers[arguments.app](metrics, finished.output)
    print()
    results.print_table(
        ["default training", "measured"],
        [
            ["start of training to done, s", cost["training_to_done_seconds"]],
            *([f"  {stage}, s", seconds[stage]] for stage in STAGES),
            ["whole process, s", cost["process_seconds"]],
            ["epochs", epochs],
            ["parameters", cost["parameters"]],
            ["memory at the peak, GiB", cost["peak_gib"]],
            *lines,
        ],
    )
    results.save(output, {"benchmark": name, "options": options, **cost, **quality})
    return 0


def of_sentiment(metrics: dict[str, Any], output: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """Accuracy and padding, for the JSON file and as lines of the table.

    Args:
        metrics: content of `metrics.json`.
        output: what the training printed.
    """
    lengths = re.search(r"^ +lengths +([\d, ]+) tokens", output, re.MULTILINE)
    row = {
        "accuracy": metrics["metrics"]["accuracy"],
        "accuracy_interval_95": metrics["intervals"]["accuracy"],
        "examples": metrics["examples"],
        "nbsvm_accuracy": metrics["baselines"]["nbsvm"]["accuracy"],
        "padding_waste": child.padding_waste(output),
        "compiled_lengths": len(lengths[1].split(",")) if lengths else None,
    }
    return row, [
        ["accuracy on the test split", row["accuracy"]],
        ["  of so many reviews", row["examples"]],
        ["  accuracy of nbsvm", row["nbsvm_accuracy"]],
        ["padded steps / steps", row["padding_waste"]],
        ["lengths", row["compiled_lengths"]],
    ]


def of_forecasting(metrics: dict[str, Any], output: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """The error of the first target beside its baselines and the coverage of the interval; arguments as above."""
    target, errors = next(iter(metrics["targets"].items()))
    row = {
        "target": target,
        "mae": errors["model"],
        "seasonal_naive_mae": errors["seasonal_naive"],
        "linear_mae": errors["linear"],
        "under_seasonal_naive": 1 - errors["model"] / errors["seasonal_naive"],
        "under_linear": 1 - errors["model"] / errors["linear"],
        "coverage_80": metrics["metrics"]["coverage_80"],
        "windows": metrics["windows"],
        "season": metrics["season"],
    }
    return row, [
        [f"mean absolute error of {target}", row["mae"]],
        [f"  of seasonal naive, season {row['season']}", row["seasonal_naive_mae"]],
        ["  of a linear map", row["linear_mae"]],
        ["  share under seasonal naive", row["under_seasonal_naive"]],
        ["  share under the linear map", row["under_linear"]],
        ["  in so many test windows", row["windows"]],
        ["share of the truth in the 80 % interval", row["coverage_80"]],
    ]


def of_translation(metrics: dict[str, Any], output: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """How many translations are exactly right, beside the baseline, and the cost of them; arguments as above."""
    values, memory = metrics["metrics"], metrics["baselines"]["translation_memory"]
    row = {
        **{name: values[name] for name in ("exact_match", "bleu", "chrf", "perplexity")},
        "translation_memory": {name: memory[name] for name in ("exact_match", "bleu", "chrf")},
        "examples": metrics["examples"],
        "translate_seconds": metrics["seconds"]["translate"],
        "padding_waste": child.padding_waste(output),
    }
    return row, [
        ["translations that are exactly right", row["exact_match"]],
        ["  of so many test sentences", row["examples"]],
        ["  of a translation memory", memory["exact_match"]],
        ["bleu", row["bleu"]],
        ["chrf", row["chrf"]],
        ["  of a translation memory", memory["chrf"]],
        ["perplexity", row["perplexity"]],
        ["translating the test sentences, s", row["translate_seconds"]],
        ["padded steps / steps", row["padding_waste"]],
    ]


def of_music(metrics: dict[str, Any], output: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """How well notes are predicted beside the baselines, what samples are like, and the goals; arguments as above."""
    values, baselines = metrics["metrics"], metrics["baselines"]
    seconds = sum(metrics["seconds"][stage] for stage in ("train", "evaluate", "export"))
    reached = {"training_to_done_seconds": seconds, "nats_per_note": values["nats_per_note"]}
    samples = metrics["samples"]
    row = {
        "nats_per_note": values["nats_per_note"],
        "note_accuracy": values["note_accuracy"],
        "baselines": baselines,
        "samples": samples,
        "goals": {name: {"at_most": goal, "reached": reached[name] <= goal} for name, goal in MUSIC_GOALS.items()},
        "padding_waste": child.padding_waste(output),
    }
    lines = [
        ["nats per note on the test split", row["nats_per_note"]],
        *([f"  of {name}", each["nats_per_note"]] for name, each in baselines.items()),
        ["share of the notes that were the likeliest", row["note_accuracy"]],
        *([f"  of {name}", each["note_accuracy"]] for name, each in baselines.items()),
    ]
    for name, value in samples.get("model", {}).items():
        lines.append([f"{name} of samples", value])
        lines += [[f"  of {other}", samples[other].get(name)] for other in samples if other != "model"]
    lines.append(["padded steps / steps", row["padding_waste"]])
    for name, goal in row["goals"].items():
        lines.append([f"goal: {name} at most {goal['at_most']:g}", "reached" if goal["reached"] else "missed"])
    return row, lines


def of_captioning(metrics: dict[str, Any], output: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """How many scenes are described in full, beside the baselines, and the goals; arguments as above."""
    values, baselines = metrics["metrics"], metrics["baselines"]
    compared = (*CAPTIONING_GOALS, "cider", "bleu_4")
    seconds = sum(metrics["seconds"][stage] for stage in ("train", "evaluate", "export"))
    goals = {"training_to_done_seconds": {"at_most": CAPTIONING_SECONDS, "reached": seconds <= CAPTIONING_SECONDS}}
    for name, goal in CAPTIONING_GOALS.items():
        goals[name] = {"at_least": goal, "reached": values[name] >= goal}
    row = {
        **{name: values[name] for name in (*compared, "token_accuracy", "perplexity")},
        "baselines": {system: {name: each[name] for name in compared} for system, each in baselines.items()},
        "scenes": metrics["scenes"],
        "diversity": metrics["diversity"],
        "examples": metrics["examples"],
        "caption_seconds": metrics["seconds"]["caption"],
        "goals": goals,
        "padding_waste": child.padding_waste(output),
    }
    titles = (
        "scenes of held-out combinations, all right",
        "never combined relations and counts, all right",
        *compared[2:],
    )
    lines = []
    for name, title in zip(compared, titles, strict=True):
        lines.append([title, row[name]])
        lines += [[f"  of {system}", each[name]] for system, each in row["baselines"].items()]
    lines += [
        ["of so many test pictures", row["examples"]],
        ["captioning them, s", row["caption_seconds"]],
        ["perplexity", row["perplexity"]],
        ["padded steps / steps", row["padding_waste"]],
    ]
    for name, goal in goals.items():
        bound = f"at most {goal['at_most']:g}" if "at_most" in goal else f"at least {goal['at_least']:g}"
        lines.append([f"goal: {name} {bound}", "reached" if goal["reached"] else "missed"])
    return row, lines


if __name__ == "__main__":
    sys.exit(main())
