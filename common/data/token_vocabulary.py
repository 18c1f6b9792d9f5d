"""A vocabulary of tokens: learned by SentencePiece from training sentences, applied by tensorflow-text, in the SavedModel too."""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from typing import Literal

import sentencepiece
import tensorflow as tf
import tensorflow_text as tf_text
from sentencepiece import sentencepiece_model_pb2

from common.errors import UserError

Unit = Literal["bpe", "unigram", "word", "character"]

PAD_ID, UNKNOWN_ID, START_ID, END_ID = range(4)
# With a piece for each of the 256 bytes no character is unknown; a vocabulary must be large enough to spare them.
BYTES_FROM = 2_000
_LEAST_LINE = 10  # bytes that SentencePiece must be told a line may have
# Characters; what it wrote SentencePiece does not read again with a word of more than about 8,000 bytes.
_LONGEST_WORD = 1_900
_MOST_SENTENCES = 1_000_000  # to learn a vocabulary from; more would only take time


def learn_vocabulary(
    sentences: Iterable[str],
    unit: Unit,
    size: int,
    origin: str,
    setting: str = "preprocessing.vocabulary_size",
    min_count: int = 1,
) -> bytes:
    """Learns a vocabulary.

    Args:
        sentences: in the form that a `TokenVocabulary` is to read.
        unit: what a token is; `bpe` and `unigram` are pieces of words.
        size: tokens at most, the four that steer among them; small data have fewer.
        origin: for people, where the sentences come from.
        setting: for people, the name of the setting that `size` is.
        min_count: unit `word`: words that stand fewer times in the sentences are left out, that is, unknown.

    Returns:
        The model of SentencePiece, serialised, with the tokens padding 0, unknown 1, start 2 and end 3.

    Raises:
        UserError: if no sentence has a character, none of the words stands `min_count` times, or there are more characters than
            the vocabulary has room for.

    Reference:
        Kudo and Richardson 2018, arXiv:1808.06226; byte pairs: Sennrich et al. 2016, arXiv:1508.07909; unigrams: Kudo 2018,
        arXiv:1804.10959.
    """
    if unit == "word":
        sentences = [" ".join(word for word in each.split() if len(word) <= _LONGEST_WORD) for each in sentences]
    # To SentencePiece its own sign of a space is one.
    sentences = [sentence for sentence in sentences if sentence.replace("▁", " ").strip()]
    if not sentences:
        raise UserError(f"{origin} has no sentence with a letter in it; give sentences to learn from")
    asked = size
    if unit == "word" and min_count > 1:
        size = min(size, 1 + END_ID + _frequent_words(sentences, min_count, origin))
    while True:
        try:
            return _train(sentences, unit, size)
        except RuntimeError as error:
            # Byte pairs: small data do not have that many pieces, and SentencePiece says how many there are.
            largest = re.search(r"value <= (\d+)", str(error))
            # The characters alone need more than was asked for.
            smallest = re.search(r"(?:larger|smaller) than required_chars\D*\d+ vs (\d+)", str(error))
            if largest and int(largest[1]) < size:
                size = int(largest[1])
            elif smallest and int(smallest[1]) > size:
                raise UserError(
                    f"{setting} is {asked:,}, but {origin} has more characters than that; "
                    f"set --{setting} {int(smallest[1]) + 100} or more"
                ) from error
            else:
                raise


def _frequent_words(sentences, min_count, origin):
    """How many words stand often enough; they are the first that SentencePiece takes."""
    counts = Counter(word for sentence in sentences for word in sentence.replace("▁", " ").split())
    frequent = sum(count >= min_count for count in counts.values())
    if not frequent:
        raise UserError(
            f"no word stands {min_count} times in {origin}; give more sentences or set --preprocessing.min_count 1"
        )
    return frequent


