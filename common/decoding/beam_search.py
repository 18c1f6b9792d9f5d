"""Beam search with two pools: hypotheses that go on, and those that have ended."""

import numbers
from typing import Any, NamedTuple

import keras
from keras import ops

from common.decoding.largest import largest, pick
from common.decoding.penalties import length_normalizer
from common.decoding.rows import (
    LOG_ZERO,
    call_step,
    check_first_ids,
    check_forbidden,
    check_forced,
    check_lengths,
    forbid,
    is_more_than,
    is_possible,
    keep_shape,
    log_sum_exp,
    repeat_rows,
    row_counts,
    search_in_parts,
    state_leaves,
    take_rows,
)

# What a forced token to which the network gives less than this gets, so that its hypothesis is not lost.
LEAST_OF_FORCED = -1e5
_POOLS = 5  # tensors of `_Pools`


class Beams(NamedTuple):
    """The `width` best hypotheses for each row, best first.

    Where there are fewer of them, as in a row with a smaller width of its own or a vocabulary of few sequences, scores and log
    probabilities are -inf, lengths 0 and ids `pad_id`.

    Attributes:
        ids: int32 `[batch, width, max_length]`, with the end where there is one, and `pad_id` behind.
        lengths: int32 `[batch, width]`, the end counted; `max_length` where there was none.
        log_probabilities: float32 `[batch, width]`, sum of what the network gave to each token, the end too. What was forbidden
            is not taken out of it.
        scores: float32 `[batch, width]`, `log_probability / length_normalizer(length, length_penalty) + state_penalty`.
    """

    ids: Any
    lengths: Any
    log_probabilities: Any
    scores: Any


