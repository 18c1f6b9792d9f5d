"""The gradient through time on this application's data: the chosen cell beside a SimpleRNN.

The picture answers why a gated cell was invented: how much of what the last state knows can still be blamed on a word
many steps before it. Texts are embedded as in the model; one forward cell reads them, and the loss is read from its
last state alone, so that everything has to travel through time.
"""

from pathlib import Path

import keras
import numpy as np

from apps.sentiment.config import Config
from apps.sentiment.data import label_ids
from apps.sentiment.model import build_model
from apps.sentiment.preprocessing import Preprocessor, pad
from apps.sentiment.vocabulary import PAD_ID
from common.data.splits import Splits
from common.layers import Bidirectional
from common.layers.recurrent_layer import RecurrentLayer
from common.training.diagnose import beside_simple_rnn, fresh_readout
from common.training.seeds import set_seeds

EXAMPLES = 32
LONGEST = 200  # steps; the loop is not compiled, so that any cell can be looked at


def diagnose(config: Config, folder: Path, splits: Splits, preprocessor: Preprocessor, model=None) -> dict:
    """Writes `gradient_through_time.png` and `.json` into a folder.

    Args:
        config: the effective configuration.
        folder: where the picture goes: that of a run's pictures, or another one.
        splits: raw examples; some of the training texts are read.
        preprocessor: adapted.
        model: a trained model in its final form, or None for one that was just built.

    Returns:
        For each cell `factor_per_step`, `description` and `norms`, as `beside_simple_rnn` does.
    """
    set_seeds(config.train.seed)
    network = model.get_layer("network") if model is not None else build_model(config, preprocessor)
    token_ids, labels = _examples(config, splits, preprocessor)
    vectors = keras.Model(network.inputs, network.get_layer("embedding_dropout").output)([token_ids])
    vectors, mask = np.asarray(vectors), token_ids[:, :, 0] != PAD_ID
    readout = fresh_readout(labels, config.model.units, len(preprocessor.label_names), config.train.seed)
    return beside_simple_rnn(
        config.model.cell, _cell(network), config.model.units, vectors, mask, readout, folder, trained=model is not None
    )


def _examples(config, splits, preprocessor):
    """Texts with at least one word: token ids int32 `[examples, time, phrase_length]` and labels int64 `[examples]`."""
    texts, labels = splits.train.texts[: 4 * EXAMPLES], label_ids(splits.train, preprocessor.label_names)
    token_ids = pad(preprocessor.token_ids(list(texts))).numpy()[:, :LONGEST]
    chosen = np.flatnonzero((token_ids[:, :, 0] != PAD_ID).any(axis=1))[:EXAMPLES]
    return token_ids[chosen], labels[chosen]


def _cell(network):
    """The cell of the first recurrent layer, forward direction."""
    layer = next(layer for layer in network.layers if isinstance(layer, (Bidirectional, RecurrentLayer)))
    return (layer.forward_layer if isinstance(layer, Bidirectional) else layer).cell
