"""The linear recurrent unit: a complex diagonal recurrence."""

import keras
import numpy as np
from keras import ops

from common.layers.linear_cell import LinearCell, LinearLayer, WithoutZoneout


@keras.saving.register_keras_serializable(package="unroll")
class LRUCell(LinearCell):
    """One step of the linear recurrent unit.

        λ = exp(-exp(ν) + i·exp(θ))
        s' = λ * s + exp(γ) * (x·B)        complex
        y = Re(s'·C) + x·D                 the output

    Weights: `kernel` `[features, 3·units]`, the real and the imaginary part of B, and D; `output_kernel` `[2·units, units]`,
    the real part of C and minus its imaginary part; `decay` ν, `frequency` θ and `scale` γ, each `[units]`. The states are
    y, and the real and imaginary part of s.

    Args:
        min_radius, max_radius: floats, `0 <= min_radius < max_radius < 1`; λ starts on the ring between these radii,
            uniform in area, and γ at `log sqrt(1 - |λ|²)`, so that all units start with the same variance.
        max_phase: float in radians, above 0; the phases of λ start uniform from 0 to it.

    Raises:
        ValueError: if the radii or the phase are out of bounds.

    Reference:
        Orvieto et al. 2023, "Resurrecting recurrent neural networks for long sequences", arXiv:2303.06349.
    """

    gate_count = 3
    state_names = ("hidden", "real", "imaginary")
    shows_input = True

    def __init__(self, units, min_radius=0.0, max_radius=0.99, max_phase=2 * np.pi, **kwargs):
        super().__init__(units, **kwargs)
        if not 0 <= min_radius < max_radius < 1:
            raise ValueError(
                f"LRUCell: 0 <= min_radius < max_radius < 1 must hold, got {min_radius!r} and {max_radius!r}"
            )
        if not max_phase > 0:
            raise ValueError(f"LRUCell: max_phase must be above 0, got {max_phase!r}")
        self.min_radius, self.max_radius, self.max_phase = min_radius, max_radius, max_phase

    def build(self, input_shape):
        super().build(input_shape)
        units, inner, outer = self.units, self.min_radius**2, self.max_radius**2
        # Draws the same at each call: γ starts from the radii that λ started from.
        share = keras.initializers.RandomUniform(0.0, 1.0)
        lowest = 1e-6  # of squared radius and phase, which enter by their logarithm

        def log_area(shape, dtype):
            return ops.log(ops.maximum(inner + (outer - inner) * share(shape, dtype=dtype), lowest))

        def decay(shape, dtype=None):
            return ops.log(-0.5 * log_area(shape, dtype))

        def frequency(shape, dtype=None):
            return ops.log(keras.random.uniform(shape, lowest, self.max_phase, dtype=dtype))

        def scale(shape, dtype=None):
            return 0.5 * ops.log(-ops.expm1(log_area(shape, dtype)))

        self.decay = self.add_weight(shape=(units,), name="decay", initializer=decay)
        self.frequency = self.add_weight(shape=(units,), name="frequency", initializer=frequency)
        self.scale = self.add_weight(shape=(units,), name="scale", initializer=scale)
        self.output_kernel = self.add_weight(
            shape=(2 * units, units), name="output_kernel", initializer=self.kernel_initializer
        )

    def linear(self, projected):
        decay, frequency, scale = (
            ops.exp(ops.cast(weight, projected.dtype)) for weight in (self.decay, self.frequency, self.scale)
        )
        real, imaginary, _ = ops.split(projected, 3, axis=-1)
        keep = (ops.exp(-decay) * ops.cos(frequency), ops.exp(-decay) * ops.sin(frequency))
        every_step = (1,) * (len(projected.shape) - 1)
        return tuple(ops.reshape(each, (*every_step, self.units)) for each in keep), (scale * real, scale * imaginary)

    def show(self, projected, memory):
        # Two products, because joining real and imaginary part would copy the states of the whole sequence.
        (real, imaginary), kernel = memory, ops.cast(self.output_kernel, projected.dtype)
        shown = ops.matmul(real, kernel[: self.units]) + ops.matmul(imaginary, kernel[self.units :])
        return shown + projected[..., 2 * self.units :]

    def get_config(self):
        return {
            **super().get_config(),
            "min_radius": self.min_radius,
            "max_radius": self.max_radius,
            "max_phase": self.max_phase,
        }


@keras.saving.register_keras_serializable(package="unroll")
class LRU(WithoutZoneout, LinearLayer):
    """`LRUCell` over a sequence; all arguments of `RecurrentLayer` but `recurrent_dropout` and `zoneout`, and of the cell."""

    cell_class = LRUCell
