"""From a numeric core to an ONNX file, of the operations of the standard alone: no runtime needs an extension for it."""

import re
from typing import Any

from common.errors import UserError
from common.export_formats.native_output import without_native_output

FILE = "model.onnx"
RUNTIME = "onnxruntime"
PACKAGES = ("tf2onnx", "onnxruntime")
BATCH = 1
OPSET = 18  # the newest that tf2onnx 1.17 writes


def convert(core: Any, quantize: str) -> bytes:
    """Returns the content of the file.

    Args:
        core: `NumericCore`.
        quantize: `none`.

    Raises:
        UserError: If ONNX has no operation for a part of the core.
    """
    import onnx
    import tf2onnx

    from common.layers.backend.tensorflow import writes_in_order

    function = core.traced(BATCH)
    try:
        with without_native_output(), writes_in_order():
            model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=OPSET)
    except (ValueError, NotImplementedError) as error:
        raise _refusal(_reason(str(error))) from error
    foreign = sorted(operations_outside_of_the_standard(model, onnx))
    if foreign:
        raise _refusal(", ".join(foreign))
    return model.SerializeToString()


def operations_outside_of_the_standard(model: Any, onnx: Any) -> set[str]:
    """Returns the types of nodes that no runtime of ONNX has to know; tf2onnx leaves what it cannot say as it is."""
    found, graphs = set(), [model.graph, *model.functions]
    own = {function.name for function in model.functions}
    while graphs:
        for node in graphs.pop().node:
            if node.op_type not in own and not onnx.defs.has(node.op_type, node.domain):
                found.add(node.op_type)
            graphs += [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return found


def _refusal(operations: str) -> UserError:
    return UserError(
        f"ONNX has no operation for a part of this model: {operations}; export --format saved_model, "
        "which TensorFlow Serving and tf.saved_model.load run, has no such limits"
    )


def _reason(message: str) -> str:
    operation = re.search(r"(?:op|Op) \[?\w*:? ?(\w+)\]? is not (?:supported|implemented)", message)
    if operation:
        return operation[1]
    return (message.strip().splitlines() or ["no reason given"])[-1][:200]
