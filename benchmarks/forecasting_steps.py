"""What the benchmarks of forecasting train on: a random walk, and the fit step of the application over its windows."""

from collections.abc import Callable

import keras
import numpy as np

from apps.forecasting.config import Config
from apps.forecasting.model import build_model
from apps.forecasting.preprocessing import Preprocessor
from apps.forecasting.series import Columns, Series, SeriesSet
from apps.forecasting.train import loss_function
from apps.forecasting.windows import Windows
from common.config import resolve_config
from common.training.optimizer import make_optimizer


def random_walk(rows: int, columns: int, times: bool = False) -> SeriesSet:
    """One series, float64 `[rows, columns]`, made in place; with `times` a row for each minute."""
    values = np.random.default_rng(0).standard_normal((rows, columns))
    np.cumsum(values, axis=0, out=values)
    names = tuple(f"c{index}" for index in range(columns))
    if not times:
        return SeriesSet((Series("", values),), Columns(names), None, "random walk")
    minutes = np.arange(0, 60 * rows, 60).view("datetime64[s]")
    return SeriesSet((Series("", values, minutes),), Columns(names), "min", "random walk")


def configured(look_back: int, horizon: int, units: int, batch: int) -> Config:
    """The application's defaults but for the sizes; network and loss are those of the paper, without the linear highway."""
    settings = {
        "model.look_back": look_back,
        "model.horizon": horizon,
        "model.units": units,
        "model.output": "point",
        "model.highway": False,
        "train.batch_size": batch,
        # So that a step does not depend on how many there will be.
        "train.schedule": "constant",
        "train.warmup_fraction": 0.0,
    }
    return resolve_config(Config, overrides=settings)


def prepared(config: Config, series: SeriesSet) -> tuple[Preprocessor, Windows]:
    """What the application makes of training rows before it trains."""
    preprocessor = Preprocessor.from_config(config)
    preprocessor.adapt(series)
    model, train = config.model, config.train
    return preprocessor, Windows(series, preprocessor, model.look_back, model.horizon, train.batch_size)


def linear_network(config: Config, columns: int) -> keras.Model:
    """The last value plus a linear map of what came before it, the same for all columns, as a Keras layer."""
    history = keras.Input((config.model.look_back, columns), name="history")
    last = history[:, -1:]
    of_columns = keras.ops.transpose(history - last, (0, 2, 1))  # [batch, columns, time]
    ahead = keras.ops.transpose(keras.layers.Dense(config.model.horizon)(of_columns), (0, 2, 1))
    return keras.Model({"history": history}, (ahead + last)[..., None], name="linear")


def compiled(network: keras.Model, config: Config) -> keras.Model:
    """The network, compiled as the application compiles it."""
    network.compile(
        optimizer=make_optimizer(config.train, total_steps=1), loss=loss_function(config.model), jit_compile=True
    )
    return network


def training_steps(network: keras.Model, windows: Windows, steps: int) -> Callable[[], object]:
    """A function that takes so many steps of `network.fit`, windows and all, and waits for the last loss."""
    network.make_train_function()
    batches = windows.dataset()

    def take():
        iterator = iter(batches)
        for _ in range(steps):
            logs = network.train_function(iterator)
        return float(logs["loss"])

    return take


def segrnn(config: Config, preprocessor: Preprocessor) -> keras.Model:
    """The application's network."""
    return compiled(build_model(config, preprocessor), config)
