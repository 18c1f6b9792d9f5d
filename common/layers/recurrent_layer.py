"""A cell over a sequence: projection, dropout, masks, direction and state, the same for every cell."""

import keras
from keras import ops

from common.layers.recurrence import recurrence

DROPOUT_MODES = ("variational", "per_step")


class RecurrentLayer(keras.layers.Layer):
    """Runs the cell of a subclass over `[batch, time, features]`, compiled to one XLA loop.

    Subclasses name their `cell_class`. What is not listed here goes to the cell (`use_bias`, initializers, ...).

    Args:
        units: positive int, size of the output and of each state.
        return_sequences: return the output of every step instead of the last one.
        return_state: return the last states, too.
        go_backwards: run from the last step to the first; the output of every step then stands in the order of running,
            as in Keras.
        dropout: fraction of the input features that is dropped in training, 0 to 1.
        recurrent_dropout: fraction of the hidden state that is dropped before the recurrent product, 0 to 1.
        dropout_mode: `variational` drops the same features at every step of a sequence (Gal and Ghahramani 2016,
            arXiv:1512.05287); `per_step` draws anew at each step.
        seed: int or None, of the dropout masks.

    Call arguments:
        sequence: float `[batch, time, features]`.
        initial_state: list of float `[batch, units]`, one for each state of the cell; zeros when None.
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
        ValueError: for an unknown `dropout_mode`, a fraction outside of 0 to 1, both `mask` and `lengths`, a sequence without
            any step, or a sequence, mask or number of states that does not fit.
    """

    cell_class = None

    def __init__(
        self,
        units,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        dropout_mode="variational",
        seed=None,
        name=None,
        trainable=True,
        dtype=None,
        **cell_arguments,
    ):
        # No autocast: a float32 state that is passed in must not lose its digits under mixed precision.
        super().__init__(name=name, trainable=trainable, dtype=dtype, autocast=False)
        if dropout_mode not in DROPOUT_MODES:
            raise ValueError(
                f"{type(self).__name__}: dropout_mode must be one of {DROPOUT_MODES}, got {dropout_mode!r}"
            )
        for label, fraction in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if not 0 <= fraction < 1:
                raise ValueError(f"{type(self).__name__}: {label} must be at least 0 and below 1, got {fraction!r}")
        self.cell = self.cell_class(units, dtype=self.dtype_policy, name="cell", **cell_arguments)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.dropout_mode = dropout_mode
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @property
    def units(self):
        return self.cell.units

    def build(self, sequence_shape):
        if not self.cell.built:
            self.cell.build((sequence_shape[0], sequence_shape[-1]))

    def call(self, sequence, initial_state=None, mask=None, lengths=None, training=None):
        self._check_call(sequence, initial_state, mask)
        sequence = ops.cast(sequence, self.compute_dtype)
        batch, time = ops.shape(sequence)[0], ops.shape(sequence)[1]
        steps_mask = self._time_major_mask(sequence, mask, lengths)  # [time, batch, 1]
        sequence = self._drop_inputs(sequence, training)
        sequence = ops.transpose(sequence, (1, 0, 2))  # [time, batch, features]
        if self.go_backwards:
            sequence, steps_mask = ops.flip(sequence, axis=0), ops.flip(steps_mask, axis=0)
        if initial_state is None:
            initial_state = [ops.zeros((batch, self.units), "float32") for _ in self.cell.state_names]
        initial_state = tuple(ops.cast(state, "float32") for state in _as_list(initial_state))

        states = self.run(
            self.cell.project(sequence),
            initial_state,
            steps_mask,
            self._recurrent_dropout_mask(batch, time, training),
        )  # each [time, batch, units]
        last = tuple(state[-1] for state in states)
        if self.return_sequences:
            output = ops.transpose(self.cell.output(states), (1, 0, 2))  # [batch, time, units]
        else:
            output = self.cell.output(last)
        output = ops.cast(output, self.compute_dtype)
        return (output, *last) if self.return_state else output

    def run(self, projected, initial_state, mask, recurrent_dropout_mask):
        """The states of all steps, each float32 `[time, batch, units]`, from the projected inputs."""
        cell = self.cell
        return recurrence(
            cell.gates,
            projected,
            ops.convert_to_tensor(cell.recurrent_kernel),
            ops.cast(cell.recurrent_bias(), "float32"),
            initial_state,
            mask,
            recurrent_dropout_mask,
        )

    def _check_call(self, sequence, initial_state, mask):
        """Raises ValueError for what would fail later, far from its cause."""
        name, shape = type(self).__name__, tuple(sequence.shape)
        if len(shape) != 3:
            raise ValueError(f"{name}: the sequence must be [batch, time, features], got shape {shape}")
        if shape[1] == 0:
            raise ValueError(f"{name}: the sequence must have at least one step of time, got shape {shape}")
        if initial_state is not None and len(_as_list(initial_state)) != len(self.cell.state_names):
            expected, given = len(self.cell.state_names), len(_as_list(initial_state))
            raise ValueError(f"{name}: initial_state must be a list of {expected} (one for each state), got {given}")
        if mask is not None and not _fits(tuple(mask.shape), shape[:2]):
            raise ValueError(
                f"{name}: mask must be [batch, time] of a sequence of shape {shape}, got {tuple(mask.shape)}"
            )

    def _time_major_mask(self, sequence, mask, lengths):
        batch, time = ops.shape(sequence)[0], ops.shape(sequence)[1]
        if mask is not None and lengths is not None:
            raise ValueError(f"{type(self).__name__}: give mask or lengths, not both")
        if lengths is not None:
            mask = ops.arange(time)[None, :] < ops.cast(ops.expand_dims(lengths, -1), "int32")
        if mask is None:
            return ops.ones((time, batch, 1), "float32")
        return ops.cast(ops.expand_dims(ops.transpose(mask), -1), "float32")

    def _drop_inputs(self, sequence, training):
        if not training or not self.dropout:
            return sequence
        batch, time, features = ops.shape(sequence)
        shape = (batch, 1 if self.dropout_mode == "variational" else time, features)
        return sequence * _dropout_mask(shape, self.dropout, self.seed_generator, sequence.dtype)

    def _recurrent_dropout_mask(self, batch, time, training):
        if not training or not self.recurrent_dropout:
            return None
        shape = (1 if self.dropout_mode == "variational" else time, batch, self.units)
        return _dropout_mask(shape, self.recurrent_dropout, self.seed_generator, "float32")

    def compute_mask(self, sequence, previous_mask=None):
        return previous_mask if self.return_sequences else None

    def compute_output_shape(self, sequence_shape, **_):
        batch, time = sequence_shape[0], sequence_shape[1]
        output = (batch, time, self.units) if self.return_sequences else (batch, self.units)
        if not self.return_state:
            return output
        return (output, *[(batch, self.units) for _ in self.cell.state_names])

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
            "seed": self.seed,
        }


def _fits(shape, other):
    """Whether shapes are equal as far as they are known."""
    return len(shape) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(shape, other))


def _as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _dropout_mask(shape, fraction, seed_generator, dtype):
    """Ones and zeros, the ones scaled so that the expected value stays: float of `shape`."""
    kept = keras.random.uniform(shape, seed=seed_generator) >= fraction
    return ops.cast(kept, dtype) / (1.0 - fraction)
