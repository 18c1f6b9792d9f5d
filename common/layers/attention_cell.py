"""One step of a recurrent network that looks at a memory; teacher forcing, sampling and beam search all take this one."""

import keras
from keras import ops

from common.layers.cell import GatedCell, check_positive
from common.layers.context_recurrence import Products
from common.layers.masks import fits
from common.layers.memory_attention import MemoryAttention

FORMS = ("bahdanau", "input_feeding", "conditional", "up_down")


@keras.saving.register_keras_serializable(package="unroll")
class AttentionCell(keras.layers.Layer):
    """A cell and an attention over a memory.

    With `attend(query)` for the mean of the memory that the attention finds, `x` the input and `h` the output of the cell:

        bahdanau        c = attend(h);  h' = cell([x; c], h);  output = [h'; c]
        input_feeding   h' = cell([x; a], h);  c = attend(h');  output = a' = tanh([h'; c]·A)
                        without `attention_units`  a' = c,  output = [h'; c]
        conditional     s = cell(x, h);  c = attend(s);  h' = context_cell(c, s);  output = [h'; c]
        up_down         s' = cell([x; h], s);  c = attend(s');  h' = context_cell([c; s'], h);  output = [h'; c]

    With `context_gate` what was found is let in by `attend(q) = sigmoid(q·G + g) * mean`, feature by feature.

    The states are those of the cell; then, for `up_down`, those of the context cell, which has its own; then, for
    `input_feeding`, `attention` a; then, with coverage, `coverage`, the sum of the weights so far. The kernel of the cell has
    the rows of `x` first and those of `c`, `a` or `h` behind them, that of the context cell those of `c` first;
    `attention_kernel` A is `[units + features, attention_units]`, `gate_kernel` G `[units, features]`, `gate_bias` g.

    Args:
        cell: a `GatedCell` of `common.layers`.
        attention: an `AdditiveAttention` or a `MultiplicativeAttention`.
        form: one of the four above.
        attention_units: positive int or None, size of a; for `input_feeding` only. The other forms return `[h'; c]`, so that
            whatever follows is one product over all steps.
        context_cell: the second cell of `conditional`, with states of the same sizes, or of `up_down`; None for one like the
            first.
        context_gate: let each feature of what was found in by a gate of its own.

    Call arguments:
        inputs: float `[batch, features]`.
        states: list of float `[batch, ...]`, in the order of `state_names`; the first come from `initial_state`.
        memory: float `[batch, memory_time, memory features]`.
        keys: `attention.project_memory(memory)`, computed once by whoever takes many steps; computed here when None.
        memory_mask: bool `[batch, memory_time]`, True for what is real; None when all is.
        memory_lengths: int `[batch]`, another way to say a mask with padding on the right.
        return_attention: return the weights, too.

    Returns:
        The output, float `[batch, output_size]`, and the list of new states, float32; then, with `return_attention`, the
        weights over the memory, float32 `[batch, memory_time]`.

    Raises:
        ValueError: for a cell, attention, form or option that does not fit, or states of another number or shape.

    Reference:
        bahdanau: Bahdanau et al. 2015, arXiv:1409.0473; input_feeding: Luong et al. 2015, arXiv:1508.04025; conditional:
        Sennrich et al. 2017, arXiv:1703.04357; up_down: Anderson et al. 2018, arXiv:1707.07998; the gate: Xu et al. 2015,
        arXiv:1502.03044, which has one for all features.
    """

    def __init__(
        self, cell, attention, form="bahdanau", attention_units=None, context_cell=None, context_gate=False, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)  # states stay float32
        _check_type("cell", cell, GatedCell, "a GatedCell")
        _check_type("attention", attention, MemoryAttention, "an AdditiveAttention or a MultiplicativeAttention")
        if form not in FORMS:
            raise ValueError(f"AttentionCell: form must be one of {FORMS}, got {form!r}")
        if attention_units is not None and form != "input_feeding":
            raise ValueError(
                f"AttentionCell: attention_units is of form 'input_feeding', got {attention_units!r} with form {form!r}"
            )
        if context_cell is not None and form not in ("conditional", "up_down"):
            raise ValueError(
                f"AttentionCell: context_cell is of form 'conditional' or 'up_down', got one with form {form!r}"
            )
        self.cell, self.attention, self.form = cell, attention, form
        self.attention_units = (
            None if attention_units is None else check_positive(self, "attention_units", attention_units)
        )
        self.context_gate = context_gate
        if form in ("conditional", "up_down") and context_cell is None:
            context_cell = type(cell).from_config({**cell.get_config(), "name": f"context_{cell.name}"})
        self.context_cell = context_cell
        if context_cell is not None:
            _check_type("context_cell", context_cell, GatedCell, "a GatedCell")
            if form == "conditional" and context_cell.state_sizes != cell.state_sizes:
                raise ValueError(
                    f"AttentionCell: context_cell must have states of the sizes of cell, {cell.state_sizes}, "
                    f"got {context_cell.state_sizes}"
                )

    @property
    def state_dtype(self):
        return self.cell.state_dtype

    @property
    def state_names(self):
        names = list(self.cell.state_names)
        names += [f"context_{name}" for name in self.context_cell.state_names] if self.form == "up_down" else []
        names += ["attention"] if self.form == "input_feeding" else []
        return names + (["coverage"] if self.attention.coverage else [])

    def build(self, inputs_shape, memory_shape):
        self.input_size, self.context_size = inputs_shape[-1], memory_shape[-1]
        batch, hidden = inputs_shape[0], self.cell.output_size
        last = self.cell if self.context_cell is None else self.context_cell
        self.output_size = self.attention_units or last.output_size + self.context_size
        self.fed_size = {
            "bahdanau": self.context_size,
            "input_feeding": self.attention_units or self.context_size,
            "conditional": 0,
            "up_down": self.output_size - self.context_size,
        }[self.form]
        if not self.cell.built:
            self.cell.build((batch, self.input_size + self.fed_size))
        if self.context_cell is not None and not self.context_cell.built:
            self.context_cell.build((batch, self.context_size + (hidden if self.form == "up_down" else 0)))
        if not self.attention.built:
            self.attention.build((batch, hidden), memory_shape)
        self.attention_kernel = None
        if self.attention_units:
            shape = (hidden + self.context_size, self.attention_units)
            self.attention_kernel = self.add_weight(shape=shape, name="attention_kernel", initializer="glorot_uniform")
        if self.context_gate:
            shape = (hidden, self.context_size)
            self.gate_kernel = self.add_weight(shape=shape, name="gate_kernel", initializer="glorot_uniform")
            self.gate_bias = self.add_weight(shape=shape[1:], name="gate_bias", initializer="zeros")

    def call(
        self,
        inputs,
        states,
        memory,
        keys=None,
        memory_mask=None,
        memory_lengths=None,
        return_attention=False,
    ):
        mask = self.attention.mask_of_memory(memory, memory_mask, memory_lengths)
        states = self.checked_states(states, memory)
        maps, weights = self.operands(memory, keys)
        product = Products(maps, self.state_dtype)
        x = {"projected": self.project(inputs)}
        output, attention, states = self.step(product, x, states, weights, {"memory_mask": mask})
        result = ops.cast(output, self.compute_dtype), list(states)
        return (*result, attention) if return_attention else result

    def initial_state(self, memory, states=None):
        """The states before the first step: list of float `[batch, ...]`.

        Args:
            memory: float `[batch, memory_time, features]`.
            states: those of the cell, e.g. the last ones of an encoder, or all of `state_names`; what is missing is zero.
        """
        states = [] if states is None else list(states) if isinstance(states, (list, tuple)) else [states]
        if len(states) not in (0, len(self.cell.state_names), len(self.state_names)):
            raise ValueError(
                f"AttentionCell: initial states must be those of the cell {list(self.cell.state_names)} or all "
                f"{self.state_names}, got {len(states)}"
            )
        batch, missing = ops.shape(memory)[0], self._state_sizes(memory, ops.shape)[len(states) :]
        zeros = [ops.zeros((batch, size), self.state_dtype) for size in missing]
        return list(self.checked_states([*states, *zeros], memory))

    def _state_sizes(self, memory, shape_of):
        sizes = list(self.cell.state_sizes)
        sizes += self.context_cell.state_sizes if self.form == "up_down" else []
        sizes += [self.fed_size] if self.form == "input_feeding" else []
        return sizes + ([shape_of(memory)[1]] if self.attention.coverage else [])

    def checked_states(self, states, memory):
        """The states as a tuple in their own precision, if they fit."""
        states = tuple(states) if isinstance(states, (list, tuple)) else (states,)
        expected = [(memory.shape[0], size) for size in self._state_sizes(memory, lambda each: each.shape)]
        given = [tuple(state.shape) for state in states]
        if len(given) != len(expected) or not all(map(fits, given, expected)):
            raise ValueError(
                f"AttentionCell: states must be a list of {len(expected)} ({', '.join(self.state_names)}) "
                f"of shapes {expected}, got {len(given)} of shapes {given}"
            )
        return tuple(ops.cast(state, self.state_dtype) for state in states)

    def project(self, inputs):
        """What a step needs of its input, the same for one step or a whole sequence: float `[..., features]`."""
        if inputs.shape[-1] != self.input_size:
            raise ValueError(
                f"AttentionCell: was built for {self.input_size} features, got inputs of shape {tuple(inputs.shape)}"
            )
        kernel = ops.cast(self.cell.kernel, self.compute_dtype)[: self.input_size]
        product = Products({"input": _map(kernel, self.cell.input_bias())}, self.state_dtype)
        return product("input", ops.cast(inputs, self.compute_dtype))

    def operands(self, memory, keys=None):
        """The maps and the weights of `step`: see `context_recurrence`."""
        memory = ops.cast(memory, self.compute_dtype)
        keys = self.attention.checked_keys(memory, keys)
        maps = dict(self.attention.maps(memory, keys))
        weights = {"attention": self.attention.score_weights(keys), "cell": self._gate_weights(self.cell)}
        kernels = {"recurrent": (self.cell.recurrent_matrix(), self.cell.recurrent_bias())}
        if self.fed_size:
            fed = "context" if self.context_cell is None else "fed"
            kernels[fed] = (ops.convert_to_tensor(self.cell.kernel)[self.input_size :], None)
        if self.context_cell is not None:
            kernels["context"] = (self.context_cell.kernel, self.context_cell.input_bias())
            kernels["context_recurrent"] = (self.context_cell.recurrent_matrix(), self.context_cell.recurrent_bias())
            weights["context_cell"] = self._gate_weights(self.context_cell)
        kernels["attention"] = (self.attention_kernel, None)
        if self.context_gate:
            kernels["context_gate"] = (self.gate_kernel, self.gate_bias)
        for name, (kernel, bias) in kernels.items():
            if kernel is not None:
                maps[name] = _map(ops.cast(kernel, self.compute_dtype), bias)
        return maps, weights

    def _gate_weights(self, cell):
        return tuple(ops.cast(weight, self.state_dtype) for weight in cell.gate_weights())

    def step(self, product, x, states, weights, constants):
        """The equations, in the form that `context_recurrence` runs.

        Args:
            product: with the maps of `operands`.
            x: dictionary: `projected`, what `project` returned; `mask`, float `[batch, 1]`, 0 where the step is not real; and
                `context_dropout`, float `[batch, features]`, which may also stand in `constants`. The last two need not be.
            states: tuple in the order of `state_names`.
            weights: of `operands`.
            constants: dictionary with `memory_mask`, float `[batch, memory_time]`.

        Returns:
            The output, the weights over the memory, and the tuple of new states. Where the step is not real, the first
            two are zero and the states are the old ones.
        """
        count, projected = len(self.cell.state_names), x["projected"]
        inner, others = states[:count], dict(zip(self.state_names[count:], states[count:]))
        dropout = x.get("context_dropout", constants.get("context_dropout"))

        def attend(query):
            coverage, mask = others.get("coverage"), constants["memory_mask"]
            context, attention = self.attention.attend(product, query, weights["attention"], mask, coverage)
            if self.context_gate:
                context = ops.sigmoid(product("context_gate", query)) * context
            return (context if dropout is None else context * dropout), attention

        second = self.context_cell

        def again(projected, states):
            return _advance(second, product, "context_recurrent", projected, states, weights["context_cell"])

        if self.form == "bahdanau":
            context, attention = attend(self.cell.output(inner))
            inner = _advance(
                self.cell, product, "recurrent", projected + product("context", context), inner, weights["cell"]
            )
        elif self.form == "input_feeding":
            projected = projected + product("context", others["attention"])
            inner = _advance(self.cell, product, "recurrent", projected, inner, weights["cell"])
            context, attention = attend(self.cell.output(inner))
        elif self.form == "conditional":
            inner = _advance(self.cell, product, "recurrent", projected, inner, weights["cell"])
            context, attention = attend(self.cell.output(inner))
            inner = again(product("context", context), inner)
        else:
            own = tuple(others.pop(f"context_{name}") for name in second.state_names)
            projected = projected + product("fed", second.output(own))
            inner = _advance(self.cell, product, "recurrent", projected, inner, weights["cell"])
            hidden = self.cell.output(inner)
            context, attention = attend(hidden)
            outer = again(product("context", ops.concatenate([context, hidden], axis=-1)), own)
            inner = (*inner, *outer)
        hidden = self.cell.output(inner) if second is None else second.output(inner[-len(second.state_names) :])
        output = ops.concatenate([hidden, context], axis=-1)
        if self.attention_units:
            output = ops.tanh(product("attention", output))
        new = {"attention": output if self.attention_units else context}
        if "coverage" in others:
            new["coverage"] = others["coverage"] + attention
        new_states = (*inner, *(new[name] for name in others))
        if "mask" in x:
            real = x["mask"] > 0
            output, attention = ops.where(real, output, 0.0), ops.where(real, attention, 0.0)
            new_states = tuple(ops.where(real, after, before) for after, before in zip(new_states, states))
        return output, attention, new_states

    def get_config(self):
        parts = {name: getattr(self, name) for name in ("cell", "attention", "context_cell")}
        serialized = {
            name: None if part is None else keras.saving.serialize_keras_object(part) for name, part in parts.items()
        }
        options = {name: getattr(self, name) for name in ("form", "attention_units", "context_gate")}
        return {**super().get_config(), **serialized, **options}

    @classmethod
    def from_config(cls, config):
        parts = {name: config[name] for name in ("cell", "attention", "context_cell")}
        return cls(**{**config, **{name: keras.saving.deserialize_keras_object(part) for name, part in parts.items()}})


def _advance(cell, product, name, projected, states, gate_weights):
    """The new states of a cell from its projected input."""
    # Not `cell.recurrent_matrix()`: when JAX comes back for the gradient, the values that variables stood for are gone.
    recurrent = product(name, states[0]) if name in product.maps else 0.0
    if not gate_weights:
        return tuple(cell.gates(projected, recurrent, states))
    # Inside, the weights are what is differentiated step by step.
    with keras.StatelessScope(state_mapping=list(zip(cell.gate_weights(), gate_weights))):
        return tuple(cell.gates(projected, recurrent, states))


def _map(kernel, bias):
    return {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": ops.convert_to_tensor(bias)}


def _check_type(label, value, expected, description):
    if not isinstance(value, expected):
        raise ValueError(f"AttentionCell: {label} must be {description} of common.layers, got {value!r}")
