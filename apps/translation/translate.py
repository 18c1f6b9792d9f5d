"""From sentences to translations with a trained network: the one search that evaluation, the SavedModel and its tests share."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from apps.translation.batches import make_evaluation_data
from apps.translation.pairs import SentencePairs
from apps.translation.steps import StepwiseDecoder
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from common.decoding import Beams, Decoded, beam_search, coverage_penalty, greedy
from common.graph import as_graph
from common.layers import AttentionRNN
from common.training.token_losses import SmoothedCrossEntropy, token_figures, token_metrics

BATCH = 64  # sentences at once
LENGTHS = 16  # sources are padded to multiples of it, so that few lengths are compiled where they are
BATCH_TOKENS = 2_048  # at once, of references
# Of full batches. Where XLA compiles the search, three loops take longer to compile than they save.
HALVINGS = 2 if keras.backend.backend() == "tensorflow" else 0


class Translator:
    """Translates token numbers; for evaluation on any backend, and inside the SavedModel.

    Args:
        network: as `train` returns it.
        preprocessor: the `Preprocessor` it was trained with.
        halvings: how many times a search goes on with half of the rows when the others have ended; one graph for each.
    """

    def __init__(self, network: keras.Model, preprocessor, halvings: int = 0):
        self.decoding = preprocessor.decoding
        self.decoder = StepwiseDecoder(network)
        never = [PAD_ID, UNKNOWN_ID, START_ID]
        self._options = {
            "end_id": END_ID,
            "pad_id": PAD_ID,
            "max_length": preprocessor.config.max_length,
            "forbidden": np.isin(np.arange(preprocessor.target_size), never),
            "halvings": halvings,
        }
        self._looking = AttentionRNN(
            self.decoder.cell, return_sequences=True, return_attention=True, name="decoder_and_attention"
        )

    def greedy(self, source_ids) -> Decoded:
        """The most likely token at each step: int32 `[batch, time]` to `ids` `[batch, max_length]` and what goes with them."""
        step, state, context = self.decoder.start(source_ids)
        return greedy(step, state, _first(source_ids), context=context, **self._options)

    def beam_search(self, source_ids, width, length_penalty, widths=None) -> Beams:
        """The best translations, best first.

        Args:
            source_ids: int32 `[batch, time]`.
            width: candidates kept at each step, int; on TensorFlow also an int32 scalar.
            length_penalty: float, or float32 `[batch]`.
            widths: int32 `[batch]`, how many of them a row has; None = all.

        Returns:
            `ids` int32 `[batch, width, max_length]`, `scores` float32 `[batch, width]` and what else `beam_search` finds.
        """
        step, state, context = self.decoder.start(source_ids)
        beta, state_penalty = self.decoding.coverage_penalty, None
        if beta:

            def state_penalty(state, context):
                return coverage_penalty(state["attention_sum"], context["real"], beta)

        return beam_search(
            step,
            state,
            _first(source_ids),
            width=width,
            widths=widths,
            length_penalty=length_penalty,
            state_penalty=state_penalty,
            context=context,
            stop_when_full=True,  # with 100 tokens at most, a hypothesis that goes on could nearly always still win
            **self._options,
        )

    def best(self, source_ids):
        """The best translation as the settings say: ids int32 `[batch, max_length]` and score float32 `[batch]`."""
        found = self.beam_search(source_ids, self.decoding.beam_width, self.decoding.length_penalty)
        return found.ids[:, 0], found.scores[:, 0]

    def attention(self, source_ids, ids):
        """Where the decoder looked to say each token: float32 `[batch, target time, source time]` of ids `[batch, target time]`."""
        memory, *states = self.decoder.encoder(source_ids, training=False)
        inputs = ops.concatenate([_first(source_ids)[:, None], ids[:, :-1]], axis=1)
        said, read = (ops.not_equal(each, PAD_ID) for each in (ids, source_ids))
        vectors = self.decoder.embedding(inputs)
        return self._looking(vectors, memory, initial_state=states, memory_mask=read, mask=said)[1]


def _first(source_ids):
    """What the decoder reads first: int32 `[batch]`."""
    return ops.full((ops.shape(source_ids)[0],), START_ID, dtype="int32")


class _Best(keras.Model):
    """`Translator.best` as a model, which Keras runs as one graph on each backend."""

    def __init__(self, network, translator):
        super().__init__(name="best_translation")
        self.network, self.translator = network, translator
        # A loop that ends when all have ended, in batches of many lengths: to compile each length takes longer.
        self.compile(jit_compile=keras.backend.backend() != "tensorflow")

    def call(self, source_ids):
        return self.translator.best(source_ids)


def translate(network: keras.Model, preprocessor, sentences: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The best translation of each sentence, as the settings of the search say.

    Returns:
        Translations in the order of the sentences, and their scores float32 `[n]`: the logarithm of their probability,
        divided by the length penalty.
    """
    best = _Best(network, Translator(network, preprocessor, HALVINGS))
    # A batch ends when its longest ends.
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index]))
    translations, scores = [""] * len(sentences), np.zeros(len(sentences), np.float32)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        batch = rows + rows[:1] * (BATCH - len(rows))  # one batch size, whatever is left for the last
        source_ids = preprocessor(tf.constant([sentences[row] for row in batch]))["source_ids"].numpy()
        padding = -source_ids.shape[1] % LENGTHS
        ids, found = best.predict_on_batch(np.pad(source_ids, ((0, 0), (0, padding)), constant_values=PAD_ID))
        scores[rows] = found[: len(rows)]
        for row, text in zip(rows, preprocessor.invert(tf.constant(ids)).numpy()):
            translations[row] = text.decode("utf-8", "replace")
    return translations, scores


def teacher_forced(network: keras.Model, preprocessor, pairs: SentencePairs) -> dict[str, float]:
    """How well each token of the reference is foreseen from the true ones before it.

    Returns:
        The numbers of `token_metrics` by name, with `perplexity` in the place of `log_loss`.
    """
    network = keras.Model(network.input, network.output)  # the caller's stays as it was compiled
    network.compile(
        loss=SmoothedCrossEntropy(),
        weighted_metrics=token_metrics(),
        jit_compile=False,  # run once, which compiling takes longer than
    )
    data = make_evaluation_data(pairs, preprocessor, BATCH_TOKENS).evaluation_dataset()
    found = network.evaluate(data, verbose=0, return_dict=True)
    return token_figures(found)


def attention_of(network: keras.Model, preprocessor, sentence: str) -> tuple[list[str], list[str], np.ndarray]:
    """The tokens of a sentence, those of its translation, and where the network looked: float32 `[target, source]`."""
    translator = Translator(network, preprocessor)
    source_ids = preprocessor(tf.constant([sentence]))["source_ids"].numpy()
    ids = ops.convert_to_numpy(as_graph(translator.best)(source_ids)[0])
    ids = ids[:, : np.count_nonzero(ids != PAD_ID)]
    attention = ops.convert_to_numpy(translator.attention(source_ids, ids))[0]
    tokens = preprocessor.source_tokens(source_ids)[0], preprocessor.target_tokens(ids)[0]
    source, target = ([token.decode("utf-8", "replace") for token in side.numpy()] for side in tokens)
    return source, target, attention
