"""Decoding eagerly, in a graph of an unknown batch, under XLA, in a SavedModel and on JAX. If it fails, what is served differs."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from common.decoding import beam_search, greedy
from tests.common.decoding.small_network import Network, arrays, assert_same
from tests.common.decoding.test_beam_search import search as search_beams
from tests.common.decoding.test_beam_search import search_in_context
from tests.common.decoding.test_greedy import search as search_greedily
from tests.common.decoding.test_sampling import search as draw
from tests.conformance.differentiation import ON_TENSORFLOW, compiled

REPOSITORY = Path(__file__).parents[3]
VOCABULARY, LENGTH = 150, 6
NETWORK = Network(VOCABULARY, scale=1.0)
FORBIDDEN = np.arange(VOCABULARY) % 7 == 1
needs_tensorflow = pytest.mark.skipif(not ON_TENSORFLOW, reason="of TensorFlow alone")


def of_rows(starts, value, dtype="int32"):
    return ops.zeros_like(starts[:, 0], dtype=dtype) + value


def by_greedy(starts):
    return search_greedily(NETWORK, starts, max_length=LENGTH, min_length=3, forbidden=FORBIDDEN)


def by_sampling(starts):
    return draw(NETWORK, starts, of_rows(starts, 3), max_length=LENGTH)


def by_top_p(starts):
    return draw(
        NETWORK, starts, of_rows(starts, 3), max_length=LENGTH, top_p=of_rows(starts, 0.95, "float32"), top_k=140
    )


def by_long_top_p(starts):
    return draw(NETWORK, starts, of_rows(starts, 3), max_length=LENGTH, top_p=0.95, temperature=3.0)


def by_beams(starts):
    return search_beams(NETWORK, starts, width=3, max_length=LENGTH)


def by_beams_with_everything(starts):
    forced = ops.where(ops.arange(LENGTH) == 1, 9, -1)[None] + of_rows(starts, 0)[:, None]
    return search_beams(
        NETWORK,
        starts,
        width=4,
        max_length=LENGTH,
        min_length=3,
        forbidden=FORBIDDEN,
        forced=forced,
        widths=of_rows(starts, 3),
        length_penalty=of_rows(starts, 0.5, "float32"),
        state_penalty=NETWORK.penalty,
    )


def context_of(starts):
    return ops.tile(starts, (1, VOCABULARY // NETWORK.units))


def by_greedy_in_parts(starts):
    state, first_ids = NETWORK.state(starts), NETWORK.first_ids(starts)
    options = {"context": context_of(starts), "halvings": 2, "end_id": 2, "max_length": LENGTH}
    return greedy(NETWORK.step_in_context, state, first_ids, **options)


def by_beams_in_parts(starts):
    return search_in_context(NETWORK, starts, context_of(starts), halvings=2, width=3, max_length=LENGTH)


WAYS = [
    by_greedy_in_parts,
    by_beams_in_parts,
    by_greedy,
    by_sampling,
    by_top_p,
    by_long_top_p,
    by_beams,
    by_beams_with_everything,
]


def graph(function, *signature, **options):
    import tensorflow as tf

    signature = [tf.TensorSpec([None, NETWORK.units], "float32"), *signature]
    return tf.function(function, input_signature=signature, autograph=False, **options)


@pytest.mark.parametrize("way", WAYS)
def test_under_xla_it_finds_what_it_finds_eagerly(way):
    starts = NETWORK.starts(3)
    assert_same(compiled(way)(starts), way(ops.convert_to_tensor(starts)))


@needs_tensorflow
@pytest.mark.parametrize("way", WAYS)
def test_a_graph_of_an_unknown_batch_finds_what_it_finds_eagerly_and_knows_its_other_sizes(way):
    function = graph(way)
    for batch in (1, 3):
        assert_same(function(NETWORK.starts(batch)), way(ops.convert_to_tensor(NETWORK.starts(batch))))
    for tensor in function.get_concrete_function().structured_outputs:
        assert tensor.shape[0] is None and None not in tensor.shape[1:]


@needs_tensorflow
def test_the_width_may_be_a_tensor():
    import tensorflow as tf

    def of_width(starts, width):
        return search_beams(NETWORK, starts, width=width, max_length=LENGTH, min_length=2)

    function = graph(of_width, tf.TensorSpec([], "int32"))
    for width in (1, 2, 5):
        assert_same(function(NETWORK.starts(3), width), of_width(NETWORK.starts(3), width))


@needs_tensorflow
@pytest.mark.parametrize("way", ["greedy", "sample", "beams"])
def test_the_length_may_be_a_tensor(way):
    """A request says how long its answer may be, and a SavedModel is not compiled anew for each."""
    import tensorflow as tf

    def of_length(starts, length):
        first = ops.where(ops.arange(length) == 1, 9, -1)[None] + of_rows(starts, 0)[:, None]
        options = {"max_length": length, "min_length": 2, "forced": first}
        if way == "greedy":
            return search_greedily(NETWORK, starts, **options)
        if way == "sample":
            return draw(NETWORK, starts, of_rows(starts, 3), **options)
        return search_beams(NETWORK, starts, width=3, **options)

    function = graph(of_length, tf.TensorSpec([], "int32"))
    for length in (2, LENGTH, 2 * LENGTH):
        assert_same(function(NETWORK.starts(3), length), of_length(ops.convert_to_tensor(NETWORK.starts(3)), length))


@needs_tensorflow
def test_a_saved_model_finds_the_same_in_a_fresh_process(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.beams, module.drawn = graph(lambda x: by_beams(x)._asdict()), graph(lambda x: by_top_p(x)._asdict())
    tf.saved_model.save(module, str(tmp_path / "model"))
    script = """
