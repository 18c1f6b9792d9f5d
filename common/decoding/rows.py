"""What greedy search, sampling and beam search share: their arguments, their rows and one call of `step`."""

import keras
from keras import ops

from common.decoding.largest import largest, pick

# Stands for the logarithm of zero: a float32 that may be added up without becoming infinite or NaN.
LOG_ZERO = -1e9


def is_possible(log_values):
    return log_values > LOG_ZERO / 2


def check_lengths(name, end_id, max_length, min_length):
    known = not ops.is_tensor(max_length)
    if known and (not isinstance(max_length, int) or max_length < 1):
        raise ValueError(f"{name}: max_length must be a positive int, got {max_length!r}")
    if min_length < 0 or (known and min_length > max_length):
        raise ValueError(f"{name}: min_length must be from 0 to max_length {max_length}, got {min_length!r}")
    if end_id is not None and (not isinstance(end_id, int) or end_id < 0):
        raise ValueError(f"{name}: end_id must be an int, 0 or more, or None, got {end_id!r}")


def check_first_ids(name, first_ids):
    first_ids = ops.cast(first_ids, "int32")
    if len(first_ids.shape) != 1:
        raise ValueError(f"{name}: first_ids must be of shape [batch], got {tuple(first_ids.shape)}")
    return first_ids


def check_forced(name, forced, max_length):
    if forced is None:
        return None
    forced = ops.cast(forced, "int32")
    if len(forced.shape) != 2 or not (ops.is_tensor(max_length) or forced.shape[1] in (None, max_length)):
        raise ValueError(
            f"{name}: forced must be of shape [batch, max_length] with max_length {max_length}, got {tuple(forced.shape)}"
        )
    return forced


def check_forbidden(name, forbidden):
    if forbidden is None:
        return None
    forbidden = ops.cast(forbidden, "bool")
    if len(forbidden.shape) not in (1, 2):
        raise ValueError(
            f"{name}: forbidden must be of shape [vocabulary] or [batch, vocabulary], got {tuple(forbidden.shape)}"
        )
    return forbidden


def call_step(name, step, token_ids, state, leaves, context=None):
    """Logits in float32, and the leaves of the new state in the shapes of the old ones.

    Args:
        name: of the search, for errors.
        step: the function.
        token_ids: int32 `[rows]`.
        state: a structure like the one that `step` takes.
        leaves: list of tensors to be put into this structure.
        context: what `step` gets as a third argument; None = nothing.

    Raises:
        ValueError: when the logits are not `[rows, vocabulary]` with a known vocabulary, or the state came back with another
            number of tensors, another shape or another dtype.
    """
    others = () if context is None else (context,)
    logits, new_state = step(token_ids, keras.tree.pack_sequence_as(state, leaves), *others)
    if len(logits.shape) != 2 or logits.shape[1] is None:
        raise ValueError(f"{name}: step must return logits [rows, vocabulary], got shape {tuple(logits.shape)}")
    new_leaves = keras.tree.flatten(new_state)
    described = [
        [(tuple(leaf.shape), keras.backend.standardize_dtype(leaf.dtype)) for leaf in each]
        for each in (leaves, new_leaves)
    ]
    if len(leaves) != len(new_leaves) or not all(map(_same, *described)):
        raise ValueError(f"{name}: step must return a state of {described[0]} like the one it got, got {described[1]}")
    return ops.cast(logits, "float32"), [keep_shape(new, old) for new, old in zip(new_leaves, leaves)]


def _same(one, other):
    (shape, dtype), (other_shape, other_dtype) = one, other
    fits = len(shape) == len(other_shape) and all(a == b or None in (a, b) for a, b in zip(shape, other_shape))
    return fits and dtype == other_dtype


def keep_shape(new, old):
    """`new` with all sizes that are known of `old`: a TensorFlow loop wants to know no less after a step than before it."""
    known = tuple(old.shape)
    if all(size is None or size == found for size, found in zip(known, new.shape)):
        return new
    return ops.reshape(new, tuple(ops.shape(new)[axis] if size is None else size for axis, size in enumerate(known)))


def state_leaves(state):
    return [ops.convert_to_tensor(leaf) for leaf in keras.tree.flatten(state)]


def repeat_rows(structure, count):
    """Each row `count` times, side by side: `[batch, ...]` becomes `[batch * count, ...]`, the order of a beam search.

    Args:
        structure: a tensor or a nested structure of tensors.
        count: int, or int scalar tensor.
    """

    def repeated(leaf):
        leaf = ops.convert_to_tensor(leaf)
        batch, *rest = ops.shape(leaf)
        return ops.reshape(ops.broadcast_to(leaf[:, None], (batch, count, *rest)), (batch * count, *rest))

    return keras.tree.map_structure(repeated, structure)