def beam_search(
    step,
    state,
    first_ids,
    *,
    width,
    end_id,
    max_length,
    min_length=0,
    length_penalty=1.0,
    state_penalty=None,
    pad_id=0,
    forbidden=None,
    forced=None,
    widths=None,
    stop_when_full=False,
    context=None,
    halvings=0,
) -> Beams:
    """The best sequences found by keeping the `width` most likely beginnings.

    At each step, of all continuations of the hypotheses that go on, the `width` most likely without an end go on, and those
    with an end that are among the `width` most likely of all are candidates for the answer. A row is done when it has `width`
    ended hypotheses and no other can reach their scores, which changes nothing in its answer; with `stop_when_full` without
    asking whether another can, which with a large `max_length` is sooner. With a width of 1 a row is done
    with its first end, whatever the length penalty: that is greedy search. A hypothesis without end by `max_length` competes
    with its score. Of equal candidates the first hypothesis and then the lowest id wins.

    Args:
        step: `step(token_ids, state) -> (logits, state)` of `batch * width` rows, see `common.decoding`.
        state: before the first step; nested structure of tensors `[batch, ...]`.
        first_ids: int32 `[batch]`, what `step` gets first; not part of the answer.
        width: positive int, hypotheses kept for each row; on TensorFlow without XLA also an int scalar tensor.
        end_id: int, the token that ends a sequence; None for sequences of `max_length` tokens.
        max_length: positive int, tokens, the end counted. On TensorFlow it may be an int32 scalar tensor, at least 1.
        min_length: int, tokens, the end counted, before which the end is not chosen.
        length_penalty: float or float `[batch]`, at least 0, the `alpha` of `length_normalizer`.
        state_penalty: `state_penalty(state) -> float [batch * width]`, at most 0, added to the scores; of the state that came
            with the logits of the last token. Or None.
        pad_id: int, stands behind the end.
        forbidden: bool `[vocabulary]` or `[batch, vocabulary]`, tokens not to be chosen.
        forced: int32 `[batch, max_length]`, tokens that are chosen whatever else holds; -1 where the choice is free.
        widths: int32 `[batch]`, 1 to `width`: a row finds what a search of this width finds. None for `width` in all rows.
        stop_when_full: whether a row is done with its first `width` ended hypotheses.
        context: nested structure of tensors `[batch, ...]`, which `step` gets as a third argument and `state_penalty` as a
            second one, each row `width` times: what is the same at each step, such as the memory of an encoder.
        halvings: how often the search goes on with half of the rows, once no more than those are not done; no answer changes.
            `step` then must know nothing of its rows but by `state` and `context`. Each costs another copy of the loop.

    Returns:
        `Beams`.

    Raises:
        ValueError: for a width, lengths, a penalty, shapes or tokens that do not fit. Tensors are not looked into.

    Reference:
        The scores: Wu et al. 2016, arXiv:1609.08144; the two pools: Vaswani et al. 2018, arXiv:1803.07416 (Tensor2Tensor);
        `stop_when_full`: Ott et al. 2019, arXiv:1904.01038 (fairseq).
    """
    name = "beam_search"
    check_lengths(name, end_id, max_length, min_length)
    if isinstance(width, numbers.Integral):
        width = int(width)
    if isinstance(width, int) and width < 1:
        raise ValueError(f"{name}: width must be at least 1, got {width!r}")
    if isinstance(length_penalty, (int, float)) and length_penalty < 0:
        raise ValueError(f"{name}: length_penalty must be at least 0, got {length_penalty!r}")
    first_ids = check_first_ids(name, first_ids)
    forbidden, forced = check_forbidden(name, forbidden), check_forced(name, forced, max_length)
    if widths is not None:
        widths = ops.cast(widths, "int32")
        if len(widths.shape) != 1:
            raise ValueError(f"{name}: widths must be of shape [batch], got {tuple(widths.shape)}")
    counts = row_counts(name, ops.shape(first_ids)[0], halvings)
    length_penalty = ops.cast(length_penalty, "float32")
    own = {"context": context, "widths": widths, "forced": forced}
    own |= {"forbidden": forbidden} if forbidden is not None and len(forbidden.shape) == 2 else {}
    own |= {"length_penalty": length_penalty} if len(length_penalty.shape) else {}
    own = {key: value for key, value in own.items() if value is not None}

    def pools_of(batch, own):
        penalty = own.get("length_penalty", length_penalty)
        return _Pools(batch, width, own.get("widths"), penalty, max_length, end_id, pad_id, stop_when_full)

    def penalties_of(batch, leaves, context):
        if state_penalty is None:
            return None
        others = () if context is None else (context,)
        found = state_penalty(keras.tree.pack_sequence_as(state, list(leaves)), *others)
        return ops.reshape(ops.cast(found, "float32"), (batch, width))

    def search(position, carry, own, left):
        batch = ops.shape(carry[0])[0]
        pools, context = pools_of(batch, own), _of_beams(own, width)
        own_forced, own_forbidden = own.get("forced"), own.get("forbidden", forbidden)

        def is_running(position, is_done, *others):
            return (position < max_length) & is_more_than(left, is_done)

        def body(position, is_done, tokens, *others):
            old, leaves = others[:_POOLS], others[_POOLS:]
            logits, new_leaves = call_step(name, step, tokens, state, list(leaves), context)
            places, gains = _best_tokens(logits, position, pools, own_forbidden, own_forced, end_id, min_length)
            penalties = penalties_of(batch, new_leaves, context)
            parents, tokens, is_done, *new = pools.advanced(position, is_done, old, places, gains, penalties)
            rows = ops.reshape(ops.arange(batch, dtype="int32")[:, None] * width + parents, (-1,))
            new = map(keep_shape, (is_done, tokens, *new), start[1:])
            return (position + 1, *new, *take_rows(new_leaves, rows))

        is_done, tokens, *others = carry
        leaves = [_together(leaf) for leaf in others[_POOLS:]]
        start = (position, is_done, _together(tokens), *others[:_POOLS], *leaves)
        position, is_done, tokens, *others = ops.while_loop(is_running, body, start)
        apart = [_apart(each, width) for each in (tokens, *others[_POOLS:])]
        return position, (is_done, apart[0], *others[:_POOLS], *apart[1:])

    batch = counts[0]
    first = pools_of(batch, own)
    leaves = [_apart(leaf, width) for leaf in repeat_rows(state_leaves(state), width)]
    done = ops.zeros_like(first_ids, dtype="bool")
    carry = (done, _apart(repeat_rows(first_ids, width), width), *first.first(), *leaves)
    is_done, _, *others = search_in_parts(search, carry, own, counts)
    leaves = [_together(leaf) for leaf in others[_POOLS:]]
    penalties = penalties_of(batch, leaves, _of_beams(own, width))
    return first.answer(is_done, others[:_POOLS], penalties)


