"""Mixed precision: 16 bits inside the layers, 32 bits for weights, logits and loss."""

from collections.abc import Callable

import keras


def set_precision(mixed_precision: bool) -> None:
    """Sets the dtype policy of all layers that are built from now on.

    16 bits means bfloat16, on every device: it has the exponent range of float32, so gradients neither
    underflow nor overflow and no loss scaling is needed. float16 would need Keras's `LossScaleOptimizer`,
    which skips steps on its own; the step count, the learning-rate schedule and the exact resume would all
    have to know about that.

    Args:
        mixed_precision: Whether layers compute in bfloat16. Variables stay float32 either way.
    """
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed_precision else "float32")


def rebuilt_in_float32(network: keras.Model, build: Callable[[], keras.Model]) -> keras.Model:
    """Returns what `build` builds, in 32 bits, with the weights of a network that was trained in 16.

    What is served keeps the digits of its probabilities, and a CPU has nothing to gain from 16 bits.

    Args:
        network: Trained under `set_precision(True)`.
        build: Builds the same network once more.
    """
    set_precision(False)
    weights = network.get_weights()
    network = build()
    network.set_weights(weights)
    return network


def require_float32_outputs(model: keras.Model) -> None:
    """Checks that every output of the model is float32, so that softmax and loss lose no digits.

    Raises:
        ValueError: If an output is not; this is a mistake in `build_model`, not of the person who runs it.
    """
    for output in keras.tree.flatten(model.outputs):
        if output.dtype != "float32":
            raise ValueError(
                f"the model's output {output.name!r} is {output.dtype}, but logits have to be float32: "
                'give the last layer dtype="float32"'
            )
