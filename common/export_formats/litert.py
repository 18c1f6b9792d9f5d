"""From a numeric core to a LiteRT file (`.tflite`), with LiteRT's own operations alone: no runtime with TensorFlow in it is needed."""

import re
import tempfile
from typing import Any

from common.errors import UserError
from common.export_formats.native_output import without_native_output

FILE = "model.tflite"
RUNTIME = "ai_edge_litert"
PACKAGES = ("ai_edge_litert",)
# Its memory is laid out for one example; a loop over several is the caller's.
BATCH = 1


def convert(core: Any, quantize: str) -> bytes:
    """Returns the content of the file.

    Args:
        core: `NumericCore`.
        quantize: `none`; `float16` keeps the weights in half the size and computes as before; `dynamic` keeps the kernels in 8
            bits and computes with them.

    Raises:
        UserError: If LiteRT has no operation for a part of the core.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as directory, without_native_output():
        # By way of a SavedModel, or inputs and outputs would lose their names.
        function = _with_constant_weights(core.traced(BATCH))
        without_gradients = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), directory, function.get_concrete_function(), without_gradients)
        converter = tf.lite.TFLiteConverter.from_saved_model(directory)
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            return converter.convert()
        except Exception as error:
            if type(error).__name__ != "ConverterError":  # in a module that TensorFlow does not show
                raise
            raise UserError(
                f"LiteRT has no operation for a part of this model: {reason(str(error))}; export --format saved_model, "
                "which TensorFlow Serving and tf.saved_model.load run, has no such limits"
            ) from error


def _with_constant_weights(function: Any) -> Any:
    """Returns the same `tf.function`, its variables replaced by their values; those of a SavedModel the converter leaves unset."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    concrete = function.get_concrete_function()
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    names = sorted(concrete.structured_outputs)  # the order in which TensorFlow flattens a dictionary

    def named(*inputs):
        return dict(zip(names, frozen(*inputs), strict=True))

    return tf.function(named, input_signature=function.input_signature, autograph=False)


def reason(message: str) -> str:
    """Returns the part of the converter's message that names the operation."""
    operations = sorted(
        set(
            re.findall(r"'tf\.(\w+)' op", message)
            + re.findall(r"failed to legalize operation '(?:tf\.)?(\w+)'", message)
        )
    )
    if operations:
        return ", ".join(operations)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0][:200] if lines else "no reason given"
