"""Training: build, compile and fit."""

import keras

from apps.translation.batches import make_evaluation_data, make_training_data
from apps.translation.config import Config
from apps.translation.model import build_model
from apps.translation.pairs import Splits
from apps.translation.preprocessing import Preprocessor
from common.console import get_console
from common.errors import UserError
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
        splits: raw pairs; the test split is not looked at.
        preprocessor: adapted on `splits.train`.
        resume: go on from the newest checkpoint of the run.

    Returns:
        A model from `source_ids` and `target_inputs` to logits float32 `[batch, time, vocabulary]`.

    Raises:
        UserError: no training pair is short enough.
    """
    console = get_console()
    set_seeds(config.train.seed)
    set_precision(config.train.mixed_precision)
    training_data, left_out = make_training_data(splits.train, preprocessor, config)
    if not training_data.steps_per_epoch:
        raise UserError(
            f"every one of the {len(splits.train):,} training pairs has a side of more than "
            f"{config.preprocessing.max_length} tokens; raise --preprocessing.max_length"
        )
    validation_data = make_evaluation_data(splits.validation, preprocessor, config.train.batch_size)
    vocabulary = f"{preprocessor.source_size:,} tokens"
    if not config.preprocessing.shared:
        vocabulary = f"{preprocessor.source_size:,} tokens of the source, {preprocessor.target_size:,} of the target"
    console.table(
        {
            "vocabulary": vocabulary,
            "lengths": ", ".join(f"{source}→{target}" for source, target in training_data.shapes) + " tokens",
            "padding": f"{training_data.padding_waste:.1%} of all steps",
            "steps per epoch": f"{training_data.steps_per_epoch:,} of about {config.train.batch_size:,} tokens a side",
        }
    )
    if left_out:
        console.warn(
            f"{left_out:,} of {len(splits.train):,} training pairs have a side of more than "
            f"{config.preprocessing.max_length} tokens and are left out (preprocessing.max_length)"
        )

    steps = training_data.steps_per_epoch * config.train.epochs
    network = build_model(config, preprocessor, steps)
    require_float32_outputs(network)
    console.model(network)
    network.compile(
        loss=SmoothedCrossEntropy(config.train.label_smoothing),
        optimizer=make_optimizer(config.train, steps),
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
        network = rebuilt_in_float32(network, lambda: build_model(config, preprocessor, steps))
    return keras.Model(network.input, network.output, name=network.name)  # without the optimizer it was trained with
