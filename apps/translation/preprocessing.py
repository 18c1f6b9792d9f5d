"""Sentences in, token numbers out, and token numbers back to sentences: the same graph in training and in the SavedModel.

TensorFlow operations on strings and those of tensorflow-text, which TensorFlow Serving has, too.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from apps.translation.batches import choose_shapes, token_ids
from apps.translation.config import Config, DecodingConfig, PreprocessingConfig
from apps.translation.pairs import SentencePairs
from apps.translation.vocabulary import END_ID, PAD_ID, START_ID, learn_vocabulary
from common.data.text_datasets import as_dataset
from common.files import reading

# Controls and separators of lines become spaces; marks of direction and joiners stay, for scripts that need them.
_BREAKS = r"[\x00-\x1f\x7f\x{80}-\x{9f}\x{2028}\x{2029}\x{feff}]"
_SPACES = r"\p{Z}+"
CHARACTERS_PER_TOKEN = 64  # a sentence with more for each token that is read is cut before it is looked at


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
        if self.config.shared:
            model = learn_vocabulary([*sources, *targets], self.config, train.origin)
            models = model, model
        else:
            models = [
                learn_vocabulary(side, self.config, f"the {name} side of {train.origin}")
                for name, side in (("source", sources), ("target", targets))
            ]
        self._set(*models, ())
        source, target = (ids.row_lengths().numpy() for ids in token_ids(train, self))
        kept = np.maximum(source, target) <= self.config.max_length
        self.shapes = choose_shapes(source[kept], target[kept], self.config.length_buckets)

    def _set(self, source_model, target_model, shapes):
        self.source_model, self.target_model = source_model, target_model
        self.shapes = tuple(tuple(shape) for shape in shapes)
        self._tokenizers = None
        self.source_size, self.target_size = (int(each.vocab_size()) for each in self._living_tokenizers())

    def _living_tokenizers(self):
        """Those of source and target, made anew where they are gone.

        TensorFlow drops what belongs to the kernel of an operation, as their vocabulary does, whenever a seed is set.
        """
        with tf.init_scope():
            try:
                for each in self._tokenizers or ():
                    each.tokenize([""])
            except tf.errors.NotFoundError:
                self._tokenizers = None
            if self._tokenizers is None:
                source = _tokenizer(self.source_model)
                shared = self.source_model == self.target_model
                self._tokenizers = (source, source if shared else _tokenizer(self.target_model))
        return self._tokenizers

    def _normalized(self, texts):
        """Object `[n]` to a list of str, as `normalize` leaves them."""
        return [text.decode("utf-8") for batch in as_dataset(texts).map(self.normalize) for text in batch.numpy()]

    def normalize(self, texts):
        """One form for what looks the same: composed characters, single plain spaces; tf.string `[batch]` to the same."""
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        longest = CHARACTERS_PER_TOKEN * self.config.max_length
        # Looked at no further: composing a million marks on one letter takes minutes.
        texts = tf.strings.substr(texts, 0, longest, unit="UTF8_CHAR")
        texts = tf.strings.regex_replace(texts, _BREAKS, " ")
        texts = tf_text.normalize_utf8(texts, "NFC")
        texts = tf.strings.strip(tf.strings.regex_replace(texts, _SPACES, " "))
        return tf.strings.lower(texts, encoding="utf-8") if self.config.lowercase else texts

    def source_ids(self, texts):
        """Tokens and `END_ID` of sentences of any length: tf.string `[batch]` to ragged int32 `[batch, (time)]`."""
        return _ended(self._living_tokenizers()[0].tokenize(self.normalize(texts)))

    def target_ids(self, texts):
        """Likewise of the other language."""
        return _ended(self._living_tokenizers()[1].tokenize(self.normalize(texts)))

    def cut(self, ids):
        """The first `max_length` tokens, the end among them: ragged int32 `[batch, (time)]` to the same."""
        longest = self.config.max_length
        tokens = ids[:, : longest - 1]
        rest = tf.where(ids.row_lengths() < longest, ids.row_lengths() - tokens.row_lengths(), 1)
        return tf.concat(
            [tokens, tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(rest)], END_ID), rest)], axis=1
        )

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
        going_on = tf.math.cumprod(tf.cast(tf.not_equal(ids, END_ID), tf.int32), axis=1)
        real = tf.cast(going_on, tf.bool) & tf.not_equal(ids, PAD_ID) & tf.not_equal(ids, START_ID)
        return self._living_tokenizers()[1].detokenize(tf.ragged.boolean_mask(ids, real))

    def source_tokens(self, ids):
        """The text of each token: int32 `[...]` to tf.string `[...]`; a space is written `▁`."""
        return self._living_tokenizers()[0].id_to_string(ids)

    def target_tokens(self, ids):
        """Likewise of the other language."""
        return self._living_tokenizers()[1].id_to_string(ids)

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
        models = []
        for name in ("source.model", "target.model"):
            path = Path(directory, name)
            with reading(path, advice):
                models.append(_checked(path.read_bytes()))
        with reading(Path(directory, "preprocessor.json"), advice):
            preprocessor._set(*models, content["shapes"])
        return preprocessor


def _tokenizer(model):
    # A loaded SavedModel keeps vocabularies by the name of the operation: two of the same name would be one.
    name = f"vocabulary_{hashlib.blake2b(model, digest_size=8).hexdigest()}"
    return tf_text.SentencepieceTokenizer(model, name=name)


def _checked(model):
    """The same bytes, if SentencePiece can read them."""
    try:
        tf_text.SentencepieceTokenizer(model)
    except (tf.errors.InvalidArgumentError, tf.errors.InternalError) as error:
        raise ValueError("not a model of SentencePiece") from error
    return model


def _ended(tokens):
    end = tf.fill([tokens.nrows(), 1], END_ID)
    return tf.concat([tokens, tf.RaggedTensor.from_tensor(end)], axis=1)
