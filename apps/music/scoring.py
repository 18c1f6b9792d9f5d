"""How well a network foresees pieces that it is shown, symbol by symbol."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from apps.music.batches import PieceBatches
from apps.music.pieces import Pieces
from apps.music.preprocessing import Preprocessor
from apps.music.vocabulary import HOLD
from common.training.token_losses import log_loss, token_accuracy

BATCH = 8  # pieces at once


@dataclass(frozen=True)
class Scores:
    """Of every symbol of some pieces, in no order of time.

    Attributes:
        nats: float64 [symbols, slots], the negative logarithm of its probability.
        hits: bool [symbols, slots], whether none was likelier.
        holds: bool [symbols, slots], whether it only says that what sounds goes on.
    """

    nats: np.ndarray
    hits: np.ndarray
    holds: np.ndarray


class _Scorer(keras.Model):
    """Nats and hits of each symbol, which Keras computes as one graph on each backend: float32 `[batch, time, slots]` both."""

    def __init__(self, network):
        super().__init__(name="scorer")
        self.network = network
        # A few lengths, each run few times: to compile each takes longer.
        self.compile(jit_compile=keras.backend.backend() != "tensorflow")

    def call(self, inputs):
        logits = self.network(inputs, training=False)
        return log_loss(inputs["symbols"], logits), token_accuracy(inputs["symbols"], logits)


def score(network: keras.Model, preprocessor: Preprocessor, pieces: Pieces) -> Scores:
    """Foresees each symbol from the true ones before it, with nothing given and no end told.

    A piece that is longer than `preprocessing.max_length` is taken in parts, as in training: of the parts before the network
    knows what sounds, and nothing else. A pitch that the network cannot say, some semitones outside of the training pieces,
    counts as the nearest one that it can.

    Args:
        network: as `build_model` returns it.
        preprocessor: the one it was trained with.
        pieces: at least one.
    """
    scorer = _Scorer(network)
    nats, hits, holds = [], [], []
    for inputs, labels, weights in PieceBatches(pieces, preprocessor, BATCH).evaluation_dataset():
        found = scorer.predict_on_batch({name: value.numpy() for name, value in inputs.items()})
        real = weights.numpy()[:, :, 0] > 0
        nats.append(found[0][real].astype(np.float64))
        hits.append(found[1][real] > 0)
        holds.append(labels.numpy()[real] == HOLD)
    return Scores(*map(np.concatenate, (nats, hits, holds)))
