"""The network: standardised windows in, numbers out, compiled by XLA.

history, what is known of the future -> recurrent network -> one number, quantiles or a distribution for each step and target
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from apps.forecasting.config import Config
from apps.forecasting.deepar import deepar
from apps.forecasting.layers import AscendingQuantiles
from apps.forecasting.preprocessing import Preprocessor
from apps.forecasting.segrnn import segrnn
from apps.forecasting.seq2seq import seq2seq

NETWORKS = {"segrnn": segrnn, "seq2seq": seq2seq, "deepar": deepar}


@dataclass(frozen=True)
class Sizes:
    """What goes into a network and comes out of it.

    Attributes:
        look_back, horizon: steps.
        features: of a step of the past: the targets first, then covariates and calendar.
        known: features that are known of a step of the time to come: columns first, then the calendar.
        known_columns: how many of them are columns.
        targets: what is forecast.
        outputs: numbers for each step and target.
        median: which of them is the median; None if they are no quantiles.
    """

    look_back: int
    horizon: int
    features: int
    known: int
    known_columns: int
    targets: int
    outputs: int
    median: int | None

    def inputs(self) -> dict:
        """The inputs of the network, by name."""
        inputs = {"history": keras.Input((self.look_back, self.features), name="history")}
        if self.known:
            inputs["future"] = keras.Input((self.horizon, self.known), name="future")
        return inputs

    def by_target(self, outputs):
        """What channels gave to what targets have: float `[batch, channels, time, numbers]`, with `time` at least the horizon, to
        `[batch, horizon, targets, outputs]`."""
        _, channels, time, _ = outputs.shape
        outputs = ops.reshape(outputs, (-1, channels, time, self.targets // channels, self.outputs))
        outputs = ops.transpose(outputs, (0, 2, 1, 3, 4))[:, : self.horizon]
        return ops.reshape(outputs, (-1, self.horizon, self.targets, self.outputs))

    def add_to_forecast(self, outputs, values):
        """Adds values float `[batch, horizon, targets]` to the number that is the forecast, before `head`."""
        place = np.eye(1, self.outputs, self.median or 0, dtype="float32")[0]
        return outputs + values[..., None] * place

    def head(self, outputs):
        """Gives the last axis its meaning."""
        return (
            outputs
            if self.median is None
            else AscendingQuantiles(self.median, name="ascending", dtype="float32")(outputs)
        )


def build_model(config: Config, preprocessor: Preprocessor) -> keras.Model:
    """Builds the network.

    Args:
        config: only `config.model` and the seed are read.
        preprocessor: adapted; gives the numbers of columns.

    Returns:
        A model from `{"history": float32 [batch, look_back, features], "future": float32 [batch, horizon, known]}`, the
        second only if anything is known, to float32 `[batch, horizon, targets, outputs]`; for `deepar` see there.
    """
    settings = config.model
    levels = settings.quantiles if settings.output == "quantiles" else None
    sizes = Sizes(
        settings.look_back,
        settings.horizon,
        preprocessor.history_size,
        preprocessor.known_size,
        len(preprocessor.columns.known),
        len(preprocessor.columns.targets),
        len(levels) if levels else 1,
        levels.index(0.5) if levels else None,
    )
    return NETWORKS[settings.kind](settings, sizes, config.train.seed)
