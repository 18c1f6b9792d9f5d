"""From pictures to captions with a trained network: the one search that evaluation, the SavedModel and its tests share."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from apps.captioning.batches import MOST_TOGETHER, CaptionBatches
from apps.captioning.model import trained_part
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from common.decoding import Beams, Decoded, beam_search, greedy, repeat_rows, sample
from common.graph import as_graph
from common.training.token_losses import SmoothedCrossEntropy, token_figures, token_metrics

BATCH = 64  # pictures at once


class Captioner:
    """Says captions of features; for evaluation on any backend, and inside the SavedModel.

    Args:
        network: as `train` returns it.
        preprocessor: the `Preprocessor` it was trained with.
    """

    def __init__(self, network: keras.Model, preprocessor):
        self.encoder, self.decoder = network.get_layer("encoder"), network.get_layer("decoder")
        self.decoding = preprocessor.decoding
        self._options = {
            "end_id": END_ID,
            "pad_id": PAD_ID,
            "max_length": preprocessor.config.max_length,
            "min_length": 2,  # a token and the end: no caption is empty
            "forbidden": np.isin(np.arange(preprocessor.vocabulary.size), [PAD_ID, UNKNOWN_ID, START_ID]),
        }

    def features(self, inputs):
        """Those of the encoder: `inputs` as they are stored, pixels uint8 `[batch, size, size, 3]` or already features."""
        return self.encoder(inputs, training=False) if len(inputs.shape) == 4 else ops.cast(inputs, "float32")

    def greedy(self, features) -> Decoded:
        """The most likely token at each step: `[batch, places, channels]` to `ids` `[batch, max_length]` and what goes with them."""
        step, state, context = self.decoder.start(features)
        return greedy(step, state, _first(features), context=context, **self._options)

    def sample(self, features, seeds, copies, max_length) -> Decoded:
        """Captions drawn from the distribution of the network.

        Args:
            features: float `[batch, places, channels]`.
            seeds: int32 or uint32 `[batch·copies]`, one for each caption.
            copies: captions of each picture, int; they stand side by side.
            max_length: tokens after which a caption is broken off, int.
        """
        step, *parts = self.decoder.start(features)
        state, context, first = repeat_rows((*parts, _first(features)), copies)
        return sample(step, state, first, seeds, context=context, **{**self._options, "max_length": max_length})

    def beam_search(self, features, width, length_penalty, widths=None) -> Beams:
        """The best captions, best first.

        Args:
            features: float `[batch, places, channels]`.
            width: candidates kept at each step, int; on TensorFlow also an int32 scalar.
            length_penalty: float, or float32 `[batch]`.
            widths: int32 `[batch]`, how many of them a row has; None = all.
        """
        step, state, context = self.decoder.start(features)
        return beam_search(
            step,
            state,
            _first(features),
            width=width,
            widths=widths,
            length_penalty=length_penalty,
            context=context,
            stop_when_full=True,
            **self._options,
        )

    def best(self, features):
        """The best caption as the settings say: ids int32 `[batch, max_length]` and score float32 `[batch]`."""
        found = self.beam_search(features, self.decoding.beam_width, self.decoding.length_penalty)
        return found.ids[:, 0], found.scores[:, 0]

    def attention(self, features, ids):
        """Where it looked to say each token: float32 `[batch, time, rows, columns]` of ids `[batch, time]`, zero behind the end."""
        inputs = ops.concatenate([_first(features)[:, None], ids[:, :-1]], axis=1)
        inputs = ops.where(ops.equal(ids, PAD_ID), PAD_ID, inputs)  # nothing follows the end
        weights = self.decoder.attention(features, inputs)
        side = math.isqrt(weights.shape[-1])  # pictures are squares
        return ops.reshape(weights, (*ops.shape(weights)[:2], side, side))


def _first(features):
    """What the decoder reads first: int32 `[batch]`."""
    return ops.full((ops.shape(features)[0],), START_ID, dtype="int32")


class _Compiled(keras.Model):
    """A function of what is stored of each picture as a model, which Keras runs as one graph on each backend."""

    def __init__(self, network, function):
        super().__init__(name="captioner")
        self.network, self.function = network, function
        # A loop that ends when all have ended: to compile it would go on to the longest caption there may be.
        self.compile(jit_compile=keras.backend.backend() != "tensorflow")

    def call(self, inputs):
        return self.function(inputs)


# An evaluation asks several times, about several splits: with a graph for each, TensorFlow warns that it traces too often.
@functools.lru_cache(maxsize=1)
def _compiled_best(network, preprocessor):
    captioner = Captioner(network, preprocessor)
    return _Compiled(network, lambda read: captioner.best(captioner.features(read)))


@functools.lru_cache(maxsize=1)
def _compiled_mean(network, preprocessor):
    captioner = Captioner(network, preprocessor)
    return _Compiled(network, lambda read: ops.mean(captioner.features(read), axis=1))


def _in_batches(inputs, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and what is stored of them, in batches of one size; -1 fills up the last."""
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        yield batch, inputs.gather(np.pad(batch, (0, BATCH - len(batch)), constant_values=-1))


