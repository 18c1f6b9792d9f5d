"""The gradient through time on this application's data: the encoder's cell beside a SimpleRNN.

Sources are embedded as in the model; one forward cell reads them, and the loss, which is to say the first token of the
target, is read from its last state alone, so that everything has to travel through time. That is how sentences were
translated before there was attention (Sutskever et al. 2014), and why long ones were translated badly.
"""

from pathlib import Path

import keras
import numpy as np

from apps.translation.batches import token_ids
from apps.translation.config import Config
from apps.translation.model import build_model
from apps.translation.pairs import Splits
from apps.translation.preprocessing import Preprocessor
from common.data.token_vocabulary import PAD_ID
from common.training.diagnose import beside_simple_rnn, fresh_readout
from common.training.seeds import set_seeds

EXAMPLES = 32
LONGEST = 100  # steps; the loop is not compiled, so that any cell can be looked at


def diagnose(config: Config, folder: Path, splits: Splits, preprocessor: Preprocessor, model=None) -> dict:
    """Writes `gradient_through_time.png` and `.json` into a folder.

    Args:
        config: the effective configuration.
        folder: where the picture goes: that of a run's pictures, or another one.
        splits: raw pairs; some of the training pairs are read.
        preprocessor: adapted.
        model: a trained network, or None for one that was just built.

    Returns:
        For each cell `factor_per_step`, `description` and `norms`, as `beside_simple_rnn` does.
    """
    set_seeds(config.train.seed)
    network = build_model(config, preprocessor) if model is None else model
    source, target = token_ids(splits.train.take(np.arange(min(EXAMPLES, len(splits.train)))), preprocessor)
    source = source[:, :LONGEST].to_tensor(PAD_ID)
    vectors = np.asarray(keras.Model(network.input["source_ids"], network.get_layer("source_dropout").output)(source))
    first_tokens = target[:, :1].to_tensor()[:, 0].numpy()
    readout = fresh_readout(first_tokens, config.model.units, preprocessor.target_size, config.train.seed)

    mask = source.numpy() != PAD_ID
    cell = network.get_layer("encoder_0").forward_layer.cell
    return beside_simple_rnn(
        config.model.cell, cell, config.model.units, vectors, mask, readout, folder, trained=model is not None
    )
