"""Makes sure that training is compiled by XLA when it should be, and counts how often it was.

`require_jit_compile` is called right after `model.compile`; the counting is for tests and benchmarks.
"""

import re
from collections import Counter
from pathlib import Path

import keras

from common.errors import UserError

# Keras gives this name to the function that it compiles for one step, whatever the model: train_step on JAX.
_STEP_FUNCTION = re.compile(r"module_\d+\.(?P<name>.*(?:one_step_on_data|train_step|test_step).*?)\.before_optim")


def require_jit_compile(model: keras.Model, wanted: bool) -> None:
    """Checks that `model.compile(jit_compile=True)` was not undone silently.

    The `jit_compile` setter of Keras's `Trainer` warns at most, and goes on with slow steps, when a layer
    says `supports_jit = False`, when TensorFlow's op determinism is on, when `run_eagerly` is set, or on a
    Mac's GPU.

    Args:
        model: A compiled model.
        wanted: `train.jit_compile` of the configuration.

    Raises:
        UserError: If `wanted`, and the model will not be compiled; the sentence names the cause.
    """
    if not wanted or model.jit_compile:
        return
    raise UserError(
        f"the training step cannot be compiled by XLA because {_cause(model)}; "
        "change that, or accept slower steps with --train.jit_compile false"
    )


def _cause(model: keras.Model) -> str:
    layers = [layer for layer in model._flatten_layers(include_self=False) if not layer.supports_jit]
    if layers:
        names = ", ".join(f"{layer.name!r} ({type(layer).__name__})" for layer in layers)
        return f"the layer {names} does not support it" if len(layers) == 1 else f"the layers {names} do not support it"
    if not model.supports_jit:
        return f"the model {model.name!r} says supports_jit = False"
    if model.run_eagerly:
        return "model.compile was called with run_eagerly=True"
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf
        from tensorflow.python.framework.config import is_op_determinism_enabled

        if is_op_determinism_enabled():
            return "tf.config.experimental.enable_op_determinism() was called, and XLA does not go with it"
        if tf.config.list_physical_devices("GPU"):
            return "TensorFlow has no XLA for this kind of GPU"
    return "model.compile was not called with jit_compile=True"


def require_numeric_inputs(element_spec) -> None:
    """Checks that no strings enter the compiled step, where XLA would stop with a page of C++.

    Args:
        element_spec: `dataset.element_spec` of the training data.

    Raises:
        ValueError: If a component is a string; turning text into numbers belongs into `Preprocessor`.
    """
    for spec in keras.tree.flatten(element_spec):
        if getattr(spec.dtype, "name", spec.dtype) == "string":
            raise ValueError(
                f"the model gets numbers only, but its dataset yields {spec}; convert it in the Preprocessor"
            )


def dump_flags(directory: Path) -> str:
    """Returns what `XLA_FLAGS` must hold, before the process starts, for `count_compilations`."""
    only_steps = "--xla_dump_hlo_module_re=.*(one_step_on_data|train_step|test_step).*"
    return f"--xla_dump_to={directory} --xla_dump_hlo_as_text {only_steps}"


def count_compilations(directory: Path) -> list[int]:
    """Counts how often XLA compiled each step function of the process that ran with `dump_flags(directory)`.

    A count of traces would not do: Keras traces its step once for an unknown length, and XLA then compiles it
    again for every new length it meets, in silence. XLA's own dump is the only witness that TensorFlow 2.21
    and JAX share.

    Returns:
        The number of compilations of each step function, in the order of their first compilation: training
        first, then validation.
    """
    counts: Counter[str] = Counter()
    for path in sorted(directory.iterdir()):
        if match := _STEP_FUNCTION.match(path.name):
            counts[match["name"]] += 1
    return list(counts.values())
