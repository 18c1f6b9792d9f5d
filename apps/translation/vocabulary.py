"""The vocabulary of tokens: learned by SentencePiece from the training sentences, applied by tensorflow-text."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterable

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from apps.translation.config import PreprocessingConfig
from common.errors import UserError

PAD_ID, UNKNOWN_ID, START_ID, END_ID = range(4)
# With a piece for each of the 256 bytes no character is unknown; a vocabulary must be large enough to spare them.
BYTES_FROM = 2_000
_LEAST_LINE = 10  # bytes that SentencePiece must be told a line may have
# Characters; what it wrote SentencePiece does not read again with a word of more than about 8,000 bytes.
_LONGEST_WORD = 1_900
_MOST_SENTENCES = 1_000_000  # to learn a vocabulary from; more would only take time


def learn_vocabulary(sentences: Iterable[str], settings: PreprocessingConfig, origin: str) -> bytes:
    """Learns a vocabulary.

    Args:
        sentences: in the form that the preprocessor gives to SentencePiece.
        settings: kind and size of the vocabulary.
        origin: for people, where the sentences come from.

    Returns:
        The model of SentencePiece, serialised, with the tokens padding 0, unknown 1, start 2 and end 3.

    Raises:
        UserError: if no sentence has a character, or they have more characters than the vocabulary has room for.

    Reference:
        Kudo and Richardson 2018, arXiv:1808.06226; byte pairs: Sennrich et al. 2016, arXiv:1508.07909; unigrams: Kudo 2018,
        arXiv:1804.10959.
    """
    if settings.unit == "word":
        sentences = [" ".join(word for word in each.split() if len(word) <= _LONGEST_WORD) for each in sentences]
    # To SentencePiece its own sign of a space is one.
    sentences = [sentence for sentence in sentences if sentence.replace("▁", " ").strip()]
    if not sentences:
        raise UserError(f"{origin} has no sentence with a letter in it; give sentences to learn from")
    size = settings.vocabulary_size
    while True:
        try:
            return _train(sentences, settings, size)
        except RuntimeError as error:
            # Byte pairs: small data do not have that many pieces, and SentencePiece says how many there are.
            largest = re.search(r"value <= (\d+)", str(error))
            # The characters alone need more than was asked for.
            smallest = re.search(r"(?:larger|smaller) than required_chars\D*\d+ vs (\d+)", str(error))
            if largest and int(largest[1]) < size:
                size = int(largest[1])
            elif smallest and int(smallest[1]) > size:
                raise UserError(
                    f"preprocessing.vocabulary_size is {settings.vocabulary_size:,}, but {origin} has more characters than "
                    f"that; set --preprocessing.vocabulary_size {int(smallest[1]) + 100} or more"
                ) from error
            else:
                raise


def _train(sentences, settings, size):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rule:
        # Normalisation is the preprocessor's; but without any rule the operation says so on the terminal, at each start.
        rule.write("A0\t20\n")  # a no-break space is a space
        rule.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type={"character": "char"}.get(settings.unit, settings.unit),
            vocab_size=size,
            hard_vocab_limit=False,
            pad_id=PAD_ID,
            unk_id=UNKNOWN_ID,
            bos_id=START_ID,
            eos_id=END_ID,
            character_coverage=1.0,
            byte_fallback=settings.unit in ("bpe", "unigram") and size >= BYTES_FROM,
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
