"""A function as one graph. If these fail, a search runs operation by operation, or is traced at each call."""

import keras
import numpy as np
from keras import ops

from common.decoding import greedy
from common.graph import as_graph


def test_a_search_answers_the_same_and_is_traced_once():
    traced = []

    def search(first_ids):
        traced.append(first_ids)

        def step(ids, state):
            return ops.one_hot((ids + 1) % 5, 5), state

        return greedy(step, {}, first_ids, end_id=4, max_length=6).ids

    in_graph = as_graph(search)
    for first in (1, 2):
        ids = in_graph(ops.full((3,), first, dtype="int32"))
        np.testing.assert_array_equal(ids, search(ops.full((3,), first, dtype="int32")))
    assert len(traced) == 1 + 2


def test_another_backend_takes_the_function_as_it_is(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert as_graph(greedy) is greedy
