"""What `make train APP=sentiment` costs and gives: time, memory, padding, accuracy on its own test split.

Runs the command of that target in a process of its own, into a folder that is removed afterwards. The bundled data are
prepared in the first run in this clone; run twice, or read `data` apart. `start of training to done` is all but `data` and
`adapt`: compiling, fitting, evaluating beside the baselines, exporting and verifying the export.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

from benchmarks import child, results

STAGES = ("data", "adapt", "train", "evaluate", "export")


def main() -> int:
    parser = results.make_parser("default_training", __doc__, "Options of the application go after --.")
    words, options = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        into = ["--name", "measured", "--runs", f"{folder}/runs", "--saved_models", f"{folder}/saved_models"]
        finished = child.run(child.application("train", *into, *options))
        run = Path(folder, "runs", "sentiment", "measured")
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        epochs = len((run / "history.csv").read_text(encoding="utf-8").splitlines()) - 1

    seconds = {stage: metrics["seconds"][stage] for stage in STAGES}
    padding = re.search(r"^ +padding +([\d.]+)%", finished.output, re.MULTILINE)
    lengths = re.search(r"^ +lengths +([\d, ]+) tokens", finished.output, re.MULTILINE)
    row = {
        "seconds": seconds,
        "training_to_done_seconds": seconds["train"] + seconds["evaluate"] + seconds["export"],
        "process_seconds": finished.seconds,
        "epochs": epochs,
        "accuracy": metrics["metrics"]["accuracy"],
        "accuracy_interval_95": metrics["intervals"]["accuracy"],
        "examples": metrics["examples"],
        "nbsvm_accuracy": metrics["baselines"]["nbsvm"]["accuracy"],
        "parameters": metrics["parameters"],
        "peak_gib": finished.peak_bytes / 2**30,
        "padding_waste": float(padding[1]) / 100 if padding else None,
        "compiled_lengths": len(lengths[1].split(",")) if lengths else None,
    }
    print()
    results.print_table(
        ["default training", "measured"],
        [
            ["start of training to done, s", row["training_to_done_seconds"]],
            *([f"  {stage}, s", seconds[stage]] for stage in STAGES),
            ["whole process, s", row["process_seconds"]],
            ["epochs", epochs],
            ["accuracy on the test split", row["accuracy"]],
            ["  of so many reviews", row["examples"]],
            ["  accuracy of nbsvm", row["nbsvm_accuracy"]],
            ["parameters", row["parameters"]],
            ["memory at the peak, GiB", row["peak_gib"]],
            ["padded steps / steps", row["padding_waste"]],
            ["lengths", row["compiled_lengths"]],
        ],
    )
    results.save(arguments.output, {"benchmark": "default_training", "options": options, **row})
    return 0


if __name__ == "__main__":
    sys.exit(main())
