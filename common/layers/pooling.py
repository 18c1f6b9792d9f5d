"""From a sequence to one vector, over its real steps only."""

import keras
from keras import ops

POOLING_MODES = ("max", "mean", "max_mean", "sqrtn", "last", "attention")


@keras.saving.register_keras_serializable(package="unroll")
class SequencePooling(keras.layers.Layer):
    """Pools `[batch, time, features]` over the real steps.

    Args:
        mode: `max`, `mean`, both joined (`max_mean`), `sqrtn` (the sum over the root of the number of steps), `last` (the last real step), or `attention` (a mean whose weights
            are a softmax over time of a learned score).

    Call arguments:
        sequence: float `[batch, time, features]`.
        mask: bool `[batch, time]`, True for real steps; None when all are.

    Returns:
        float `[batch, features]`, twice as wide for `max_mean`; zeros for a row without any real step.

    Raises:
        ValueError: for an unknown `mode`.

    Reference:
        The attention is that of Yang et al. 2016, "Hierarchical attention networks", NAACL.
    """

    def __init__(self, mode="max", **kwargs):
        super().__init__(**kwargs)
        if mode not in POOLING_MODES:
            raise ValueError(f"SequencePooling: mode must be one of {POOLING_MODES}, got {mode!r}")
        self.mode = mode
        self.supports_masking = True

    def build(self, sequence_shape):
        features = sequence_shape[-1]
        if self.mode == "attention":
            self.kernel = self.add_weight(shape=(features, features), name="kernel", initializer="glorot_uniform")
            self.bias = self.add_weight(shape=(features,), name="bias", initializer="zeros")
            self.query = self.add_weight(shape=(features, 1), name="query", initializer="glorot_uniform")

    def call(self, sequence, mask=None):
        if mask is None:
            mask = ops.ones(ops.shape(sequence)[:2], "bool")
        mask = ops.expand_dims(ops.cast(mask, "bool"), -1)  # [batch, time, 1]
        if self.mode == "max_mean":
            return ops.concatenate([self._max(sequence, mask), self._mean(sequence, mask)], axis=-1)
        return getattr(self, f"_{self.mode}")(sequence, mask)

    def _max(self, sequence, mask):
        # Finite, because some runtimes of ONNX choose between two values by multiplying both.
        lowest = -65504.0 if keras.backend.standardize_dtype(sequence.dtype) == "float16" else -3e38
        highest = ops.max(ops.where(mask, sequence, lowest), axis=1)
        return ops.where(ops.any(mask, axis=1), highest, 0.0)

    def _mean(self, sequence, mask):
        total, count = self._sum_and_count(sequence, mask)
        return ops.cast(total / count, sequence.dtype)

    def _sqrtn(self, sequence, mask):
        total, count = self._sum_and_count(sequence, mask)
        return ops.cast(total / ops.sqrt(count), sequence.dtype)

    def _sum_and_count(self, sequence, mask):
        """In float32, because half precision cannot count to 257; the count is at least 1."""
        total = ops.sum(ops.where(mask, ops.cast(sequence, "float32"), 0.0), axis=1)
        return total, ops.maximum(ops.sum(ops.cast(mask, "float32"), axis=1), 1.0)

    def _last(self, sequence, mask):
        steps = ops.arange(1, ops.shape(sequence)[1] + 1)[None, :, None]
        last = ops.max(ops.where(mask, steps, 0), axis=1, keepdims=True)  # [batch, 1, 1], counted from one
        return ops.sum(ops.where(steps == last, sequence, 0.0), axis=1)

    def _attention(self, sequence, mask):
        scores = ops.matmul(ops.tanh(ops.matmul(sequence, self.kernel) + self.bias), self.query)
        scores = ops.where(mask, ops.cast(scores, "float32"), -1e9)
        weights = ops.where(mask, ops.softmax(scores, axis=1), 0.0)  # [batch, time, 1]
        return ops.sum(ops.cast(weights, sequence.dtype) * sequence, axis=1)

    def compute_mask(self, sequence, previous_mask=None):
        return None

    def compute_output_shape(self, sequence_shape):
        return (sequence_shape[0], sequence_shape[-1] * (2 if self.mode == "max_mean" else 1))

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
