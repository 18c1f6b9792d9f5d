"""A cell with attention over a sequence: the decoder of a translation, from the memory that an encoder left."""

import keras
from keras import ops

from common.layers.attention_cell import AttentionCell
from common.layers.context_recurrence import context_recurrence
from common.layers.dropout import check_fraction, check_mode, dropout_mask
from common.layers.masks import mask_of_steps


@keras.saving.register_keras_serializable(package="unroll")
class AttentionRNN(keras.layers.Layer):
    """Runs an `AttentionCell` over `[batch, time, features]`, compiled to one XLA loop.

    Args:
        cell: an `AttentionCell`.
        return_sequences: return the output of every step instead of the last real one.
        return_state: return the last states, too.
        return_attention: return the weights over the memory at every step, too.
        dropout: fraction of the input features that is dropped in training, 0 to 1.
        context_dropout: the same of what was read from the memory, before it enters the cell and the output.
        dropout_mode: `variational` drops the same features at every step of a sequence (Gal and Ghahramani 2016,
            arXiv:1512.05287); `per_step` draws anew at each step.
        seed: int or None, of the dropout.

    Call arguments:
        sequence: float `[batch, time, features]`.
        memory: float `[batch, memory_time, memory features]`.
        initial_state: list of float `[batch, units]`, the states of the inner cell, e.g. the last ones of an encoder; or all
            of `cell.state_names`, to go on where another call ended. What is missing is zero.
        memory_mask: bool `[batch, memory_time]`, True for what is real; None when all is.
        memory_lengths: int `[batch]`, another way to say a mask with padding on the right.
        mask: bool `[batch, time]`, True for real steps of the sequence; None when all are.
        lengths: int `[batch]`, another way to say a mask with padding on the right.
        training: whether dropout is active.

    Returns:
        `[batch, time, output_size]` with `return_sequences`, else `[batch, output_size]`; then, with `return_state`, the
        states, each float32; then, with `return_attention`, float32 `[batch, time, memory_time]`.

    Masking:
        A step that is not real leaves the states as they were; its output and its weights are zero. Memory that is not real
        has no weight, and a row without any real memory reads zeros.

    Raises:
        ValueError: for a value out of bounds, or a sequence, memory, mask, lengths or initial state that does not fit.
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        return_attention=False,
        dropout=0.0,
        context_dropout=0.0,
        dropout_mode="variational",
        seed=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # states stay float32
        if not isinstance(cell, AttentionCell):
            raise ValueError(f"AttentionRNN: cell must be an AttentionCell, got {cell!r}")
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.return_attention = return_attention
        self.dropout = check_fraction("AttentionRNN", "dropout", dropout)
        self.context_dropout = check_fraction("AttentionRNN", "context_dropout", context_dropout)
        self.dropout_mode = check_mode("AttentionRNN", dropout_mode)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, sequence_shape, memory_shape):
        if not self.cell.built:
            self.cell.build((sequence_shape[0], sequence_shape[-1]), memory_shape)

    def call(
        self,
        sequence,
        memory,
        initial_state=None,
        memory_mask=None,
        memory_lengths=None,
        mask=None,
        lengths=None,
        training=None,
    ):
        cell, shape = self.cell, tuple(sequence.shape)
        if len(shape) != 3 or shape[1] == 0:
            raise ValueError(
                f"AttentionRNN: sequence must be [batch, time, features] with at least one step, got shape {shape}"
            )
        mask = mask_of_steps("AttentionRNN", sequence, mask, lengths)
        constants = {"memory_mask": cell.attention.mask_of_memory(memory, memory_mask, memory_lengths)}
        states = cell.initial_state(memory, initial_state)
        batch, time, features = ops.shape(sequence)
        sequence = ops.cast(sequence, self.compute_dtype)
        if training and self.dropout:
            sequence = sequence * self._dropout(self.dropout, batch, time, features, self.compute_dtype)
        # All that does not wait for a state: [time, batch, features]
        xs = {"projected": ops.transpose(cell.project(sequence), (1, 0, 2))}
        if mask is not None:
            xs["mask"] = ops.cast(ops.transpose(mask)[:, :, None], cell.state_dtype)
        if training and self.context_dropout:
            kept = self._dropout(self.context_dropout, batch, time, cell.context_size, cell.state_dtype)
            if self.dropout_mode == "variational":
                constants["context_dropout"] = kept[:, 0]
            else:
                xs["context_dropout"] = ops.transpose(kept, (1, 0, 2))
        maps, weights = cell.operands(memory)
        outputs, attention, states = context_recurrence(
            cell.step, xs, states, maps, weights, constants, cell.output_size
        )
        output = outputs if self.return_sequences else self._last(outputs, mask)
        output = ops.cast(ops.transpose(output, (1, 0, 2)) if self.return_sequences else output, self.compute_dtype)
        extra = [*(states if self.return_state else ())]
        extra += [ops.transpose(attention, (1, 0, 2))] if self.return_attention else []
        return (output, *extra) if extra else output

    def _dropout(self, fraction, batch, time, features, dtype):
        """Ones and zeros, the ones scaled so that the expected value stays: float `[batch, time or 1, features]`."""
        shape = (batch, 1 if self.dropout_mode == "variational" else time, features)
        return dropout_mask(shape, fraction, self.seed_generator, dtype)

    def _last(self, outputs, mask):
        """The output of the last real step, zeros without one: `[time, batch, features]` to `[batch, features]`."""
        if mask is None:
            return outputs[-1]
        steps = ops.arange(1, ops.shape(outputs)[0] + 1)[:, None]
        real = ops.where(ops.transpose(mask), steps, 0)
        last = ops.logical_and(real == ops.max(real, axis=0, keepdims=True), real > 0)
        return ops.sum(ops.where(last[:, :, None], outputs, 0.0), axis=0)

    def compute_mask(self, sequence, previous_mask=None, **_):
        return None

    def compute_output_shape(self, sequence_shape, memory_shape, **_):
        (batch, time), cell = sequence_shape[:2], self.cell
        hidden = (cell.context_cell or cell.cell).output_size
        size = cell.attention_units or hidden + memory_shape[-1]
        shapes = [(batch, time, size) if self.return_sequences else (batch, size)]
        if self.return_state:
            sizes = {"attention": cell.attention_units or memory_shape[-1], "coverage": memory_shape[1]}
            sizes |= dict(zip(cell.cell.state_names, cell.cell.state_sizes))
            if cell.form == "up_down":
                second = cell.context_cell
                sizes |= {f"context_{name}": size for name, size in zip(second.state_names, second.state_sizes)}
            shapes += [(batch, sizes[name]) for name in cell.state_names]
        shapes += [(batch, time, memory_shape[1])] if self.return_attention else []
        return tuple(shapes) if len(shapes) > 1 else shapes[0]

    def get_config(self):
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "return_attention": self.return_attention,
            "dropout": self.dropout,
            "context_dropout": self.context_dropout,
            "dropout_mode": self.dropout_mode,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})
