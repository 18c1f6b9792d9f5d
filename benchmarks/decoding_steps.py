"""What a step of greedy search, sampling and beam search costs, beside the network that they decode.

The network is a GRU and a product with the vocabulary, with random weights. No sequence ends before the last step. `network` is
the same loop with nothing but the network, for as many rows as a search has.
"""

import sys

import numpy as np

from benchmarks import results
from benchmarks.stopwatch import alternating_times


def main() -> int:
    parser = results.make_parser("decoding_steps", __doc__)
    parser.add_argument("--vocabulary", type=int, default=8000, help="tokens")
    parser.add_argument("--units", type=int, default=512, help="of the GRU")
    parser.add_argument("--batch", type=int, default=64, help="sequences")
    parser.add_argument("--width", type=int, default=5, help="hypotheses of the beam search")
    parser.add_argument("--length", type=int, default=20, help="steps")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each, in turns")
    parser.add_argument("--jit-compile", action="store_true", help="compile by XLA")
    arguments = parser.parse_args()

    import tensorflow as tf

    states = tf.zeros((arguments.batch, arguments.units))
    steps = {}
    for name, search in searches(arguments).items():
        compiled = tf.function(search, jit_compile=arguments.jit_compile, autograph=False)
        steps[name] = lambda compiled=compiled: compiled(states).numpy()
        steps[name]()
    times = alternating_times(steps, arguments.rounds)
    base = times["greedy"].median
    rows = [
        {"search": name, "step_ms": 1e3 * each.median / arguments.length, "of_greedy": each.median / base}
        for name, each in times.items()
    ]
    results.print_table(["search", "step, ms", "of greedy"], [list(row.values()) for row in rows])
    settings = {key: value for key, value in vars(arguments).items() if key != "output"}
    results.save(arguments.output, {"benchmark": "decoding_steps", "settings": settings, "rows": rows})
    return 0


def searches(arguments):
    """Functions of states, float32 `[batch, units]`, to something that needs all of the answer."""
    from keras import ops

    from common.decoding import beam_search, greedy, repeat_rows, sample

    step, length = make_step(arguments.vocabulary, arguments.units), arguments.length

    def network(states):
        def body(position, token_ids, states):
            logits, states = step(token_ids, states)
            return position + 1, ops.cast(logits[:, 0] > 0, "int32"), states

        start = (ops.convert_to_tensor(0), first_ids(states), states)
        return ops.while_loop(lambda position, *_: position < length, body, start)[1]

    def first_ids(states):
        return ops.zeros_like(states[:, 0], dtype="int32")

    def sampled(**options):
        def search(states):
            first = first_ids(states)
            return sample(step, states, first, first, end_id=None, max_length=length, **options).log_probabilities

        return search

    def beams(**options):
        def search(states):
            options_of_all = {"width": arguments.width, "end_id": 3, "max_length": length, "min_length": length}
            return beam_search(step, states, first_ids(states), **options_of_all, **options).scores

        return search

    forbidden = np.arange(arguments.vocabulary) < 3
    return {
        "network": network,
        "greedy": lambda states: (
            greedy(step, states, first_ids(states), end_id=None, max_length=length).log_probabilities
        ),
        "sampling": sampled(),
        "sampling, min_p 0.1": sampled(min_p=0.1),
        "sampling, top_k 40": sampled(top_k=40),
        "sampling, top_p 0.9": sampled(top_p=0.9),
        f"network, {arguments.width} times the rows": lambda states: network(repeat_rows(states, arguments.width)),
        f"beam search {arguments.width}": beams(),
        f"beam search {arguments.width}, forbidden tokens": beams(forbidden=forbidden),
    }


def make_step(vocabulary, units):
    """A step of a GRU whose state is one tensor."""
    from keras import ops

    random = np.random.default_rng(0)
    shapes = ((vocabulary, units), (2 * units, 3 * units), (units, vocabulary))
    embeddings, kernel, output = (random.normal(size=shape).astype("float32") * 0.05 for shape in shapes)
    output *= 200  # for a perplexity of tens, as of a trained network

    def step(token_ids, state):
        inputs = ops.concatenate([ops.take(embeddings, token_ids, axis=0), state], axis=-1)
        update, candidate, reset = ops.split(ops.matmul(inputs, kernel), 3, axis=-1)
        update, candidate = ops.sigmoid(update), ops.sigmoid(reset) * ops.tanh(candidate)
        state = update * state + (1 - update) * candidate
        return ops.matmul(state, output), state

    return step


if __name__ == "__main__":
    sys.exit(main())
