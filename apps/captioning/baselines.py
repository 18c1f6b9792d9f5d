"""What a trained model has to beat: the most frequent caption, and the caption of the training picture that looks most alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from apps.captioning.scores import scored_form

_CHUNK_CELLS = 2**24  # similarities computed at a time, 64 MiB


def most_frequent_caption(train_captions: Sequence[Sequence[str]]) -> str:
    """The caption that most training pictures have; of equally frequent ones the first.

    Where hardly any stands twice, as with photographs, this says how much a caption gets that knows nothing of the picture.

    Args:
        train_captions: those of each training picture, at least one in all. They count as the same in `scored_form`; what is
            returned is how the first was written.
    """
    counts: Counter[str] = Counter()
    written: dict[str, str] = {}
    for row in train_captions:
        forms = {scored_form(caption): caption for caption in reversed(row)}  # a picture counts once
        for form in reversed(forms):  # in the order of the row, so that the first of equal ones is taken
            counts[form] += 1
            written.setdefault(form, forms[form])
    return written[max(counts, key=counts.__getitem__)]


def nearest_picture_captions(
    train_vectors: np.ndarray, train_captions: Sequence[Sequence[str]], vectors: np.ndarray
) -> list[str]:
    """The first caption of the training picture whose features point most in the same direction.

    Near is the cosine of the vectors. Of equally near pictures the first is taken; also the first of all for a vector of zeros.

    Args:
        train_vectors: float32 [training pictures, features], of at least one picture.
        train_captions: those of each training picture.
        vectors: float32 [pictures, features], of the pictures to caption.

    Returns:
        A caption for each of `vectors`.

    Raises:
        ValueError: no training pictures, not one row of captions for each, or vectors of different lengths.
    """
    if len(train_vectors) == 0 or len(train_vectors) != len(train_captions):
        raise ValueError(f"{len(train_vectors)} training vectors and {len(train_captions)} rows of captions")
    if train_vectors.shape[1] != vectors.shape[1]:
        raise ValueError(f"training vectors {train_vectors.shape} and vectors {vectors.shape}, of different lengths")
    known = _of_length_one(train_vectors).T  # [features, training pictures]
    rows = max(1, _CHUNK_CELLS // len(train_vectors))
    found: list[str] = []
    for start in range(0, len(vectors), rows):
        asked = _of_length_one(vectors[start : start + rows])  # [rows, features]
        nearest = (asked @ known).argmax(axis=1)  # [rows]; argmax takes the first of equal ones
        found.extend(train_captions[index][0] for index in nearest)
    return found


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)  # [n, 1]
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
