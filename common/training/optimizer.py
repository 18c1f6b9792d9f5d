"""The optimizer of every application: Adam with a schedule, clipping, a running mean of the weights, and a
measured gradient.

`make_optimizer` is called in an application's `train.py` right before `model.compile`. Everything here is
plain `keras.ops`, so that it compiles with XLA on TensorFlow and JAX alike and travels inside `model.keras`.
"""

import math
from typing import Any

import keras
from keras import ops

from common.config_sections import TrainConfig

_NEVER = -1


@keras.saving.register_keras_serializable(package="unroll")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly from near zero, then stays or falls to zero at the last step.

    With s steps done, w steps of warm-up and n steps in all:

        s < w:   peak * (s + 1) / w
        s >= w:  peak * f((s - w) / (n - w)),   f(p) = 1 | 1 - p | (1 + cos(pi p)) / 2

    Args:
        peak: Highest learning rate.
        total_steps: Steps in all, at least 1.
        warmup_steps: Steps of the rise; 0 = none.
        decay: `"constant"`, `"linear"` or `"cosine"`.
    """

    def __init__(self, peak: float, total_steps: int, warmup_steps: int = 0, decay: str = "cosine"):
        super().__init__()
        if decay not in ("constant", "linear", "cosine"):
            raise ValueError(f"decay is 'constant', 'linear' or 'cosine', not {decay!r}")
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.decay = decay

    def __call__(self, step):
        """Returns the learning rate of the step after `step` finished ones: float32 []."""
        step = ops.cast(step, "float32")
        rise = (step + 1.0) / max(1, self.warmup_steps)
        progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        progress = ops.clip(progress, 0.0, 1.0)
        if self.decay == "cosine":
            fall = 0.5 * (1.0 + ops.cos(math.pi * progress))
        elif self.decay == "linear":
            fall = 1.0 - progress
        else:
            fall = ops.ones_like(progress)
        return self.peak * ops.where(step < self.warmup_steps, rise, fall)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "decay": self.decay,
        }


@keras.saving.register_keras_serializable(package="unroll")
class MeasuredAdam(keras.optimizers.Adam):
    """Adam, or AdamW, that records the gradient norm and may keep a running mean of the weights.

    Three things differ from Keras's own:

    - The global norm of the gradient, before clipping, is written to `gradient_norm` inside the compiled
      step.
    - Gradients of embeddings become dense first. On TensorFlow they are `IndexedSlices`, and Keras 3.15
      squares their parts before it adds those of repeated ids: its global norm, and so its clipping, is wrong
      for every word that occurs twice in a batch.
    - `weight_average` replaces `use_ema`: with t updates behind it the mean has momentum `min(weight_average,
      t / (t + 9))`, so that it is not still half initial weights after a short training, and `fit` does not
      overwrite the trained weights with it at its end (a resumed epoch is two calls of `fit`). See
      `common/training/averaging.py`.

    Args:
        weight_average: Momentum of the running mean of the weights, 0 <= m < 1; 0 = none.
        **kwargs: As for `keras.optimizers.Adam`.

    Attributes:
        gradient_norm: float32 [], of the last step.
        gradient_norm_sum: float32 [], over the steps since it was last set to zero.
        first_nonfinite_step: int32 [], number (from 1) of the first step whose gradient was NaN or infinite;
            -1 = none.
        averages: Running means, one for each trainable variable; empty without `weight_average`.
    """

    def __init__(self, learning_rate=0.001, weight_average: float = 0.0, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.weight_average = weight_average
        self.gradient_norm = self.add_variable((), dtype="float32", name="gradient_norm")
        self.gradient_norm_sum = self.add_variable((), dtype="float32", name="gradient_norm_sum")
        never = keras.initializers.Constant(_NEVER)
        self.first_nonfinite_step = self.add_variable((), never, dtype="int32", name="first_nonfinite_step")
        self.averages: list[keras.Variable] = []
        # Decay is for what multiplies; pulling biases and the gains of norms to zero only costs accuracy.
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])

    def build(self, variables) -> None:
        if self.built:
            return
        super().build(variables)
        if self.weight_average:
            self.averages = self.add_optimizer_variables(variables, "average")

    def apply(self, grads, trainable_variables=None) -> None:
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
            if not self.built:
                self.build(trainable_variables)
            grads = [_dense(grad, v) for grad, v in zip(grads, trainable_variables, strict=True)]
        self._measure(grads)
        updates = ops.cast(self.iterations, "float32")
        super().apply(grads, trainable_variables)
        if self.averages:
            momentum = ops.minimum(self.weight_average, updates / (updates + 9.0))
            for variable, average in zip(self._trainable_variables, self.averages, strict=True):
                keep = ops.cast(momentum, average.dtype)
                average.assign(keep * average + (1 - keep) * variable)

    def _measure(self, grads) -> None:
        squares = [ops.sum(ops.square(ops.cast(grad, "float32"))) for grad in grads if grad is not None]
        if not squares:
            return
        norm = ops.sqrt(sum(squares))
        self.gradient_norm.assign(norm)
        self.gradient_norm_sum.assign(self.gradient_norm_sum + norm)
        first = ops.convert_to_tensor(self.first_nonfinite_step)
        known = ops.logical_or(ops.isfinite(norm), ops.not_equal(first, _NEVER))
        self.first_nonfinite_step.assign(ops.where(known, first, ops.cast(self.iterations, "int32") + 1))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"weight_average": self.weight_average}


def make_optimizer(train_config: TrainConfig, total_steps: int) -> MeasuredAdam:
    """Makes the optimizer that the configuration describes.

    Args:
        train_config: Its learning rate, schedule, warm-up, clipping, decay, momentum and weight average are
        used.
        total_steps: Steps of the whole training, over all epochs; where the schedule ends.
    """
    if train_config.schedule == "constant" and not train_config.warmup_fraction:
        learning_rate = train_config.learning_rate
    else:
        learning_rate = WarmupSchedule(
            train_config.learning_rate,
            total_steps,
            warmup_steps=round(train_config.warmup_fraction * total_steps),
            decay=train_config.schedule,
        )
    return MeasuredAdam(
        learning_rate,
        weight_average=train_config.weight_average,
        beta_1=train_config.beta_1,
        epsilon=train_config.epsilon,
        weight_decay=train_config.weight_decay or None,
        global_clipnorm=train_config.clip_norm or None,
    )


def _dense(grad, variable):
    """Adds up the parts of a sparse gradient (`tf.IndexedSlices`); any other is returned as it is."""
    if not hasattr(grad, "indices"):
        return grad
    return ops.segment_sum(grad.values, grad.indices, num_segments=variable.shape[0])
