"""If these fail, a client written for TensorFlow Serving does not understand the local server."""

import json
import types

import numpy as np
import pytest

from common.server import tensors
from common.server.tensors import RequestError

STRING, FLOAT, INT, BOOL = 7, 1, 3, 10


def _info(dtype, *shape):
    dims = [types.SimpleNamespace(size=size) for size in shape]
    return types.SimpleNamespace(dtype=dtype, tensor_shape=types.SimpleNamespace(unknown_rank=False, dim=dims))


TEXT = {"text": _info(STRING, -1)}
TWO = {"a": _info(FLOAT, -1, 2), "b": _info(INT, -1)}


def _read(document, inputs=TEXT, max_batch=4):
    form, arrays = tensors.read_inputs(document, inputs, max_batch)
    return form, {name: array.tolist() for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("document", "inputs", "form", "arrays"),
    [
        ({"instances": ["a", "é"]}, TEXT, "instances", {"text": [b"a", "é".encode()]}),
        ({"instances": [{"text": "a"}, {"text": ""}]}, TEXT, "instances", {"text": [b"a", b""]}),
        ({"instances": [{"b64": "AP8="}]}, TEXT, "instances", {"text": [b"\x00\xff"]}),
        ({"instances": [{"text": {"b64": "YQ=="}}]}, TEXT, "instances", {"text": [b"a"]}),
        ({"inputs": ["a"]}, TEXT, "inputs", {"text": [b"a"]}),
        ({"inputs": {"text": ["a", "b"], "more": 1}}, TEXT, "inputs", {"text": [b"a", b"b"]}),
        ({"instances": [{"a": [1, 2.5], "b": 3}]}, TWO, "instances", {"a": [[1.0, 2.5]], "b": [3]}),
        ({"inputs": {"a": [[1, 2], [5, 6]], "b": [3, 4]}}, TWO, "inputs", {"a": [[1.0, 2.0], [5.0, 6.0]], "b": [3, 4]}),
        ({"instances": [True]}, {"x": _info(BOOL, -1)}, "instances", {"x": [True]}),
    ],
)
def test_requests_in_both_forms(document, inputs, form, arrays):
    """Else a documented way of asking is refused."""
    assert _read(document, inputs) == (form, arrays)


@pytest.mark.parametrize(
    ("document", "inputs", "sentence"),
    [
        ({}, TEXT, "Missing 'inputs' or 'instances' key"),
        ({"instances": ["a"], "inputs": ["a"]}, TEXT, "only one of"),
        ({"instances": "a"}, TEXT, "to be a list"),
        ({"instances": []}, TEXT, "No values"),
        ({"inputs": []}, TEXT, "is empty"),
        ({"instances": [1]}, TEXT, "JSON Value: 1 Type: Number is not of expected type: string"),
        ({"instances": ["a", None]}, TEXT, "Type: Null is not of expected type: string"),
        ({"instances": [float("nan")]}, TEXT, "NaN Type: Number is not of expected type: string"),
        ({"instances": [["a"]]}, TEXT, r"has the shape \[1,1\], expected \[\?\]"),
        ({"instances": ["a", ["b"]]}, TEXT, "incorrect level"),
        ({"instances": ["a", {"text": "b"}]}, TEXT, "Expecting value but got object at item 1"),
        ({"instances": [{"text": "a"}, "b"]}, TEXT, "Expecting object but got value at item 1"),
        ({"instances": [{"txt": "a"}]}, TEXT, "must only have keys: text"),
        ({"instances": [{"text": {"b64": "*"}}]}, TEXT, "Unable to base64 decode"),
        ({"instances": ["\ud800"]}, TEXT, "surrogate"),
        ({"instances": ["a"] * 5}, TEXT, "5 examples are too many; at most 4"),
        ({"inputs": ["a"] * 5}, TEXT, "5 examples are too many; at most 4"),
        ({"inputs": {"texts": ["a"]}}, TEXT, "Missing named input: text"),
        ({"inputs": "a"}, TEXT, r"has the shape \[\], expected \[\?\]"),
        ({"instances": [[1, 2]]}, TWO, "expecting list of objects"),
        ({"instances": [{"a": [1], "b": 1}]}, TWO, r"shape \[1,1\], expected \[\?,2\]"),
        ({"instances": [{"a": [1, 2], "b": 1.5}]}, TWO, "Number is not of expected type: int32"),
        ({"instances": [{"a": [1, 2], "b": 2**31}]}, TWO, "is not of expected type: int32"),
        ({"instances": [{"a": [1, 1e39], "b": 1}]}, TWO, "Cannot convert JSON value: 1e\\+39 to float"),
        ({"instances": [{"a": [1, 10**400], "b": 1}]}, TWO, "is not of expected type: float"),
        ({"instances": [{"a": [1, True], "b": 1}]}, TWO, "Type: True is not of expected type: float"),
        ({"inputs": {"a": [[1, 2], [3]], "b": [1]}}, TWO, "unexpected size: 1 at level: 1"),
    ],
)
def test_wrong_requests_say_what_is_wrong(document, inputs, sentence):
    """Else a client sees an internal error and no way to mend its request."""
    with pytest.raises(RequestError, match=sentence) as caught:
        _read(document, inputs)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The document is empty"),
        (b"instances = [1]", "Expecting value at offset: 0"),
        (b"[1]", "is not an object"),
        (b'{"instances": ["\xff"]}', "not UTF-8 at offset 16"),
        (b'{"a":' * 100_000, "JSON Parse error"),
        (b'{"instances": [' + b"9" * 10_000 + b"]}", "JSON Parse error"),
    ],
)
def test_bodies_that_are_no_request(body, sentence):
    """Else rubbish on the port is an internal error."""
    with pytest.raises(RequestError, match=sentence):
        tensors.parse_body(body)


