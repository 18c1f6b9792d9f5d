"""A model that does not beat these has learned nothing of the other language."""

from collections import Counter

import numpy as np

from apps.translation import baselines
from apps.translation.baselines import copy_source, translation_memory
from apps.translation.pairs import SentencePairs


def pairs(sources):
    return SentencePairs.from_lists(sources, [f"target {index}" for index in range(len(sources))], "a test")


def made(sentences, seed):
    rng = np.random.default_rng(seed)
    words = ["house", "mouse", "tree", "three", "green", "greet", "a", "of", "stone", "store"]
    return [" ".join(rng.choice(words, size=rng.integers(1, 6))) for _ in range(sentences)]


def trigrams(text):
    found = Counter()
    for word in text.lower().split():
        padded = f" {word} "
        found.update(padded[start : start + 3] for start in range(max(1, len(padded) - 2)))
    return found


def brute_force(train, sources):
    """The nearest by TF-IDF as the textbook has it, sentence by sentence."""
    known = [trigrams(text) for text in train.sources]
    frequency = Counter(gram for counts in known for gram in counts)
    weight = {gram: np.log((1 + len(known)) / (1 + count)) + 1 for gram, count in frequency.items()}

    def vector(counts):
        values = {gram: count * weight[gram] for gram, count in counts.items() if gram in weight}
        size = np.sqrt(sum(value**2 for value in values.values())) or 1
        return {gram: value / size for gram, value in values.items()}

    vectors = [vector(counts) for counts in known]
    similarities = []
    for text in sources:
        asked = vector(trigrams(text))
        similarities.append([sum(v * other.get(gram, 0) for gram, v in asked.items()) for other in vectors])
    return np.array(similarities)


def test_the_memory_answers_with_the_nearest_training_sentence(monkeypatch):
    train, sources = pairs(made(200, 0)), made(50, 1)
    similarities = brute_force(train, sources)
    monkeypatch.setattr(baselines, "_CHUNK_CELLS", 7 * 200)  # several chunks, the last one not full
    found = [int(target.split()[1]) for target in translation_memory(train, sources)]
    np.testing.assert_allclose(similarities[np.arange(50), found], similarities.max(axis=1), atol=1e-6)


def test_of_equal_sentences_the_earliest_is_taken():
    train = pairs(["the house", "a tree", "A tree", "a tree"])
    assert translation_memory(train, ["a tree", "nothing like it", ""]) == ["target 1", "target 0", "target 0"]


def test_empty_sources_are_answered():
    assert translation_memory(pairs(["", " "]), ["a", ""]) == ["target 0", "target 0"]
    assert translation_memory(pairs(["a"]), []) == []


def test_languages_without_spaces_are_looked_up():
    train = pairs(["我们去公园", "他在家里看书", "今天天气很好"])
    assert translation_memory(train, ["他在家里睡觉", "天气很好"]) == ["target 1", "target 2"]


def test_a_large_memory_is_thinned_alike_each_time(monkeypatch):
    monkeypatch.setattr(baselines, "MOST_PAIRS", 5)
    train = pairs([f"number {index} {index}" for index in range(40)])
    found = translation_memory(train, train.sources)
    assert len(set(found)) == 5 and found == translation_memory(train, train.sources)


def test_the_copy_is_the_source():
    assert copy_source(pairs(["a", "b"])) == ["a", "b"]
