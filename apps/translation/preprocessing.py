"""Sentences in, token numbers out, and token numbers back to sentences: the same graph in training and in the SavedModel.

TensorFlow operations on strings and those of tensorflow-text, which TensorFlow Serving has, too.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.translation.batches import choose_shapes, token_ids
from apps.translation.config import Config, DecodingConfig, PreprocessingConfig
from apps.translation.pairs import SentencePairs
from common.data.text_datasets import map_texts
from common.data.text_normalization import CHARACTERS_PER_TOKEN, normalize
from common.data.token_vocabulary import PAD_ID, TokenVocabulary, cut, learn_vocabulary
from common.files import reading


class Preprocessor(tf.Module):
    """From sentences to what the network reads, and from what it says to sentences.

    Args:
        config: `PreprocessingConfig`.
        decoding: `DecodingConfig`, what is searched for where nobody says otherwise.

    Call arguments:
        texts: tf.string `[batch]`, UTF-8; bytes that are not are replaced by U+FFFD.

    Returns:
        `source_ids` int32 `[batch, time]`, `PAD_ID` behind the end: the tokens of the source, then `END_ID`, so that an empty
        sentence has one step.
    """

    def __init__(self, config: PreprocessingConfig, decoding: DecodingConfig):
        super().__init__(name="preprocessor")
        self.config = config
        self.decoding = decoding
        self.shapes: tuple[tuple[int, int], ...] = ()
        self.source_model = self.target_model = b""

    @classmethod
    def from_config(cls, config: Config) -> Preprocessor:
        """The preprocessor of an application's configuration, not adapted yet."""
        return cls(config.preprocessing, config.decoding)

    def adapt(self, train: SentencePairs) -> None:
        """Learns the vocabulary, or one for each language, and the lengths of padded batches, from training pairs alone.

        Raises:
            UserError: if there is nothing to learn, or more characters than the vocabulary has room for.
        """
        sources, targets = (self._normalized(side) for side in (train.sources, train.targets))
        unit, size = self.config.unit, self.config.vocabulary_size
        if self.config.shared:
            models = [learn_vocabulary([*sources, *targets], unit, size, train.origin)] * 2
        else:
            models = [
                learn_vocabulary(side, unit, size, f"the {name} side of {train.origin}")
                for name, side in (("source", sources), ("target", targets))
            ]
        source, target = (TokenVocabulary(model) for model in models)
        self._set(source, target, ())
        source, target = (ids.row_lengths().numpy() for ids in token_ids(train, self))
        kept = np.maximum(source, target) <= self.config.max_length
        self.shapes = choose_shapes(source[kept], target[kept], self.config.length_buckets)

    def _set(self, source, target, shapes):
        self.source_model, self.target_model = source.to_bytes(), target.to_bytes()
        self.source_vocabulary = source
        # One for both languages is kept once.
        self.target_vocabulary = source if self.source_model == self.target_model else target
        self.source_size, self.target_size = source.size, target.size
        self.shapes = tuple(tuple(shape) for shape in shapes)

    def _normalized(self, texts):
        """Object `[n]` to a list of str, as `normalize` leaves them."""
        return [text.decode("utf-8") for text in map_texts(texts, self.normalize).numpy()]

    def normalize(self, texts):
        """One form for what looks the same: composed characters, single plain spaces; tf.string `[batch]` to the same."""
        return normalize(texts, self.config.max_length, self.config.lowercase)

    def source_ids(self, texts):
        """Tokens and `END_ID` of sentences of any length: tf.string `[batch]` to ragged int32 `[batch, (time)]`."""
        return self.source_vocabulary.ids(self.normalize(texts))

    def target_ids(self, texts):
        """Likewise of the other language."""
        return self.target_vocabulary.ids(self.normalize(texts))

    def cut(self, ids):
        """The first `max_length` tokens, the end among them: ragged int32 `[batch, (time)]` to the same."""
        return cut(ids, self.config.max_length)

    def is_cut(self, texts):
        """Whether a sentence is longer than what is read of it: tf.string `[batch]` to bool `[batch]`."""
        characters = tf.strings.length(tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8"), unit="UTF8_CHAR")
        too_many = characters > CHARACTERS_PER_TOKEN * self.config.max_length
        return too_many | (self.source_ids(texts).row_lengths() > self.config.max_length)

    def __call__(self, texts):
        source_ids = self.cut(self.source_ids(texts)).to_tensor(PAD_ID)
        missing = 1 - tf.minimum(tf.shape(source_ids)[1], 1)  # a step without sentences, or no layer could run
        return {"source_ids": tf.pad(source_ids, [[0, 0], [0, missing]])}

    def invert(self, ids):
        """Token numbers of the target to sentences: int32 `[batch, time]`, all behind `END_ID` ignored, to tf.string `[batch]`."""
        return self.target_vocabulary.invert(ids)

    def source_tokens(self, ids):
        """The text of each token: int32 `[...]` to tf.string `[...]`; a space is written `▁`."""
        return self.source_vocabulary.tokens(ids)

    def target_tokens(self, ids):
        """Likewise of the other language."""
        return self.target_vocabulary.tokens(ids)

    def save(self, directory) -> None:
        """Writes `preprocessor.json`, and `source.model` and `target.model` in the form of SentencePiece."""
        Path(directory, "source.model").write_bytes(self.source_model)
        Path(directory, "target.model").write_bytes(self.target_model)
        content = {
            "config": self.config.model_dump(mode="json"),
            "decoding": self.decoding.model_dump(mode="json"),
            "shapes": self.shapes,
        }
        Path(directory, "preprocessor.json").write_text(json.dumps(content, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, directory) -> Preprocessor:
        """Reads what `save` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        advice = "put it back from a copy, or train a new run"
        path = Path(directory, "preprocessor.json")
        with reading(path, advice):
            content = json.loads(path.read_text(encoding="utf-8"))
            preprocessor = cls(PreprocessingConfig(**content["config"]), DecodingConfig(**content["decoding"]))
        vocabularies = []
        for name in ("source.model", "target.model"):
            path = Path(directory, name)
            with reading(path, advice):
                vocabularies.append(TokenVocabulary.from_bytes(path.read_bytes()))
        with reading(Path(directory, "preprocessor.json"), advice):
            preprocessor._set(*vocabularies, content["shapes"])
        return preprocessor
