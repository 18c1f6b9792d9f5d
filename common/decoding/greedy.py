"""Greedy search, and the loop it shares with sampling."""

from typing import Any, NamedTuple

from keras import ops

from common.decoding.largest import largest, pick
from common.decoding.rows import (
    call_step,
    check_first_ids,
    check_forbidden,
    check_forced,
    check_lengths,
    forbid,
    is_more_than,
    keep_shape,
    log_sum_exp,
    row_counts,
    search_in_parts,
    state_leaves,
)


class Decoded(NamedTuple):
    """One sequence for each row.

    Attributes:
        ids: int32 `[batch, max_length]`, with the end where there is one, and `pad_id` behind.
        lengths: int32 `[batch]`, the end counted; `max_length` where there was none.
        log_probabilities: float32 `[batch]`, sum of what the network gave to each token, the end too. Nothing that was
            forbidden, filtered or forced is taken out of it, nor does a temperature change it.
    """

    ids: Any
    lengths: Any
    log_probabilities: Any


def greedy(
    step,
    state,
    first_ids,
    *,
    end_id,
    max_length,
    min_length=0,
    pad_id=0,
    forbidden=None,
    forced=None,
    context=None,
    halvings=0,
) -> Decoded:
    """At each step the most likely token, of equal ones that with the lowest id.

    Args:
        step: `step(token_ids, state) -> (logits, state)`, see `common.decoding`.
        state: before the first step; nested structure of tensors `[batch, ...]`.
        first_ids: int32 `[batch]`, what `step` gets first; not part of the answer.
        end_id: int, the token that ends a sequence; None for sequences of `max_length` tokens.
        max_length: positive int; a sequence that has no end by then is returned as it is. On TensorFlow it may be an int32
            scalar tensor, at least 1.
        min_length: int, tokens, the end counted, before which the end is not chosen.
        pad_id: int, stands behind the end, and is what `step` gets for a sequence that has ended.
        forbidden: bool `[vocabulary]` or `[batch, vocabulary]`, tokens not to be chosen; at least one must be left.
        forced: int32 `[batch, max_length]`, tokens that are chosen whatever else holds; -1 where the choice is free.
        context: nested structure of tensors `[batch, ...]`, which `step` gets as a third argument: what is the same at each
            step, such as the memory of an encoder.
        halvings: how often the search goes on with half of the rows, once no more than those are not done; no answer changes.
            `step` then must know nothing of its rows but by `state` and `context`. Each costs another copy of the loop.

    Returns:
        `Decoded`.

    Raises:
        ValueError: for lengths, shapes or tokens that do not fit.
    """

    def best(logits, position):
        return largest(logits, 1)[1][:, 0]

    constraints = {"end_id": end_id, "min_length": min_length, "forbidden": forbidden, "forced": forced}
    parts = {"context": context, "halvings": halvings}
    return decode("greedy", best, step, state, first_ids, max_length=max_length, pad_id=pad_id, **constraints, **parts)


def decode(
    name,
    choose,
    step,
    state,
    first_ids,
    *,
    end_id,
    max_length,
    min_length,
    pad_id,
    forbidden,
    forced,
    context=None,
    halvings=0,
):
    """The loop of `greedy` and `sample`.

    Args:
        name: for errors.
        choose: `choose(logits, position) -> ids`, of float32 `[batch, vocabulary]` and an int32 scalar to int `[batch]`; what
            is forbidden has logits of `LOG_ZERO`.

    The others are those of `greedy`.
    """
    check_lengths(name, end_id, max_length, min_length)
    first_ids = check_first_ids(name, first_ids)
    forbidden, forced = check_forbidden(name, forbidden), check_forced(name, forced, max_length)
    counts = row_counts(name, ops.shape(first_ids)[0], halvings)
    own = {"context": context, "forced": forced}
    own |= {"forbidden": forbidden} if forbidden is not None and len(forbidden.shape) == 2 else {}
    own = {key: value for key, value in own.items() if value is not None}
    positions = ops.arange(max_length, dtype="int32")

    def search(position, carry, own, left):
        own_forced, own_forbidden = own.get("forced"), own.get("forbidden", forbidden)

        def is_running(position, is_done, *others):
            return (position < max_length) & is_more_than(left, is_done)

        def body(position, is_done, tokens, lengths, log_probabilities, ids, *leaves):
            logits, new_leaves = call_step(name, step, tokens, state, list(leaves), own.get("context"))
            chosen = ops.cast(choose(forbid(logits, position, own_forbidden, end_id, min_length), position), "int32")
            if own_forced is not None:
                wanted = ops.take(own_forced, position, axis=1)
                chosen = ops.where(wanted >= 0, wanted, chosen)
            gained = ops.minimum(pick(logits, chosen[:, None]) - log_sum_exp(logits), 0.0)[:, 0]
            chosen = ops.where(is_done, pad_id, chosen)
            new = (
                is_done if end_id is None else is_done | (chosen == end_id),
                chosen,
                ops.where(is_done, lengths, position + 1),
                ops.where(is_done, log_probabilities, log_probabilities + gained),
                ops.where(positions == position, chosen[:, None], ids),
            )
            old = (is_done, tokens, lengths, log_probabilities, ids)
            return (position + 1, *map(keep_shape, new, old), *new_leaves)

        position, *carry = ops.while_loop(is_running, body, (position, *carry))
        return position, tuple(carry)

    none = ops.zeros_like(first_ids)
    start = (
        ops.zeros_like(first_ids, dtype="bool"),
        first_ids,
        none,
        ops.cast(none, "float32"),
        none[:, None] + ops.full((max_length,), pad_id, dtype="int32"),
        *state_leaves(state),
    )
    _, _, lengths, log_probabilities, ids, *_ = search_in_parts(search, start, own, counts)
    return Decoded(ids, lengths, log_probabilities)
