"""Which words belong to one matter alone: they come in bursts.

Where texts about one thing stand side by side, as the reviews of one film do, its names and its subject are in all of them
and nearly nowhere else. They say nothing of the next film, but look as if they did: all of these reviews may be bad ones.
"""

import numpy as np


def blocks_of_texts(labels: np.ndarray, size: int) -> np.ndarray:
    """Numbers the blocks of `size` texts of a label in a row.

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


def burstiness(things: np.ndarray, texts: np.ndarray, blocks: np.ndarray, count: int) -> np.ndarray:
    """In how much fewer blocks each thing stands than it would if its texts were drawn at random.

    Args:
        things: int `[occurrences]`, which word or phrase occurs, from 0 to `count - 1`.
        texts: int `[occurrences]`, in which text.
        blocks: int `[texts]`, from `blocks_of_texts`.
        count: number of things.

    Returns:
        float64 `[count]`: 1 - blocks / expected blocks; about 0 for what is said of everything, near 1 for what is said of
        one thing only, 0 for what does not occur.

    Reference:
        Church and Gale 1995, "Poisson mixtures", Natural Language Engineering: "burstiness" of words over documents.
    """
    number_of_blocks = int(blocks.max()) + 1 if len(blocks) else 1
    thing, text = np.divmod(np.unique(things.astype(np.int64) * len(blocks) + texts), max(len(blocks), 1))
    thing_of_pair = np.unique(thing * number_of_blocks + blocks[text]) // number_of_blocks
    in_texts, in_blocks = np.bincount(thing, minlength=count), np.bincount(thing_of_pair, minlength=count)
    expected = number_of_blocks * (1 - (1 - 1 / number_of_blocks) ** in_texts)
    return np.where(in_texts > 0, 1 - in_blocks / np.maximum(expected, 1e-9), 0.0)
