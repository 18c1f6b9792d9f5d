"""What every gated cell has in common: its weights, its one step, and the names under which it is configured.

A new cell is a subclass of `GatedCell` that states how many gates and states it has and writes `gates`. Its layer over a
sequence comes from `common.layers.recurrent_layer`.
"""

import keras
from keras import ops


class GatedCell(keras.layers.Layer):
    """One step of a gated recurrent network: `new_state = gates(x·W + b, h·U + b_r, state)`.

    Subclasses set `gate_count` and `state_names`, and write `gates`. The weights are named, shaped and ordered as those of
    Keras's own cells, so that they can be moved both ways. Works inside `keras.layers.RNN`, too.

    Args:
        units: positive int, size of each state.
        use_bias: whether the projections add a bias.
        kernel_initializer: initializer of `W` `[features, gate_count·units]`.
        recurrent_initializer: initializer of `U` `[units, gate_count·units]`.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of `W`, or None.
        recurrent_regularizer: regularizer of `U`, or None.

    Call arguments:
        inputs: float `[batch, features]`.
        states: list of float `[batch, units]`, in the order of `state_names`; the first is the output.

    Returns:
        The output, float `[batch, units]`, and the list of new states.

    Raises:
        ValueError: if `units` is not a positive integer.
    """

    gate_count = None
    state_names = ("hidden",)
    has_recurrent_kernel = True

    def __init__(
        self,
        units,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"{type(self).__name__}: units must be a positive integer, got {units!r}")
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias = None

    @property
    def state_size(self):
        return [self.units] * len(self.state_names) if len(self.state_names) > 1 else self.units

    @property
    def output_size(self):
        return self.units

    def build(self, input_shape):
        width = self.gate_count * self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], width),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        if self.has_recurrent_kernel:
            self.recurrent_kernel = self.add_weight(
                shape=(self.units, width),
                name="recurrent_kernel",
                initializer=self.recurrent_initializer,
                regularizer=self.recurrent_regularizer,
            )
        if self.use_bias:
            self.build_bias(width)

    def build_bias(self, width):
        """Adds the weight `bias`; a cell with an unusual bias overrides it."""
        self.bias = self.add_weight(shape=(width,), name="bias", initializer=self.bias_initializer)

    def gates(self, projected, recurrent, state):
        """The equations of the cell.

        Args:
            projected: float `[batch, gate_count·units]`, `x·W + b`.
            recurrent: float `[batch, gate_count·units]`, `h·U + b_r`; None for a cell without a recurrent kernel.
            state: tuple of float `[batch, units]`.

        Returns:
            The new state, a tuple of float `[batch, units]`.
        """
        raise NotImplementedError

    def project(self, inputs):
        """`x·W + b` for one step or a whole sequence: float `[..., features]` to `[..., gate_count·units]`."""
        projected = ops.matmul(inputs, ops.cast(self.kernel, inputs.dtype))
        bias = self.input_bias()
        return projected if bias is None else projected + ops.cast(bias, projected.dtype)

    def input_bias(self):
        """`b`, float `[gate_count·units]`, or None."""
        return self.bias

    def recurrent_bias(self):
        """`b_r`, float `[gate_count·units]`; zeros unless the cell has one."""
        return ops.zeros((self.gate_count * self.units,), "float32")

    def output(self, state):
        """What the layer above sees of the state: float `[batch, units]`."""
        return state[0]

    def call(self, inputs, states, training=None):
        states = tuple(states) if isinstance(states, (list, tuple)) else (states,)
        recurrent = None
        if self.has_recurrent_kernel:
            recurrent = ops.matmul(states[0], ops.cast(self.recurrent_kernel, states[0].dtype))
            recurrent = recurrent + ops.cast(self.recurrent_bias(), recurrent.dtype)
        new_state = self.gates(self.project(inputs), recurrent, states)
        return self.output(new_state), list(new_state)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in self.state_names]

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "recurrent_regularizer": keras.regularizers.serialize(self.recurrent_regularizer),
        }
