"""Which words and phrases get a vector of their own: those that the training texts hold often enough."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from apps.sentiment.bursts import blocks_of_texts, burstiness

PAD_ID, UNKNOWN_ID, FIRST_WORD_ID = 0, 1, 2
KEY_BITS = 21  # a word's share of a phrase key: three words fit into 63 bits


class WordCounter:
    """Collects the words of all training texts as numbers, in one pass.

    Args:
        labels: `[texts]`, of all texts that will be added.
        topic_block: see `blocks_of_texts`; 1 where the order of the texts says nothing.
        max_burstiness: with a `topic_block` above 1, words and phrases with a higher `burstiness` are left out.

    Attributes:
        lengths: int64 `[texts]`, words of each text added.
    """

    def __init__(self, labels: np.ndarray, topic_block: int = 1, max_burstiness: float = 1.0):
        self._labels, self._topic_block, self._max_burstiness = labels, topic_block, max_burstiness
        self._numbers: dict[bytes, int] = {}  # in order of first appearance
        self._parts: list[np.ndarray] = []
        self._lengths: list[np.ndarray] = []

    def add(self, words) -> None:
        """Counts the words of some texts, a ragged tf.string `[texts, (words)]`."""
        flat = words.flat_values.numpy()
        numbers = self._numbers
        found = (numbers.setdefault(word, len(numbers)) for word in flat.tolist())
        self._parts.append(np.fromiter(found, np.int32, len(flat)))
        self._lengths.append(words.row_lengths().numpy())

    @property
    def lengths(self) -> np.ndarray:
        return np.concatenate(self._lengths)

    def frequent_words(self, most: int, min_count: int, with_bursts: bool = False) -> list[str]:
        """The most frequent words that occur `min_count` times, most frequent first, ties in the order of their bytes.

        Those that come in bursts are then left out, unless `with_bursts`, and no rarer ones take their place.
        """
        numbers = np.concatenate(self._parts)
        counts = np.bincount(numbers, minlength=len(self._numbers))
        frequent = [(-counts[number], word) for word, number in self._numbers.items() if counts[number] >= min_count]
        chosen = np.array([self._numbers[word] for _, word in sorted(frequent)[:most]], np.int64)
        chosen = chosen if with_bursts else self._without_bursts(chosen, numbers, self._texts())
        words = list(self._numbers)
        return [words[number].decode("utf-8") for number in chosen]

    def _texts(self):
        """int64 `[words]`: which text each word is of."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def _without_bursts(self, chosen, occurring, texts):
        """The `chosen` words or phrases, in their order, but for those that come in bursts.

        Args:
            chosen: int `[chosen]`, distinct.
            occurring: int `[occurrences]`, those and others, wherever one stands.
            texts: int `[occurrences]`, in which text.
        """
        if self._topic_block == 1 or self._max_burstiness >= 1 or not len(chosen):
            return chosen
        order = np.argsort(chosen)
        places = np.searchsorted(chosen, occurring, sorter=order)
        terms = order[np.minimum(places, len(chosen) - 1)]
        here = chosen[terms] == occurring
        blocks = blocks_of_texts(self._labels, self._topic_block)
        found = burstiness(terms[here], texts[here], blocks, self._labels, len(chosen))
        return chosen[found <= self._max_burstiness]

    def frequent_phrases(self, words: list[str], longest: int, most: int, min_count: int) -> list[str]:
        """The most frequent phrases of each length from two to `longest` words, at most `most` of each length.

        Args:
            words: what `frequent_words` returned; a phrase has no other words.

        Returns:
            Phrases as words with a space between, the shorter ones first, then by frequency.
        """
        ids = {word.encode("utf-8"): index for index, word in enumerate(words, FIRST_WORD_ID)}
        id_of_number = np.array([ids.get(word, UNKNOWN_ID) for word in self._numbers], np.int64)
        flat = id_of_number[np.concatenate(self._parts)]
        texts = self._texts()
        phrases, keys, whole = [], flat, flat != UNKNOWN_ID
        for length in range(2, longest + 1):
            keys = (keys[:-1] << KEY_BITS) + flat[length - 1 :]
            whole = whole[:-1] & (flat[length - 1 :] != UNKNOWN_ID)
            one_text = whole & (texts[length - 1 :] == texts[: len(texts) - length + 1])
            distinct, counts = np.unique(keys[one_text], return_counts=True)
            distinct, counts = distinct[counts >= min_count], counts[counts >= min_count]
            chosen = distinct[np.argsort(-counts, kind="stable")[:most]]
            chosen = self._without_bursts(chosen, keys[one_text], texts[length - 1 :][one_text])
            phrases += [phrase_of_key(key, words) for key in chosen.tolist()]
        return phrases


def phrase_of_key(key: int, words: list[str]) -> str:
    """The phrase of a key: word ids, `KEY_BITS` each, the last word in the lowest bits."""
    ids = []
    while key:
        ids.append(key & (2**KEY_BITS - 1))
        key >>= KEY_BITS
    return " ".join(words[index - FIRST_WORD_ID] for index in reversed(ids))


def keys_of_phrases(phrases: Iterable[str], words: Iterable[str]) -> list[int]:
    """The inverse of `phrase_of_key` for many phrases."""
    ids = {word: index for index, word in enumerate(words, FIRST_WORD_ID)}
    keys = []
    for phrase in phrases:
        key = 0
        for word in phrase.split(" "):
            key = (key << KEY_BITS) + ids[word]
        keys.append(key)
    return keys
