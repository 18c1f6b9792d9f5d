"""What both kinds of attention have in common: a query and a memory in, a mean of the memory and its weights out."""

import keras
from keras import ops

from common.layers.context_recurrence import Products
from common.layers.masks import fits, mask_of_steps


class MemoryAttention(keras.layers.Layer):
    """Looks at a memory: `weights = softmax(score(query, keys))`, `context = sum of weights * memory`.

    Subclasses write `build`, `project_memory`, `maps`, `score_weights` and `score`.

    Args:
        coverage: let the sum of the weights of all steps before enter the score of a step, so that it sees what was already
            read (Tu et al. 2016, arXiv:1601.04811; the sum itself as in See et al. 2017, arXiv:1704.04368).

    Call arguments:
        query: float `[batch, units]`, or many at once, `[batch, time, units]`.
        memory: float `[batch, memory_time, features]`.
        keys: what `project_memory(memory)` returned; computed when None. Whoever asks more than once computes it once.
        memory_mask: bool `[batch, memory_time]`, True for what is real; None when all is.
        memory_lengths: int `[batch]`, another way to say a mask with padding on the right.
        coverage: float `[batch, memory_time]`, the sum of the weights so far, with `coverage` only; zeros when None.

    Returns:
        The context, `[batch, features]`, and the weights, float32 `[batch, memory_time]`; `[batch, time, features]` and
        `[batch, time, memory_time]` for many queries. Both are zero for a row whose memory is all padding.

    Raises:
        ValueError: for arguments whose shapes do not fit, both `memory_mask` and `memory_lengths`, a coverage without the
            option, many queries with it (each has to wait for the one before: see `AttentionRNN`).
    """

    def __init__(self, coverage=False, **kwargs):
        super().__init__(autocast=False, **kwargs)  # queries are float32 states
        self.coverage = coverage

    @property
    def state_dtype(self):
        """Scores and weights are never computed in half precision."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    def project_memory(self, memory):
        """The keys, float `[batch, memory_time, units]`: the part of the score that does not depend on the query."""
        raise NotImplementedError

    def maps(self, memory, keys):
        """What `attend` multiplies with at every step: see `Products`."""
        raise NotImplementedError

    def score_weights(self, keys):
        """What `score` reads beside its maps, a dictionary of floats."""
        raise NotImplementedError

    def score(self, product, query, weights, coverage):
        """Float `[..., units]` to `[..., memory_time]`; `product` as in `context_recurrence`, coverage may be None."""
        raise NotImplementedError

    def attend(self, product, query, weights, memory_mask, coverage=None):
        """One look at the memory, or many: the context and the weights in the precision of the state.

        Args:
            product: as in `context_recurrence`, with the products of `maps`.
            query: float `[batch, units]` or `[batch, time, units]`.
            weights: what `score_weights` returned.
            memory_mask: float `[batch, memory_time]`, 1 or 0.
            coverage: float `[batch, memory_time]` or None.
        """
        scores = ops.cast(self.score(product, query, weights, coverage), self.state_dtype)
        real = memory_mask > 0 if len(scores.shape) == 2 else memory_mask[:, None] > 0
        attention = ops.where(real, ops.softmax(ops.where(real, scores, -1e9), axis=-1), 0.0)
        return product("read", attention), attention

    def call(self, query, memory, keys=None, memory_mask=None, memory_lengths=None, coverage=None):
        self._check_query(query, memory, coverage)
        mask = self.mask_of_memory(memory, memory_mask, memory_lengths)
        memory = ops.cast(memory, self.compute_dtype)
        keys = self.checked_keys(memory, keys)
        if self.coverage and coverage is None:
            coverage = ops.zeros_like(mask)
        product = Products(self.maps(memory, keys), self.state_dtype)
        query = ops.cast(query, self.state_dtype)
        context, attention = self.attend(product, query, self.score_weights(keys), mask, coverage)
        return ops.cast(context, self.compute_dtype), attention

    def checked_keys(self, memory, keys=None):
        """The keys of a memory, computed if they are not given."""
        if keys is None:
            return self.project_memory(memory)
        if len(keys.shape) != 3 or not fits(keys.shape[:2], memory.shape[:2]):
            raise ValueError(
                f"{type(self).__name__}: keys must be what project_memory returns for a memory of shape "
                f"{tuple(memory.shape)}, got shape {tuple(keys.shape)}"
            )
        return keys

    def mask_of_memory(self, memory, memory_mask=None, memory_lengths=None):
        """Float `[batch, memory_time]`, 1 where the memory is real."""
        name, shape = type(self).__name__, tuple(memory.shape)
        if len(shape) != 3 or shape[1] == 0:
            raise ValueError(
                f"{name}: memory must be [batch, memory_time, features] with at least one step, got shape {shape}"
            )
        mask = mask_of_steps(name, memory, memory_mask, memory_lengths, "memory")
        return ops.ones(ops.shape(memory)[:2], self.state_dtype) if mask is None else ops.cast(mask, self.state_dtype)

    def _check_query(self, query, memory, coverage):
        name, shape = type(self).__name__, tuple(query.shape)
        if len(shape) not in (2, 3) or not fits(shape[:1], tuple(memory.shape)[:1]):
            raise ValueError(
                f"{name}: query must be [batch, units] or [batch, time, units] beside a memory of shape "
                f"{tuple(memory.shape)}, got shape {shape}"
            )
        if coverage is not None and not self.coverage:
            raise ValueError(f"{name}: coverage was given, but the layer was made with coverage=False")
        if coverage is not None and not fits(tuple(coverage.shape), tuple(memory.shape)[:2]):
            raise ValueError(
                f"{name}: coverage must be [batch, memory_time] of a memory of shape {tuple(memory.shape)}, "
                f"got shape {tuple(coverage.shape)}"
            )
        if self.coverage and len(shape) == 3:
            raise ValueError(
                f"{name}: with coverage each query waits for the one before, so query must be [batch, units], "
                f"got shape {shape}"
            )

    def compute_output_shape(self, query_shape, memory_shape, **_):
        return (*query_shape[:-1], memory_shape[-1]), (*query_shape[:-1], memory_shape[1])

    def get_config(self):
        return {**super().get_config(), "coverage": self.coverage}
