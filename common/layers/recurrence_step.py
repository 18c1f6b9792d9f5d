"""One step of a gated cell over some rows, forward and backward, and what follows for its weights."""

import keras
from keras import ops

from common.layers.backend import at_once, vjp


class RecurrenceStep:
    """The equations of one step.

    What differs from step to step is called `x`: the operands, sliced to one step.

    Args:
        gates, additive: as in `recurrence`.
        operands: those arguments of `recurrence` of that name that there are, of the rows in question: `weights`,
            `initial_state`, `sequence`, `mask`, `recurrent_dropout`, `zoneout`.
        has_siblings: whether the steps of other rows are computed at the same time.
    """

    def __init__(self, gates, additive, operands, has_siblings):
        self.gates, self.additive, self.operands, self.has_siblings = gates, additive, operands, has_siblings
        self.weights = operands["weights"]
        self.precision, self.state_dtype = operands["sequence"].dtype, operands["initial_state"][0].dtype
        self.is_recurrent = "recurrent_kernel" in self.weights
        self.keeps_sum = additive and self.is_recurrent

    def forward(self, state, x):
        """The new state, and what the gradient needs that is not known before.

        Args:
            state: tuple of `[batch, ...]`.
            x: dictionary with `projected`, `x·W` `[batch, gates·units]`, and with what there is of `mask`,
                `recurrent_dropout` and `zoneout`.
        """
        projected, kept = self._biased(x["projected"], "bias"), {}
        if self.is_recurrent:
            hidden = ops.cast(self.dropped(state[0], x), self.precision)
            recurrent = self._biased(self.product(hidden, "recurrent_kernel"), "recurrent_bias")
            kept = {"projected": projected + recurrent} if self.keeps_sum else {"recurrent": recurrent}
        new = self._advance({"projected": projected, **kept}, state, self.weights["gate_weights"], x)
        if "mask" in x:
            new = tuple(ops.where(x["mask"] > 0, after, before) for after, before in zip(new, state))
        if self.is_recurrent:
            new = at_once((self._after_reading(state[0], new[0]), *new[1:]))
        return new, {**kept, "state": new}

    def product(self, inputs, name):
        """What goes in times the weight of that name, in the precision of the layer; the result in that of the state."""
        return ops.cast(ops.matmul(inputs, ops.cast(self.weights[name], inputs.dtype)), self.state_dtype)

    def product_back(self, d_product, name, transposed):
        """The cotangents of what went in, from those of the product.

        Args:
            d_product: `[..., m]`, in the precision of the layer.
            name: of the weight, `[n, m]`.
            transposed: dictionary with weights of that precision that are transposed already, `[m, n]`.
        """
        if name in transposed:
            return ops.matmul(d_product, transposed[name])
        return ops.matmul(d_product, ops.transpose(ops.cast(self.weights[name], self.precision)))

    def dropped(self, hidden, x):
        """What meets `U`: `[batch, units]` of one step or `[steps, batch, units]` of a chunk."""
        if "recurrent_dropout" not in self.operands:
            return hidden
        return hidden * (x["recurrent_dropout"] if "recurrent_dropout" in x else self.operands["recurrent_dropout"][0])

    def _after_reading(self, old, new):
        """`new`; where `old` is not a number, that.

        What is read by nothing but the product that a step begins with gives its place in memory away at once, to the
        product of other rows, which then has to wait for this one. So it is read again at the end of the step.
        """
        return ops.where(ops.equal(old, old), new, old) if self.has_siblings else new

    def _biased(self, product, name):
        """Plus the bias, here where that is one operation of many, instead of in a pass over a chunk."""
        return product + ops.cast(self.weights[name], product.dtype) if name in self.weights else product

    def _advance(self, kept, state, gate_weights, x):
        """The gates and, behind them, zoneout: what is differentiated step by step."""
        new = tuple(self.gates(kept["projected"], kept.get("recurrent", 0.0), state, gate_weights))
        if "zoneout" not in self.operands:
            return new
        shares = x["zoneout"] if "zoneout" in x else tuple(share[0] for share in self.operands["zoneout"])
        return tuple(after + share * (before - after) for after, before, share in zip(new, state, shares))

    def behind_the_end(self, d_last):
        """What `backward` starts from: the cotangents of the last state, and none yet of the weights of the gates."""
        d_state = {"direct": d_last}
        if self.is_recurrent:
            hidden = self.operands["initial_state"][0]
            width = self.weights["recurrent_kernel"].shape[-1]
            d_state["recurrent"] = ops.zeros((ops.shape(hidden)[0], width), self.precision)
            if "recurrent_dropout" in self.operands:
                d_state["recurrent_dropout"] = ops.zeros_like(hidden)
        return d_state, keras.tree.map_structure(ops.zeros_like, self.weights["gate_weights"])

    def through_product(self, d_state, transposed):
        """The cotangents of the state before a step.

        Args:
            d_state: dictionary with those that did not go through `h·U`, `direct`, and with that of `h·U`, `recurrent`;
                and what `h` was multiplied with before, `recurrent_dropout`, if it was.
            transposed: as in `product_back`.
        """
        if not self.is_recurrent:
            return d_state["direct"]
        direct, *others = d_state["direct"]
        d_hidden = ops.cast(self.product_back(d_state["recurrent"], "recurrent_kernel", transposed), direct.dtype)
        return (direct + d_hidden * d_state.get("recurrent_dropout", 1.0), *others)

    def backward(self, carry, x, transposed):
        """From the cotangents behind a step to those before it.

        The product with `U` is left to the step before, which begins with it: where products begin, XLA divides the work
        of a turn of the loop among cores.

        Args:
            carry: what `through_product` takes, and the cotangents of the weights of the gates so far.
            x: dictionary with `previous`, the state before the step, `d_outputs`, `projected` (`x·W`, or what `forward`
                kept of that name), and what there is of `recurrent`, `mask`, `recurrent_dropout` and `zoneout`.
            transposed: as in `product_back`.

        Returns:
            The new carry, and the cotangents of `projected` and `recurrent`, `[batch, gates·units]` each.
        """
        d_state, d_gate_weights = carry
        first, *others = self.through_product(d_state, transposed)
        total, past = (first + x["d_outputs"], *others), None
        if "mask" in x:
            past = tuple(ops.where(x["mask"] > 0, 0.0, value) for value in total)
            total = tuple(ops.where(x["mask"] > 0, value, 0.0) for value in total)
        kept = {name: x[name] for name in ("projected", "recurrent") if name in x}
        if not self.keeps_sum:
            kept["projected"] = self._biased(kept["projected"], "bias")
        _, pullback = vjp(
            lambda kept, state, gate_weights: self._advance(kept, state, gate_weights, x),
            (kept, x["previous"], self.weights["gate_weights"]),
        )
        d_kept, direct, d_gate_step = pullback(total)
        found = {}
        if self.is_recurrent:
            if self.additive:  # its gates seldom read h itself, and the first of `direct` is zeros
                d_kept = at_once(d_kept)
            else:
                d_kept, first = at_once((d_kept, direct[0]))
                direct = (first, *direct[1:])
            d_recurrent = ops.cast(d_kept.get("recurrent", d_kept["projected"]), self.precision)
            found["recurrent"] = self._after_reading(d_state["recurrent"], d_recurrent)
            if "recurrent_dropout" in self.operands:
                found["recurrent_dropout"] = self.dropped(ops.ones_like(direct[0]), x)
        if past is not None:
            direct = tuple(through + around for through, around in zip(direct, past))
        d_gate_weights = keras.tree.map_structure(ops.add, d_gate_weights, d_gate_step)
        return ({"direct": tuple(direct), **found}, d_gate_weights), d_kept

    def of_weights(self, sequence, hidden, d_kept):
        """The cotangents of kernels and biases, over all steps of a chunk at once.

        Args:
            sequence: `[steps, batch, features]`.
            hidden: what met `U`, `[steps, batch, units]`.
            d_kept: dictionary with the cotangents of `projected` and `recurrent`, `[steps, batch, gates·units]`.
        """
        d_projected, found = d_kept["projected"], {}
        found["kernel"], found["bias"] = self._of_map(sequence, d_projected, "kernel", "bias")
        if self.is_recurrent:
            found["recurrent_kernel"], found["recurrent_bias"] = self._of_map(
                hidden, d_kept.get("recurrent", d_projected), "recurrent_kernel", "recurrent_bias"
            )
        return {name: value for name, value in found.items() if name in self.weights}

    def _of_map(self, inputs, d_outputs, kernel, bias):
        """The cotangents of a kernel and of its bias: one product, and one sum, over all rows of all steps."""
        like = self.weights[kernel]
        rows = ops.reshape(ops.cast(inputs, self.precision), (-1, like.shape[0]))
        d_rows = ops.reshape(ops.cast(d_outputs, self.precision), (-1, like.shape[1]))
        d_kernel = ops.cast(ops.matmul(ops.transpose(rows), d_rows), like.dtype)
        if bias not in self.weights:
            return d_kernel, None
        return d_kernel, ops.cast(ops.sum(d_outputs, axis=(0, 1)), self.weights[bias].dtype)

    def kept_like(self):
        """Shapes and dtypes of what is kept of a step: `projected`, `recurrent` if it is not in their sum, and `state`."""
        rows = self.operands["initial_state"][0].shape[0]
        like = {"projected": keras.KerasTensor((rows, self.weights["kernel"].shape[-1]), dtype=self.state_dtype)}
        if self.is_recurrent and not self.additive:
            width = self.weights["recurrent_kernel"].shape[-1]
            like["recurrent"] = keras.KerasTensor((rows, width), dtype=self.state_dtype)
        like["state"] = tuple(
            keras.KerasTensor(state.shape, dtype=self.state_dtype) for state in self.operands["initial_state"]
        )
        return like
