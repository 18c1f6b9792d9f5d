"""Training: build, compile, fit, and fit the quantiles on validation data."""

import keras

from apps.forecasting.config import Config
from apps.forecasting.forecaster import with_fitted_quantiles
from apps.forecasting.highway import fit_highway
from apps.forecasting.losses import likelihood_loss, pinball_loss, point_loss
from apps.forecasting.model import build_model
from apps.forecasting.preprocessing import Preprocessor
from apps.forecasting.series import SeriesSplits
from apps.forecasting.windows import EVALUATION_BATCH, Windows
from common.console import get_console
from common.runs import Run
from common.training.checkpoints import Checkpoints
from common.training.compilation import require_jit_compile
from common.training.fit import resumable_fit
from common.training.optimizer import make_optimizer
from common.training.precision import rebuilt_in_float32, require_float32_outputs, set_precision
from common.training.seeds import set_seeds


def train(
    config: Config, run: Run, splits: SeriesSplits, preprocessor: Preprocessor, resume: bool = False
) -> keras.Model:
    """Trains the network, and returns it in its final form.

    Args:
        config: the effective configuration.
        run: where checkpoints, logs and history go.
        splits: raw series; the test split is not looked at.
        preprocessor: adapted on `splits.train`.
        resume: go on from the newest checkpoint of the run.

    Returns:
        A model from what `preprocessor` returns to `forecast` and `quantiles`, see `forecaster`.
    """
    console, settings = get_console(), config.model
    set_seeds(config.train.seed)
    set_precision(config.train.mixed_precision)
    size = (settings.look_back, settings.horizon)
    training = Windows(
        splits.train, preprocessor, *size, config.train.batch_size, config.data.stride, config.train.seed
    )
    validation = Windows(splits.validation, preprocessor, *size, EVALUATION_BATCH)
    console.table(
        {
            "windows": f"{training.count:,} to train on, {validation.count:,} to validate with",
            "a window": f"{settings.look_back} steps back, {settings.horizon} steps ahead",
            "steps per epoch": f"{training.steps_per_epoch:,}",
        }
    )
    if preprocessor.constant_columns:
        console.warn(
            f"{', '.join(preprocessor.constant_columns)}: the same value in every training row, so nothing can be learned of it"
        )
    if settings.kind == "deepar" and splits.train.columns.past:
        console.warn("deepar reads no past covariates: nobody has them while the future is drawn step by step")

    network = build_model(config, preprocessor)
    require_float32_outputs(network)
    if (
        settings.kind == "segrnn"
        and settings.highway
        and Checkpoints(run.checkpoints_path, training.steps_per_epoch).newest() is None
    ):
        penalty = fit_highway(network, training, validation)
        console.line(f"  linear highway fitted by ridge regression, penalty {penalty:g}")
    console.model(network)
    network.compile(
        optimizer=make_optimizer(config.train, training.steps_per_epoch * config.train.epochs),
        loss=loss_function(settings),
        jit_compile=config.train.jit_compile,
    )
    require_jit_compile(network, config.train.jit_compile)
    resumable_fit(
        network,
        training,
        validation.evaluation_dataset(),
        run,
        config.train,
        monitor="val_loss",
        mode="min",
        resume=resume,
        console=console,
    )
    if config.train.mixed_precision:
        network = rebuilt_in_float32(network, lambda: build_model(config, preprocessor))
    return with_fitted_quantiles(network, settings, validation, preprocessor.season, config.train.jit_compile)


def loss_function(settings):
    """The loss of `settings`, a `ModelConfig`: a function of truth and outputs that returns float `[batch]`."""
    if settings.kind == "deepar":
        return likelihood_loss(settings.likelihood)
    return pinball_loss(settings.quantiles) if settings.output == "quantiles" else point_loss(settings.loss)