def take_rows(leaves, rows):
    """Those rows of all leaves; rows int32 `[rows]`."""
    return [keep_shape(ops.take(leaf, rows, axis=0), leaf) for leaf in leaves]


def search_in_parts(search, carry, own, counts):
    """Searches all rows, and from time to time goes on with those alone that are not done.

    Args:
        search: `search(position, carry, own, left) -> (position, carry)`: goes on until no more than `left` rows are not done,
            or there is no step left; `position` is an int32 scalar, the steps so far.
        carry: what changes from step to step: tensors `[batch, ...]`, the first of them bool `[batch]`, which rows are done.
        own: nested structure of tensors `[batch, ...]`, what does not change and is not the same for all rows.
        counts: of `row_counts`.

    Returns:
        The carry at the end, of all rows.
    """
    position, rows = ops.convert_to_tensor(0, dtype="int32"), ops.arange(counts[0], dtype="int32")
    whole = carry
    for part, (count, left) in enumerate(zip(counts, [*counts[1:], 0])):
        if part:
            kept = _unfinished_first(carry[0])[:count]
            carry, own, rows = _rows_of((carry, own, rows), kept)
        position, carry = search(position, carry, own, left)
        whole = _put_rows(whole, rows, carry) if part else carry
    return whole


def row_counts(name, batch, halvings):
    """With how many rows a search begins, and to how many it comes down, each time when no more are left that are not done."""
    if not isinstance(halvings, int) or halvings < 0:
        raise ValueError(f"{name}: halvings must be an int, 0 or more, got {halvings!r}")
    counts = [batch]
    for _ in range(halvings):
        counts.append((counts[-1] + 1) // 2)
    return counts


def is_more_than(left, is_done):
    """bool scalar: whether more than so many rows are not done."""
    return ~ops.all(is_done) if isinstance(left, int) and left == 0 else ops.sum(ops.cast(~is_done, "int32")) > left


def _rows_of(structure, rows):
    """Those rows of all tensors `[batch, ...]` of a nested structure; int32 `[count]`."""
    return keras.tree.map_structure(lambda leaf: ops.take(leaf, rows, axis=0), structure)


def _unfinished_first(is_done):
    """int32 `[batch]`: the rows that are not done, and behind them the others."""
    rows = ops.shape(is_done)[0]
    places = ops.arange(rows, dtype="int32")
    return ops.cast(ops.argsort(ops.where(is_done, rows + places, places)), "int32")


def _put_rows(whole, rows, parts):
    """The tensors of `whole` with the rows of `parts` in their places, int32 `[count]`."""
    found = []
    for one, part in zip(whole, parts):
        dtype = keras.backend.standardize_dtype(one.dtype)
        number = "int32" if dtype == "bool" else dtype  # JAX and TensorFlow put numbers into their places, not truths
        put = ops.scatter_update(ops.cast(one, number), rows[:, None], ops.cast(part, number))
        found.append(keep_shape(ops.cast(put, dtype), one))
    return tuple(found)


def forbid(logits, position, forbidden, end_id, min_length):
    """Logits of at most `LOG_ZERO` for what may not be chosen.

    Args:
        logits: float32 `[batch, vocabulary]` or `[batch, width, vocabulary]`.
        position: int scalar tensor, tokens chosen before.
        forbidden: bool `[vocabulary]` or `[batch, vocabulary]`, or None.
        end_id: int or None.
        min_length: int, tokens, the end counted.
    """
    vocabulary = logits.shape[-1]
    if forbidden is not None and forbidden.shape[-1] not in (None, vocabulary):
        raise ValueError(f"forbidden must be for {vocabulary} tokens as the logits, got shape {tuple(forbidden.shape)}")
    if end_id is not None and end_id >= vocabulary:
        raise ValueError(f"end_id must be below the vocabulary {vocabulary}, got {end_id}")
    if end_id is not None and min_length > 1:
        too_early = (ops.arange(vocabulary, dtype="int32") == end_id) & (position + 1 < min_length)
        forbidden = too_early if forbidden is None else forbidden | too_early
    if forbidden is None:
        return logits
    if len(forbidden.shape) == 2 and len(logits.shape) == 3:
        forbidden = forbidden[:, None]
    # A minimum, which is faster than a choice between whole tensors.
    return ops.minimum(logits, ops.where(forbidden, LOG_ZERO, float("inf")))


def log_sum_exp(logits):
    """The logarithm of the sum of `exp(logits)`: float32 `[rows, 1]` of float32 `[rows, vocabulary]`.

    By way of the softmax of the largest logit: in a TensorFlow graph on a CPU a softmax takes a third of the time of
    exponentials and their sum. The largest is found again even where it is known: with places that come out of a selection
    of several, XLA makes the exponentials anew for each use, ten times as slow.
    """
    highest, place = largest(logits, 1)
    return highest - ops.log(pick(ops.softmax(logits, axis=-1), place))
