"""The gradient through time on this application's data: the decoder's cell beside a SimpleRNN.

The cell reads captions as in the model, and of the picture the mean over its places at every step; the loss, which is to say
the first token of the caption, is read from its last state alone, so that everything has to travel through time.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from apps.captioning.captioner import Captioner
from apps.captioning.config import Config
from apps.captioning.model import build_model
from apps.captioning.pictures import Splits
from apps.captioning.preprocessing import Preprocessor
from common.data.token_vocabulary import PAD_ID
from common.training.diagnose import beside_simple_rnn, fresh_readout
from common.training.seeds import set_seeds

EXAMPLES = 32


def diagnose(config: Config, folder: Path, splits: Splits, preprocessor: Preprocessor, model=None) -> dict:
    """Writes `gradient_through_time.png` and `.json` into a folder.

    Args:
        config: the effective configuration.
        folder: where the picture goes: that of a run's pictures, or another one.
        splits: raw pictures and captions; some of the training split are read.
        preprocessor: adapted.
        model: a trained network, or None for one that was just built.

    Returns:
        For each cell `factor_per_step`, `description` and `norms`, as `beside_simple_rnn` does.
    """
    set_seeds(config.train.seed)
    network = build_model(config, preprocessor) if model is None else model
    count = min(EXAMPLES, len(splits.train))
    pictures = [splits.train.pictures[index] for index in range(count)]
    ids = preprocessor.caption_ids([splits.train.captions[index][0] for index in range(count)])
    tokens = ids.to_tensor(PAD_ID)
    captioner = Captioner(network, preprocessor)
    pixels = tf.function(preprocessor, autograph=False)(tf.constant(pictures))["pixels"].numpy()
    features = captioner.features(ops.convert_to_tensor(pixels))
    decoder = captioner.decoder
    mean = ops.mean(decoder.memory(features), axis=1)
    vectors = decoder.inputs_of(decoder.embedding(ops.convert_to_tensor(tokens.numpy())), mean)
    # Behind the token stands in the kernel what the cell is fed: what was seen, or what the second cell said.
    fed = mean if decoder.form == "show_attend_tell" else ops.zeros_like(mean)
    vectors = ops.concatenate([vectors, ops.repeat(fed[:, None], tokens.shape[1], axis=1)], axis=-1)
    readout = fresh_readout(tokens[:, 0].numpy(), config.model.units, preprocessor.vocabulary.size, config.train.seed)
    return beside_simple_rnn(
        config.model.cell,
        decoder.cell.cell,
        config.model.units,
        np.asarray(keras.ops.convert_to_numpy(vectors)),
        tokens.numpy() != PAD_ID,
        readout,
        folder,
        trained=model is not None,
    )
