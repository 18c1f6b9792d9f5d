"""The loop that runs every recurrence. If these fail, a step of a decoder is not that of the trained layer, or a converted file says
backwards what the layer said."""

import keras
import numpy as np
import pytest

from common.layers import GRU, LSTM, Bidirectional

tf = pytest.importorskip("tensorflow")
if keras.backend.backend() != "tensorflow":
    pytest.skip("of the TensorFlow side alone", allow_module_level=True)


@pytest.mark.parametrize("layer_class", [GRU, LSTM])
def test_a_sequence_of_one_step_is_a_step_of_the_cell_and_needs_no_loop(layer_class):
    layer = layer_class(4, return_sequences=True, return_state=True, seed=0)
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 1, 5)), tf.float32)
    traced = tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec([3, 1, 5]))
    assert not [node for node in traced.graph.as_graph_def().node if "While" in node.op]
    outputs, *states = traced(x)
    expected, new = layer.cell(x[:, 0], [tf.zeros([3, 4]) for _ in states])
    np.testing.assert_allclose(outputs[:, 0], expected, rtol=1e-6)
    for one, other in zip(states, keras.tree.flatten(new)):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_its_gradient_is_that_of_two_steps_of_which_the_second_is_padding():
    layer = LSTM(4, seed=0)
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 1, 5)), tf.float32)

    def gradients(x, mask=None):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, mask=mask) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    layer.build(x.shape)
    padded = gradients(tf.pad(x, [[0, 0], [0, 1], [0, 0]]), tf.constant([[True, False]] * 3))
    for one, other in zip(gradients(x), padded):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_loops_that_write_in_order_say_the_same():
    from common.layers.backend.tensorflow import writes_in_order

    layer = Bidirectional(GRU(4, return_sequences=True, seed=0))
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 37, 5)), tf.float32)
    mask = tf.sequence_mask([37, 5, 20], 37)
    expected = layer(x, mask=mask)
    with writes_in_order():
        traced = tf.function(lambda x, mask: layer(x, mask=mask)).get_concrete_function(x, mask)
    np.testing.assert_allclose(traced(x, mask), expected, rtol=1e-6, atol=1e-7)
