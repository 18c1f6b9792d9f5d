"""The selection of the largest. If it fails, every search looks at the wrong tokens, at sizes that nobody tried by hand."""

import numpy as np
import pytest
from keras import ops

from common.decoding.largest import largest
from tests.conformance.differentiation import compiled


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("size", [1, 2, 11, 97, 120, 1009, 8000])
def test_values_and_places_are_those_of_a_stable_sort(size, is_compiled):
    values = np.random.default_rng(0).integers(-20, 20, size=(4, size)).astype("float32")
    values[0], values[1, ::3], values[2] = -np.inf, -np.inf, 0.0
    for count in {1, min(3, size), min(10, size), size if size < 1000 else 40}:
        function = compiled(lambda each, count=count: largest(each, count)) if is_compiled else None
        found, places = (function or (lambda each, count=count: largest(each, count)))(ops.convert_to_tensor(values))
        expected = np.argsort(-values, axis=-1, kind="stable")[:, :count]
        np.testing.assert_array_equal(np.asarray(places), expected)
        np.testing.assert_array_equal(np.asarray(found), np.take_along_axis(values, expected, axis=1))
