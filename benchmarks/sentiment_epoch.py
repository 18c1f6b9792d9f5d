"""Seconds of one training epoch of the sentiment application, beside the same task done the usual way.

- `default`: the application as `make train APP=sentiment` trains it.
- `our lstm`: the same with `--model.cell lstm --model.units 96`, still in batches of about equal length.
- `keras lstm`: `keras.layers.Bidirectional(keras.layers.LSTM(96))` on word vectors, every review padded to the longest
  length, as in the example on keras.io.

All of them train on the bundled IMDB reviews with the same vocabulary, batch size and XLA. A few steps of each length are
timed in turns, in one process; an epoch is the sum over the lengths of median times number of steps.
"""

import sys
from collections import Counter

import keras
import numpy as np
import tensorflow as tf

from apps.sentiment.config import Config
from apps.sentiment.data import load_splits, make_training_data
from apps.sentiment.model import build_model
from apps.sentiment.preprocessing import Preprocessor
from benchmarks import results
from benchmarks.stopwatch import alternating_medians
from common.config import resolve_config
from common.training.optimizer import make_optimizer

UNITS = 96


def main() -> int:
    parser = results.make_parser("sentiment_epoch", __doc__, "Settings of the application go after --.")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each length")
    words, settings = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)

    tf.get_logger().setLevel("ERROR")  # it warns of the traces of several lengths, which are meant
    overrides = dict(zip((name.removeprefix("--") for name in settings[::2]), settings[1::2], strict=True))
    config = resolve_config(Config, overrides=overrides)
    lstm = resolve_config(Config, overrides={**overrides, "model.cell": "lstm", "model.units": str(UNITS)})
    splits = load_splits(config)
    preprocessor = Preprocessor.from_config(config)
    preprocessor.adapt(splits.train)
    data = make_training_data(splits.train, preprocessor, config)
    batches, counts = one_batch_of_each_length(data)
    padded, longest = padded_batch(batches, config), config.preprocessing.max_length

    models = {
        "default": compiled(build_model(config, preprocessor), config, data.steps_per_epoch),
        "our lstm": compiled(build_model(lstm, preprocessor), lstm, data.steps_per_epoch),
        "keras lstm": compiled(keras_model(preprocessor, config), config, data.steps_per_epoch),
    }
    plan = {
        "default": counts,
        "our lstm": counts,
        "keras lstm": Counter({longest: len(data.lengths) // config.train.batch_size}),
    }
    steps = {
        (name, length): training_step(models[name], padded if name == "keras lstm" else batches[length])
        for name, lengths in plan.items()
        for length in lengths
    }
    seconds = alternating_medians(steps, arguments.steps)

    wastes = dict.fromkeys(plan, data.padding_waste) | {
        "keras lstm": 1 - data.lengths.sum() / (len(data.lengths) * longest)
    }
    rows = []
    for name, lengths in plan.items():
        epoch = sum(seconds[name, length] * count for length, count in lengths.items())
        rows.append(
            {
                "model": name,
                "seconds_per_epoch": epoch,
                "padding_waste": float(wastes[name]),
                "compiled_lengths": len(lengths),
                "parameters": models[name].count_params(),
                "step_ms": {str(length): 1e3 * seconds[name, length] for length in sorted(lengths)},
                "steps": {str(length): count for length, count in sorted(lengths.items())},
            }
        )
    for row in rows:
        row["times_faster_than_keras"] = rows[-1]["seconds_per_epoch"] / row["seconds_per_epoch"]
    results.print_table(
        ["model", "s per epoch", "keras / this", "padding", "lengths", "parameters"],
        [
            [
                row[key]
                for key in (
                    "model",
                    "seconds_per_epoch",
                    "times_faster_than_keras",
                    "padding_waste",
                    "compiled_lengths",
                    "parameters",
                )
            ]
            for row in rows
        ],
    )
    for row in rows:
        print(
            f"{row['model']}: "
            + ", ".join(f"{ms:.0f} ms × {row['steps'][n]} of {n}" for n, ms in row["step_ms"].items())
        )
    results.save(
        arguments.output, {"benchmark": "sentiment_epoch", "steps": arguments.steps, "settings": settings, "rows": rows}
    )
    return 0


def one_batch_of_each_length(data):
    """A training batch (inputs, labels) by its padded length, and how many batches of that length an epoch has."""
    batches, counts = {}, Counter()
    for inputs, labels in data.dataset().take(data.steps_per_epoch):
        length = inputs["token_ids"].shape[1]
        counts[length] += 1
        batches.setdefault(length, ({"token_ids": inputs["token_ids"].numpy()}, labels.numpy()))
    return batches, counts


def padded_batch(batches, config):
    """The batch of the longest length, words alone, padded in front to `max_length`: int32 `[batch, max_length]`, labels."""
    inputs, labels = batches[max(batches)]
    word_ids = inputs["token_ids"][:, :, 0]
    return np.pad(word_ids, ((0, 0), (config.preprocessing.max_length - word_ids.shape[1], 0))), labels


def keras_model(preprocessor, config):
    """Word vectors, one bidirectional LSTM, pooling, dropout, logits; nothing of `common.layers`."""
    settings = config.model
    return keras.Sequential(
        [
            keras.Input((config.preprocessing.max_length,), dtype="int32"),
            keras.layers.Embedding(preprocessor.vocabulary_size, settings.embedding_dim),
            keras.layers.Bidirectional(keras.layers.LSTM(UNITS, return_sequences=True, use_cudnn=False)),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dropout(settings.dropout),
            keras.layers.Dense(len(preprocessor.label_names)),
        ]
    )


def compiled(model, config, steps_per_epoch):
    """The model, compiled as the application compiles it."""
    model.compile(
        optimizer=make_optimizer(config.train, steps_per_epoch * config.train.epochs),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )
    return model


def training_step(model, batch):
    """A function that trains on one batch and waits for the loss."""
    return lambda: model.train_on_batch(*batch)


if __name__ == "__main__":
    sys.exit(main())
