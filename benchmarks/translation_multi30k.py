"""Multi30k, English to German: BLEU on its test of 2016, for several seeds, by one of the two protocols of the papers.

Trains the application by its command line on the 29,000 captions and is measured once on the 1,000 sentences of the test
and on validation, by which settings are chosen; nothing may be chosen by the columns of the test.

- As it is: the tokenised lowercased files of `DIR/tok`, BLEU-4 on their tokens after joining subwords, `bleu_tokenized`.
- `--raw`: the files as they were written, sacrebleu's cased 13a BLEU, `bleu`, with the signature. The two do not compare.

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

PARTS = {"": "train", "validation_": "val", "test_": "test_2016_flickr"}  # of the application's settings, of the files
PROTOCOLS = {"tokenized": "bleu_tokenized", "raw": "bleu"}  # and the metric that each of them reports
# BLEU on the tokenised lowercased test of 2016, from text alone: LIUM-CVC, Caglayan et al. 2017 (arXiv:1707.04481).
PUBLISHED = {"tokenized": 39.0, "raw": None}


def main() -> int:
    parser = results.make_parser("translation_multi30k", __doc__, "Settings of the application go after --.")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="train, val and test_2016_flickr, .en, .de"
    )
    parser.add_argument("--raw", action="store_true", help="by the second protocol: cased text that is not tokenised")
    parser.add_argument("--preset", default="multi30k", help="of the application")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one run for each")
    parser.add_argument("--again", action="store_true", help="forget the runs of this preset and settings")
    words, settings = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)
    protocol = "raw" if arguments.raw else "tokenized"
    files = files_of(arguments.data, protocol)
    for path in files.values():
        if not path.is_file():
            parser.error(f"there is no file {path}")

    measured = MeasuredRuns("translation_multi30k", arguments.output, list(files.values()), arguments.preset, settings)
    if arguments.again:
        measured.runs.clear()
    for seed in arguments.seeds:
        if measured.find(protocol=protocol, seed=seed):
            print(f"{protocol}, seed {seed}: measured before")
            continue
        measured.runs.append(measure(files, protocol, arguments.preset, seed, settings))
        measured.save()
    show([measured.find(protocol=protocol, seed=seed) for seed in arguments.seeds])
    return 0


def files_of(folder: Path, protocol: str) -> dict[str, Path]:
    """Setting of the application, such as `validation_target_path`, to its file."""
    start, ending = (folder / "tok", ".lc.norm.tok") if protocol == "tokenized" else (folder, "")
    return {
        f"{part}{side}": start / f"{name}{ending}.{language}"
        for part, name in PARTS.items()
        for side, language in (("path", "en"), ("target_path", "de"))
    }


def measure(files: dict[str, Path], protocol: str, preset: str, seed: int, settings: Sequence[str]) -> dict[str, Any]:
    """Trains once, and measures on test and validation.

    Raises:
        RuntimeError: if it was not measured on every sentence of the test, or by another protocol.
    """
    with tempfile.TemporaryDirectory() as folder:
        finished = child.run(training_command(files, protocol, preset, seed, settings, folder))
        run = Path(folder, "runs", "translation", "measured")
        child.run(
            child.application("evaluate", "--run", str(run), "--split", "validation", app="translation"), echo=False
        )
        test, validation = (
            json.loads((run / f"{name}.json").read_text(encoding="utf-8")) for name in ("metrics", "metrics-validation")
        )
        epochs = len((run / "history.csv").read_text(encoding="utf-8").splitlines()) - 1
    lines = len(files["test_path"].read_text(encoding="utf-8").splitlines())
    if test["examples"] != lines:
        raise RuntimeError(f"{test['examples']} test sentences were measured, but the file has {lines}")
    if test["config"]["data"]["tokenized"] != (protocol == "tokenized"):
        raise RuntimeError(
            "data.tokenized is among the settings, but it belongs to the protocol: give --raw, or do not"
        )
    metric = PROTOCOLS[protocol]
    return {
        "protocol": protocol,
        "seed": seed,
        "metric": metric,
        "signature": test["signatures"][metric],
        **{name: test["metrics"][name] for name in (metric, "chrf", "perplexity")},
        # That of `bleu`; where all is lowercased the two are one number, but for the smoothing of very bad translations.
        "interval_95": test["intervals"].get("bleu"),
        **{f"validation_{name}": validation["metrics"][name] for name in (metric, "chrf", "perplexity")},
        "translation_memory": test["baselines"]["translation_memory"][metric],
        "examples": test["examples"],
        "validation_examples": validation["examples"],
        "epochs": epochs,
        "parameters": test["parameters"],
        "train_seconds": test["seconds"]["train"],
        "translate_seconds": test["seconds"]["translate"],
        "process_seconds": finished.seconds,
        "peak_gib": finished.peak_bytes / 2**30,
        "padding_waste": child.padding_waste(finished.output),
    }


def training_command(files, protocol, preset, seed, settings, folder) -> list[str]:
    """What a person would type; the later of two equal settings wins, so `settings` may change anything."""
    return child.application(
        *("train", "--preset", preset, "--name", "measured"),
        *("--runs", f"{folder}/runs", "--saved_models", f"{folder}/saved_models"),
        *("--data.source", "files", "--data.tokenized", "true" if protocol == "tokenized" else "false"),
        *("--data.source_language", "en", "--data.target_language", "de"),
        *(word for name, path in files.items() for word in (f"--data.{name}", str(path))),
        *("--train.seed", str(seed)),
        *settings,
        app="translation",
    )


def show(runs: Sequence[dict[str, Any]]) -> None:
    """The table: a row for each seed, and one with the means."""
    metric = runs[0]["metric"]
    names = (metric, "chrf", "perplexity", f"validation_{metric}", "validation_perplexity", "translation_memory")
    names += ("epochs", "train_seconds", "process_seconds", "translate_seconds", "peak_gib", "padding_waste")
    rows = [[run["seed"], *(run[name] for name in names)] for run in runs]
    if len(runs) > 1:
        means = [_mean([run[name] for run in runs]) for name in names]
        spread = statistics.stdev(run[metric] for run in runs)
        rows.append(["mean", *means])
        rows.append(["±", spread, *[None] * (len(names) - 1)])
    header = ["seed", metric, "chrf", "perplexity", "validation", "perplexity", "memory"]
    print(f"\ntest of 2016, {runs[0]['parameters']:,} parameters, {runs[0]['signature']}")
    results.print_table([*header, "epochs", "s training", "s process", "s translating", "GiB", "padding"], rows)
    published = PUBLISHED[runs[0]["protocol"]]
    if published:
        print(f"published with an attention GRU from text alone: {published}")


def _mean(values):
    return None if None in values else float(statistics.fmean(values))


if __name__ == "__main__":
    sys.exit(main())
