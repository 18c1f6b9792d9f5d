"""Dropout of this library beside Keras's, which is slow under XLA."""

import keras
import numpy as np
import pytest
from keras import ops

from common.layers import Dropout, random_uniform


@pytest.mark.parametrize("shape", [(4000,), (50, 40, 30)])
def test_random_numbers_are_uniform_and_new_each_time(shape):
    generator = keras.random.SeedGenerator(1)
    first, second = (ops.convert_to_numpy(random_uniform(shape, generator)) for _ in range(2))
    assert first.shape == shape and first.dtype == "float32"
    assert first.min() >= 0 and first.max() < 1
    assert abs(first.mean() - 0.5) < 4 / np.sqrt(12 * first.size)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / np.sqrt(first.size)
    again = ops.convert_to_numpy(random_uniform(shape, keras.random.SeedGenerator(1)))
    np.testing.assert_array_equal(first, again)


def test_dropped_are_zero_and_the_mean_stays():
    inputs = np.ones((200, 100), "float32")
    layer = Dropout(0.3, seed=0)
    outputs = ops.convert_to_numpy(layer(inputs, training=True))
    np.testing.assert_allclose(np.unique(outputs), [0, 1 / 0.7], rtol=1e-6)
    assert abs((outputs == 0).mean() - 0.3) < 0.02
    np.testing.assert_array_equal(layer(inputs, training=False), inputs)
    np.testing.assert_array_equal(layer(inputs), inputs)


def test_the_noise_shape_says_what_is_dropped_together():
    outputs = ops.convert_to_numpy(
        Dropout(0.5, noise_shape=(None, 1, None), seed=0)(np.ones((8, 5, 16)), training=True)
    )
    assert (outputs == outputs[:, :1]).all()
    assert len(np.unique(outputs[:, 0], axis=0)) == 8


@pytest.mark.parametrize("wrong", [(1, None), (None, 2, None, 1)])
def test_a_noise_shape_that_does_not_fit_is_an_error(wrong):
    with pytest.raises(ValueError):
        Dropout(0.5, noise_shape=wrong)(np.ones((8, 5, 16), "float32"), training=True)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_trains_exactly_as_with_the_dropout_of_keras_and_survives_saving(jit_compile, tmp_path):
    def trained(layer):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((6,))
        model = keras.Model(inputs, layer(0.5, seed=3)(keras.layers.Dense(32)(inputs)))
        model.compile("sgd", "mse", jit_compile=jit_compile)
        model.fit(np.ones((16, 6), "float32"), np.ones((16, 32), "float32"), epochs=2, verbose=0)
        return model

    ours, keras_own = trained(Dropout), trained(keras.layers.Dropout)
    # On JAX, Keras drops where the random numbers are large, not small.
    if keras.backend.backend() == "tensorflow":
        for mine, other in zip(ours.trainable_variables, keras_own.trainable_variables):
            np.testing.assert_allclose(mine, other, atol=1e-6)
    ours.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == ours.layers[-1].get_config()


def test_mixed_precision_keeps_its_dtype():
    layer = Dropout(0.5, dtype="mixed_float16")
    assert keras.backend.standardize_dtype(layer(np.ones((4, 4), "float32"), training=True).dtype) == "float16"
