"""A cell over a sequence: projection, dropout, masks, direction and state, the same for every cell."""

import keras
from keras import ops

from common.layers.backend import random_uniform
from common.layers.dropout import check_fraction, check_mode, dropout_mask
from common.layers.keras_arguments import without_keras_only
from common.layers.masks import fits, mask_of_steps
from common.layers.recurrence import recurrence


class RecurrentLayer(keras.layers.Layer):
    """Runs the cell of a subclass over `[batch, time, features]`, compiled to one XLA loop.

    Subclasses name their `cell_class`. What is not listed here goes to the cell (`use_bias`, initializers, ...).

    Args:
        units: positive int, size of the output.
        return_sequences: return the output of every step instead of the last one.
        return_state: return the last states, too.
        go_backwards: run from the last step to the first; the output of every step then stands in the order of running,
            as in Keras.
        dropout: fraction of the input features that is dropped in training, 0 to 1.
        recurrent_dropout: fraction of the output that is dropped before it meets the recurrent kernel, 0 to 1.
        dropout_mode: `variational` drops the same features at every step of a sequence (Gal and Ghahramani 2016,
            arXiv:1512.05287); `per_step` draws anew at each step.
        zoneout: fraction of the units that keep their old state at a step of training, 0 to 1, drawn anew at each step;
            otherwise new and old state are mixed in this proportion. One number, or one for each state (Krueger et al. 2017,
            arXiv:1606.01305).
        learn_initial_state: start from a weight, zero before training, instead of from zeros.
        seed: int or None, of dropout and zoneout.
        activity_regularizer: regularizer of what the layer returns, as in Keras, or None.

    What Keras's layers have and these do not (`stateful`, `unroll`, `use_cudnn`, ...) is in `keras_arguments`: accepted where
    it asks for nothing, else refused with what to do instead.

    Call arguments:
        sequence: float `[batch, time, features]`.
        initial_state: list of float `[batch, units]`, one for each state of the cell; when None, zeros or what was learned.
        mask: bool `[batch, time]`, True for real steps; None when all are.
        lengths: int `[batch]`, another way to say a mask with padding on the right.
        training: whether dropout is active.

    Returns:
        `[batch, time, units]` with `return_sequences`, else `[batch, units]`; followed by the states, each float32
        `[batch, units]`, with `return_state`.

    Masking:
        A step that is not real leaves the state as it was, and its output repeats the last real one (the initial
        state where there is none). Padding anywhere, and rows without any real step, never change other results.

    Raises:
        ValueError: for an argument that the cell does not have or a value out of bounds, both `mask` and `lengths`, a
            sequence without any step, or a sequence, mask, lengths or initial state that does not fit.
    """

    cell_class = None

    def __init__(
        self,
        units,
        *,  # Keras's layers have other arguments in these places
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        dropout_mode="variational",
        zoneout=0.0,
        learn_initial_state=False,
        seed=None,
        activity_regularizer=None,
        name=None,
        trainable=True,
        dtype=None,
        **cell_arguments,
    ):
        # No autocast: a float32 state that is passed in must not lose its digits under mixed precision.
        super().__init__(
            name=name, trainable=trainable, dtype=dtype, activity_regularizer=activity_regularizer, autocast=False
        )
        cell_arguments = without_keras_only(self, cell_arguments)
        for argument in cell_arguments:
            if argument not in self.cell_class.argument_names():
                known = ", ".join(sorted(self.cell_class.argument_names() - {"units"}))
                raise ValueError(
                    f"{type(self).__name__}: there is no argument {argument} (got {cell_arguments[argument]!r}); "
                    f"beside those of every recurrent layer it takes {known}"
                )
        self.cell = self.cell_class(units, dtype=self.dtype_policy, name="cell", **cell_arguments)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.dropout = check_fraction(type(self).__name__, "dropout", dropout)
        self.recurrent_dropout = check_fraction(type(self).__name__, "recurrent_dropout", recurrent_dropout)
        if recurrent_dropout and not self.cell.has_recurrent_kernel:
            raise ValueError(
                f"{type(self).__name__}: has no recurrent product to drop from, "
                f"got recurrent_dropout={recurrent_dropout!r}"
            )
        self.dropout_mode = check_mode(type(self).__name__, dropout_mode)
        self.zoneout = self._zoneout_of_states(zoneout)
        self.learn_initial_state = learn_initial_state
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def _zoneout_of_states(self, zoneout):
        count = len(self.cell.state_names)
        fractions = list(zoneout) if isinstance(zoneout, (list, tuple)) else [zoneout] * count
        if len(fractions) != count:
            raise ValueError(
                f"{type(self).__name__}: zoneout must be one number, or one for each state "
                f"({', '.join(self.cell.state_names)}), got {zoneout!r}"
            )
        return [check_fraction(type(self).__name__, "zoneout", fraction) for fraction in fractions]

    @property
    def units(self):
        return self.cell.units

    @property
    def state_sizes(self):
        """Features of each state, list of int."""
        return self.cell.state_sizes

    @property
    def output_size(self):
        return self.cell.output_size

    def build(self, sequence_shape):
        if not self.cell.built:
            self.cell.build((sequence_shape[0], sequence_shape[-1]))
        self.initial_weights = [
            self.add_weight(shape=(size,), name=f"initial_{name}", initializer="zeros")
            for name, size in zip(self.cell.state_names, self.cell.state_sizes)
            if self.learn_initial_state
        ]

    def call(self, sequence, initial_state=None, mask=None, lengths=None, training=None):
        outputs, last = self.in_order_of_time(sequence, initial_state, mask, lengths, training)
        if not self.return_sequences:
            output = outputs[:, 0 if self.go_backwards else -1]
        else:
            output = ops.flip(outputs, axis=1) if self.go_backwards else outputs
        return (output, *last) if self.return_state else output

    def in_order_of_time(self, sequence, initial_state=None, mask=None, lengths=None, training=None):
        """What `call` does, but always all outputs, in the order of the sequence: they and the tuple of last states."""
        mask = mask_of_steps(type(self).__name__, sequence, mask, lengths)
        self._check_call(sequence, initial_state)
        sequence = ops.cast(sequence, self.compute_dtype)
        batch = ops.shape(sequence)[0]
        if mask is not None:
            mask = ops.expand_dims(ops.transpose(mask), -1)  # [time, batch, 1]
        sequence = ops.transpose(self._drop_inputs(sequence, training), (1, 0, 2))  # [time, batch, features]
        if initial_state is None:
            initial_state = self._initial_state(batch)
        outputs, last = self.run(
            sequence,
            tuple(ops.cast(state, self.cell.state_dtype) for state in _as_list(initial_state)),
            mask=mask,
            recurrent_dropout=self._recurrent_dropout_mask(sequence, training),
            zoneout=self._zoneout_shares(sequence, training),
            reverse=self.go_backwards,
        )
        return ops.cast(ops.transpose(outputs, (1, 0, 2)), self.compute_dtype), last

    def run(self, sequence, initial_state, mask=None, recurrent_dropout=None, zoneout=None, reverse=False):
        """The outputs of all steps and the last states.

        Args:
            sequence: float `[time, batch, features]`.
            initial_state: tuple of float `[batch, units]` in the dtype of the state.
            mask: bool `[time, batch, 1]`, or None when all steps are real.
            recurrent_dropout: float `[time or 1, batch, units]`, or None.
            zoneout: for each state float `[time or 1, batch or 1, units or 1]`, or None.
            reverse: from the last step to the first.

        Returns:
            Outputs in the order of the sequence, float `[time, batch, units]` in the dtype of the state, and the tuple of
            last states.
        """
        cell = self.cell
        weights = {
            "kernel": cell.kernel,
            "bias": cell.input_bias(),
            "recurrent_kernel": cell.recurrent_matrix(),
            "recurrent_bias": cell.recurrent_bias(),
        }
        weights = {name: ops.convert_to_tensor(weight) for name, weight in weights.items() if weight is not None}
        gate_weights = cell.gate_weights()
        weights["gate_weights"] = tuple(ops.cast(weight, cell.state_dtype) for weight in gate_weights)

        def gates(projected, recurrent, state, values):
            if not gate_weights:
                return cell.gates(projected, recurrent, state)
            # Inside, the weights are what is differentiated step by step.
            with keras.StatelessScope(state_mapping=list(zip(gate_weights, values))):
                return cell.gates(projected, recurrent, state)

        return recurrence(
            gates, sequence, weights, initial_state, mask, recurrent_dropout, zoneout, cell.additive, reverse
        )

    def _initial_state(self, batch):
        if self.learn_initial_state:
            return [ops.tile(ops.expand_dims(weight, 0), (batch, 1)) for weight in self.initial_weights]
        return [ops.zeros((batch, size), self.cell.state_dtype) for size in self.cell.state_sizes]

    def _check_call(self, sequence, initial_state):
        """Raises ValueError for what would fail later, far from its cause."""
        name, shape = type(self).__name__, tuple(sequence.shape)
        if shape[1] == 0:
            raise ValueError(f"{name}: the sequence must have at least one step of time, got shape {shape}")
        features = self.cell.kernel.shape[-2]
        if shape[2] != features:
            raise ValueError(f"{name}: the layer was built for {features} features, got a sequence of shape {shape}")
        if initial_state is not None:
            expected = [(shape[0], size) for size in self.cell.state_sizes]
            given = [tuple(state.shape) for state in _as_list(initial_state)]
            if len(given) != len(expected) or not all(map(fits, given, expected)):
                raise ValueError(
                    f"{name}: initial_state must be a list of {len(expected)} ({', '.join(self.cell.state_names)}) "
                    f"of shapes {expected}, got {len(given)} of shapes {given}"
                )

    def _drop_inputs(self, sequence, training):
        if not training or not self.dropout:
            return sequence
        batch, time, features = ops.shape(sequence)
        shape = (batch, 1 if self.dropout_mode == "variational" else time, features)
        return sequence * dropout_mask(shape, self.dropout, self.seed_generator, sequence.dtype)

    def _recurrent_dropout_mask(self, sequence, training):
        if not training or not self.recurrent_dropout:
            return None
        time, batch = ops.shape(sequence)[:2]
        shape = (1 if self.dropout_mode == "variational" else time, batch, self.cell.state_sizes[0])
        return dropout_mask(shape, self.recurrent_dropout, self.seed_generator, self.cell.state_dtype)

    def _zoneout_shares(self, sequence, training):
        if not any(self.zoneout):
            return None
        dtype = self.cell.state_dtype
        if not training:
            return tuple(ops.full((1, 1, 1), fraction, dtype) for fraction in self.zoneout)
        time, batch = ops.shape(sequence)[:2]
        return tuple(
            ops.cast(random_uniform((time, batch, size), self.seed_generator) < fraction, dtype)
            for fraction, size in zip(self.zoneout, self.cell.state_sizes)
        )

    def compute_mask(self, sequence, previous_mask=None):
        return previous_mask if self.return_sequences else None

    def compute_output_shape(self, sequence_shape, **_):
        batch, time = sequence_shape[0], sequence_shape[1]
        size = self.cell.output_size
        output = (batch, time, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        return (output, *[(batch, size) for size in self.cell.state_sizes])

    def get_config(self):
        cell_config = self.cell.get_config()
        cell_arguments = {key: value for key, value in cell_config.items() if key not in ("name", "trainable", "dtype")}
        return {
            **super().get_config(),
            **cell_arguments,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "dropout_mode": self.dropout_mode,
            "zoneout": self.zoneout,
            "learn_initial_state": self.learn_initial_state,
            "seed": self.seed,
        }


def _as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]
