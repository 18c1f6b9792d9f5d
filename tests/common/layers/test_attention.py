"""Looking at a memory. If these fail, a decoder reads padding, reads NaN from an empty source, or learns from wrong gradients.

The same on the other backend: `make test-jax`.
"""

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import AdditiveAttention, MultiplicativeAttention
from tests.conformance.cell_battery import assert_close, randoms
from tests.conformance.differentiation import compiled, gradient_function, gradients

BATCH, PLACES, FEATURES, TIME = 4, 5, 3, 6
MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
MAKERS = {
    "additive": lambda **arguments: AdditiveAttention(7, **arguments),
    "dot": lambda **arguments: MultiplicativeAttention("dot", **arguments),
    "general": lambda **arguments: MultiplicativeAttention("general", **arguments),
    "scaled": lambda **arguments: MultiplicativeAttention("scaled", **arguments),
}
each_attention = pytest.mark.parametrize("name", MAKERS)


def query_units(name):
    return 4 if name in ("additive", "general") else FEATURES


def make(kind, **arguments):
    layer = MAKERS[kind](**arguments)
    layer.build((None, query_units(kind)), (None, PLACES, FEATURES))
    layer.set_weights([randoms(*weight.shape, seed=1 + index) for index, weight in enumerate(layer.get_weights())])
    return layer


def reference(layer, query, memory, mask, coverage=None):
    """One query of one row by the equations: `[units]`, `[places, features]`, `[places]` to context and weights."""
    weights = {weight.name: np.asarray(weight, "float64") for weight in layer.weights}
    extra = 0 if coverage is None else coverage[:, None] * weights["coverage_kernel"]
    if isinstance(layer, AdditiveAttention):
        hidden = np.tanh(query @ weights["query_kernel"] + memory @ weights["memory_kernel"] + weights["bias"] + extra)
        scores = hidden @ weights["score_kernel"]
    else:
        keys = memory @ weights.get("memory_kernel", np.eye(FEATURES)) + 0.0
        scores = keys @ query / (FEATURES**0.5 if layer.score_mode == "scaled" else 1) + np.ravel(extra)
    exponentials = np.where(mask, np.exp(scores), 0)
    attention = exponentials / max(exponentials.sum(), 1e-30)
    return attention @ memory, attention


@each_attention
@pytest.mark.parametrize("coverage", [False, True])
def test_context_and_weights_are_those_of_the_equations(name, coverage):
    layer = make(name, coverage=coverage)
    query, memory = randoms(BATCH, query_units(name)), randoms(BATCH, PLACES, FEATURES)
    so_far = np.abs(randoms(BATCH, PLACES, seed=3)) if coverage else None
    context, attention = layer(query, memory, memory_mask=MASK, coverage=so_far)
    rows = [reference(layer, query[i], memory[i], MASK[i], so_far[i] if coverage else None) for i in range(BATCH)]
    assert_close([context, attention], [np.stack(each) for each in zip(*rows, strict=True)])


@each_attention
def test_many_queries_at_once_answer_as_one_by_one(name):
    layer, memory = make(name), randoms(BATCH, PLACES, FEATURES)
    queries, keys = randoms(BATCH, TIME, query_units(name)), layer.project_memory(memory)
    one_by_one = [layer(queries[:, step], memory, keys=keys, memory_mask=MASK) for step in range(TIME)]
    expected = [np.stack(each, axis=1) for each in zip(*one_by_one, strict=True)]
    assert_close(list(layer(queries, memory, memory_mask=MASK)), expected)
    assert [tuple(part.shape) for part in layer(queries, memory)] == list(
        layer.compute_output_shape(queries.shape, memory.shape)
    )


def plain(layer, query, memory, mask, coverage):
    """The additive equations without the layer's own gradient."""
    total = ops.matmul(query, layer.query_kernel)[..., None, :]
    keys = layer.project_memory(memory)
    total = total + (keys if len(query.shape) == 2 else keys[:, None])
    if layer.coverage:
        total = total + coverage[..., None] * layer.coverage_kernel
    real = ops.convert_to_tensor(mask if len(query.shape) == 2 else mask[:, None])
    scores = ops.where(real, ops.sum(ops.tanh(total) * layer.score_kernel, axis=-1), -1e9)
    attention = ops.where(real, ops.softmax(scores, axis=-1), 0.0)
    if len(query.shape) == 2:
        return ops.sum(attention[:, :, None] * memory, axis=1), attention
    return ops.matmul(attention, memory), attention


@pytest.mark.parametrize(("coverage", "time"), [(False, None), (True, None), (False, TIME)])
def test_the_gradient_of_the_additive_score_is_that_of_the_plain_equations(coverage, time):
    layer, shape = make("additive", coverage=coverage), (BATCH, 4) if time is None else (BATCH, time, 4)
    arrays = [randoms(*shape), randoms(BATCH, PLACES, FEATURES), np.abs(randoms(BATCH, PLACES, seed=3))]

    def loss(run):
        def value(query, memory, so_far):
            context, attention = run(query, memory, so_far)
            return ops.sum(context**2) + ops.sum(attention**3)

        return value

    actual = loss(lambda q, m, c: layer(q, m, memory_mask=MASK, coverage=c if coverage else None))
    expected = loss(lambda q, m, c: plain(layer, q, m, MASK, c))
    found = gradients(actual, layer.trainable_variables, arrays)
    assert_close(found, gradients(expected, layer.trainable_variables, arrays))
    in_one_piece = compiled(gradient_function(actual, layer.trainable_variables))(*arrays)
    assert_close([np.asarray(each) for each in in_one_piece], found)


