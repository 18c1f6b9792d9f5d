"""The gradient through time on this application's data: the cell through time beside a SimpleRNN.

Pieces are read as in the model; the loss, which is to say what the highest voice does at the last step, is read from the last
state of one layer alone, so that everything has to travel through time.
"""

from pathlib import Path

import keras
import numpy as np

from apps.music.batches import PieceBatches
from apps.music.config import Config
from apps.music.model import build_model
from apps.music.pieces import Splits
from apps.music.preprocessing import Preprocessor
from common.training.diagnose import beside_simple_rnn, fresh_readout
from common.training.seeds import set_seeds

EXAMPLES = 32
LONGEST = 128  # steps; the loop is not compiled, so that any cell can be looked at


def diagnose(config: Config, folder: Path, splits: Splits, preprocessor: Preprocessor, model=None) -> dict:
    """Writes `gradient_through_time.png` and `.json` into a folder.

    Args:
        config: the effective configuration.
        folder: where the picture goes: that of a run's pictures, or another one.
        splits: raw pieces; some of the training pieces are read.
        preprocessor: adapted.
        model: a trained network, or None for one that was just built.

    Returns:
        For each cell `factor_per_step`, `description` and `norms`, as `beside_simple_rnn` does.
    """
    set_seeds(config.train.seed)
    network = build_model(config, preprocessor) if model is None else model
    count = min(EXAMPLES, len(splits.train))
    batches = PieceBatches(splits.train.take(range(count)), preprocessor, count)
    inputs, labels, weights = next(iter(batches.evaluation_dataset()))
    inputs = {name: value.numpy()[:, :LONGEST] for name, value in inputs.items()}
    mask = weights.numpy()[:, :LONGEST, 0] > 0
    vectors = np.asarray(keras.Model(network.input, network.get_layer("past_inputs").output)(inputs))
    last = np.maximum(mask.sum(axis=1) - 1, 0)
    said = labels.numpy()[np.arange(len(mask)), last, int(config.preprocessing.chord and preprocessor.has_voices)]
    readout = fresh_readout(said, config.model.units, preprocessor.vocabulary.size, config.train.seed)

    cell = network.get_layer("past").layers[0].cell
    return beside_simple_rnn(
        config.model.cell, cell, config.model.units, vectors, mask, readout, folder, trained=model is not None
    )
