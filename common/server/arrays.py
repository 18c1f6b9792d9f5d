"""A value of JSON to an array of the type and shape that a signature asks for."""

import base64
import binascii
import json
from typing import Any

import numpy as np

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


def _type_name(info: Any) -> str:
    """Returns the name of a tensor's type as people write it."""
    return _TYPES[info.dtype][0] if info.dtype in _TYPES else f"type {info.dtype}"


def is_base64(value: Any) -> bool:
    """Returns whether a value of JSON stands for bytes."""
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def read_array(value: Any, name: str, info: Any) -> np.ndarray:
    """Returns the array that nested lists hold.

    Args:
        value: Nested lists of numbers, truth values or strings; `{"b64": "..."}` for bytes.
        name: Name of the input, for messages.
        info: Its `dtype` and `tensor_shape`, where -1 is any size.

    Raises:
        RequestError: If it has another type or shape, or is empty.
    """
    if info.dtype not in _TYPES:
        raise RequestError(f"input {name} is of {_type_name(info)}, which cannot be given as JSON")
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
    _collect(value, shape, 0, name, leaves)
    array = _numbers(leaves, _TYPES[info.dtype][1])
    if array is None:
        array = np.empty(len(leaves), _TYPES[info.dtype][1])
        array[:] = [_leaf(leaf, name, info) for leaf in leaves]
    return array.reshape(shape)


def _numbers(leaves: list[Any], array_type: Any) -> np.ndarray | None:
    """Returns the values as an array if all are numbers of the type; None leaves it to `_leaf`, which says what is wrong.

    A history of measurements has hundreds of thousands of them, each of which would take microseconds.
    """
    kinds = set(map(type, leaves))
    if array_type in (np.float32, np.float64) and kinds <= {int, float}:
        try:
            wide = np.array(leaves, np.float64)
        except OverflowError:
            return None
        with np.errstate(over="ignore"):  # looked at below
            array = wide.astype(array_type)
        return array if np.array_equal(np.isinf(array), np.isinf(wide)) else None
    if array_type not in (object, np.bool_) and kinds == {int}:
        limits = np.iinfo(array_type)
        if min(leaves) >= limits.min and max(leaves) <= limits.max:
            return np.array(leaves, array_type)
    return None


def _shape(value: Any) -> list[int]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def _collect(value: Any, shape: list[int], level: int, name: str, leaves: list[Any]) -> None:
    if isinstance(value, list) and level < len(shape):
        if len(value) != shape[level]:
            raise RequestError(
                f"input {name}: Encountered list at unexpected size: {len(value)} at level: {level} "
                f"expected size: {shape[level]}"
            )
        for item in value:
            _collect(item, shape, level + 1, name, leaves)
        return
    if isinstance(value, list) or level != len(shape):
        raise RequestError(f"input {name}: JSON Value: {show(value)} found at incorrect level: {level}")
    leaves.append(value)


def _leaf(value: Any, name: str, info: Any) -> Any:
    type_, array_type = _TYPES[info.dtype]
    wrong = RequestError(
        f"input {name}: JSON Value: {show(value)} Type: {_json_type(value)} is not of expected type: {type_}"
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
            raise RequestError(f"input {name}: Cannot convert JSON value: {show(value)} to {type_}")
        return number
    limits = np.iinfo(array_type)
    if not isinstance(value, int) or not limits.min <= value <= limits.max:
        raise wrong
    return value


def _string(value: Any, name: str, wrong: RequestError) -> bytes:
    if isinstance(value, dict):
        if not is_base64(value):
            raise wrong
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestError(f"input {name}: Unable to base64 decode {show(value)}") from error
    if not isinstance(value, str):
        raise wrong
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RequestError(
            f"input {name}: {show(value)} has half of a surrogate pair, which is no character"
        ) from error


def _json_type(value: Any) -> str:
    names = {dict: "Object", list: "Array", str: "String", bool: "True" if value is True else "False"}
    return "Null" if value is None else names.get(type(value), "Number")


def show(value: Any) -> str:
    """Returns a value as JSON for a message, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=True)
    except RecursionError:
        text = "..."
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
