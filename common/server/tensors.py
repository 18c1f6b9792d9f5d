"""JSON to arrays and back, as TensorFlow Serving's REST interface defines it.

Row form: `{"instances": [one value, or one object, per example]}` -> `{"predictions": [...]}`. Column form:
`{"inputs": value or {name: value}}` -> `{"outputs": ...}`. One output is written without its name. Bytes that
are no text travel as `{"b64": "..."}`, and outputs whose name ends in `_bytes` are written so.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.plain_values import nested, plain

ROW, COLUMN = "instances", "inputs"
_BYTES_SUFFIX = "_bytes"
_SHOWN = 80
# DataType in tensorflow/core/framework/types.proto -> name, array type. The messages carry the numbers only.
_TYPES = {
    1: ("float", np.float32),
    2: ("double", np.float64),
    3: ("int32", np.int32),
    4: ("uint8", np.uint8),
    5: ("int16", np.int16),
    6: ("int8", np.int8),
    7: ("string", object),
    9: ("int64", np.int64),
    10: ("bool", np.bool_),
}


class RequestError(Exception):
    """A request that cannot be answered; the message and the status go to the client."""

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status


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
        raise RequestError(f"JSON Value: {_show(document)} is not an object")
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
    arrays = {name: _array(value, name, inputs[name]) for name, value in columns.items()}
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


def type_name(info: Any) -> str:
    """Returns the name of a tensor's type as people write it."""
    return _TYPES[info.dtype][0] if info.dtype in _TYPES else f"type {info.dtype}"


def _columns_of_rows(rows: Any, inputs: Mapping[str, Any], max_batch: int) -> dict[str, list[Any]]:
    if not isinstance(rows, list):
        raise RequestError(f"Expecting '{ROW}' to be a list, got {_show(rows)}")
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
                f"Failed to process element: {position} of '{ROW}'. JSON object: {_show(row)} must only "
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


def _array(value: Any, name: str, info: Any) -> np.ndarray:
    if info.dtype not in _TYPES:
        raise RequestError(f"input {name} is of {type_name(info)}, which cannot be given as JSON")
    shape = _shape(value)
    expected = None if info.tensor_shape.unknown_rank else [dim.size for dim in info.tensor_shape.dim]
    if expected is not None and (
        len(expected) != len(shape) or any(e not in (-1, s) for e, s in zip(expected, shape, strict=True))
    ):
        wanted = ",".join("?" if size == -1 else str(size) for size in expected)
        raise RequestError(f"input {name} has the shape [{','.join(map(str, shape))}], expected [{wanted}]")
    if 0 in shape:
        raise RequestError(f"input {name} is empty; expected at least one example")
    leaves: list[Any] = []
    _collect(value, shape, 0, name, info, leaves)
    array = np.empty(len(leaves), _TYPES[info.dtype][1])
    array[:] = leaves
    return array.reshape(shape)


def _has_batch(info: Any) -> bool:
    shape = info.tensor_shape
    return shape.unknown_rank or (len(shape.dim) > 0 and shape.dim[0].size == -1)


def _shape(value: Any) -> list[int]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def _collect(value: Any, shape: list[int], level: int, name: str, info: Any, leaves: list[Any]) -> None:
    if isinstance(value, list) and level < len(shape):
        if len(value) != shape[level]:
            raise RequestError(
                f"input {name}: Encountered list at unexpected size: {len(value)} at level: {level} "
                f"expected size: {shape[level]}"
            )
        for item in value:
            _collect(item, shape, level + 1, name, info, leaves)
        return
    if isinstance(value, list) or level != len(shape):
        raise RequestError(f"input {name}: JSON Value: {_show(value)} found at incorrect level: {level}")
    leaves.append(_leaf(value, name, info))


def _leaf(value: Any, name: str, info: Any) -> Any:
    type_, array_type = _TYPES[info.dtype]
    wrong = RequestError(
        f"input {name}: JSON Value: {_show(value)} Type: {_json_type(value)} is not of expected type: {type_}"
    )
    if type_ == "string":
        return _string(value, name, wrong)
    if type_ == "bool":
        if not isinstance(value, bool):
            raise wrong
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong
    if type_ in ("float", "double"):
        try:
            with np.errstate(over="ignore"):  # looked at below
                number = array_type(value)
        except OverflowError as error:
            raise wrong from error
        if np.isinf(number) and not (isinstance(value, float) and np.isinf(value)):
            raise RequestError(f"input {name}: Cannot convert JSON value: {_show(value)} to {type_}")
        return number
    limits = np.iinfo(array_type)
    if not isinstance(value, int) or not limits.min <= value <= limits.max:
        raise wrong
    return value


def _string(value: Any, name: str, wrong: RequestError) -> bytes:
    if isinstance(value, dict):
        if not _is_base64(value):
            raise wrong
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestError(f"input {name}: Unable to base64 decode {_show(value)}") from error
    if not isinstance(value, str):
        raise wrong
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RequestError(
            f"input {name}: {_show(value)} has half of a surrogate pair, which is no character"
        ) from error


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


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _json_type(value: Any) -> str:
    names = {dict: "Object", list: "Array", str: "String", bool: "True" if value is True else "False"}
    return "Null" if value is None else names.get(type(value), "Number")


def _show(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=True)
    except RecursionError:
        text = "..."
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
