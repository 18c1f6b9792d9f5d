"""The quasi-recurrent network: a convolution over time, and a pooling that carries the state."""

import keras
from keras import ops

from common.layers.cell import check_positive
from common.layers.linear_cell import LinearCell, LinearLayer
from common.layers.linear_scan import hold


@keras.saving.register_keras_serializable(package="unroll")
class QRNNCell(LinearCell):
    """One step of the quasi-recurrent network with fo-pooling.

        z = tanh(X·Wz + bz),  f = sigmoid(X·Wf + bf),  o = sigmoid(X·Wo + bo)
        c' = f * c + (1 - f) * z
        h' = o * c'

    X is the last `width` inputs, the present one last. `kernel` `[width, features, 3·units]` in the order z, f, o. The
    states are `h`, `c` and, if `width` is above 1, `window`: the `width - 1` inputs before, float
    `[batch, (width - 1)·features]`, zero at the start of a sequence.

    Args:
        width: positive int, steps that the convolution sees.

    Masking:
        The convolution sees the last real inputs, whatever stands between them.

    Reference:
        Bradbury et al. 2016, "Quasi-recurrent neural networks", arXiv:1611.01576.
    """

    gate_count = 3
    shows_input = True

    def __init__(self, units, width=2, **kwargs):
        super().__init__(units, **kwargs)
        self.width = check_positive(self, "width", width)
        self.features = None  # known when built

    @property
    def state_names(self):
        return ("hidden", "cell", "window")[: 2 if self.width == 1 else 3]

    @property
    def state_sizes(self):
        window = None if self.features is None else (self.width - 1) * self.features
        return [self.units, self.units, window][: len(self.state_names)]

    def build(self, input_shape):
        self.features = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(self.width, self.features, 3 * self.units),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.build_bias(3 * self.units)

    def project(self, inputs):
        """The convolution, given all that it sees: float `[..., width·features]` to `[..., 3·units]`."""
        kernel = ops.reshape(ops.cast(self.kernel, inputs.dtype), (self.width * self.features, 3 * self.units))
        projected = ops.matmul(inputs, kernel)
        return projected if self.bias is None else projected + ops.cast(self.bias, projected.dtype)

    def linear(self, projected):
        # Gate by gate, since this is not the step of a loop: see `split_gates`.
        candidate, keep = projected[..., : self.units], ops.sigmoid(projected[..., self.units : 2 * self.units])
        return (keep,), ((1 - keep) * ops.tanh(candidate),)

    def show(self, projected, memory):
        return ops.sigmoid(projected[..., 2 * self.units :]) * memory[0]

    def call(self, inputs, states, training=None):
        inputs = ops.convert_to_tensor(inputs)
        seen = ops.concatenate([*(ops.cast(each, inputs.dtype) for each in states[2:]), inputs], axis=-1)
        new_state = self.gates(self.project(seen), 0.0, tuple(states[:2]))
        window = [ops.cast(seen[:, self.features :], states[2].dtype)] if self.width > 1 else []
        return self.output(new_state), [*new_state, *window]

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="unroll")
class QRNN(LinearLayer):
    """`QRNNCell` over a sequence; all arguments of `RecurrentLayer` but `recurrent_dropout`, and `width`.

    One number for `zoneout` holds back output and cell, as in the paper; the window has none.
    """

    cell_class = QRNNCell

    def _zoneout_of_states(self, zoneout):
        fractions = super()._zoneout_of_states(zoneout)
        if not isinstance(zoneout, (list, tuple)):
            return [*fractions[:2], *[0.0] * len(fractions[2:])]
        if any(fractions[2:]):
            raise ValueError(f"QRNN: zoneout of the window must be 0, got {zoneout!r}")
        return fractions

    def run(self, sequence, initial_state, mask=None, recurrent_dropout=None, zoneout=None, reverse=False):
        # Each round delays by one real step: what the step before saw `j` back, this one sees `j + 1` back.
        inputs = ops.cast(sequence, self.cell.state_dtype)
        seen, window = [inputs], []
        starts = ops.split(initial_state[2], self.cell.width - 1, axis=-1) if self.cell.width > 1 else []
        for start in reversed(starts):
            held, last = hold(seen[0], start, mask, None, reverse)
            start = ops.cast(start, held.dtype)[None]
            delayed = [held[1:], start] if reverse else [start, held[:-1]]
            seen.insert(0, ops.concatenate(delayed))
            window.insert(0, last)
        seen = ops.cast(ops.concatenate(seen, axis=-1), sequence.dtype)
        projected = ops.cast(self.cell.project(seen), self.cell.state_dtype)
        outputs, last = self.scan(projected, initial_state[:2], mask, zoneout, reverse)
        return outputs, (*last, *([ops.concatenate(window, axis=-1)] if window else []))
