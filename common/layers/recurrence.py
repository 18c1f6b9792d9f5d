"""The scan that runs every gated cell: a sequence and a state in, the outputs of all steps out, with its own gradient.

A gated cell is a row-wise function of an input projection, a recurrent projection and its state:

    new_state = gates(x·W + b,  h·U + b_r,  state)

Only `h·U` and the gates have to wait for the step before. So a sequence is worked through in chunks of some steps: the
input projection of a chunk is one product, then a loop over its steps does what is sequential. The gradient goes back
through the chunks in the same way, as vendor kernels do it: the backward loop carries nothing but the cotangents of the
state, and after it the gradients of `W`, `U`, `b`, `b_r` and of the inputs are one product each for the whole chunk. What
a chunk works on stays in the processor's cache.

Reference: the hoisting of products out of the loop is that of Appleyard et al. 2016, arXiv:1604.01946.
"""

import keras
from keras import ops

from common.layers.backend import at_once, has_accelerator, scan, vjp, with_gradient

ROWS = 2048  # steps times batch of one chunk: enough for an efficient product, few enough for the cache
STEPS = 16  # of one chunk where the size of the batch is not known


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
        gates: function `(projected, recurrent, state, gate_weights) -> new state`, row-wise. `projected` and `recurrent`
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
    by_step = {"sequence": sequence, "mask": mask, "recurrent_dropout": recurrent_dropout, "zoneout": zoneout}
    padding = -(ops.shape(sequence)[0] if time is None else time) % chunk
    if time is None or padding:
        if mask is None:
            by_step["mask"] = ops.ones((ops.shape(sequence)[0], 1, 1), "bool")
        by_step = {name: keras.tree.map_structure(lambda each: _pad(each, padding), by_step[name]) for name in by_step}
    if by_step["mask"] is not None:  # operands are float
        by_step["mask"] = ops.cast(by_step["mask"], initial_state[0].dtype)
    operands = {"weights": weights, "initial_state": tuple(initial_state)}
    operands |= {name: value for name, value in by_step.items() if value is not None}
    passes = _Passes(gates, additive, reverse, chunk)
    outputs, *last = with_gradient(passes.forward, passes.backward, operands)
    return outputs[:time] if time is not None else outputs[: ops.shape(sequence)[0]], tuple(last)


