"""The scan of a step that looks at a memory: a sequence and a state in, the outputs of all steps out, with its own gradient.

Much of a step with attention are products with what is the same at every step: weights, and the memory. A step that takes
its products from outside, `product(name, x)`, can be run in three ways: `Products` computes them, which is all that one step
needs; `Recorded` also remembers their results for the gradient; `Replayed` puts the remembered results in their place, and its
gradient is that of the products. So the backward loop computes no product twice and accumulates no gradient of a matrix:
it hands out what went into each product and the cotangent of what came out, and the gradient of each matrix, and of the
memory, is one product over all steps after the loop.

Measured on two cores under load, so only ratios count: a training step of the conditional form, GRU of 256 units, additive
attention over a memory of 512 features, compiled by XLA on TensorFlow, interleaved medians. Time beside this module's = 1:

    batch x steps x places                          32x40x40     64x30x30        64x20x20
    gradient derived from the scan                1.15, 1.32   1.13, 1.32      0.96, 1.11      (two runs)
    only states kept, gradients in the carry      1.24, 1.34   1.11, 1.04      1.13, 1.20
    only states kept, products after the loop     1.19, 1.12   1.08, 1.03      1.24, 1.13

Memory of the compiled step, on JAX, 64x30x30: 130, 30, 56 and, here, 75 MiB. With an LSTM, input feeding and the general score,
where no tanh has to be kept, one run: 1.09, 1.27 and 1.17 of the time here; 75, 37, 59 and, here, 80 MiB.
The third variant was tried by replaying zeros, which costs it some memory traffic that a version of its own would not have.
"""

import keras
from keras import ops

from common.layers.backend import scan, vjp, with_gradient


def context_recurrence(step, sequence, initial_state, maps, weights, constants, output_size):
    """Runs a step over a sequence.

    Args:
        step: function `(product, x, state, weights, constants) -> (output, attention, new state)`. `product(name, values)` is
            `values·kernel + bias` of the map of that name, `x` is `sequence` at one step, `output` is float
            `[batch, output_size]`, `attention` float `[batch, memory_time]`, the state a tuple.
        sequence: dictionary of float `[time, batch, ...]`: `projected`, and what else differs from step to step. Only
            `projected` has a gradient.
        initial_state: tuple of float `[batch, ...]`, in the precision in which the state is kept.
        maps: dictionary of name to a dictionary with `kernel`, float `[n, m]` or `[batch, n, m]`, and `bias`, float `[m]`, if
            there is one.
        weights: nest of floats that `step` reads beside its maps; their gradient is accumulated in the loop, so it is
            the place for small ones.
        constants: dictionary of floats without gradient; among them `memory_mask`, `[batch, memory_time]`.
        output_size: int, features of the output.

    Returns:
        Outputs float `[time, batch, output_size]`, attention float `[time, batch, memory_time]`, and the tuple of last states.
    """
    passes = _Passes(step, output_size, initial_state[0].dtype)
    operands = {
        "sequence": sequence,
        "initial_state": tuple(initial_state),
        "maps": maps,
        "weights": weights,
        "constants": constants,
    }
    outputs, attention, *last = with_gradient(passes.forward, passes.backward, operands)
    return outputs, attention, tuple(last)


class Products:
    """Computes products: `product(name, x)` is `x·kernel + bias`.

    Args:
        maps: as in `context_recurrence`.
        dtype: of the results; the precision of a product is that of its kernel.
    """

    def __init__(self, maps, dtype):
        self.maps, self.dtype = maps, dtype

    def __call__(self, name, x):
        kernel, bias = self.maps[name]["kernel"], self.maps[name].get("bias")
        value = ops.cast(_matmul(ops.cast(x, kernel.dtype), kernel), self.dtype)
        return value if bias is None else value + ops.cast(bias, self.dtype)


class Recorded(Products):
    """Computes products and keeps the results by name in `values`."""

    def __init__(self, maps, dtype):
        super().__init__(maps, dtype)
        self.values = {}

    def __call__(self, name, x):
        self.values[name] = super().__call__(name, x)
        return self.values[name]