def _of_beams(own, width):
    """What `step` gets as its context, for all beams; or None."""
    return repeat_rows(own["context"], width) if "context" in own else None


def _together(values):
    """`[batch, width, ...]` to `[batch * width, ...]`."""
    return ops.reshape(values, (-1, *ops.shape(values)[2:]))


def _apart(values, width):
    """`[batch * width, ...]` to `[batch, width, ...]`."""
    return ops.reshape(values, (-1, width, *ops.shape(values)[1:]))


def _best_tokens(logits, position, pools, forbidden, forced, end_id, min_length):
    """The best tokens of each row, int32 `[batch, width, count]`, and their log probabilities, float32; best first.

    Of the `2 * width` best of a whole beam no more can come from one row. One more where the end may have to be dropped: that
    is cheaper than to take it out of the logits.
    """
    batch, width, vocabulary = pools.batch, pools.width, logits.shape[1]
    has_least_length = end_id is not None and min_length > 1
    allowed = forbid(ops.reshape(logits, (batch, width, vocabulary)), position, forbidden, end_id, 0)
    count = _smaller(2 * width + has_least_length, vocabulary)
    values, ids = largest(ops.reshape(allowed, (-1, vocabulary)), count)
    total = log_sum_exp(logits)
    gains = ops.where(is_possible(values), ops.minimum(values - total, 0.0), LOG_ZERO)
    if has_least_length:
        gains = ops.where((ids == end_id) & (position + 1 < min_length), LOG_ZERO, gains)
    if forced is not None:
        wanted = repeat_rows(ops.take(forced, position, axis=1), width)[:, None]  # [batch * width, 1]
        gain = ops.minimum(pick(logits, ops.maximum(wanted, 0)) - total, 0.0)
        only = ops.where(ops.arange(count, dtype="int32") == 0, ops.maximum(gain, LEAST_OF_FORCED), LOG_ZERO)
        ids, gains = ops.where(wanted >= 0, wanted, ids), ops.where(wanted >= 0, only, gains)
    return ops.reshape(ids, (batch, width, count)), ops.reshape(gains, (batch, width, count))


