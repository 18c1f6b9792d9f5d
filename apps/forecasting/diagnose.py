"""The gradient through time on this application's data: the recurrence of the chosen network beside a SimpleRNN.

What is drawn is the first recurrent cell of the network, over what this cell reads: the steps of the look-back in `seq2seq`
and `deepar`, the embedded segments in `segrnn`, which has the shorter way for it. The loss is read from the last state alone,
so that everything has to travel through time.
"""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from apps.forecasting.config import Config
from apps.forecasting.model import build_model
from apps.forecasting.preprocessing import Preprocessor
from apps.forecasting.series import SeriesSplits
from apps.forecasting.windows import Windows
from common.training.diagnose import beside_simple_rnn
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
        model: a trained model in its final form, or None for one that was just built.

    Returns:
        For each cell `factor_per_step`, `description` and `norms`, as `beside_simple_rnn` does.
    """
    set_seeds(config.train.seed)
    settings = config.model
    windows = Windows(splits.train, preprocessor, settings.look_back, settings.horizon, EXAMPLES)
    chosen = np.unique(np.linspace(0, windows.count - 1, EXAMPLES).astype(np.int64))
    inputs, targets = preprocessor.prepare(windows.raw(chosen))
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    network = build_model(config, preprocessor) if model is None else model
    cell, sequence = recurrence(network, settings, inputs)  # [rows, steps, features]
    sequence = sequence[:, -LONGEST:]
    last = np.asarray(targets)[:, -1]  # [batch, targets]
    # A row is a window, or a window and one of its targets, in this order.
    readout = _regression(
        last.reshape(-1) if len(sequence) > len(last) else last[:, 0], settings.units, config.train.seed
    )

    what = ", segments" if settings.kind == "segrnn" else ""
    return beside_simple_rnn(
        settings.cell, cell, settings.units, sequence, None, readout, folder, trained=model is not None, of=what
    )


def recurrence(model, settings, inputs):
    """The first recurrent cell of a network, and what it reads of windows.

    Args:
        model: as `build_model` returns it, or as `train` does.
        settings: `ModelConfig`.
        inputs: what the preprocessor returned of windows, by name.

    Returns:
        The cell, and float32 `[rows, steps, features]`; a row for each window, or for each window and target.
    """
    names = [layer.name for layer in model.layers]
    if settings.kind == "deepar":
        layer = model.get_layer("samples").autoregression if "samples" in names else model.get_layer("autoregression")
        future = inputs.get("future")
        return layer.layers[0].cell, ops.convert_to_numpy(layer.past_inputs(inputs["history"], future))
    network = model.get_layer("network") if "network" in names else model
    if settings.kind == "seq2seq":
        layer = network.get_layer("encoder_0")
        cell, read = layer.cell, layer.input
    else:
        layer = network.get_layer(settings.cell)
        cell, read = layer.layer.cell, layer.input[0]  # [batch, channels, segments, features]
    given = {name: value for name, value in inputs.items() if name in network.input}
    sequence = ops.convert_to_numpy(keras.Model(network.input, read)(given))
    return cell, sequence.reshape(-1, *sequence.shape[-2:])


def _regression(targets, units, seed):
    """The squared error of an untrained linear map of states, as a function of states float `[batch, units]`."""
    kernel = np.random.default_rng(seed).normal(scale=units**-0.5, size=(units, 1)).astype(np.float32)
    targets = ops.convert_to_tensor(targets, dtype="float32")

    def losses(states):
        return ops.square(ops.matmul(states, ops.convert_to_tensor(kernel))[:, 0] - targets)

    return losses
