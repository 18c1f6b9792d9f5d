"""The layer that translation alone needs."""

import keras
from keras import ops

from common.data.token_vocabulary import PAD_ID
from common.layers import random_uniform


@keras.saving.register_keras_serializable(package="unroll")
class ScheduledSampling(keras.layers.Layer):
    """In training, puts tokens that the network guesses in the place of some of the true ones that the decoder reads.

    Guesses of all steps come from one pass with the true tokens, so that nothing waits for a step before it.

    Args:
        fraction: share of the tokens that are replaced at the last step; it rises linearly from 0.
        steps: positive int, steps of the training.
        seed: int, of the draws.

    Call arguments:
        target_inputs: int32 `[batch, time]`, the tokens that the decoder reads.
        logits: float `[batch, time, vocabulary]`, what it said having read them; no gradient flows back to them.
        training: nothing is replaced without.

    Returns:
        int32 `[batch, time]`.

    Reference:
        Bengio et al. 2015, arXiv:1506.03099; in two passes: Mihaylova and Martins 2019, arXiv:1906.07651.
    """

    def __init__(self, fraction, steps, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.fraction, self.steps, self.seed = fraction, steps, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, target_inputs_shape, logits_shape):
        self.step = self.add_weight(shape=(), dtype="float32", initializer="zeros", trainable=False, name="step")

    def call(self, target_inputs, logits, training=None):
        if not training:
            return target_inputs
        share = self.fraction * ops.minimum(ops.convert_to_tensor(self.step) / self.steps, 1.0)
        self.step.assign(self.step + 1)
        shape = ops.shape(target_inputs)
        # The guess of a step is what the next one reads; the first one reads the start.
        guesses = ops.cast(ops.argmax(ops.stop_gradient(logits), axis=-1), target_inputs.dtype)
        guesses = ops.concatenate([target_inputs[:, :1], guesses[:, :-1]], axis=1)
        replaced = random_uniform(shape, self.seed_generator) < share
        replaced = ops.logical_and(replaced, ops.not_equal(target_inputs, PAD_ID))
        return ops.where(replaced, guesses, target_inputs)

    def compute_output_shape(self, target_inputs_shape, logits_shape):
        return target_inputs_shape

    def get_config(self):
        return {**super().get_config(), "fraction": self.fraction, "steps": self.steps, "seed": self.seed}
