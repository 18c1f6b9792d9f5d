"""A model that does not beat these has learned nothing of pictures."""

import numpy as np
import pytest

from apps.captioning import baselines
from apps.captioning.baselines import most_frequent_caption, nearest_picture_captions


def test_the_most_frequent_caption_is_as_first_written():
    train = [("A dog runs.", "a cat"), ("a dog runs", "two cats"), ("a cat",), ("A DOG RUNS!",)]
    assert most_frequent_caption(train) == "A dog runs."
    assert most_frequent_caption([("b", "a"), ("a", "b")]) == "b"  # the first of equal ones
    assert most_frequent_caption([("b", "b", "b"), ("a",), ("a",)]) == "a"  # a picture counts once


def test_the_nearest_picture_is_that_of_brute_force(monkeypatch):
    rng = np.random.default_rng(0)
    known, asked = rng.normal(size=(50, 8)).astype(np.float32), rng.normal(size=(23, 8)).astype(np.float32)
    captions = [(f"first of {index}", f"second of {index}") for index in range(50)]
    cosines = [[k @ a / np.linalg.norm(k) / np.linalg.norm(a) for k in known] for a in asked]
    expected = [captions[int(np.argmax(row))][0] for row in cosines]
    assert nearest_picture_captions(known, captions, asked) == expected
    monkeypatch.setattr(baselines, "_CHUNK_CELLS", 200)  # four pictures at a time
    assert nearest_picture_captions(known, captions, asked) == expected
    assert nearest_picture_captions(known * 1e4, captions, asked * 1e-3) == expected  # the direction alone counts


def test_vectors_of_zeros_get_the_first_caption():
    known = np.array([[0, 0], [1, 0]], np.float32)
    assert nearest_picture_captions(known, [("a",), ("b",)], np.zeros((1, 2), np.float32)) == ["a"]
    assert nearest_picture_captions(known, [("a",), ("b",)], np.zeros((0, 2), np.float32)) == []


def test_vectors_that_do_not_fit_are_refused():
    vectors = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match="rows of captions"):
        nearest_picture_captions(vectors, [("a",)], vectors)
    with pytest.raises(ValueError, match="different lengths"):
        nearest_picture_captions(vectors, [("a",), ("b",)], vectors[:, :2])
