"""Random numbers from counters. If they fail, samples are biased, or change with the backend or the version."""

import numpy as np
import pytest
from keras import ops

from common.decoding.random import threefry, uniform
from tests.conformance.differentiation import compiled

ALL = 0xFFFFFFFF
# kat_vectors of Random123 (Salmon et al. 2011), threefry2x32 with 20 rounds: counter, key, result.
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((ALL, ALL), (ALL, ALL), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


def words(values):
    return tuple(ops.convert_to_tensor(np.array([value], "uint32")) for value in values)


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_the_hash_is_threefry(counter, key, result, is_compiled):
    function = compiled(lambda *each: threefry(each[:2], each[2:])) if is_compiled else None
    found = function(*words(key), *words(counter)) if is_compiled else threefry(words(key), words(counter))
    assert tuple(int(np.asarray(each)[0]) for each in found) == result


def test_numbers_are_uniform_over_seeds_and_over_steps():
    of_seeds = np.asarray(uniform(np.arange(20_000, dtype="int32"), 3))
    assert of_seeds.min() >= 0 and of_seeds.max() < 1
    counts = np.histogram(of_seeds, bins=50, range=(0, 1))[0]
    assert ((counts - 400) ** 2 / 400).sum() < 86  # 99.9 % of chi-square with 49 degrees of freedom
    of_steps = np.array([np.asarray(uniform(np.arange(200, dtype="int32"), step)) for step in range(100)])
    assert np.abs(np.corrcoef(of_steps)[np.triu_indices(100, 1)]).max() < 0.35
    assert abs(of_steps.mean() - 0.5) < 0.01


def test_negative_seeds_count_as_unsigned_ones():
    signed, unsigned = np.array([-1, -5], "int32"), np.array([ALL, ALL - 4], "uint32")
    np.testing.assert_array_equal(np.asarray(uniform(signed, 7)), np.asarray(uniform(unsigned, 7)))
