"""What every recurrent cell has in common: its weights, its one step, and the names under which it is configured.

A new cell is a subclass of `GatedCell` that states how many gates and states it has and writes `gates`. Its layer over a
sequence comes from `common.layers.recurrent_layer`.
"""

import inspect

import keras
from keras import ops


class GatedCell(keras.layers.Layer):
    """One step of a gated recurrent network: `new_state = gates(x·W + b, h·U + b_r, state)`.

    Subclasses set `gate_count` and `state_names`, and write `gates`. A cell whose gates have weights of their own (peepholes,
    the gains of a normalization) adds them in `build` and reads them in `gates` like any attribute. The weights are named,
    shaped and ordered as those of Keras's own cells, so that they can be moved both ways. Works inside `keras.layers.RNN`, too.

    Args:
        units: positive int, size of the output.
        use_bias: whether the projections add a bias.
        kernel_initializer: initializer of `W` `[features, gate_count·units]`.
        recurrent_initializer: initializer of `U` `[units, gate_count·units]`.
        bias_initializer: initializer of the bias.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: regularizers of `W`, `U` and the bias, or None.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints of the same, or None.

    Call arguments:
        inputs: float `[batch, features]`.
        states: list of float `[batch, units]`, in the order of `state_names`.

    Returns:
        The output, float `[batch, units]`, and the list of new states.

    Raises:
        ValueError: if `units` is not a positive integer.
    """

    gate_count = None
    state_names = ("hidden",)
    has_recurrent_kernel = True
    # Whether `gates` reads nothing but `projected + recurrent`: then only the sum is kept for the gradient.
    additive = False

    def __init__(
        self,
        units,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = check_positive(self, "units", units)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.kernel = self.recurrent_kernel = self.bias = None

    @property
    def state_sizes(self):
        """Features of each state, list of int in the order of `state_names`."""
        return [self.units] * len(self.state_names)

    @property
    def state_size(self):
        """The same in the form that `keras.layers.RNN` asks for."""
        return self.state_sizes if len(self.state_names) > 1 else self.state_sizes[0]

    @property
    def state_dtype(self):
        """States are never kept in half precision: an error of each step would add up."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    @property
    def output_size(self):
        return self.units

    def build(self, input_shape):
        width = self.gate_count * self.units
        self.add_kernel((input_shape[-1], width))
        if self.has_recurrent_kernel:
            self.recurrent_kernel = self.add_weight(
                shape=(self.state_sizes[0], width),
                name="recurrent_kernel",
                initializer=self.recurrent_initializer,
                regularizer=self.recurrent_regularizer,
                constraint=self.recurrent_constraint,
            )
        if self.use_bias:
            self.build_bias(width)

    def add_kernel(self, shape):
        self.kernel = self.add_weight(
            shape=shape,
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def build_bias(self, width):
        """Adds the weight `bias`; a cell with an unusual bias overrides it."""
        self.add_bias((width,), self.bias_initializer)

    def add_bias(self, shape, initializer):
        self.bias = self.add_weight(
            shape=shape,
            name="bias",
            initializer=initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def gates(self, projected, recurrent, state):
        """The equations of the cell, row by row.

        Args:
            projected: float `[batch, gate_count·units]`, `x·W + b`.
            recurrent: float `[batch, gate_count·units]`, `h·U + b_r`; 0 for a cell without a recurrent kernel, and for an
                `additive` one, whose `projected` may be the sum of both.
            state: tuple of float `[batch, units]`.

        Returns:
            The new state, a tuple of float `[batch, units]`; the first is the output.
        """
        raise NotImplementedError

    def gate_weights(self):
        """What `gates` reads beside its arguments: all weights that are not `kernel`, `recurrent_kernel` and `bias`."""
        known = {id(weight) for weight in (self.kernel, self.recurrent_kernel, self.bias)}
        return [weight for weight in self.weights if id(weight) not in known]

    def project(self, inputs):
        """`x·W + b` for one step or a whole sequence: float `[..., features]` to `[..., gate_count·units]`."""
        projected = ops.matmul(inputs, ops.cast(self.kernel, inputs.dtype))
        bias = self.input_bias()
        return projected if bias is None else projected + ops.cast(bias, projected.dtype)

    def input_bias(self):
        """`b`, float `[gate_count·units]`, or None."""
        return self.bias

    def recurrent_bias(self):
        """`b_r`, float `[gate_count·units]`; None, as for most cells, if there is none."""

    def recurrent_matrix(self):
        """`U` as it meets the output of the last step, float `[units, ...]`; None for a cell without one."""
        return self.recurrent_kernel

    def output(self, state):
        """What the layer above sees of the state: float `[batch, units]`."""
        return state[0]

    def call(self, inputs, states, training=None):
        states = tuple(states) if isinstance(states, (list, tuple)) else (states,)
        recurrent, matrix, bias = 0.0, self.recurrent_matrix(), self.recurrent_bias()
        if matrix is not None:
            recurrent = ops.matmul(states[0], ops.cast(matrix, states[0].dtype))
            recurrent = recurrent if bias is None else recurrent + ops.cast(bias, recurrent.dtype)
        new_state = self.gates(self.project(inputs), recurrent, states)
        return self.output(new_state), list(new_state)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_sizes]

    @classmethod
    def argument_names(cls):
        """Names of the constructor's arguments, those of the base classes of this library included."""
        names = set()
        for base in cls.__mro__[: cls.__mro__.index(GatedCell) + 1]:
            parameters = inspect.signature(base.__init__).parameters.values()
            names |= {each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD}
        return names - {"self"}

    def get_config(self):
        serialized = {
            **{name: keras.initializers.serialize(getattr(self, name)) for name in _INITIALIZERS},
            **{name: keras.regularizers.serialize(getattr(self, name)) for name in _REGULARIZERS},
            **{name: keras.constraints.serialize(getattr(self, name)) for name in _CONSTRAINTS},
        }
        return {**super().get_config(), "units": self.units, "use_bias": self.use_bias, **serialized}


def check_positive(layer, label, value):
    """`value`, if it is a positive int; else raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{type(layer).__name__}: {label} must be a positive integer, got {value!r}")
    return value


_INITIALIZERS = ("kernel_initializer", "recurrent_initializer", "bias_initializer")
_REGULARIZERS = ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer")
_CONSTRAINTS = ("kernel_constraint", "recurrent_constraint", "bias_constraint")