import sys, numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
for name in ("beams", "drawn"):
    np.savez(f"{sys.argv[1]}/{name}.npz", **getattr(model, name)(np.load(sys.argv[2])))
"""
    np.save(tmp_path / "starts.npy", NETWORK.starts(3))
    subprocess.run([sys.executable, "-c", script, tmp_path / "model", tmp_path / "starts.npy"], check=True)
    for name, way in (("beams", by_beams), ("drawn", by_top_p)):
        expected = way(ops.convert_to_tensor(NETWORK.starts(3)))
        with np.load(tmp_path / "model" / f"{name}.npz") as found:
            assert_same([found[field] for field in expected._fields], expected)


def test_states_of_lists_and_several_dtypes_come_to_the_beams_they_belong_to():
    def step(token_ids, state):
        (count,), (history, flag) = state
        place = ops.arange(4, dtype="int32") == count[:, None]
        history = ops.where(place, token_ids[:, None], history)
        logits = ops.one_hot((token_ids + 1) % 5, 5) + 0.5 * ops.one_hot((token_ids + 2) % 5, 5)
        return logits, [[count + 1], (history, ~flag)]

    seen = []

    def penalty(state):
        seen.append(state)
        return ops.cast(ops.where(state[1][1], 0, 0), "float32")

    state = [[np.zeros(2, "int32")], (np.full((2, 4), -1, "int32"), np.zeros(2, bool))]
    ids, *_ = arrays(
        beam_search(step, state, np.array([0, 3]), width=3, end_id=None, max_length=4, state_penalty=penalty)
    )
    if ON_TENSORFLOW:  # the last call is eager, of the alive hypotheses in their order
        history = np.asarray(seen[-1][1][0]).reshape(2, 3, 4)
        assert history[:, :, 0].tolist() == [[0] * 3, [3] * 3]
        np.testing.assert_array_equal(history[:, :, 1:], ids[:, :, :-1])


@pytest.mark.skipif(not ON_TENSORFLOW or importlib.util.find_spec("jax") is None, reason="needs TensorFlow and JAX")
def test_jax_finds_what_tensorflow_finds(tmp_path):
    script = """
import sys
import common.decoding
assert "tensorflow" not in sys.modules
import numpy as np
from tests.common.decoding.test_compiled import NETWORK, WAYS, arrays, compiled
for way in WAYS:
    for name, run in (("eager", way), ("compiled", compiled(way))):
        np.savez(f"{sys.argv[1]}/{way.__name__}_{name}.npz", *arrays(run(NETWORK.starts(3))))
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True, cwd=REPOSITORY, env=environment)
    for way in WAYS:
        for name in ("eager", "compiled"):
            with np.load(tmp_path / f"{way.__name__}_{name}.npz") as found:
                assert_same(found.values(), way(ops.convert_to_tensor(NETWORK.starts(3))))
