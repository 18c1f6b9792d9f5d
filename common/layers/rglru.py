"""The real-gated linear recurrent unit of Griffin and RecurrentGemma."""

import keras
import numpy as np
from keras import ops

from common.layers.cell import check_positive
from common.layers.linear_cell import LinearCell, LinearLayer

SHARPNESS = 8.0  # the constant c of the paper
WIDEST = 256  # of a block of the gates: that of RecurrentGemma 2B, whose 2560 units are 10 blocks


@keras.saving.register_keras_serializable(package="unroll")
class RGLRUCell(LinearCell):
    """One step of the real-gated linear recurrent unit.

        v = x·W + b                                the linear layer in front of it in the paper's block
        r = sigmoid(v·Wr + br)                     recurrence gate
        i = sigmoid(v·Wi + bi)                     input gate
        a = exp(-8 * softplus(Λ) * r)
        h' = a * h + sqrt(1 - a²) * (i * v)

    Weights beside `kernel` and `bias`: `gate_kernel` `[2, blocks, units/blocks, units/blocks]` and `gate_bias`
    `[2·units]`, r first, and `decay` `[units]`, which is Λ.

    Args:
        blocks: positive int that divides `units`: the products with Wr and Wi are block-diagonal with so many blocks. None
            takes the fewest of at most 256 units each, as in RecurrentGemma: up to 256 units the gates are dense.
        slowest, fastest: floats, `0 < fastest <= slowest < 1`; at the start `a` at an open recurrence gate runs evenly
            from one to the other over the units.

    Raises:
        ValueError: if `blocks` does not divide `units`, or `slowest` and `fastest` are out of bounds.

    Reference:
        De et al. 2024, "Griffin", arXiv:2402.19427; the block-diagonal gates are those of RecurrentGemma,
        Botev et al. 2024, arXiv:2404.07839.
    """

    gate_count = 1

    def __init__(self, units, blocks=None, slowest=0.999, fastest=0.9, **kwargs):
        super().__init__(units, **kwargs)
        if blocks is None:
            blocks = next(count for count in range(1, units + 1) if units % count == 0 and units // count <= WIDEST)
        self.blocks = check_positive(self, "blocks", blocks)
        if units % blocks:
            raise ValueError(f"RGLRUCell: blocks must divide units {units}, got {blocks}")
        if not 0 < fastest <= slowest < 1:
            raise ValueError(f"RGLRUCell: 0 < fastest <= slowest < 1 must hold, got {fastest!r} and {slowest!r}")
        self.slowest, self.fastest = slowest, fastest

    def build(self, input_shape):
        super().build(input_shape)
        width = self.units // self.blocks
        self.gate_kernel = self.add_weight(
            shape=(2, self.blocks, width, width),
            name="gate_kernel",
            initializer=keras.initializers.VarianceScaling(1 / (2 * self.blocks), "fan_in"),
        )
        self.gate_bias = self.add_weight(shape=(2 * self.units,), name="gate_bias", initializer="zeros")

        def decay(shape, dtype=None):
            open_gate = np.linspace(self.fastest, self.slowest, self.units)
            return ops.convert_to_tensor(np.log(np.expm1(-np.log(open_gate) / SHARPNESS)), dtype=dtype)

        self.decay = self.add_weight(shape=(self.units,), name="decay", initializer=decay)

    def linear(self, projected):
        gates = self.gate_products(projected) + ops.cast(self.gate_bias, projected.dtype)
        # Gate by gate, since this is not the step of a loop: see `split_gates`.
        open_recurrence, open_input = ops.sigmoid(gates[..., : self.units]), ops.sigmoid(gates[..., self.units :])
        log_keep = -SHARPNESS * ops.softplus(ops.cast(self.decay, projected.dtype)) * open_recurrence
        # expm1 keeps the digits where little is forgotten; the bound keeps the gradient of the root finite there.
        scale = ops.sqrt(ops.maximum(-ops.expm1(2 * log_keep), 1e-12))
        return (ops.exp(log_keep),), (scale * open_input * projected,)

    def gate_products(self, projected):
        """The products of both gates, r first: float `[..., units]` to `[..., 2·units]`."""
        kernel = ops.cast(self.gate_kernel, projected.dtype)
        if self.blocks == 1:  # one product, which moves nothing from axis to axis
            return ops.matmul(projected, ops.concatenate([kernel[0, 0], kernel[1, 0]], axis=-1))
        *leading, units = ops.shape(projected)
        blocks = ops.reshape(projected, (-1, self.blocks, units // self.blocks))
        return ops.reshape(ops.einsum("rkv,gkvw->rgkw", blocks, kernel), (*leading, 2 * units))

    def get_config(self):
        return {**super().get_config(), "blocks": self.blocks, "slowest": self.slowest, "fastest": self.fastest}


@keras.saving.register_keras_serializable(package="unroll")
class RGLRU(LinearLayer):
    """`RGLRUCell` over a sequence; all arguments of `RecurrentLayer` but `recurrent_dropout`, and of the cell."""

    cell_class = RGLRUCell
