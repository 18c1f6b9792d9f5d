"""The scan that runs every gated cell: a sequence and a state in, the outputs of all steps out, with its own gradient.

A gated cell is a row-wise function of an input projection, a recurrent projection and its state:

    new_state = gates(x·W + b,  h·U + b_r,  state)

Only `h·U` and the gates have to wait for the step before. So a sequence is worked through in chunks of some steps: the
input projection of a chunk is one product, then a loop over its steps does what is sequential. The gradient goes back
through the chunks in the same way, as vendor kernels do it: the backward loop carries the cotangents of the state and of
`h·U`, and after it the gradients of `W`, `U`, `b`, `b_r` and of the inputs are one product each for the whole chunk. What
a chunk works on stays in the processor's cache. On a CPU, where it pays, two parts of the rows of a batch go through the
same loop side by side, each on a core of its own.

Reference: the hoisting of products out of the loop is that of Appleyard et al. 2016, arXiv:1604.01946.
"""

import keras
from keras import ops

from common.layers.backend import has_accelerator, scan, with_gradient
from common.layers.division import chunk_length, chunks_joined, in_chunks, in_parts, padded, parts_joined, row_parts
from common.layers.recurrence_step import RecurrenceStep


def recurrence(
    gates,
    sequence,
    weights,
    initial_state,
    mask=None,
    recurrent_dropout=None,
    zoneout=None,
    additive=False,
    reverse=False,
):
    """Runs a gated cell over a sequence.

    Args:
        gates: function `(projected, recurrent, state, gate_weights) -> new state`, row-wise, for all rows or some. `projected` and `recurrent`
            are `[batch, gates·units]`, the state is a tuple of `[batch, ...]` of which the first is the output that meets
            `U`. If `additive`, `projected` is the sum of both and `recurrent` is 0.
        sequence: float `[time, batch, features]`.
        weights: dictionary with `kernel` `[features, gates·units]`, `bias` `[gates·units]`, `recurrent_kernel`
            `[units, gates·units]` and `recurrent_bias` `[gates·units]`, the last three only if the cell has them, and
            `gate_weights`, a tuple of what `gates` has of its own.
        initial_state: tuple of float `[batch, ...]`, in the precision in which the state is kept.
        mask: bool `[time, batch, 1]`; where it is False the state is carried over unchanged. None when all steps are real.
        recurrent_dropout: float `[time or 1, batch, units]`, multiplied with `h` before it meets `U`; or None.
        zoneout: tuple of a float `[time or 1, batch or 1, units or 1]` for each state, the share of the old state that is
            kept in the new one; or None. No gradient goes to mask, dropout and zoneout.
        additive: whether `gates` reads nothing but the sum of `projected` and `recurrent`; saves memory and a product.
        reverse: run from the last step to the first; the outputs stay in the order of the sequence.

    Returns:
        The first state at every step, float `[time, batch, units]`, and the tuple of last states.
    """
    time, batch = sequence.shape[:2]
    chunk = chunk_length(time, batch)
    padding = -(ops.shape(sequence)[0] if time is None else time) % chunk
    pads = time is None or padding > 0
    if pads and mask is None:
        mask = ops.ones((ops.shape(sequence)[0], 1, 1), "bool")
    by_step = {"sequence": sequence, "mask": mask, "recurrent_dropout": recurrent_dropout, "zoneout": zoneout}
    by_step = {name: padded(each, padding) if pads else each for name, each in by_step.items() if each is not None}
    if "mask" in by_step:  # operands are float
        by_step["mask"] = ops.cast(by_step["mask"], initial_state[0].dtype)
    operands = {"weights": weights, "initial_state": tuple(initial_state), **by_step}
    passes = _Passes(gates, additive, reverse, chunk, row_parts(batch, weights))
    outputs, *last = with_gradient(passes.forward, passes.backward, operands)
    return outputs[:time] if time is not None else outputs[: ops.shape(sequence)[0]], tuple(last)


