"""Multiplicative attention: the score of a place is a product of the query with it."""

import keras
from keras import ops

from common.layers.memory_attention import MemoryAttention

SCORES = ("dot", "general", "scaled")


@keras.saving.register_keras_serializable(package="unroll")
class MultiplicativeAttention(MemoryAttention):
    """Attention whose score is a product of query and memory.

        keys_j  = memory_j  (`dot`),  memory_j·M  (`general`),  memory_j / sqrt(features)  (`scaled`);  once for a memory
        score_j = query·keys_j                          with coverage: query·keys_j + c * coverage_j
        weights = softmax(score over the real places),  context = sum of weights_j * memory_j

    Weights: `memory_kernel` M `[features, query units]` for `general`; `coverage_kernel` c, a number, zero at first.

    Args:
        score: `general` (default), `dot` or `scaled`; the last two need a query of the size of the memory's features.
        coverage: see `MemoryAttention`, which has the call arguments, what is returned and what is raised.
        kernel_initializer: initializer of `memory_kernel`.

    Reference:
        Luong et al. 2015, arXiv:1508.04025; `scaled` is that of Vaswani et al. 2017, arXiv:1706.03762.
    """

    def __init__(self, score="general", coverage=False, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(coverage, **kwargs)
        if score not in SCORES:
            raise ValueError(f"MultiplicativeAttention: score must be one of {SCORES}, got {score!r}")
        self.score_mode = score
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, query_shape, memory_shape):
        self.memory_kernel = self.coverage_kernel = None
        if self.score_mode == "general":
            self.memory_kernel = self.add_weight(
                shape=(memory_shape[-1], query_shape[-1]), name="memory_kernel", initializer=self.kernel_initializer
            )
        elif query_shape[-1] != memory_shape[-1]:
            raise ValueError(
                f"MultiplicativeAttention: score {self.score_mode!r} needs a query as wide as the memory, "
                f"got query {tuple(query_shape)} and memory {tuple(memory_shape)}; score 'general' takes any"
            )
        if self.coverage:
            self.coverage_kernel = self.add_weight(shape=(), name="coverage_kernel", initializer="zeros")

    def project_memory(self, memory):
        memory = ops.cast(memory, self.compute_dtype)
        if self.score_mode == "general":
            return ops.matmul(memory, ops.cast(self.memory_kernel, memory.dtype))
        return memory / memory.shape[-1] ** 0.5 if self.score_mode == "scaled" else memory

    def maps(self, memory, keys):
        keys = ops.transpose(ops.cast(keys, self.compute_dtype), (0, 2, 1))  # [batch, units, memory_time]
        return {"score": {"kernel": keys}, "read": {"kernel": memory}}

    def score_weights(self, keys):
        return {"coverage_kernel": ops.cast(self.coverage_kernel, self.state_dtype)} if self.coverage else {}

    def score(self, product, query, weights, coverage):
        scores = product("score", query)
        return scores if coverage is None else scores + weights["coverage_kernel"] * coverage

    def get_config(self):
        return {
            **super().get_config(),
            "score": self.score_mode,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
