"""Sampling, with the usual filters of unlikely tokens."""

import math

import keras
from keras import ops

from common.decoding.greedy import Decoded, decode, greedy
from common.decoding.largest import largest, pick
from common.decoding.random import uniform
from common.decoding.rows import check_lengths, is_possible

# Tokens in which the share of `top_p` is looked for first.
HEAD = 256
# Weights that are summed up one by one.
FEW = 256


def sample(
    step,
    state,
    first_ids,
    seeds,
    *,
    end_id,
    max_length,
    temperature=1.0,
    top_k=0,
    top_p=1.0,
    min_p=0.0,
    min_length=0,
    pad_id=0,
    forbidden=None,
    forced=None,
    context=None,
) -> Decoded:
    """At each step a token drawn from the distribution of the network, after the filters.

    The filters work one after the other: temperature, `top_k`, `top_p`, `min_p`. A row takes one random number for each
    step, made from its seed and the number of the step: what else is in the batch, the backend and XLA do not matter, but
    for what rounding does to the logits.

    Args:
        step, state, first_ids, end_id, max_length, min_length, pad_id, forbidden, forced, context: those of `greedy`.
        seeds: int32 or uint32 `[batch]`; rows with equal seeds and equal logits draw the same. Or the random numbers themselves,
            float32 `[batch, max_length]` from 0 to below 1, where they are made elsewhere.
        temperature: float or float `[batch]`, at least 0, what the logits are divided by; 0 is greedy search.
        top_k: int or int32 `[batch]`, only so many of the most likely tokens; 0 for all.
        top_p: float or float `[batch]`, above 0 and at most 1: only the smallest set of the most likely tokens that holds
            this share of the probability left by `top_k`; at least one token.
        min_p: float or float `[batch]`, 0 to 1: only tokens at least this many times as likely as the most likely one.

    Returns:
        `Decoded`; its log probabilities are those of the network before temperature and filters.

    Raises:
        ValueError: for numbers out of their range, lengths, shapes or tokens that do not fit. Tensors are not looked into.

    Reference:
        top_k: Fan et al. 2018, arXiv:1805.04833; top_p: Holtzman et al. 2020, arXiv:1904.09751; min_p: Nguyen et al. 2024,
        arXiv:2407.01082.
    """
    _check("temperature", temperature, lambda value: value >= 0, "at least 0")
    _check("top_k", top_k, lambda value: value >= 0 and value == int(value), "an int, 0 or more")
    _check("top_p", top_p, lambda value: 0 < value <= 1, "above 0 and at most 1")
    _check("min_p", min_p, lambda value: 0 <= value <= 1, "from 0 to 1")
    constraints = {"end_id": end_id, "min_length": min_length, "forbidden": forbidden, "forced": forced}
    constraints["context"] = context
    if _is_number(temperature) and temperature == 0:
        return greedy(step, state, first_ids, max_length=max_length, pad_id=pad_id, **constraints)
    seeds = ops.convert_to_tensor(seeds)
    given = "float" in keras.backend.standardize_dtype(seeds.dtype)
    if len(seeds.shape) != (2 if given else 1):
        raise ValueError(
            "sample: seeds must be of shape [batch], or floats of shape [batch, max_length], "
            f"got {keras.backend.standardize_dtype(seeds.dtype)} {tuple(seeds.shape)}"
        )

    check_lengths("sample", end_id, max_length, min_length)
    # Of all steps at once, outside of the loop: a hash is a hundred small operations.
    random = seeds if given else random_numbers(seeds, max_length)  # [batch, max_length]

    def draw(logits, position):
        return _draw(logits, ops.take(random, position, axis=1)[:, None], temperature, top_k, top_p, min_p)

    return decode("sample", draw, step, state, first_ids, max_length=max_length, pad_id=pad_id, **constraints)


def random_numbers(seeds, max_length):
    """What `sample` draws with: int32 or uint32 `[batch]` to float32 `[batch, max_length]`."""
    return uniform(ops.cast(seeds, "uint32")[:, None], ops.arange(max_length, dtype="int32"))


