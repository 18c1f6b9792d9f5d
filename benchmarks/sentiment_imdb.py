"""Accuracy on the official IMDB test set: the recurrent network alone, with the wide part, and NB-SVM.

Trains the application on the bundled reviews, which are the official training half, with all defaults and `--model.wide
true`, then reads the test file once. The network does not know of the wide part while it trains, so one training answers
for both. A tenth of the training reviews is validation; nothing is ever chosen by the test.

Reviews of the test file that also stand in the training half (word for word; 123 of the official files) are left out of
training by the application, so no answer was ever learned by heart. Accuracy is reported with them and without.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import child, results
from common.errors import UserError

ALL, UNSEEN = "all", "not in the training half"


def main() -> int:
    parser = results.make_parser("sentiment_imdb", __doc__, "Settings of the application go after --.")
    parser.add_argument("--test", required=True, help="the 25,000 test reviews: CSV (.gz too) with text,label")
    parser.add_argument("--run", type=Path, help="only measure this run, which was trained before")
    parser.add_argument("--runs", default="runs", help="the folder of all runs, for a new one")
    parser.add_argument("--saved_models", default="saved_models/benchmarks", help="where the new run is exported to")
    words, settings = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)

    result = {"benchmark": "sentiment_imdb", "settings": settings}
    if arguments.run is None:
        name = time.strftime("imdb-%Y%m%d-%H%M%S")
        finished = child.run(training_command(arguments, name, settings))
        arguments.run = Path(arguments.runs, "sentiment", name)
        result |= {"process_seconds": finished.seconds, "peak_gib": finished.peak_bytes / 2**30}
    try:
        result |= measure(arguments.run, arguments.test)
    except UserError as error:
        parser.error(str(error))
    show(result)
    results.save(arguments.output, result)
    return 0


def training_command(arguments, name, settings):
    """What a person would type; the later of two equal settings wins, so `settings` may change anything."""
    places = ["--name", name, "--runs", arguments.runs, "--saved_models", arguments.saved_models]
    data = ["--data.source", "bundled", "--data.name", "imdb", "--data.test_path", arguments.test]
    return child.application("train", *places, *data, "--model.wide", "true", *settings)


def measure(run_path: Path, test_path: str) -> dict:
    """Accuracies of a trained run, each `{"all": ..., "not in the training half": ...}`.

    Args:
        run_path: the run directory.
        test_path: the test file; read whole, whatever `data.limit` the run had.
    """
    # Imported here, so that --help does not wait for TensorFlow.
    from apps.sentiment.baselines import fit_ngram_linear
    from apps.sentiment.config import Config
    from apps.sentiment.data import label_ids, load_splits, predict_logits
    from apps.sentiment.ngrams import known_ngrams_of_texts
    from apps.sentiment.preprocessing import Preprocessor
    from common.data.text_files import read_labelled_texts
    from common.model_files import load_model
    from common.runs import open_run

    run = open_run(run_path, "sentiment")
    config = run.config(Config)
    preprocessor, model = Preprocessor.load(run.preprocessor_path), load_model(run.model_path, "apps.sentiment")
    network = model.get_layer("network")
    test = read_labelled_texts(test_path, config.data.text_key, config.data.label_key)
    labels = label_ids(test, preprocessor.label_names)

    seconds, logits = {}, {}

    def timed(name, function):
        started = time.perf_counter()
        logits[name] = function()
        seconds[f"test, {name}"] = time.perf_counter() - started

    timed("network", lambda: predict_logits(network, test, preprocessor))
    if preprocessor.wide:
        timed("network + wide", lambda: predict_logits(model, test, preprocessor))
    started = time.perf_counter()
    linear = preprocessor.linear or fit_ngram_linear(load_splits(config).train, preprocessor)
    seconds["fit nbsvm"] = time.perf_counter() - started
    timed("nbsvm", lambda: linear.logits(known_ngrams_of_texts(test.texts, preprocessor, linear.keys)))

    unseen = ~np.isin(test.texts, official_training_texts(config))
    rights = {name: values.argmax(axis=1) == labels for name, values in logits.items()}
    return {
        "run": run_path.name,
        "accuracy": {
            name: {ALL: float(right.mean()), UNSEEN: float(right[unseen].mean())} for name, right in rights.items()
        },
        "examples": {ALL: len(test), UNSEEN: int(unseen.sum())},
        "parameters": {
            "network": network.count_params(),
            "wide": int(np.count_nonzero(linear.weights)),
        },
        "seconds": {**stages_of(run), **seconds},
    }


def official_training_texts(config):
    """All bundled IMDB reviews, object `[25000]`: also those that the run left out or validated with."""
    from apps.sentiment.config import DataConfig
    from apps.sentiment.data import load_splits

    bundled = DataConfig(name="imdb", cache_dir=config.data.cache_dir)
    splits = load_splits(config.model_copy(update={"data": bundled}))
    return np.concatenate([splits.train.texts, splits.validation.texts, splits.test.texts]).astype(str)


def stages_of(run) -> dict[str, float]:
    """Seconds of the stages of the training: data, adapt, train, evaluate, export, ..."""
    if not run.metrics_path().exists():
        return {}
    return json.loads(run.metrics_path().read_text(encoding="utf-8"))["seconds"]


def show(result: dict) -> None:
    print()
    header = [f"accuracy on {result['examples'][ALL]:,} reviews", ALL, f"{UNSEEN} ({result['examples'][UNSEEN]:,})"]
    results.print_table(header, [[name, values[ALL], values[UNSEEN]] for name, values in result["accuracy"].items()])
    print()
    results.print_table(
        ["cost", "measured"],
        [
            *([f"{stage}, s", float(seconds)] for stage, seconds in result["seconds"].items()),
            *([f"{part} parameters", count] for part, count in result["parameters"].items()),
            ["training process, s", result.get("process_seconds")],
            ["training process, memory at the peak, GiB", result.get("peak_gib")],
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
