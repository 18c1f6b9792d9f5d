"""From a network that predicts the next token to sequences of tokens: greedy search, sampling and beam search.

All take a function `step(token_ids, state) -> (logits, state)`, and nothing here knows what network is behind it:

    token_ids   int32 [rows], the tokens chosen before
    logits      float [rows, vocabulary], unnormalised log probabilities of the next token
    state       any nested structure of tensors [rows, ...], of the same shapes and dtypes at each step

What is the same at each step, as the memory of an encoder, belongs in the `context`, not in the state, which a beam search
copies: any nested structure of tensors `[batch, ...]`, which `step(token_ids, state, context)` then gets as well, for its rows.
The rows of a beam search are `[batch * width]`, the beams of a sequence side by side, as `repeat_rows` makes them.

Everything is one loop, or a few in a row (`halvings`), and runs eagerly, in a graph, under XLA, in a SavedModel and on JAX.
"""

from common.decoding.beam_search import Beams, beam_search
from common.decoding.greedy import Decoded, greedy
from common.decoding.penalties import coverage_penalty, length_normalizer
from common.decoding.rows import repeat_rows
from common.decoding.sampling import sample

__all__ = [
    "Beams",
    "Decoded",
    "beam_search",
    "coverage_penalty",
    "greedy",
    "length_normalizer",
    "repeat_rows",
    "sample",
]