@each_attention
def test_padding_never_changes_a_result_nor_a_gradient(name):
    layer, memory = make(name), randoms(BATCH, PLACES, FEATURES)
    query = randoms(BATCH, query_units(name))
    results = []
    for padding in (0.0, 1e4):
        filled = np.where(MASK[:, :, None], memory, padding).astype("float32")

        def loss(query, memory):
            context, attention = layer(query, memory, memory_mask=MASK)
            return ops.sum(context**2) + ops.sum(attention**2)

        found = gradients(loss, layer.trainable_variables, [query, filled])
        assert all(np.all(np.isfinite(gradient)) for gradient in found)
        assert not np.any(found[-1][~MASK])
        results.append([*layer(query, filled, memory_mask=MASK), *found])
    assert_close(*results)
    context, attention = results[0][:2]
    assert not np.any(np.asarray(context)[3])
    assert not np.any(np.asarray(attention)[~MASK])


@each_attention
def test_lengths_say_the_same_as_a_mask(name):
    layer, memory = make(name), randoms(BATCH, PLACES, FEATURES)
    query, lengths = randoms(BATCH, query_units(name)), np.array([3, 5, 1, 0])
    mask = np.arange(PLACES) < lengths[:, None]
    assert_close(list(layer(query, memory, memory_lengths=lengths)), list(layer(query, memory, memory_mask=mask)))


@each_attention
def test_half_precision_keeps_its_weights_in_full_precision(name):
    full, half = make(name), make(name, dtype="mixed_bfloat16")
    query, memory = randoms(BATCH, query_units(name)), randoms(BATCH, PLACES, FEATURES)
    context, attention = half(query, memory, memory_mask=MASK)
    assert keras.backend.standardize_dtype(context.dtype) == "bfloat16"
    assert keras.backend.standardize_dtype(attention.dtype) == "float32"
    sums = np.asarray(ops.sum(attention, axis=-1))
    np.testing.assert_allclose(sums, MASK.any(axis=1).astype("float32"), atol=1e-6)
    assert_close([ops.cast(context, "float32"), attention], list(full(query, memory, memory_mask=MASK)), tolerance=0.1)


@each_attention
def test_configuration_makes_the_same_layer_again(name):
    layer = make(name, coverage=True, name="mine", kernel_initializer="he_normal")
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    query, memory = randoms(BATCH, query_units(name)), randoms(BATCH, PLACES, FEATURES)
    again(query, memory)
    again.set_weights(layer.get_weights())
    so_far = np.abs(randoms(BATCH, PLACES))
    assert_close(list(again(query, memory, coverage=so_far)), list(layer(query, memory, coverage=so_far)))


def test_kernels_of_the_same_shape_start_with_different_numbers():
    layer = AdditiveAttention(7)
    layer.build((None, 4), (None, PLACES, 4))
    assert np.abs(np.asarray(layer.query_kernel) - np.asarray(layer.memory_kernel)).max() > 1e-3


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="units must be a positive integer, got 0"):
        AdditiveAttention(0)
    with pytest.raises(ValueError, match="score must be one of.*'cosine'"):
        MultiplicativeAttention("cosine")
    with pytest.raises(ValueError, match=r"as wide as the memory.*\(4, 4\).*\(4, 5, 3\)"):
        MultiplicativeAttention("dot")(randoms(BATCH, 4), randoms(BATCH, PLACES, FEATURES))


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        (r"query must be \[batch, units\].*\(4,\)", {"query": randoms(BATCH)}),
        (r"query must be .*\(3, 4\)", {"query": randoms(3, 4)}),
        (r"memory must be \[batch, memory_time, features\].*\(4, 3\)", {"memory": randoms(BATCH, FEATURES)}),
        (r"at least one step.*\(4, 0, 3\)", {"memory": np.zeros((BATCH, 0, FEATURES), "float32")}),
        (r"keys.*\(4, 5, 3\).*\(4, 4, 7\)", {"keys": randoms(BATCH, 4, 7)}),
        (r"memory_mask must be \[batch, memory_time\].*\(4, 4\)", {"memory_mask": MASK[:, 1:]}),
        ("memory_mask must be bool, got float32", {"memory_mask": MASK.astype("float32")}),
        (r"memory_lengths must be \[batch\].*\(3,\)", {"memory_lengths": np.ones(3, "int32")}),
        ("not both", {"memory_mask": MASK, "memory_lengths": np.ones(BATCH, "int32")}),
        ("coverage=False", {"coverage": randoms(BATCH, PLACES)}),
    ],
)
def test_wrong_calls_say_what_was_expected(message, changed):
    call = {"query": randoms(BATCH, 4), "memory": randoms(BATCH, PLACES, FEATURES), **changed}
    with pytest.raises(ValueError, match=message):
        make("additive")(**call)


def test_coverage_takes_one_query_at_a_time_and_must_fit():
    layer, memory = make("general", coverage=True), randoms(BATCH, PLACES, FEATURES)
    with pytest.raises(ValueError, match=r"waits for the one before.*\(4, 6, 4\)"):
        layer(randoms(BATCH, TIME, 4), memory)
    with pytest.raises(ValueError, match=r"coverage must be \[batch, memory_time\].*\(4, 2\)"):
        layer(randoms(BATCH, 4), memory, coverage=randoms(BATCH, 2))