class _Pools:
    """The hypotheses of all rows.

    Five tensors: `alive`, float32 `[batch, width]`, log probabilities of those that go on, and `ended`, of those that ended;
    `scores` and `lengths`, `[batch, width]`, of those that ended; and `ids`, int32 `[batch, 2 * width, max_length]`, first of
    those that ended. What is not there has a log probability or score of `LOG_ZERO`.
    """

    def __init__(self, batch, width, widths, length_penalty, max_length, end_id, pad_id, stop_when_full):
        self.stop_when_full = stop_when_full
        self.batch, self.width, self.max_length, self.pad_id = batch, width, max_length, pad_id
        self.end_id = -1 if end_id is None else end_id  # no token is -1
        self.own_width = ops.reshape(ops.cast(width if widths is None else widths, "int32"), (-1, 1))
        self.length_penalty = ops.reshape(ops.cast(length_penalty, "float32"), (-1, 1))
        self.is_own = ops.arange(width, dtype="int32") < self.own_width  # [batch or 1, width]
        self.positions = ops.arange(max_length, dtype="int32")

    def first(self):
        none = ops.full((self.batch, self.width), LOG_ZERO, dtype="float32")
        alive = ops.where(
            ops.arange(self.width, dtype="int32") == 0, 0.0, none
        )  # one beginning, not `width` equal ones
        ids = ops.full((self.batch, 2 * self.width, self.max_length), self.pad_id, dtype="int32")
        return alive, none, none, ops.zeros((self.batch, self.width), dtype="int32"), ids

    def score(self, log_probabilities, length, penalties):
        scores = log_probabilities / length_normalizer(length, self.length_penalty)
        return scores if penalties is None else scores + penalties

    def advanced(self, position, is_done, pools, places, gains, penalties):
        """The pools after one more token.

        Args:
            position: int32 scalar, tokens before this one.
            is_done: bool `[batch]`.
            pools: the five tensors.
            places, gains: the tokens and log probabilities of `_best_tokens`.
            penalties: float32 `[batch, width]`, or None.

        Returns:
            `parents`, int32 `[batch, width]`: from which hypothesis each of those that go on comes; their last tokens, int32
            `[batch * width]`; `is_done`; and the five tensors.
        """
        alive, ended, scores, lengths, ids = pools
        width = self.width
        each = ops.shape(gains)[2]
        sums = ops.reshape(ops.maximum(alive[:, :, None] + gains, LOG_ZERO), (self.batch, -1))
        sums, found = ops.top_k(sums, _smaller(2 * width, width * each))  # [batch, count]
        found = ops.cast(found, "int32")
        tokens, parents = pick(ops.reshape(places, (self.batch, -1)), found), found // each
        is_end = tokens == self.end_id

        going_on = ops.where(is_end | ~is_possible(sums), LOG_ZERO, sums)
        alive, chosen = ops.top_k(going_on, width)
        chosen = ops.cast(chosen, "int32")
        alive = ops.where(self.is_own, alive, LOG_ZERO)
        alive_parents, alive_tokens = pick(parents, chosen), pick(tokens, chosen)

        # Only the best `width` candidates may end a hypothesis: with a width of 1 an end that was second is not taken.
        sums, end_parents = sums[:, :width], parents[:, :width]
        is_taken = is_end[:, :width] & self.is_own & is_possible(sums) & ~is_done[:, None]
        end_penalties = None if penalties is None else pick(penalties, end_parents)
        end_scores = ops.where(is_taken, self.score(sums, position + 1, end_penalties), LOG_ZERO)
        scores, kept = ops.top_k(ops.concatenate([scores, end_scores], axis=1), width)
        kept = ops.cast(kept, "int32")
        scores = ops.where(self.is_own, scores, LOG_ZERO)
        ended = pick(ops.concatenate([ended, sums], axis=1), kept)
        lengths = pick(ops.concatenate([lengths, ops.zeros_like(lengths) + position + 1], axis=1), kept)

        old_places = ops.broadcast_to(ops.arange(width, dtype="int32"), (self.batch, width))
        sources = ops.concatenate(
            [pick(ops.concatenate([old_places, width + end_parents], axis=1), kept), width + alive_parents], axis=1
        )
        is_new = ops.concatenate([kept >= width, ops.ones_like(kept, dtype="bool")], axis=1)
        last = ops.concatenate([ops.full_like(kept, self.end_id), alive_tokens], axis=1)
        ids = pick(ids, sources)
        ids = ops.where((self.positions == position) & is_new[:, :, None], last[:, :, None], ids)

        # Log probabilities only fall and penalties are not positive, so this is as high as any score can still become.
        bound = alive[:, 0] / length_normalizer(self.max_length, self.length_penalty)[:, 0]
        worst = ops.min(ops.where(self.is_own, scores, 0.0 - LOG_ZERO), axis=1)
        is_full = is_possible(worst)
        is_decided = is_full if self.stop_when_full else is_full & ((bound <= worst) | (self.own_width[:, 0] == 1))
        is_done = is_done | ~is_possible(alive[:, 0]) | is_decided
        return alive_parents, ops.reshape(alive_tokens, (-1,)), is_done, alive, ended, scores, lengths, ids

    def answer(self, is_done, pools, penalties):
        """`Beams` of the pools behind the last step."""
        alive, ended, scores, lengths, ids = pools
        is_alive = is_possible(alive) & ~is_done[:, None]
        alive_scores = ops.where(is_alive, self.score(alive, self.max_length, penalties), LOG_ZERO)
        scores, kept = ops.top_k(ops.concatenate([scores, alive_scores], axis=1), self.width)
        kept = ops.cast(kept, "int32")
        is_there = is_possible(scores) & self.is_own
        lengths = pick(ops.concatenate([lengths, ops.full_like(lengths, self.max_length)], axis=1), kept)
        lengths = ops.where(is_there, lengths, 0)
        ids = ops.where(self.positions < lengths[:, :, None], pick(ids, kept), self.pad_id)
        ended = pick(ops.concatenate([ended, alive], axis=1), kept)
        minus_infinity = float("-inf")
        return Beams(
            ids, lengths, ops.where(is_there, ended, minus_infinity), ops.where(is_there, scores, minus_infinity)
        )


def _smaller(one, other):
    return min(one, other) if isinstance(one, int) and isinstance(other, int) else ops.minimum(one, other)