class Replayed(Products):
    """Puts known results in the place of products, and keeps by name in `inputs` what went in.

    The gradient flows on to what went in as through the product, and to `values` as if they were added to it.
    """

    def __init__(self, maps, dtype, values):
        super().__init__(maps, dtype)
        self.values, self.inputs = values, {}

    def __call__(self, name, x):
        self.inputs[name] = x
        operands = {"x": x, "value": self.values[name], "kernel": self.maps[name]["kernel"]}
        return with_gradient(self._value, self._gradient, operands)[0]

    @staticmethod
    def _value(operands):
        return (operands["value"],), ()

    @staticmethod
    def _gradient(operands, kept, cotangents):
        (d_value,), kernel = cotangents, operands["kernel"]
        d_x = _matmul(ops.cast(d_value, kernel.dtype), ops.swapaxes(kernel, -1, -2))
        return {"x": ops.cast(d_x, operands["x"].dtype), "value": d_value}


class _Passes:
    """The forward and the backward pass over a sequence.

    Args:
        step, output_size: as in `context_recurrence`.
        dtype: of the state.
    """

    def __init__(self, step, output_size, dtype):
        self.step, self.output_size, self.dtype = step, output_size, dtype

    def forward(self, operands):
        """The outputs and the last states; kept for the gradient are all states and the results of all products."""
        maps, weights, constants = (operands[name] for name in ("maps", "weights", "constants"))

        def run(state, x):
            product = Recorded(maps, self.dtype)
            output, attention, new = self.step(product, x, state, weights, constants)
            return new, {"output": output, "attention": attention, "state": new, "values": product.values}

        state, time = operands["initial_state"], ops.shape(operands["sequence"]["projected"])[0]
        like = {
            "output": self.like(state, self.output_size),
            "attention": self.like(state, constants["memory_mask"].shape[1]),
            "state": tuple(self.like(state, each.shape[1]) for each in state),
            "values": {name: self.like(state, each["kernel"].shape[-1]) for name, each in maps.items()},
        }
        last, found = scan(run, state, operands["sequence"], time, like)
        return (found["output"], found["attention"], *last), {name: found[name] for name in ("state", "values")}

    def backward(self, operands, kept, cotangents):
        """The cotangents of everything but the constants.

        What is replayed has the gradient of a product but not its second derivatives; hence a gradient of its own.
        """
        like, given = self.differentiated(operands), {**operands, "kept": kept, "cotangents": tuple(cotangents)}
        found = keras.tree.pack_sequence_as(like, with_gradient(self.once, self.twice, given))
        return self.as_operands(operands, found)

    def differentiated(self, operands):
        """Those operands that have a gradient."""
        found = {name: operands[name] for name in ("initial_state", "maps", "weights")}
        return {**found, "projected": operands["sequence"]["projected"]}

    def as_operands(self, operands, found):
        """What belongs to `differentiated`, in the places of the operands."""
        zeros = {name: ops.zeros_like(value) for name, value in operands["sequence"].items()}
        rest = {name: value for name, value in found.items() if name != "projected"}
        return {**rest, "sequence": {**zeros, "projected": found["projected"]}}

    def twice(self, given, _, cotangents):
        """The cotangents of what `once` was given: from the plain loop, differentiated twice.

        What is kept is a function of the operands, so what reaches them that way is in their cotangents already.
        """

        def value(of):
            sequence = {**given["sequence"], "projected": of["projected"]}
            return self.forward({**given, **of, "sequence": sequence})[0]

        def plain_once(of, cotangents):
            return tuple(keras.tree.flatten(vjp(value, (of,))[1](cotangents)))

        _, pullback = vjp(plain_once, (self.differentiated(given), given["cotangents"]))
        found, d_cotangents = pullback(tuple(cotangents))
        return {**self.as_operands(given, found), "cotangents": d_cotangents}

    def once(self, operands):
        """The cotangents of `differentiated`, flat; of the operands, what is kept, and the cotangents of `forward`."""
        kept = operands["kept"]
        d_outputs, d_attention, *d_last = operands["cotangents"]
        maps, weights, sequence = operands["maps"], operands["weights"], operands["sequence"]
        pairs = zip(operands["initial_state"], kept["state"])
        xs = {"x": sequence, "values": kept["values"], "d_outputs": d_outputs, "d_attention": d_attention}
        xs["state"] = tuple(ops.concatenate([first[None], states[:-1]]) for first, states in pairs)

        def run(carry, each):
            def again(projected, state, values, weights):
                product = Replayed(maps, self.dtype, values)
                x = {**each["x"], "projected": projected}
                output, attention, new = self.step(product, x, state, weights, operands["constants"])
                return (output, attention, *new, *(product.inputs[name] for name in maps))

            d_state, d_weights = carry
            outputs, pullback = vjp(again, (each["x"]["projected"], each["state"], each["values"], weights))
            inputs = outputs[len(outputs) - len(maps) :]
            nothing = (ops.zeros_like(value) for value in inputs)
            d_projected, d_state, d_values, found = pullback(
                (each["d_outputs"], each["d_attention"], *d_state, *nothing)
            )
            d_weights = keras.tree.map_structure(lambda total, one: total + ops.cast(one, self.dtype), d_weights, found)
            return (d_state, d_weights), {
                "projected": d_projected,
                "inputs": dict(zip(maps, inputs)),
                "values": d_values,
            }

        state = operands["initial_state"]
        like = {
            "projected": self.like(state, sequence["projected"].shape[-1]),
            "inputs": {name: self.like(state, each["kernel"].shape[-2]) for name, each in maps.items()},
            "values": {name: self.like(state, each["kernel"].shape[-1]) for name, each in maps.items()},
        }
        carry = (tuple(d_last), keras.tree.map_structure(lambda each: ops.zeros_like(each, self.dtype), weights))
        time = ops.shape(sequence["projected"])[0]
        (d_first, d_weights), found = scan(run, carry, xs, time, like, reverse=True)
        of_maps = {name: _map_gradients(found["inputs"][name], found["values"][name], maps[name]) for name in maps}
        of_weights = keras.tree.map_structure(lambda one, each: ops.cast(one, each.dtype), d_weights, weights)
        cotangents = {"initial_state": d_first, "maps": of_maps, "weights": of_weights}
        return tuple(keras.tree.flatten({**cotangents, "projected": found["projected"]})), ()

    def like(self, state, size):
        """The shape of what a step hands out."""
        return keras.KerasTensor((state[0].shape[0], size), dtype=self.dtype)


def _matmul(x, kernel):
    """`x·kernel`, row by row if each row has a kernel of its own: `[batch, n]` and `[batch, n, m]` to `[batch, m]`."""
    if len(kernel.shape) == 3 and len(x.shape) == 2:
        return ops.squeeze(ops.matmul(ops.expand_dims(x, 1), kernel), 1)
    return ops.matmul(x, kernel)


def _map_gradients(inputs, d_values, each):
    """The cotangents of kernel and bias over all steps, from `[time, batch, n]` and `[time, batch, m]`."""
    kernel, found = each["kernel"], {}
    x, d = (ops.cast(value, kernel.dtype) for value in (inputs, d_values))
    if len(kernel.shape) == 3:
        found["kernel"] = ops.matmul(ops.transpose(x, (1, 2, 0)), ops.transpose(d, (1, 0, 2)))
    else:
        flat = ops.reshape(x, (-1, kernel.shape[0])), ops.reshape(d, (-1, kernel.shape[1]))
        found["kernel"] = ops.matmul(ops.transpose(flat[0]), flat[1])
    if "bias" in each:
        found["bias"] = ops.cast(ops.sum(d_values, axis=(0, 1)), each["bias"].dtype)
    return found
