"""What a user loses without this: averaged weights that are validated without a trace in the training."""

import keras
import numpy as np

from common.training.averaging import ValidateAverages, weights_to_keep
from common.training.optimizer import MeasuredAdam


def test_the_averages_are_in_the_model_during_validation_only():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(2)(inputs)))
    model.compile(optimizer=MeasuredAdam(0.1, weight_average=0.9), loss="mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    for index, average in enumerate(model.optimizer.averages):
        average.assign(np.full(average.shape, index + 1 / 3, "float32"))
    trained = [weight.numpy() for weight in model.weights]
    kept = weights_to_keep(model)
    seen = []

    class Look(keras.callbacks.Callback):
        def on_test_batch_begin(self, batch, logs=None):
            seen.extend(np.array(weight.numpy()) for weight in self.model.weights)

    model.evaluate(np.ones((2, 3)), np.ones((2, 2)), callbacks=[ValidateAverages(), Look()], verbose=0)
    for weight, before, shown, keep in zip(model.weights, trained, seen, kept, strict=True):
        np.testing.assert_array_equal(weight.numpy(), before)
        np.testing.assert_array_equal(shown, keep)
    # Kernel and bias are averaged; the statistics of the batch norm, which have no gradient, are not.
    np.testing.assert_allclose(kept[0], 1 / 3)
    np.testing.assert_array_equal(kept[-1], trained[-1])
