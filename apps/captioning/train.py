"""Training: build, compile and fit."""

import keras

from apps.captioning.batches import make_batches
from apps.captioning.config import Config
from apps.captioning.inputs import inputs_of
from apps.captioning.model import build_model, trained_part
from apps.captioning.pictures import Splits
from apps.captioning.preprocessing import Preprocessor
from apps.captioning.self_critical import require_sampling_backend, train_self_critically
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
        splits: raw pictures and captions; the test split is not looked at.
        preprocessor: adapted on `splits.train`.
        resume: go on from the newest checkpoint of the run.

    Returns:
        A model from `pixels` and `caption_inputs` to logits float32 `[batch, captions, time, vocabulary]`.
    """
    console = get_console()
    require_sampling_backend(config)
    set_seeds(config.train.seed)
    set_precision(config.train.mixed_precision)
    network = build_model(config, preprocessor)
    require_float32_outputs(network)
    # Pixels, or what an encoder that stays as it is has made of them.
    name = "pixels" if config.model.encoder_is_trained else "features"
    pictures = {"train": splits.train, "validation": splits.validation}
    inputs = {split: inputs_of(each, preprocessor, config, network) for split, each in pictures.items()}
    training_data, validation_data = (
        make_batches(each, inputs[split], preprocessor, config, name, split == "train")
        for split, each in pictures.items()
    )
    console.table(
        {
            "vocabulary": f"{preprocessor.vocabulary.size:,} tokens",
            "pictures": f"{preprocessor.picture_size} × {preprocessor.picture_size} pixels, encoder {config.model.encoder}",
            "lengths": ", ".join(map(str, training_data.boundaries)) + " tokens",
            "padding": f"{training_data.padding_waste:.1%} of all steps",
            "steps per epoch": f"{training_data.steps_per_epoch:,} of {config.train.batch_size} pictures with "
            f"{config.train.captions_per_picture} captions",
        }
    )

    part = trained_part(network, config.model.encoder_is_trained)
    console.model(part)
    part.compile(
        loss=SmoothedCrossEntropy(config.train.label_smoothing),
        optimizer=make_optimizer(config.train, training_data.steps_per_epoch * config.train.epochs),
        weighted_metrics=token_metrics(),
        jit_compile=config.train.jit_compile,
    )
    require_jit_compile(part, config.train.jit_compile)
    result = resumable_fit(
        part,
        training_data,
        validation_data.evaluation_dataset(),
        run,
        config.train,
        monitor="val_log_loss",
        mode="min",
        resume=resume,
        console=console,
    )
    if config.train.self_critical_epochs:
        train_self_critically(network, part, inputs, config, run, splits, preprocessor, result, resume)
    if config.train.mixed_precision:
        network = rebuilt_in_float32(network, lambda: build_model(config, preprocessor))
    return keras.Model(network.input, network.output, name=network.name)  # without the optimizer it was trained with
