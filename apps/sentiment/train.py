"""Training: build, compile, fit, and scale the logits on validation data."""

import keras
import numpy as np

from apps.sentiment.calibration import fit_scales
from apps.sentiment.config import Config
from apps.sentiment.data import label_ids, make_evaluation_data, make_training_data, predict_logits
from apps.sentiment.model import build_model, with_fitted_scales
from apps.sentiment.preprocessing import Preprocessor
from apps.sentiment.report import save_lengths
from apps.sentiment.word_vectors import word_vectors
from common.console import get_console
from common.data.buckets import BucketedBatches
from common.data.splits import Splits
from common.runs import Run
from common.training.checkpoints import Checkpoints
from common.training.compilation import require_jit_compile
from common.training.fit import resumable_fit
from common.training.optimizer import make_optimizer
from common.training.precision import rebuilt_in_float32, require_float32_outputs, set_precision
from common.training.seeds import set_seeds


def train(config: Config, run: Run, splits: Splits, preprocessor: Preprocessor, resume: bool = False) -> keras.Model:
    """Trains the network, and returns it in its final form.

    Args:
        config: the effective configuration.
        run: where checkpoints, logs and history go.
        splits: raw examples; the test split is not looked at.
        preprocessor: adapted on `splits.train`.
        resume: go on from the newest checkpoint of the run.

    Returns:
        A model from what `preprocessor` returns to logits float32 `[batch, classes]`.
    """
    console = get_console()
    set_seeds(config.train.seed)
    set_precision(config.train.mixed_precision)
    training_data = make_training_data(splits.train, preprocessor, config)
    validation_data = make_evaluation_data(splits.validation, preprocessor)
    console.table(
        {
            "lengths": f"{', '.join(map(str, training_data.boundaries))} tokens",
            "padding": f"{training_data.padding_waste:.1%} of all steps",
            "steps per epoch": f"{training_data.steps_per_epoch} (what fills no batch waits for another epoch)",
        }
    )

    save_lengths(run, training_data.lengths, training_data.boundaries)

    network = build_model(config, preprocessor)
    require_float32_outputs(network)
    checkpoints = Checkpoints(run.checkpoints_path, training_data.steps_per_epoch)
    if config.model.word_vectors == "neighbours" and checkpoints.newest() is None:
        network.get_layer("word_embedding").set_weights([neighbour_vectors(network, training_data, config)])
    console.model(network)
    network.compile(
        optimizer=make_optimizer(config.train, training_data.steps_per_epoch * config.train.epochs),
        # Weighted, because the rows that fill up a batch of validation have weight 0.
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight"),
        weighted_metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.SparseCategoricalCrossentropy(name="log_loss", from_logits=True),
        ],
        jit_compile=config.train.jit_compile,
    )
    require_jit_compile(network, config.train.jit_compile)
    resumable_fit(
        network,
        training_data,
        validation_data.evaluation_dataset(),
        run,
        config.train,
        monitor="val_log_loss",
        mode="min",
        resume=resume,
        console=console,
    )

    if config.train.mixed_precision:
        network = rebuilt_in_float32(network, lambda: build_model(config, preprocessor))
    parts = [predict_logits(network, splits.validation, preprocessor)]
    if config.model.wide:
        parts.append(preprocessor.wide_logits_of(splits.validation.texts))
    scales = fit_scales(parts, label_ids(splits.validation, preprocessor.label_names))
    return with_fitted_scales(network, scales)


def neighbour_vectors(network: keras.Model, training_data: BucketedBatches, config: Config) -> np.ndarray:
    """Where the word vectors start: words that have the same neighbours next to each other."""
    embedding = network.get_layer("word_embedding")
    get_console().line("  making word vectors from the neighbours of each word")
    words = training_data.values.numpy()[:, 0]
    return word_vectors(words, training_data.lengths, embedding.input_dim, embedding.output_dim, config.train.seed)
