"""The layers of forecasting against loops."""

import keras
import numpy as np
import pytest
from keras import ops

from apps.forecasting.layers import (
    AscendingQuantiles,
    ParallelDecoding,
    PositionEmbedding,
    RelativeVolatility,
    WindowStatistics,
)
from apps.forecasting.segrnn import into_segments
from common.layers.by_name import LAYERS


@pytest.mark.parametrize("cell", sorted(LAYERS))
def test_parallel_decoding_is_one_step_of_the_cell_from_the_last_state(cell):
    random = np.random.default_rng(0)
    segments = random.normal(size=(2, 3, 4, 8)).astype("float32")
    queries = random.normal(size=(1, 3, 5, 8)).astype("float32")
    layer = ParallelDecoding(LAYERS[cell](8, seed=0))
    outputs = ops.convert_to_numpy(layer(segments, queries))
    assert outputs.shape == (2, 3, 5, 8)
    whole = LAYERS[cell](8, return_sequences=True)
    whole.build((None, None, 8))
    whole.set_weights(layer.layer.get_weights())
    for channel in range(3):
        for step in range(5):
            # Reading the segments and the query as one sequence is the same, said by the layer itself.
            query = np.repeat(queries[:, channel, step][:, None], 2, axis=0)
            expected = whole(np.concatenate([segments[:, channel], query], axis=1))[:, -1]
            np.testing.assert_allclose(outputs[:, channel, step], expected, atol=1e-5)


def test_layers_survive_their_configuration():
    layers = [
        ParallelDecoding(LAYERS["lstm"](8)),
        PositionEmbedding(3, 4, 8),
        AscendingQuantiles(1),
        WindowStatistics("scale", least=1.0),
    ]
    for layer in layers:
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_quantiles_never_cross_and_the_median_is_as_given(count):
    values = np.random.default_rng(0).normal(scale=5, size=(7, 4, 2, count)).astype("float32")
    median = count // 2
    outputs = ops.convert_to_numpy(AscendingQuantiles(median)(values))
    assert (np.diff(outputs, axis=-1) >= 0).all()
    np.testing.assert_allclose(outputs[..., median], values[..., median], rtol=1e-6)


def test_window_statistics():
    values = np.random.default_rng(0).normal(3, 2, size=(5, 20, 2)).astype("float32")
    shift, scale = WindowStatistics("last")(values)
    np.testing.assert_array_equal(shift, values[:, -1:])
    np.testing.assert_array_equal(scale, np.ones((5, 1, 2)))
    for weight in (0.0, 0.25):
        shift, scale = WindowStatistics("last", last_weight=weight)(values)
        level = weight * values[:, -1:] + (1 - weight) * values.mean(1, keepdims=True)
        np.testing.assert_allclose(shift, level, rtol=1e-5)
        np.testing.assert_array_equal(scale, np.ones((5, 1, 2)))
    shift, scale = WindowStatistics("standard")(values)
    normalised = (values - ops.convert_to_numpy(shift)) / ops.convert_to_numpy(scale)
    np.testing.assert_allclose(normalised.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(normalised.std(1), 1, atol=1e-3)
    shift, scale = WindowStatistics("scale")(values)
    np.testing.assert_allclose(ops.convert_to_numpy(scale)[:, 0], np.abs(values).mean(1) + 1e-4, rtol=1e-5)
    shift, scale = WindowStatistics("scale", least=1.0)(values)
    np.testing.assert_allclose(ops.convert_to_numpy(scale)[:, 0], np.abs(values).mean(1) + 1, rtol=1e-5)


def test_a_constant_window_has_a_finite_scale():
    for kind in ("last", "standard", "scale", "none"):
        shift, scale = WindowStatistics(kind)(np.zeros((2, 9, 1), "float32"))
        assert (ops.convert_to_numpy(scale) > 0).all() and np.isfinite(ops.convert_to_numpy(shift)).all()


def test_segments_are_filled_up_at_the_end_that_is_cut():
    values = np.arange(7, dtype="float32").reshape(1, 1, 7, 1)
    front = ops.convert_to_numpy(into_segments(ops.convert_to_tensor(values), 2, 4, at_front=True))
    np.testing.assert_array_equal(front[0, 0], [[0, 0, 1, 2], [3, 4, 5, 6]])
    behind = ops.convert_to_numpy(into_segments(ops.convert_to_tensor(values), 2, 4, at_front=False))
    np.testing.assert_array_equal(behind[0, 0], [[0, 1, 2, 3], [4, 5, 6, 6]])


def test_volatile_windows_have_wider_intervals_and_typical_ones_the_fitted():
    random = np.random.default_rng(0)
    calm = random.normal(size=(64, 40, 2)).astype("float32")
    typical = ops.convert_to_numpy(RelativeVolatility.change(calm, 24)).mean(axis=0)
    expected = np.abs(calm[:, 24:] - calm[:, :-24]).mean(axis=1)
    np.testing.assert_allclose(RelativeVolatility.change(calm, 24), expected, rtol=1e-5)
    layer = RelativeVolatility(24, typical)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(calm)).mean(), 1, atol=0.05)
    np.testing.assert_allclose(layer(4 * calm), 2 * ops.convert_to_numpy(layer(calm)), rtol=1e-2)
    assert ops.convert_to_numpy(layer(calm)).shape == (64, 1, 2, 1)
    np.testing.assert_allclose(layer(np.zeros((1, 40, 2), "float32")), 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(RelativeVolatility(1, [0.0, 0.0])(calm[:, :1]), 1, rtol=1e-6)
