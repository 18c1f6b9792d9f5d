"""Validation, and the weights that are kept, use the running mean of the weights where there is one."""

import keras
import numpy as np


def weights_to_keep(model: keras.Model) -> list[np.ndarray]:
    """Returns what a person should get out of training: `model.weights`, averaged where an average is kept.

    Statistics that are no subject of gradient descent (batch normalisation) are taken as they are.
    """
    averages = _averages(model)
    return [averages.get(id(variable), variable).numpy() for variable in model.weights]


class ValidateAverages(keras.callbacks.Callback):
    """Puts the averages into the model while it is validated, and the training weights back, bit for bit.

    Keras's `SwapEMAWeights` swaps by adding and subtracting on TensorFlow, which rounds: a validation would
    change the training.
    """

    def __init__(self):
        super().__init__()
        self._training_values: list[tuple[keras.Variable, np.ndarray]] = []

    def on_test_begin(self, logs=None) -> None:
        averages = _averages(self.model)
        averaged = [variable for variable in self.model.trainable_variables if id(variable) in averages]
        # A copy: on CPU the NumPy array may be the very memory that `assign` is about to overwrite.
        self._training_values = [(variable, np.array(variable.numpy())) for variable in averaged]
        for variable in averaged:
            # Through NumPy: on JAX both variables would share one array, which evaluation gives away.
            variable.assign(averages[id(variable)].numpy())

    def on_test_end(self, logs=None) -> None:
        for variable, value in self._training_values:
            variable.assign(value)
        self._training_values = []


def _averages(model: keras.Model) -> dict[int, keras.Variable]:
    """Returns the running mean of each trainable variable by its `id`; empty where there is none."""
    averages = getattr(innermost(model.optimizer), "averages", [])
    if not averages:
        return {}
    return {id(v): average for v, average in zip(model.trainable_variables, averages, strict=True)}


def innermost(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Returns the optimizer inside a `LossScaleOptimizer`, which Keras adds for float16, else itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)
