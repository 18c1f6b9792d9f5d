"""A small random network to decode from, and the searches by NumPy that are compared with."""

import itertools

import numpy as np
from keras import ops

MINUS_INFINITY = -float("inf")


class Network:
    """A recurrent network with random weights: the next token depends on all tokens so far, and on the row."""

    def __init__(self, vocabulary, seed=0, units=6, scale=2.0):
        random = np.random.default_rng(seed)
        self.vocabulary, self.units = vocabulary, units
        sizes = ((vocabulary, units), (units, units), (units, vocabulary))
        self.embeddings, self.recurrent, self.output = (
            (scale * random.normal(size=size)).astype("float32") for size in sizes
        )

    def starts(self, batch, seed=0):
        """float32 `[batch, units]`, states before the first step."""
        return np.random.default_rng(seed).normal(size=(batch, self.units)).astype("float32")

    def first_ids(self, starts):
        return ops.zeros((ops.shape(starts)[0],), "int32")

    def step(self, token_ids, state):
        """With the sum of all hidden numbers so far as a second state."""
        hidden, total = state["hidden"], state["total"]
        hidden = ops.tanh(ops.take(self.embeddings, token_ids, axis=0) + ops.matmul(hidden, self.recurrent))
        return ops.matmul(hidden, self.output), {"hidden": hidden, "total": total + hidden}

    def step_in_context(self, token_ids, state, context):
        """As `step`, with `context`, float32 `[batch, vocabulary]`, added to the logits."""
        logits, state = self.step(token_ids, state)
        return logits + context, state

    def contexts(self, batch, seed=0):
        """float32 `[batch, vocabulary]`."""
        return np.random.default_rng(seed + 100).normal(size=(batch, self.vocabulary)).astype("float32")

    def state(self, starts):
        starts = ops.convert_to_tensor(starts)
        return {"hidden": starts, "total": ops.zeros_like(starts)}

    def log_probabilities(self, start, tokens):
        """float64 `[vocabulary]` for the token behind `tokens`, by NumPy; and the sum of the hidden numbers."""
        hidden, total = start.astype("float64"), np.zeros(self.units)
        for token in (0, *tokens):
            hidden = np.tanh(self.embeddings[token] + hidden @ self.recurrent)
            total = total + hidden
        return log_softmax(hidden @ self.output), total

    def penalty(self, state):
        return -0.1 * ops.sum(ops.square(state["total"]), axis=-1)


def log_softmax(logits):
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def normalizer(length, alpha):
    return ((5 + length) / 6) ** alpha


def teacher_forced(network, start, tokens):
    """Log probability of `tokens`, one forward pass for each prefix."""
    return sum(network.log_probabilities(start, tokens[:each])[0][tokens[each]] for each in range(len(tokens)))


def all_sequences(vocabulary, end_id, max_length):
    """All answers there can be: those that end, and those of `max_length` without an end."""
    others = [token for token in range(vocabulary) if token != end_id]
    ended = [(*tokens, end_id) for length in range(max_length) for tokens in itertools.product(others, repeat=length)]
    return ended + list(itertools.product(others, repeat=max_length))


def full_beam_search(network, start, width, end_id, max_length, alpha=0.0, min_length=0, beta=0.0, forbidden=()):
    """Beam search by lists, which never stops before `max_length` (but for a width of 1, which is greedy search).

    Returns:
        Of each hypothesis, best first, the tokens, the log probability and the score.
    """
    alive, ended = [((), 0.0)], []

    def score(tokens, value):
        total = network.log_probabilities(start, tokens[:-1])[1]
        return value / normalizer(len(tokens), alpha) - beta * 0.1 * (total**2).sum()

    for length in range(1, max_length + 1):
        candidates = []
        for tokens, value in alive:
            found = network.log_probabilities(start, tokens)[0]
            for token in range(network.vocabulary):
                if token not in forbidden and not (token == end_id and length < min_length):
                    candidates.append(((*tokens, token), value + found[token]))
        candidates.sort(key=lambda each: -each[1])
        ended += [each for each in candidates[:width] if each[0][-1] == end_id]
        alive = [each for each in candidates if each[0][-1] != end_id][:width]
        if width == 1 and ended:
            alive = []
    found = [(tokens, value, score(tokens, value)) for tokens, value in ended + alive]
    return sorted(found, key=lambda each: -each[2])[:width]


def padded(tokens, max_length, pad_id=0):
    return [*tokens, *[pad_id] * (max_length - len(tokens))]


def arrays(result):
    return [np.asarray(each) for each in result]


def assert_same(one, other, tolerance=1e-4):
    """Tokens and lengths are equal, numbers close."""
    for left, right in zip(arrays(one), arrays(other), strict=True):
        if left.dtype.kind == "i":
            np.testing.assert_array_equal(left, right)
        else:
            np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)
