"""Raw text in, token numbers out, and logits back to what a person reads: the same graph in training and in the SavedModel.

Everything is TensorFlow operations on strings, so it runs in `tf.data`, travels inside the SavedModel and is served by
TensorFlow Serving without further libraries.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.sentiment.config import Config, PreprocessingConfig
from apps.sentiment.ngrams import distinct_pairs, find_known_ngrams
from apps.sentiment.vocabulary import FIRST_WORD_ID, KEY_BITS, PAD_ID, UNKNOWN_ID, WordCounter, keys_of_phrases
from common.data.buckets import choose_boundaries
from common.data.splits import sort_labels
from common.data.text_datasets import as_dataset
from common.errors import UserError
from common.files import reading

NO_PHRASE_ID, FIRST_PHRASE_ID = 0, 1

_ASCII = r"[\x00-\x7f]*"
# Of other texts: spaces of all kinds, controls and private characters become spaces; soft hyphens, joiners, direction marks
# and emoji variants vanish, or they would tear words apart or stand as words that nobody sees.
_UNICODE_SPACE = r"[^\P{Z} ]|[\x{80}-\x{9f}\x{200b}\p{Co}]"
_INVISIBLE = r"[\p{Cf}\x{fe00}-\x{fe0f}]"
_BREAK = r"(?i)<br\s*/?>|</?p>|[\x00-\x08\x0b\x0e-\x1f\x7f]"
_APOSTROPHES = "[\u2018\u2019\u201b\u0060\u00b4\u02bc]"
# Scripts written without spaces are read one character at a time.
_SYMBOL = r"([^\p{L}\p{M}\p{N}\s']|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}])"
_CLOSING_QUOTES, _OPENING_QUOTES = r"'+(\s|$)", r"(^|\s)'+"  # apostrophes that are not inside a word


class Preprocessor(tf.Module):
    """From reviews to what the network reads.

    Args:
        config: `PreprocessingConfig`.
        wide: learn a linear model of word n-grams, too, for the wide part of the model.

    Call arguments:
        texts: tf.string `[batch]`, UTF-8; bytes that are not are replaced by U+FFFD.

    Returns:
        `token_ids` int32 `[batch, time, phrase_length]`, 0 behind the end, where `time` is the longest of the batch and at
        least 1 (see the method `token_ids`); and with a wide part `wide_logits` float32 `[batch, classes]`.
    """

    def __init__(self, config: PreprocessingConfig, wide: bool = False):
        super().__init__(name="preprocessor")
        self.config = config
        self.wide = wide
        self.vocabulary: tuple[str, ...] = ()
        self.phrases: tuple[str, ...] = ()
        self.label_names: tuple[str, ...] = ()
        self.length_boundaries: tuple[int, ...] = ()
        self.linear = None

    @classmethod
    def from_config(cls, config: Config) -> Preprocessor:
        """The preprocessor of an application's configuration, not adapted yet."""
        return cls(config.preprocessing, wide=config.model.wide)

    def adapt(self, train) -> None:
        """Learns vocabulary, labels and the lengths of padded batches from the training examples, and from nothing else.

        Args:
            train: `LabelledTexts`.

        Raises:
            UserError: if no word occurs `min_count` times, or every one that does comes in bursts.
        """
        config = self.config
        counter = WordCounter(train.labels, config.topic_block, config.max_burstiness)
        for words in as_dataset(train.texts).map(self.words, tf.data.AUTOTUNE):
            counter.add(words)
        words = counter.frequent_words(config.max_tokens - FIRST_WORD_ID, config.min_count)
        if not words and config.topic_block > 1 and counter.frequent_words(1, config.min_count, with_bursts=True):
            raise UserError(
                f"every word of the {len(train.texts)} training texts seems to be about one thing only; set a smaller or larger "
                f"--preprocessing.topic_block than {config.topic_block} (1 = the order of the texts says nothing)"
            )
        if not words:
            raise UserError(
                f"no word occurs {config.min_count} times in the {len(train.texts)} training texts; "
                "give more text or set --preprocessing.min_count 1"
            )
        phrases = counter.frequent_phrases(words, config.phrase_length, config.max_phrases, config.phrase_min_count)
        boundaries = choose_boundaries(np.minimum(counter.lengths, config.max_length), config.length_buckets)
        if boundaries[-1] < config.max_length:  # texts to come may be longer
            boundaries.append(config.max_length)
        self._set(words, phrases, sort_labels(train.labels), boundaries)
        if self.wide:
            from apps.sentiment.baselines import fit_ngram_linear

            self._set_linear(fit_ngram_linear(train, self))

    def _set_linear(self, linear):
        """`linear`: `NgramLinear`, the wide part and at the same time the baseline to beat."""
        self.linear = linear
        self._wide_keys = tf.Variable(linear.keys, trainable=False, name="wide_keys")  # [vocabulary]
        self._wide_weights = tf.Variable(linear.weights, trainable=False, name="wide_weights")  # [vocabulary, classes]
        self._wide_bias = tf.Variable(linear.bias, trainable=False, name="wide_bias")

    def _set(self, vocabulary, phrases, label_names, length_boundaries):
        self.vocabulary = tuple(vocabulary)
        self.phrases = tuple(phrases)
        self.label_names = tuple(label_names)
        self.length_boundaries = tuple(length_boundaries)
        self._word_table = _table(tf.constant(self.vocabulary, tf.string), FIRST_WORD_ID, UNKNOWN_ID)
        keys = keys_of_phrases(self.phrases, self.vocabulary)
        no_key = -1  # of no phrase; a table must not be empty
        self._phrase_table = _table(tf.constant([no_key, *keys], tf.int64), NO_PHRASE_ID, NO_PHRASE_ID)
        self._names = tf.constant(self.label_names, tf.string)

    @property
    def vocabulary_size(self) -> int:
        """Number of word ids, padding and unknown included."""
        return len(self.vocabulary) + FIRST_WORD_ID

    @property
    def phrase_count(self) -> int:
        """Number of phrase ids, the one for no phrase included."""
        return len(self.phrases) + FIRST_PHRASE_ID

    def words(self, texts):
        """Words and punctuation marks: tf.string `[batch]` to ragged tf.string `[batch, (words)]`."""
        texts = tf.strings.regex_replace(texts, _BREAK, " ")  # first, because lowering stops at a NUL
        ascii_only = tf.strings.regex_full_match(texts, _ASCII)
        others = self._clean_unicode(tf.where(ascii_only, "", texts))  # slow, so only where it can change something
        if self.config.lowercase:
            texts = tf.strings.lower(texts)  # A to Z
        texts = tf.where(ascii_only, texts, others)
        for pattern, replacement in (
            (_APOSTROPHES, "'"),
            (_SYMBOL, r" \1 "),
            (_CLOSING_QUOTES, " ' "),
            (_OPENING_QUOTES, " ' "),
        ):
            texts = tf.strings.regex_replace(texts, pattern, replacement)
        return tf.strings.split(texts)

    def _clean_unicode(self, texts):
        """Valid UTF-8 whose only white space is ASCII, without invisible characters, in small letters if configured."""
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        if self.config.lowercase:
            texts = tf.strings.lower(texts, encoding="utf-8")
        return tf.strings.regex_replace(tf.strings.regex_replace(texts, _UNICODE_SPACE, " "), _INVISIBLE, "")

    def token_ids(self, texts):
        """Numbers of the words, and of the phrases that end with them, cut to `max_length`.

        Args:
            texts: tf.string `[batch]`.

        Returns:
            Ragged int32 `[batch, (time), phrase_length]`: the number of the word, of the phrase of two words that ends with
            it, of three, ...; `NO_PHRASE_ID` for a phrase that has none.
        """
        words = self.words(texts)
        ids = words.with_flat_values(self._word_table.lookup(words.flat_values))
        words = tf.ragged.boolean_mask(ids, self.kept(words))
        ids, rows = words.flat_values, words.value_rowids()  # [words of the batch]
        columns, keys = [ids], ids
        for length in range(2, self.config.phrase_length + 1):
            # Of the phrase that ends here: the one that ended a word before, and this word. Nothing ends before the first.
            keys = tf.concat([tf.zeros_like(keys[:1]), keys[:-1]], axis=0) * 2**KEY_BITS + ids
            first_rows = tf.concat([tf.fill([length - 1], tf.constant(-1, tf.int64)), rows], axis=0)[: tf.size(rows)]
            known = self._phrase_table.lookup(keys)
            columns.append(tf.where(first_rows == rows, known, NO_PHRASE_ID))
        return words.with_flat_values(tf.cast(tf.stack(columns, axis=1), tf.int32))

    def kept(self, words):
        """Which words the network sees: of texts longer than `max_length` head and tail; ragged bool like `words`."""
        head = round(self.config.max_length * self.config.head_fraction)
        tail = self.config.max_length - head
        lengths = words.row_lengths()
        positions = tf.ragged.range(lengths)
        from_end = tf.repeat(lengths, lengths) - positions.flat_values
        return words.with_flat_values(tf.logical_or(positions.flat_values < head, from_end <= tail))

    def __call__(self, texts):
        inputs = {"token_ids": pad(self.token_ids(texts))}
        if self.wide:
            inputs["wide_logits"] = self.wide_logits(texts)
        return inputs

    def wide_logits(self, texts):
        """Logits of the linear n-gram model: tf.string `[batch]` to float32 `[batch, classes]`."""
        rows, ngrams = distinct_pairs(self.known_ngrams(self.words(texts)), self.wide_size)
        weights = self.wide_weights(ngrams)
        return tf.math.unsorted_segment_sqrt_n(weights, rows, tf.size(texts)) + self._wide_bias

    def wide_logits_of(self, texts):
        """`wide_logits` of many texts: object `[n]` to float32 NumPy `[n, classes]`."""
        return np.concatenate(list(as_dataset(texts).map(self.wide_logits, tf.data.AUTOTUNE).as_numpy_iterator()))

    def wide_weights(self, ngrams):
        """What each n-gram adds to the logits: int64 `[n]`, from `known_ngrams`, to float32 `[n, classes]`."""
        return tf.gather(self._wide_weights, ngrams)

    @property
    def wide_size(self):
        """How many n-grams have a weight, int64."""
        return tf.size(self._wide_keys, tf.int64)

    def known_ngrams(self, words):
        """The n-grams that the wide part has weights for: ragged tf.string `[batch, (words)]` to a list of `Found`."""
        return find_known_ngrams(words, self._wide_keys)

    def invert(self, logits):
        """What a person reads: float32 `[batch, classes]` to label, and the probability of each class by name.

        Returns:
            `label` tf.string `[batch]`; `classes` tf.string and `probabilities` float32, both `[batch, classes]`.
        """
        probabilities = tf.nn.softmax(logits)
        names = tf.repeat(self._names[None, :], tf.shape(logits)[0], axis=0)
        return {
            "label": tf.gather(self._names, tf.argmax(logits, axis=-1)),
            "classes": names,
            "probabilities": probabilities,
        }

    def save(self, directory) -> None:
        """Writes `preprocessor.json` (configuration, labels and vocabulary as plain text), and `ngrams.npz` of a wide part."""
        content = {
            "config": self.config.model_dump(mode="json"),
            "label_names": list(self.label_names),
            "length_boundaries": self.length_boundaries,
            "vocabulary": self.vocabulary,
            "phrases": self.phrases,
            "wide": self.wide,
        }
        if self.linear is not None:
            self.linear.save(Path(directory, "ngrams.npz"))
        Path(directory, "preprocessor.json").write_text(
            json.dumps(content, ensure_ascii=False, indent=0), encoding="utf-8"
        )

    @classmethod
    def load(cls, directory) -> Preprocessor:
        """Reads what `save` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        path = Path(directory, "preprocessor.json")
        advice = "put it back from a copy, or train a new run"
        with reading(path, advice):
            content = json.loads(path.read_text(encoding="utf-8"))
            preprocessor = cls(PreprocessingConfig(**content["config"]), wide=content["wide"])
            learned = [content[key] for key in ("vocabulary", "phrases", "label_names", "length_boundaries")]
        preprocessor._set(*learned)
        if preprocessor.wide:
            from apps.sentiment.baselines import NgramLinear

            path = Path(directory, "ngrams.npz")
            with reading(path, advice):
                linear = NgramLinear.load(path)
            preprocessor._set_linear(linear)
        return preprocessor


def pad(ragged):
    """Ragged int32 `[batch, (time), n]` to dense `[batch, time, n]`, `PAD_ID` behind the end; `time` is at least 1."""
    dense = ragged.to_tensor(PAD_ID)
    return tf.pad(dense, [[0, 0], [0, tf.maximum(0, 1 - tf.shape(dense)[1])], [0, 0]], constant_values=PAD_ID)


def _table(keys, first_id, default):
    ids = tf.range(first_id, first_id + tf.size(keys, tf.int64), dtype=tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, ids), default)
