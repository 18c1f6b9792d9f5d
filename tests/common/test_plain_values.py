"""If these fail, JSON and CSV hold other numbers than the model gave, or no JSON at all."""

import json

import numpy as np
import pytest

from common.plain_values import plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.2), 0.2),
        (np.float32([[0.1, 2], [1 / 3, -0.0]]), [[0.1, 2.0], [0.33333334, -0.0]]),
        (np.zeros((2, 0, 3), np.float32), [[], []]),
        (np.int64(2**60 + 1), 2**60 + 1),
        (np.array([True, False]), [True, False]),
        (b"caf\xc3\xa9\xff\x00", "café\ufffd\x00"),
        (np.array([[b"a", "é".encode()]], object), [["a", "é"]]),
    ],
)
def test_values_are_what_json_can_say(value, expected):
    assert plain(value) == expected
    assert json.loads(json.dumps(plain(value))) == expected