def chunk_length(time, batch):
    """Steps of one chunk: a divisor of `time` if there is one near `ROWS` rows, else what the sequence is padded to.

    An accelerator has no cache to stay in: there the whole sequence is one chunk.

    Args:
        time: int, or None if unknown.
        batch: int, or None if unknown.
    """
    if time is None:
        return STEPS
    if has_accelerator():
        return time
    most = max(1, min(time, ROWS // batch if batch else STEPS))
    divisor = max(length for length in range(1, most + 1) if time % length == 0)
    return divisor if 2 * divisor >= most else most


class _Passes:
    """The forward and the backward pass over the chunks of a sequence.

    What differs from step to step is called `x`: the operands, sliced to one step.

    Args:
        gates, additive, reverse: as in `recurrence`.
        chunk: steps of a chunk, a divisor of the length of the sequence.
    """

    def __init__(self, gates, additive, reverse, chunk):
        self.gates, self.additive, self.reverse, self.chunk = gates, additive, reverse, chunk

    def forward(self, operands):
        """The outputs of all steps and the last states; kept for the gradient is what `step` keeps."""
        weights, initial_state = operands["weights"], operands["initial_state"]
        like = self.kept_like(weights, initial_state)
        new_in_step = ("state", "projected") if self.sums(weights) else ("state", "recurrent")
        like_step = {name: like[name] for name in new_in_step if name in like}
        # Of a step with several gates and one state XLA makes one kernel, which it does not vectorize if that reads
        # the gates out of the sequence.
        one_kernel = len(initial_state) == 1 and like["projected"].shape[-1] > initial_state[0].shape[-1]
        ahead = ("projected",) if one_kernel else ()

        def run_chunk(state, chunk):
            projected = _product(chunk["sequence"], weights["kernel"], weights.get("bias"), state[0].dtype)
            xs = {**{name: value for name, value in chunk.items() if name != "sequence"}, "projected": projected}
            state, kept = scan(
                lambda *step: self.step(*step, operands), state, xs, self.chunk, like_step, self.reverse, ahead
            )
            return state, {"projected": projected, **kept}

        chunks = self.in_chunks(operands)
        count, like_chunk = ops.shape(chunks["sequence"])[0], self.of_chunk(like)
        last, kept = scan(run_chunk, initial_state, chunks, count, like_chunk, self.reverse)
        return (_joined(kept["state"][0]), *last), kept

    def sums(self, weights):
        """Whether the two projections are kept as their sum."""
        return self.additive and "recurrent_kernel" in weights

    def step(self, state, x, operands):
        """One step forward: the new state, and what its gradient needs that is not known before."""
        weights, kept = operands["weights"], {}
        if "recurrent_kernel" in weights:
            hidden = ops.cast(self.dropped(state[0], x, operands), operands["sequence"].dtype)
            recurrent = _product(hidden, weights["recurrent_kernel"], weights.get("recurrent_bias"), state[0].dtype)
            kept = {"projected": x["projected"] + recurrent} if self.sums(weights) else {"recurrent": recurrent}
        projections = {"projected": x["projected"], **kept}
        new = self.advance(projections, state, weights["gate_weights"], x, operands)
        if "mask" in x:
            new = tuple(ops.where(x["mask"] > 0, after, before) for after, before in zip(new, state))
        if "recurrent_kernel" in weights:
            new = at_once(new)
        return new, {**kept, "state": new}

    def advance(self, kept, state, gate_weights, x, operands):
        """The gates and, behind them, zoneout: what is differentiated step by step."""
        new = tuple(self.gates(kept["projected"], kept.get("recurrent", 0.0), state, gate_weights))
        if "zoneout" not in operands:
            return new
        shares = x["zoneout"] if "zoneout" in x else tuple(share[0] for share in operands["zoneout"])
        return tuple(after + share * (before - after) for after, before, share in zip(new, state, shares))

    def dropped(self, hidden, x, operands):
        """What meets `U`: `[batch, units]` of one step or `[steps, batch, units]` of a chunk."""
        if "recurrent_dropout" not in operands:
            return hidden
        return hidden * (x["recurrent_dropout"] if "recurrent_dropout" in x else operands["recurrent_dropout"][0])

    def backward(self, operands, kept, cotangents):
        """The cotangents of the sequence, the weights and the initial state."""
        d_outputs, *d_last = cotangents
        sequence, weights, initial_state = operands["sequence"], operands["weights"], operands["initial_state"]
        like = self.kept_like(weights, initial_state)
        like.pop("state")
        # Transposed once: a product that reads a matrix across its rows takes up to a third longer, at each step anew.
        transposed = {
            name: ops.transpose(ops.cast(weights[name], sequence.dtype))
            for name in ("kernel", "recurrent_kernel")
            if name in weights
        }

        def run_chunk(carry, chunk):
            d_state, d_weights = carry
            previous = self.previous(chunk["state"], chunk["before"])
            xs = {name: value for name, value in chunk.items() if name not in ("sequence", "state", "before")}
            xs["previous"] = previous
            (d_state, d_gate_weights), d_kept = scan(
                lambda carry, x: self.step_back(carry, x, operands, transposed),
                (d_state, d_weights["gate_weights"]),
                xs,
                self.chunk,
                like,
                not self.reverse,
            )
            # From here on, all steps of the chunk at once.
            found = {"gate_weights": d_gate_weights}
            d_projected = ops.cast(d_kept["projected"], sequence.dtype)
            found["kernel"] = d_weights["kernel"] + _weight_gradient(chunk["sequence"], d_projected, weights["kernel"])
            if "bias" in weights:
                found["bias"] = d_weights["bias"] + _bias_gradient(d_kept["projected"], weights["bias"])
            if "recurrent_kernel" in weights:
                hidden = ops.cast(self.dropped(previous[0], chunk, operands), sequence.dtype)
                d_recurrent = d_kept.get("recurrent", d_kept["projected"])
                found["recurrent_kernel"] = d_weights["recurrent_kernel"] + _weight_gradient(
                    hidden, ops.cast(d_recurrent, sequence.dtype), weights["recurrent_kernel"]
                )
                if "recurrent_bias" in weights:
                    found["recurrent_bias"] = d_weights["recurrent_bias"] + _bias_gradient(
                        d_recurrent, weights["recurrent_bias"]
                    )
            d_sequence = ops.matmul(d_projected, transposed["kernel"])
            return (d_state, found), d_sequence

        chunks = {
            **self.in_chunks(operands),
            **kept,
            "d_outputs": self.in_chunks({"d_outputs": d_outputs})["d_outputs"],
        }
        chunks["before"] = self.before_chunks(kept["state"], initial_state)
        carry = (tuple(d_last), keras.tree.map_structure(ops.zeros_like, weights))
        count = ops.shape(chunks["sequence"])[0]
        like_chunk = keras.KerasTensor((self.chunk, *sequence.shape[1:]), dtype=sequence.dtype)
        (d_initial, d_weights), d_sequence = scan(run_chunk, carry, chunks, count, like_chunk, not self.reverse)
        return {"sequence": _joined(d_sequence), "weights": d_weights, "initial_state": d_initial}

    def step_back(self, carry, x, operands, transposed):
        """One step backward: from the cotangents behind a step to those before it.

        `transposed` has the weights that carry them back: `kernel` `[gates·units, features]` and `recurrent_kernel`
        `[gates·units, units]`.
        """
        d_state, d_gate_weights = carry
        weights = operands["weights"]
        total = (d_state[0] + x["d_outputs"], *d_state[1:])
        past = None
        if "mask" in x:
            past = tuple(ops.where(x["mask"] > 0, 0.0, value) for value in total)
            total = tuple(ops.where(x["mask"] > 0, value, 0.0) for value in total)
        kept = {name: x[name] for name in ("projected", "recurrent") if name in x}
        _, pullback = vjp(
            lambda kept, state, gate_weights: self.advance(kept, state, gate_weights, x, operands),
            (kept, x["previous"], weights["gate_weights"]),
        )
        d_kept, d_previous, d_gate_step = pullback(total)
        if "recurrent_kernel" in weights:
            d_direct = d_previous[0]
            if self.additive:  # its gates seldom read h itself, and d_direct is zeros
                d_kept = at_once(d_kept)
            else:
                d_kept, d_direct = at_once((d_kept, d_direct))
            d_recurrent = ops.cast(d_kept.get("recurrent", d_kept["projected"]), operands["sequence"].dtype)
            d_hidden = ops.cast(ops.matmul(d_recurrent, transposed["recurrent_kernel"]), total[0].dtype)
            d_previous = (d_direct + self.dropped(d_hidden, x, operands), *d_previous[1:])
        if past is not None:
            d_previous = tuple(through + around for through, around in zip(d_previous, past))
        return (tuple(d_previous), keras.tree.map_structure(ops.add, d_gate_weights, d_gate_step)), d_kept

    def in_chunks(self, operands):
        """Those operands that differ from step to step: `[time, ...]` to `[chunks, steps, ...]`."""
        names = ("sequence", "d_outputs", "mask", "recurrent_dropout", "zoneout")
        time = (operands["sequence"] if "sequence" in operands else operands["d_outputs"]).shape[0]
        found = {}
        for name in names:
            if name in operands and all(each.shape[0] == time for each in keras.tree.flatten(operands[name])):
                found[name] = keras.tree.map_structure(self.reshaped, operands[name])
        return found

    def reshaped(self, each):
        time, *rest = ops.shape(each)
        return ops.reshape(each, (time // self.chunk, self.chunk, *rest))

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

    def kept_like(self, weights, initial_state):
        """Shapes and dtypes of what `step` keeps."""
        batch, dtype = initial_state[0].shape[0], initial_state[0].dtype
        like = {"projected": keras.KerasTensor((batch, weights["kernel"].shape[-1]), dtype=dtype)}
        if "recurrent_kernel" in weights and not self.additive:
            like["recurrent"] = keras.KerasTensor((batch, weights["recurrent_kernel"].shape[-1]), dtype=dtype)
        like["state"] = tuple(keras.KerasTensor(state.shape, dtype=dtype) for state in initial_state)
        return like

    def of_chunk(self, like):
        """The same of all steps of a chunk."""
        return keras.tree.map_structure(
            lambda each: keras.KerasTensor((self.chunk, *each.shape), dtype=each.dtype), like
        )


def _product(x, kernel, bias, dtype):
    """`x·kernel + bias` in the precision of `x`, the result in `dtype`."""
    product = ops.cast(ops.matmul(x, ops.cast(kernel, x.dtype)), dtype)
    return product if bias is None else product + ops.cast(bias, dtype)


def _weight_gradient(inputs, d_outputs, like):
    """`[steps, batch, n]` and `[steps, batch, m]` to `[n, m]`, one product over all rows."""
    inputs = ops.reshape(inputs, (-1, like.shape[0]))
    d_outputs = ops.reshape(d_outputs, (-1, like.shape[1]))
    return ops.cast(ops.matmul(ops.transpose(inputs), d_outputs), like.dtype)


def _bias_gradient(d_outputs, like):
    return ops.cast(ops.sum(d_outputs, axis=(0, 1)), like.dtype)


def _joined(chunks):
    """`[chunks, steps, ...]` to `[time, ...]`."""
    count, steps, *rest = ops.shape(chunks)
    return ops.reshape(chunks, (count * steps, *rest))


def _pad(by_step, padding):
    """Adds steps behind the end; they are not real. What is constant over time, `[1, ...]`, stays so."""
    if by_step is None or by_step.shape[0] == 1:
        return by_step
    return ops.pad(by_step, [[0, padding]] + [[0, 0]] * (len(by_step.shape) - 1))
