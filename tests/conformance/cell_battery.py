"""What the tests of the cells share: sizes, masks, random numbers, and layers whose weights are all different."""

import numpy as np
import pytest

from tests.conformance.cells import CELLS

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 5
MASKS = {
    "right": [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    "left": [[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]],
    "holes": [[1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0], [1, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0]],
}
MASKS = {name: np.array(rows, bool) for name, rows in MASKS.items()}

each_cell = pytest.mark.parametrize("row", CELLS, ids=lambda row: row.name)
each_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)


def randoms(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32")


def make(row, **arguments):
    """A layer whose weights are all different from each other and from zero, biases too."""
    layer = row.layer(UNITS, **row.arguments, **arguments)
    layer.build((None, None, FEATURES))
    layer.set_weights([0.5 * randoms(*weight.shape, seed=1) for weight in layer.get_weights()])
    return layer


def states_of(layer, seed=5):
    """Random states; what a cell divides by is well above zero, as it always is."""
    states = [randoms(BATCH, size, seed=seed + index) for index, size in enumerate(layer.cell.state_sizes)]
    return [
        np.abs(state) + 0.5 if name == "normalizer" else state for name, state in zip(layer.cell.state_names, states)
    ]


def assert_close(actual, expected, tolerance=1e-5):
    """Compares one array, or the arrays of two lists."""
    if not isinstance(actual, (list, tuple)):
        actual, expected = [actual], [expected]
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=tolerance, atol=tolerance)
