"""JSON to arrays and back, as TensorFlow Serving's REST interface defines it.

Row form: `{"instances": [one value, or one object, per example]}` -> `{"predictions": [...]}`. Column form:
`{"inputs": value or {name: value}}` -> `{"outputs": ...}`. One output is written without its name. Bytes that
are no text travel as `{"b64": "..."}`, and outputs whose name ends in `_bytes` are written so.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.plain_values import nested, plain
from common.server.arrays import RequestError, is_base64, read_array, show

ROW, COLUMN = "instances", "inputs"
_BYTES_SUFFIX = "_bytes"


def parse_body(body: bytes) -> dict[str, Any]:
    """Returns the JSON object of a request.

    Raises:
        RequestError: If it is none.
    """
    if not body:
        raise RequestError("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RequestError(f"JSON Parse error: not UTF-8 at offset {error.start}") from error
    except json.JSONDecodeError as error:
        raise RequestError(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except RecursionError as error:
        raise RequestError("JSON Parse error: nested too deeply") from error
    except ValueError as error:  # a number of more digits than Python converts
        raise RequestError(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise RequestError(f"JSON Value: {show(document)} is not an object")
    return document


def read_inputs(
    document: Mapping[str, Any], inputs: Mapping[str, Any], max_batch: int
) -> tuple[str, dict[str, np.ndarray]]:
    """Returns the form of a request (`ROW` or `COLUMN`) and the arrays for a signature's inputs.

    Args:
        document: The request.
        inputs: The inputs of the signature by name, each with `dtype` and `tensor_shape`.
        max_batch: Most examples in one request.

    Raises:
        RequestError: If a key is missing, a value has the wrong type or shape, or there are too many
            examples.
    """
    if ROW in document and COLUMN in document:
        raise RequestError(f"expecting only one of '{COLUMN}' or '{ROW}' keys to exist")
    if ROW in document:
        form, columns = ROW, _columns_of_rows(document[ROW], inputs, max_batch)
    elif COLUMN in document:
        form, columns = COLUMN, _columns(document[COLUMN], inputs)
    else:
        raise RequestError(f"Missing '{COLUMN}' or '{ROW}' key")
    arrays = {name: read_array(value, name, inputs[name]) for name, value in columns.items()}
    # Where the size of the first axis is fixed, it is not that of the batch.
    sizes = {name: len(array) for name, array in arrays.items() if array.ndim and _has_batch(inputs[name])}
    for size in sizes.values():
        if size > max_batch:
            raise RequestError(f"{size} examples are too many; at most {max_batch} in one request")
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items()))
        raise RequestError(f"the inputs differ in their number of examples: {found}")
    return form, arrays


def write_outputs(form: str, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns the body of an answer.

    Raises:
        RequestError: In row form, if the outputs do not share their first dimension.
    """
    values = {name: _values(name, array) for name, array in outputs.items()}
    if form == COLUMN:
        return {"outputs": values if len(values) > 1 else next(iter(values.values()))}
    sizes = {name: array.shape[0] if array.ndim else None for name, array in outputs.items()}
    if len(set(sizes.values())) != 1 or None in sizes.values():
        raise RequestError(f"the outputs differ in batch size ({sizes}); ask in column form, with '{COLUMN}'")
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    rows = zip(*values.values(), strict=True)
    return {"predictions": [dict(zip(values, row, strict=True)) for row in rows]}


def write_request(example: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a request in row form that `read_inputs` reads.

    Args:
        example: By input, the value of one example without batch axis: an array, a number, or bytes.
    """
    row = {}
    for name, value in example.items():
        array = np.array(value, object) if isinstance(value, bytes) else np.asarray(value)
        if array.dtype == object:
            row[name] = nested([_text_or_base64(item) for item in array.ravel()], array.shape)
        else:
            row[name] = plain(array)
    return {ROW: [row]}


def _has_batch(info: Any) -> bool:
    shape = info.tensor_shape
    return shape.unknown_rank or (len(shape.dim) > 0 and shape.dim[0].size == -1)


def _columns_of_rows(rows: Any, inputs: Mapping[str, Any], max_batch: int) -> dict[str, list[Any]]:
    if not isinstance(rows, list):
        raise RequestError(f"Expecting '{ROW}' to be a list, got {show(rows)}")
    if not rows:
        raise RequestError(f"No values in '{ROW}' list")
    if len(rows) > max_batch:
        raise RequestError(f"{len(rows)} examples are too many; at most {max_batch} in one request")
    named = _is_object(rows[0])
    if not named and len(inputs) > 1:
        raise RequestError(f"'{ROW}' is a plain list, but expecting list of objects with the keys {', '.join(inputs)}")
    for position, row in enumerate(rows):
        if _is_object(row) != named:
            expected, got = ("object", "value") if named else ("value", "object")
            raise RequestError(f"Expecting {expected} but got {got} at item {position} of '{ROW}'")
        if named and set(row) != set(inputs):
            raise RequestError(
                f"Failed to process element: {position} of '{ROW}'. JSON object: {show(row)} must only "
                f"have keys: {','.join(sorted(inputs))}"
            )
    if named:
        return {name: [row[name] for row in rows] for name in inputs}
    (name,) = inputs
    return {name: rows}


def _columns(value: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    if not _is_object(value):
        if len(inputs) > 1:
            raise RequestError(
                f"'{COLUMN}' is a plain value, but expecting an object with the keys {', '.join(inputs)}"
            )
        (name,) = inputs
        return {name: value}
    missing = [name for name in inputs if name not in value]
    if missing:
        raise RequestError(f"Missing named input: {missing[0]} in '{COLUMN}' object.")
    return {name: value[name] for name in inputs}


def _values(name: str, array: np.ndarray) -> Any:
    if array.dtype == object and name.endswith(_BYTES_SUFFIX):
        return nested([_base64(item) for item in array.ravel()], array.shape)
    return plain(array)


def _text_or_base64(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return _base64(value)


def _base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode("ascii")}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)