def _train(sentences, unit, size):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rule:
        # Normalisation is the preprocessor's; but without any rule the operation says so on the terminal, at each start.
        rule.write("A0\t20\n")  # a no-break space is a space
        rule.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type={"character": "char"}.get(unit, unit),
            vocab_size=size,
            hard_vocab_limit=False,
            pad_id=PAD_ID,
            unk_id=UNKNOWN_ID,
            bos_id=START_ID,
            eos_id=END_ID,
            character_coverage=1.0,
            byte_fallback=unit in ("bpe", "unigram") and size >= BYTES_FROM,
            normalization_rule_tsv=rule.name,
            input_sentence_size=_MOST_SENTENCES,
            shuffle_input_sentence=True,
            max_sentence_length=max(_LEAST_LINE, *(len(sentence.encode()) for sentence in sentences)),
            split_digits=True,  # or each number would be a piece of its own, and new ones strange
            num_threads=1,  # with more the pieces depend on their timing
            minloglevel=2,
        )
    learned = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    learned.normalizer_spec.ClearField("normalization_rule_tsv")  # a file that is gone, of another name each time
    return learned.SerializeToString(deterministic=True)


class TokenVocabulary(tf.Module):
    """Texts to token numbers and back, in operations that travel inside a SavedModel, where TensorFlow Serving runs them, too.

    Args:
        model: as `learn_vocabulary` returns it.

    Attributes:
        size: number of tokens, the four that steer among them.
    """

    def __init__(self, model: bytes):
        super().__init__(name="vocabulary")
        self._model = model
        self._tokenizer = self._made()
        self.size = int(self._tokenizer.vocab_size())

    @classmethod
    def from_bytes(cls, model: bytes) -> TokenVocabulary:
        """Reads what `to_bytes` returned.

        Raises:
            ValueError: if SentencePiece cannot read it.
        """
        try:
            return cls(model)
        except (tf.errors.InvalidArgumentError, tf.errors.InternalError) as error:
            raise ValueError("not a model of SentencePiece") from error

    def to_bytes(self) -> bytes:
        """The model of SentencePiece, serialised."""
        return self._model

    def _made(self):
        # A loaded SavedModel keeps vocabularies by the name of the operation: two of the same name would be one.
        name = f"vocabulary_{hashlib.blake2b(self._model, digest_size=8).hexdigest()}"
        return tf_text.SentencepieceTokenizer(self._model, name=name)

    def _living(self):
        """The tokenizer, made anew where it is gone.

        TensorFlow drops what belongs to the kernel of an operation, as its vocabulary does, whenever a seed is set.
        """
        with tf.init_scope():
            try:
                self._tokenizer.tokenize([""])
            except tf.errors.NotFoundError:
                self._tokenizer = self._made()
        return self._tokenizer

    def ids(self, texts):
        """Tokens and `END_ID` of texts of any length: tf.string `[batch]` to ragged int32 `[batch, (time)]`."""
        tokens = self._living().tokenize(texts)
        end = tf.fill([tokens.nrows(), 1], END_ID)
        return tf.concat([tokens, tf.RaggedTensor.from_tensor(end)], axis=1)

    def invert(self, ids):
        """Token numbers to texts: int32 `[batch, time]`, all behind `END_ID` ignored, to tf.string `[batch]`."""
        going_on = tf.math.cumprod(tf.cast(tf.not_equal(ids, END_ID), tf.int32), axis=1)
        real = tf.cast(going_on, tf.bool) & tf.not_equal(ids, PAD_ID) & tf.not_equal(ids, START_ID)
        return self._living().detokenize(tf.ragged.boolean_mask(ids, real))

    def tokens(self, ids):
        """The text of each token: int32 `[...]` to tf.string `[...]`; a space is written `▁`."""
        return self._living().id_to_string(ids)


def cut(ids, max_length: int):
    """The first `max_length` tokens, the end among them: ragged int32 `[batch, (time)]` to the same."""
    tokens = ids[:, : max_length - 1]
    rest = tf.where(ids.row_lengths() < max_length, ids.row_lengths() - tokens.row_lengths(), 1)
    ends = tf.fill([tf.reduce_sum(rest)], END_ID)
    return tf.concat([tokens, tf.RaggedTensor.from_row_lengths(ends, rest)], axis=1)