def caption_pictures(network: keras.Model, preprocessor, inputs) -> tuple[list[str], np.ndarray]:
    """The best caption of each picture, as the settings of the search say.

    Args:
        inputs: the `StoredInputs` of the pictures, all usable.

    Returns:
        Captions in the order of the pictures, and their scores float32 `[pictures]`: the logarithm of their probability, divided by
        the length penalty.
    """
    best = _compiled_best(network, preprocessor)
    captions, scores = [], []
    for rows, read in _in_batches(inputs, np.arange(len(inputs))):
        ids, found = best.predict_on_batch(read)
        texts = preprocessor.invert(tf.constant(ids)).numpy()[: len(rows)]
        captions += [text.decode("utf-8", "replace") for text in texts]
        scores.append(found[: len(rows)])
    return captions, np.concatenate(scores) if scores else np.zeros(0, np.float32)


def mean_features(network: keras.Model, preprocessor, inputs) -> np.ndarray:
    """The features of the encoder, mean over the places of each picture: float32 `[pictures, channels]`."""
    mean = _compiled_mean(network, preprocessor)
    found = [mean.predict_on_batch(read)[: len(rows)] for rows, read in _in_batches(inputs, np.arange(len(inputs)))]
    return np.concatenate(found)


def teacher_forced(
    network: keras.Model, preprocessor, inputs, captions: Sequence[Sequence[str]], per_picture: int = MOST_TOGETHER
) -> dict[str, float]:
    """How well each token of the references is foreseen from the true ones before it.

    Args:
        inputs: the `StoredInputs` of the pictures.
        captions: those of each picture.
        per_picture: captions that are read at once.

    Returns:
        The numbers of `token_metrics` by name, with `perplexity` in the place of `log_loss`.
    """
    features = len(inputs.shape) == 2
    part = trained_part(network, encoder_is_trained=not features)
    part = keras.Model(part.input, part.output)  # the caller's stays as it was compiled
    part.compile(
        loss=SmoothedCrossEntropy(),
        weighted_metrics=token_metrics(),
        jit_compile=False,  # run once, which compiling takes longer than
    )
    pairs = [(index, caption) for index, each in enumerate(captions) for caption in each]
    ids = preprocessor.caption_ids([caption for _, caption in pairs])
    batches = CaptionBatches(
        inputs,
        "features" if features else "pixels",
        ids,
        [index for index, _ in pairs],
        per_picture,
        [int(ids.bounding_shape()[1])],
        BATCH,
    )
    found = part.evaluate(batches.evaluation_dataset(), verbose=0, return_dict=True)
    return token_figures(found)


def attention_of(network: keras.Model, preprocessor, picture: bytes) -> tuple[list[str], np.ndarray]:
    """The tokens of the caption of a picture, the end left out, and where the network looked: float32 `[tokens, rows, columns]`."""
    captioner = Captioner(network, preprocessor)
    pixels = tf.function(preprocessor, autograph=False)(tf.constant([picture]))["pixels"].numpy()
    features = captioner.features(ops.convert_to_tensor(pixels))
    ids = ops.convert_to_numpy(as_graph(captioner.best)(features)[0])
    ids = ids[:, : max(1, np.count_nonzero((ids != PAD_ID) & (ids != END_ID)))]
    weights = ops.convert_to_numpy(captioner.attention(features, ops.convert_to_tensor(ids)))[0]
    tokens = [token.decode("utf-8", "replace") for token in preprocessor.tokens(ids)[0].numpy()]
    return tokens, weights