class _Passes:
    """The forward and the backward pass over the chunks of a sequence.

    In `forward` and `backward`, `steps`, `chunks`, `states`, `kepts` and `carries` are tuples with one for each part of the
    rows.

    Args:
        gates, additive, reverse: as in `recurrence`.
        chunk: steps of a chunk, a divisor of the length of the sequence.
        parts: into how many parts the rows are divided, a divisor of their number.
    """

    def __init__(self, gates, additive, reverse, chunk, parts):
        self.gates, self.additive, self.reverse, self.chunk, self.parts = gates, additive, reverse, chunk, parts

    def forward(self, operands):
        """The outputs of all steps and the last states; kept for the gradient is what a step keeps."""
        steps, chunks = self.divided(operands)
        likes = tuple(step.kept_like() for step in steps)
        new_in_step = ("state", "projected") if steps[0].keeps_sum else ("state", "recurrent")
        new_likes = tuple({name: like[name] for name in new_in_step if name in like} for like in likes)
        # Of a step with several gates and one state XLA makes one kernel, which it does not vectorize if that reads
        # the gates out of the sequence.
        one_state, width = len(likes[0]["state"]) == 1, likes[0]["projected"].shape[-1]
        reads_ahead = one_state and width > likes[0]["state"][0].shape[-1]

        def run_step(states, xs, ahead=({},) * self.parts):
            return _unzipped(
                step.forward(state, {**x, **read}) for step, state, x, read in zip(steps, states, xs, ahead)
            )

        def run_chunk(states, chunks):
            projections = tuple(
                {"projected": step.product(chunk["sequence"], "kernel")} for step, chunk in zip(steps, chunks)
            )
            xs, ahead = tuple(_without(chunk, "sequence") for chunk in chunks), projections
            if not reads_ahead:
                xs, ahead = tuple({**x, **projection} for x, projection in zip(xs, projections)), None
            states, kepts = scan(run_step, states, xs, self.chunk, new_likes, self.reverse, ahead)
            return states, tuple({**projection, **kept} for projection, kept in zip(projections, kepts))

        states, count = tuple(step.operands["initial_state"] for step in steps), ops.shape(chunks[0]["sequence"])[0]
        states, kepts = scan(run_chunk, states, chunks, count, self.of_chunk(likes), self.reverse)
        outputs = parts_joined([chunks_joined(kept["state"][0]) for kept in kepts], axis=1)
        return (outputs, *(parts_joined(each, axis=0) for each in zip(*states))), kepts

    def backward(self, operands, kepts, cotangents):
        """The cotangents of the sequence, the weights and the initial state."""
        d_outputs, *d_last = cotangents
        steps, chunks = self.divided({**operands, "d_outputs": d_outputs, "d_last": tuple(d_last)})
        weights, precision = operands["weights"], steps[0].precision
        # Transposed once: a product that reads a matrix across its rows takes up to a third longer on a CPU, at each step
        # anew. On a GPU a product with one row that reads along the columns does.
        kernels = [name for name in ("kernel", "recurrent_kernel") if name in weights and not has_accelerator()]
        transposed = {name: ops.transpose(ops.cast(weights[name], precision)) for name in kernels}
        likes = tuple(_without(step.kept_like(), "state") for step in steps)

        def step_back(carries, xs):
            return _unzipped(step.backward(carry, x, transposed) for step, carry, x in zip(steps, carries, xs))

        def chunk_back(carry, chunks):
            carries, d_weights = carry
            previous = tuple(self.previous(chunk["state"], chunk["before"]) for chunk in chunks)
            xs = tuple(
                {**_without(chunk, "sequence", "state", "before"), "previous": each}
                for chunk, each in zip(chunks, previous)
            )
            carries, d_kepts = scan(step_back, carries, xs, self.chunk, likes, not self.reverse)
            d_sequences = []
            for step, chunk, before, d_kept in zip(steps, chunks, previous, d_kepts):
                found = step.of_weights(chunk["sequence"], step.dropped(before[0], chunk), d_kept)
                d_weights = {name: total + found[name] for name, total in d_weights.items()}
                d_projected = ops.cast(d_kept["projected"], precision)
                d_sequences.append(step.product_back(d_projected, "kernel", transposed))
            return (carries, d_weights), tuple(d_sequences)

        chunks = tuple(
            {**chunk, **kept, "before": self.before_chunks(kept["state"], step.operands["initial_state"])}
            for chunk, kept, step in zip(chunks, kepts, steps)
        )
        carries = tuple(step.behind_the_end(step.operands["d_last"]) for step in steps)
        d_weights = {name: ops.zeros_like(value) for name, value in _without(weights, "gate_weights").items()}
        like_sequences = tuple(
            keras.KerasTensor(step.operands["sequence"].shape[1:], dtype=precision) for step in steps
        )
        (carries, d_weights), d_sequences = scan(
            chunk_back,
            (carries, d_weights),
            chunks,
            ops.shape(chunks[0]["sequence"])[0],
            self.of_chunk(like_sequences),
            not self.reverse,
        )
        d_states, d_gate_weights = _unzipped(carries)
        d_initial = zip(*(step.through_product(d_state, transposed) for step, d_state in zip(steps, d_states)))
        d_weights["gate_weights"] = keras.tree.map_structure(lambda *of_parts: sum(of_parts), *d_gate_weights)
        return {
            "sequence": parts_joined([chunks_joined(each) for each in d_sequences], axis=1),
            "weights": d_weights,
            "initial_state": tuple(parts_joined(each, axis=0) for each in d_initial),
        }

    def divided(self, operands):
        """The step of each part of the rows, and what it works on, in chunks."""
        parts = in_parts(operands, self.parts)
        steps = tuple(RecurrenceStep(self.gates, self.additive, part, self.parts > 1) for part in parts)
        return steps, tuple(in_chunks(part, self.chunk) for part in parts)

    def before_chunks(self, states, initial_state):
        """The state before each chunk: `[chunks, steps, batch, units]` each to `[chunks, batch, units]`."""
        if self.reverse:
            return tuple(ops.concatenate([all_[1:, 0], first[None]]) for all_, first in zip(states, initial_state))
        return tuple(ops.concatenate([first[None], all_[:-1, -1]]) for all_, first in zip(states, initial_state))

    def previous(self, states, before):
        """The state before each step of a chunk: `[steps, batch, units]` each."""
        if self.reverse:
            return tuple(ops.concatenate([all_[1:], first[None]]) for all_, first in zip(states, before))
        return tuple(ops.concatenate([first[None], all_[:-1]]) for all_, first in zip(states, before))

    def of_chunk(self, like):
        """Shapes and dtypes of all steps of a chunk, from those of one."""
        return keras.tree.map_structure(
            lambda each: keras.KerasTensor((self.chunk, *each.shape), dtype=each.dtype), like
        )


def _without(dictionary, *names):
    return {name: value for name, value in dictionary.items() if name not in names}


def _unzipped(pairs):
    """Pairs to a pair of tuples."""
    return tuple(zip(*pairs))