def test_answers_in_both_forms():
    """Else a client of TensorFlow Serving reads the wrong place of the answer."""
    one = {"y": np.float32([[0.2, 1], [3, 4]])}
    assert tensors.write_outputs("instances", one) == {"predictions": [[0.2, 1.0], [3.0, 4.0]]}
    assert tensors.write_outputs("inputs", one) == {"outputs": [[0.2, 1.0], [3.0, 4.0]]}
    two = {"label": np.array([b"a", b"\xc3\xa9"], dtype=object), "n": np.int64([1, 2])}
    assert tensors.write_outputs("instances", two) == {"predictions": [{"label": "a", "n": 1}, {"label": "é", "n": 2}]}
    assert tensors.write_outputs("inputs", two) == {"outputs": {"label": ["a", "é"], "n": [1, 2]}}
    encoded = {"x_bytes": np.array([[b"\x00\xff"]], dtype=object)}
    assert tensors.write_outputs("instances", encoded) == {"predictions": [[{"b64": "AP8="}]]}
    empty = {"tokens": np.empty((2, 0), dtype=object)}
    assert tensors.write_outputs("instances", empty) == {"predictions": [[], []]}


def test_outputs_of_different_length_have_no_rows():
    """Else rows are cut off without a word."""
    with pytest.raises(RequestError, match="ask in column form"):
        tensors.write_outputs("instances", {"a": np.zeros(2), "b": np.zeros(3)})


def test_an_example_becomes_a_request_that_is_read_again():
    """Else the line that serve tells people to try, and its warm-up, are refused for pictures."""
    inputs = {"text": _info(STRING, -1), "picture": _info(STRING, -1), "a": _info(FLOAT, -1, 2), "b": _info(INT, -1)}
    picture = b"\xff\xd8\x00"
    example = {"text": "é".encode(), "picture": picture, "a": np.float32([0.1, 2]), "b": np.int32(3)}
    request = json.loads(json.dumps(tensors.write_request(example)))
    assert request == {"instances": [{"text": "é", "picture": {"b64": "/9gA"}, "a": [0.1, 2.0], "b": 3}]}
    _, arrays = tensors.read_inputs(request, inputs, 1)
    assert arrays["picture"].tolist() == [picture] and np.array_equal(arrays["a"], [example["a"]])
