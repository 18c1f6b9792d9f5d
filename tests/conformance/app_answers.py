"""Asks an application in a fresh process, by programs that read a request on stdin, and compares the answers.

A request has `examples`, as in a row; bytes are `{"b64": "..."}`, as in the REST form of TensorFlow Serving. One to `SAVED_MODEL` also has `version`, the path of a SavedModel, and
`op_libraries`, the paths of what TensorFlow itself does not have and they need. The answer has for each endpoint `alone` and `together`, the outputs by
name for each example asked by itself and in a batch with those of the same shapes; `groups`, the positions of the examples
of each batch; `inputs`, the names of the endpoint's inputs.
"""

import math

# The order of parallel sums differs between programs and between batch sizes.
TOLERANCE = 1e-5

_ANSWERS = """
import base64, json, sys
import numpy as np
import tensorflow as tf

request = json.load(sys.stdin)

def sent(value):
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value

def plain(values):
    values = values.numpy()
    if values.dtype == object:
        return np.vectorize(lambda value: value.decode("utf-8"), otypes=[object])(values).tolist()
    return values.tolist()

def answers(function, specs):
    rows = [
        {name: tf.constant([sent(example[name])], spec.dtype) for name, spec in specs.items()}
        for example in request["examples"]
    ]
    alone = [{name: plain(value)[0] for name, value in function(**row).items()} for row in rows]
    groups = {}
    for position, row in enumerate(rows):
        groups.setdefault(str([value.shape for value in row.values()]), []).append(position)
    together = [None] * len(rows)
    for group in groups.values():
        batch = {name: tf.concat([rows[position][name] for position in group], 0) for name in specs}
        found = {name: plain(value) for name, value in function(**batch).items()}
        assert all(len(value) == len(group) for value in found.values()), found.keys()
        for index, position in enumerate(group):
            together[position] = {name: value[index] for name, value in found.items()}
    return {"alone": alone, "together": together, "groups": list(groups.values()), "inputs": list(specs)}
"""
IN_MEMORY = (
    _ANSWERS
    + """
import importlib
from pathlib import Path
from common.model_files import load_model

package, run = request["package"], Path(request["run"])
preprocessor = importlib.import_module(f"{package}.preprocessing").Preprocessor.load(run / "preprocessor")
model = load_model(run / "model.keras", package)
found = {}
for name, (function, signature) in importlib.import_module(f"{package}.serving").endpoints(model, preprocessor).items():
    traced = tf.function(function, signature, autograph=False)
    names = [spec.name for spec in signature]
    found[name] = answers(
        lambda **inputs: traced(*(inputs[name] for name in names)), {spec.name: spec for spec in signature}
    )
print(json.dumps(found))
"""
)
SAVED_MODEL = (
    _ANSWERS
    + """
sys.modules |= {"apps": None, "common": None, "keras": None}
for library in request["op_libraries"]:
    tf.load_op_library(library)
loaded = tf.saved_model.load(request["version"])
found = {
    name: answers(function, function.structured_input_signature[1]) for name, function in loaded.signatures.items()
}
print(json.dumps(found))
"""
)

# Answers without the code that made the model: only the SavedModel knows how.
PREDICT = """
import runpy, sys
package, *words = sys.argv[1:]
sys.modules |= {name: None for name in (*(f"{package}.{part}" for part in PARTS), "keras")}
sys.argv[1:] = words
runpy.run_module(package, run_name="__main__")
""".replace("PARTS", repr(("preprocessing", "model", "train", "evaluate", "serving")))


def assert_same(found, expected, path="answer"):
    """Checks that two nested answers are equal, numbers up to `TOLERANCE`."""
    if isinstance(expected, dict):
        assert set(found) == set(expected), path
        for name, value in expected.items():
            assert_same(found[name], value, f"{path}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for index, value in enumerate(expected):
            assert_same(found[index], value, f"{path}[{index}]")
    elif isinstance(expected, float):
        assert math.isclose(found, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE), (path, found, expected)
    else:
        assert found == expected, path


def assert_same_endpoints(found, expected):
    """Checks that what a program above printed is what another one printed; inputs may be named in any order."""
    assert set(found) == set(expected)
    for endpoint in expected:
        of_found, of_expected = dict(found[endpoint]), dict(expected[endpoint])
        assert set(of_found.pop("inputs")) == set(of_expected.pop("inputs"))
        assert_same(of_found, of_expected, endpoint)


def without_padding(value, alone):
    """The part of a list that the answer to the input alone has, too, if the rest is padding; so on every axis."""
    if not isinstance(alone, list):
        return value
    value = value if _is_filled(value[len(alone) :]) else value[: len(alone)]
    return [without_padding(*both) for both in zip(value, alone)] + value[len(alone) :]


def _is_filled(value):
    """Whether there is anything but zeros, empty texts and -1, which is no pitch, in it."""
    return any(map(_is_filled, value)) if isinstance(value, list) else value not in (0, "", -1)
