"""Which words belong to one matter alone: they come in bursts.

Where texts about one thing stand side by side, as the reviews of one film do, its names and its subject are in all of them
and nearly nowhere else. They say nothing of the next film, but look as if they did: all of these reviews may be bad ones.
"""

import numpy as np


def blocks_of_texts(labels: np.ndarray, size: int) -> np.ndarray:
    """Numbers the blocks of `size` consecutive texts of a label; texts of other labels may stand between them.

    Args:
        labels: `[texts]`, in the order of the data.
        size: texts of a block; the last block of a label may hold fewer.

    Returns:
        int64 `[texts]`, the block of each text; no block has two labels.
    """
    labels, blocks, count = np.asarray(labels), np.zeros(len(labels), np.int64), 0
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        blocks[rows] = count + np.arange(len(rows)) // size
        count = int(blocks[rows[-1]]) + 1
    return blocks


def burstiness(terms: np.ndarray, texts: np.ndarray, blocks: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """In how much fewer blocks each term stands than it would if the texts of each label were in random order.

    Args:
        terms: int `[occurrences]`, which word or phrase occurs, from 0 to `count - 1`.
        texts: int `[occurrences]`, in which text.
        blocks: int `[texts]`, from `blocks_of_texts`.
        labels: `[texts]`, what the blocks were made with.
        count: number of terms.

    Returns:
        float64 `[count]`: 1 - blocks / expected blocks; about 0 for what is said of everything, also if it is said with one
        label only, near 1 for what is said of one thing, 0 for what does not occur.

    Reference:
        Church and Gale 1995, "Poisson mixtures", Natural Language Engineering: "burstiness" of words over documents.
    """
    names, labels = np.unique(labels, return_inverse=True)
    found, expected = np.zeros(count), np.zeros(count)
    term, text = np.divmod(np.unique(terms.astype(np.int64) * max(len(blocks), 1) + texts), max(len(blocks), 1))
    # Within each label, because an opinion stands in the texts of one label and is no burst.
    for label in range(len(names)):
        of_label = labels[text] == label
        own = np.unique(blocks[labels == label])
        pairs = np.unique(term[of_label] * len(own) + np.searchsorted(own, blocks[text[of_label]]))
        found += np.bincount(pairs // len(own), minlength=count)
        in_texts = np.bincount(term[of_label], minlength=count)
        expected += len(own) * (1 - (1 - 1 / len(own)) ** in_texts)
    return np.where(expected > 0, 1 - found / np.maximum(expected, 1e-9), 0.0)
