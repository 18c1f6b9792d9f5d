"""Training: build, compile and fit."""

import keras

from apps.music.batches import PieceBatches
from apps.music.config import Config
from apps.music.model import build_model
from apps.music.pieces import Splits
from apps.music.preprocessing import Preprocessor
from common.console import get_console
from common.runs import Run
from common.training.compilation import require_jit_compile
from common.training.fit import resumable_fit
from common.training.optimizer import make_optimizer
from common.training.precision import rebuilt_in_float32, require_float32_outputs, set_precision
from common.training.seeds import set_seeds
from common.training.token_losses import SmoothedCrossEntropy, token_metrics


def train(config: Config, run: Run, splits: Splits, preprocessor: Preprocessor, resume: bool = False) -> keras.Model:
    """Trains the network, and returns it.

    Args:
        config: the effective configuration.
        run: where checkpoints, logs and history go.
        splits: raw pieces; the test split is not looked at.
        preprocessor: adapted on `splits.train`.
        resume: go on from the newest checkpoint of the run.

    Returns:
        A model as `build_model` makes it.
    """
    console = get_console()
    set_seeds(config.train.seed)
    set_precision(config.train.mixed_precision)
    training_data = PieceBatches(
        splits.train,
        preprocessor,
        config.train.batch_size,
        config.train.seed,
        config.train.given_fraction,
        config.train.end_fraction,
    )
    validation_data = PieceBatches(splits.validation, preprocessor, config.train.batch_size)
    console.table(
        {
            "symbols": f"{preprocessor.vocabulary.size:,}, {preprocessor.vocabulary.slots} at each step",
            "lengths": f"{', '.join(map(str, training_data.boundaries))} steps",
            "padding": f"{training_data.padding_waste:.1%} of all steps",
            "steps per epoch": f"{training_data.steps_per_epoch:,} of {config.train.batch_size:,} pieces",
        }
    )

    network = build_model(config, preprocessor)
    require_float32_outputs(network)
    console.model(network)
    network.compile(
        loss=SmoothedCrossEntropy(),
        optimizer=make_optimizer(config.train, training_data.steps_per_epoch * config.train.epochs),
        weighted_metrics=token_metrics(),
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
    return keras.Model(network.input, network.output, name=network.name)  # without the optimizer it was trained with
