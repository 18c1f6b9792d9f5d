"""The gradient through time on this application's data: the chosen cell beside a SimpleRNN.

One forward cell reads a look-back step by step, and the loss is read from its last state alone, so that everything has to
travel through time. (segrnn reads whole segments and has the shorter way; here the cell is looked at.)
"""

from pathlib import Path

import numpy as np
from keras import ops

from apps.forecasting.config import Config
from apps.forecasting.preprocessing import Preprocessor
from apps.forecasting.series import SeriesSplits
from apps.forecasting.windows import Windows
from common.layers import SimpleRNN
from common.layers.by_name import LAYERS
from common.training.diagnose import norms_through_time, plot_norms
from common.training.seeds import set_seeds

EXAMPLES = 32
LONGEST = 200  # steps; the loop is not compiled, so that any cell can be looked at


def diagnose(config: Config, folder: Path, splits: SeriesSplits, preprocessor: Preprocessor, model=None) -> dict:
    """Writes `gradient_through_time.png` and `.json` into a folder.

    Args:
        config: the effective configuration.
        folder: where the picture goes: that of a run's pictures, or another one.
        splits: raw series; some windows of train are read.
        preprocessor: adapted.
        model: a trained model in its final form, whose cell is looked at where it reads single steps; None for an untrained cell.

    Returns:
        For each cell `factor_per_step`, `description` and `norms`, as `plot_norms` does.
    """
    set_seeds(config.train.seed)
    settings = config.model
    windows = Windows(splits.train, preprocessor, settings.look_back, settings.horizon, EXAMPLES)
    chosen = np.unique(np.linspace(0, windows.count - 1, EXAMPLES).astype(np.int64))
    inputs, targets = preprocessor.prepare(windows.raw(chosen))
    history = np.asarray(inputs["history"])[:, -LONGEST:]
    readout = _regression(np.asarray(targets)[:, -1, 0], settings.units, config.train.seed)

    cell, state = LAYERS[settings.cell](settings.units, seed=config.train.seed).cell, "untrained"
    norms = {f"{settings.cell} ({state})": norms_through_time(cell, history, None, readout)}
    if settings.cell != "simple_rnn":
        simple = SimpleRNN(settings.units).cell
        norms["simple_rnn (untrained)"] = norms_through_time(simple, history, None, readout)
    return plot_norms(norms, folder / "gradient_through_time.png")


def _regression(targets, units, seed):
    """The squared error of an untrained linear map of states, as a function of states float `[batch, units]`."""
    kernel = np.random.default_rng(seed).normal(scale=units**-0.5, size=(units, 1)).astype(np.float32)
    targets = ops.convert_to_tensor(targets, dtype="float32")

    def losses(states):
        return ops.square(ops.matmul(states, ops.convert_to_tensor(kernel))[:, 0] - targets)

    return losses