def _draw(logits, random, temperature, top_k, top_p, min_p):
    """int32 `[batch]`, by inverting the distribution function at `random`, float32 `[batch, 1]` in `[0, 1)`."""
    vocabulary = logits.shape[-1]
    highest, best = largest(logits, 1)
    temperature = _column(temperature)

    def weights_of(values):  # float32 of the shape of `values`; the most likely token has 1
        weights = ops.exp((values - highest) / ops.where(temperature > 0, temperature, 1.0))
        return ops.where(is_possible(values), weights, 0.0)

    def of_the_first(count, total=None):
        values, ids = largest(logits, count)
        places, is_right = _place_in_order(weights_of(values), total, random, top_k, top_p, min_p)
        return pick(ids, places), is_right  # [batch, 1]

    if _is_number(top_k) and top_k > 0:
        chosen, _ = of_the_first(min(int(top_k), vocabulary))
    elif _is_number(top_k) and _is_number(top_p) and top_p == 1:
        # Nothing asks for an order.
        weights = weights_of(logits)
        chosen = _place(ops.where(weights >= _column(min_p), weights, 0.0), random, best)
    else:
        # Sorting is the dearest part by far, and a few tokens hold the share of `top_p` nearly always.
        total = ops.sum(weights_of(logits), axis=-1, keepdims=True)
        chosen, is_right = of_the_first(min(HEAD, vocabulary), total)
        if vocabulary > HEAD:
            few = chosen

            def of_all():
                return ops.where(is_right, few, of_the_first(vocabulary, total)[0])

            chosen = ops.cond(ops.all(is_right), lambda: few, of_all)
    return ops.where(temperature > 0, chosen, best)[:, 0]


def _place_in_order(weights, total, random, top_k, top_p, min_p):
    """The place chosen among the most likely tokens, int32 `[batch, 1]`, and whether it would be the same among all tokens.

    Args:
        weights: float32 `[batch, count]`, largest first.
        total: float32 `[batch, 1]`, the sum of the weights of all tokens; None where those given are all that `top_k` leaves.
        random: float32 `[batch, 1]`.
        top_k, top_p, min_p: numbers or tensors `[batch]`.
    """
    count, top_p = weights.shape[-1], _column(top_p)
    has_all = ops.ones_like(weights[:, :1], dtype="bool")
    if total is not None:
        top_k = ops.reshape(ops.cast(top_k, "int32"), (-1, 1))
        has_all &= (top_k > 0) & (top_k <= count)
        weights = ops.where((ops.arange(count, dtype="int32") < top_k) | (top_k <= 0), weights, 0.0)
    reached = ops.cumsum(weights, axis=-1)
    total = reached[:, -1:] if total is None else ops.where(top_k > 0, reached[:, -1:], total)
    kept = ((reached - weights < top_p * total) | (top_p >= 1)) & (weights >= _column(min_p))
    is_right = has_all | (top_k <= 0) & (top_p < 1) & (reached[:, -1:] >= top_p * total)
    return _place(ops.where(kept, weights, 0.0), random, 0), is_right


def _place(weights, random, otherwise):
    """int32 `[batch, 1]`, the first place at which the sum of the weights exceeds `random` of their whole sum.

    First the block, then the place in it, which is faster and rounds less. Where all weights are zero: `otherwise`.
    """
    count = weights.shape[-1]
    if count <= FEW:
        return _first_above(weights, random * ops.sum(weights, axis=-1, keepdims=True), otherwise)[0]
    width = round(math.sqrt(count))
    blocks = ops.reshape(ops.pad(weights, ((0, 0), (0, -count % width))), (-1, -(-count // width), width))
    sums = ops.sum(blocks, axis=-1)
    block, before = _first_above(sums, random * ops.sum(sums, axis=-1, keepdims=True), 0)
    inside = pick(blocks, block)[:, 0]
    target = random * ops.sum(sums, axis=-1, keepdims=True) - before
    best = ops.cast(ops.argmax(inside, axis=-1), "int32")[:, None]
    place = block * width + _first_above(inside, target, best)[0]
    return ops.where(ops.any(sums > 0, axis=-1, keepdims=True), place, otherwise)


def _first_above(weights, target, otherwise):
    """The first place at which the sum of the weights exceeds `target`, and the sum before it, both `[batch, 1]`."""
    reached = ops.cumsum(weights, axis=-1)
    # A sum made in parallel may grow where nothing was added, hence the first condition.
    hits = (weights > 0) & (reached > target)
    place = ops.cast(ops.argmax(ops.cast(hits, "int32"), axis=-1), "int32")[:, None]
    place = ops.where(ops.any(hits, axis=-1, keepdims=True), place, otherwise)
    return place, pick(reached - weights, place)


def _column(value):
    """float32 `[1, 1]` of a number, `[batch, 1]` of a tensor."""
    return ops.reshape(ops.cast(value, "float32"), (-1, 1))


def _is_number(value):
    return isinstance(value, (int, float))


def _check(name, value, is_right, description):
    if _is_number(value):
        if not is_right(value):
            raise ValueError(f"sample: {name} must be {description}, got {value!r}")
    elif len(ops.convert_to_tensor(value).shape) > 1:
        raise ValueError(f"sample: {name} must be a number or of shape [batch], got {value!r}")
