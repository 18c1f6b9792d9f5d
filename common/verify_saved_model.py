"""Loads a SavedModel as a stranger would and compares its answers. Run by path, never imported.

`common/export.py` starts this file in a fresh, isolated interpreter and sends a request to its standard
input; see `main` for its form. The interpreter cannot import this repository, nor Keras: whoever receives the
SavedModel has neither. The start of TensorFlow is most of the time it takes, so it begins before the request
is there.
"""

import importlib.abc
import json
import os
import sys

# The repository is installed in editable form, so neither -I nor another working directory hides it.
_OURS = {"apps", "common", "benchmarks", "tests"}
# py_function needs this very process; TensorFlow Serving has no Python.
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


class _NothingOfOurs(importlib.abc.MetaPathFinder):
    """Stands before all other finders and refuses this repository's packages."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in _OURS:
            raise ModuleNotFoundError(f"{fullname} is kept out of the verification", name=fullname)


def main():
    """Reads a request, writes a report.

    The request on stdin is `{"model": directory, "op_libraries": [file, ...], "tolerance": number, "cases": [{"endpoint", "case",
    "inputs": {name: array}, "outputs": {name: array}}]}`, an array being `{"dtype", "shape", "values"}`, bytes as Latin-1
    text. The report, the last line of stdout, is `{"problems": [sentence, ...]}`.
    """
    _isolate()
    import tensorflow as tf

    request = json.loads(sys.stdin.buffer.read() or b"null")
    if request is None:  # the exporting process ended first
        return
    for library in request["op_libraries"]:
        tf.load_op_library(library)
    problems = find_unportable(request["model"])
    if not problems:  # what cannot run elsewhere would only fail here with a longer message
        loaded = tf.saved_model.load(request["model"])  # the reference must live as long as its functions
        for case in request["cases"]:
            problems += _check(tf, loaded, case, request["tolerance"])
    print(json.dumps({"problems": problems}))


def _isolate():
    sys.meta_path.insert(0, _NothingOfOurs())
    for name in sorted(_OURS):
        try:
            __import__(name)
        except ImportError:
            continue
        raise SystemExit(f"the verification can import {name}, so it would prove nothing")
    # TensorFlow takes a missing Keras as it comes, and starts in half the time.
    sys.modules["keras"] = None


def find_unportable(model):
    """Returns a sentence for everything in the graph that another machine could not run."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    with open(os.path.join(model, "saved_model.pb"), "rb") as file:
        saved_model.ParseFromString(file.read())
    problems = []
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        groups = [("the graph", graph.node, {})]
        groups += [(f"function {f.signature.name}", f.node_def, f.attr) for f in graph.library.function]
        for where, nodes, attributes in groups:
            if "_XlaMustCompile" in attributes and attributes["_XlaMustCompile"].b:
                problems.append(f"{where} must be compiled by XLA; export it without jit_compile=True")
            for node in nodes:
                problems += _unportable_node(where, node)
    return problems


def _unportable_node(where, node):
    if "Cudnn" in node.op:
        yield f"{where} has the node {node.name} of type {node.op}, which runs on NVIDIA GPUs only"
    if node.op == "XlaLaunch" or ("_XlaMustCompile" in node.attr and node.attr["_XlaMustCompile"].b):
        yield f"{where} has the node {node.name} of type {node.op}, which must be compiled by XLA"
    if node.op in _PYTHON_OPS:
        yield f"{where} has the node {node.name} of type {node.op}, which calls the exporting process"


def _check(tf, loaded, case, tolerance):
    """Yields a sentence for each output that differs from what the model in memory answered."""
    import numpy as np

    where = f"endpoint {case['endpoint']}, {case['case']}"
    signature = loaded.signatures[case["endpoint"]]
    outputs = signature(**{name: tf.constant(_read(np, array)) for name, array in case["inputs"].items()})
    batch = next(iter(case["inputs"].values()))["shape"][0]
    if set(outputs) != set(case["outputs"]):
        yield f"{where}: outputs {sorted(outputs)}, in memory {sorted(case['outputs'])}"
        return
    for key, expected in case["outputs"].items():
        actual = outputs[key].numpy()
        if list(actual.shape[:1]) != [batch]:
            yield f"{where}: output {key} has the shape {list(actual.shape)} for a batch of {batch}"
            continue
        if list(actual.shape) != expected["shape"] or actual.dtype.name != expected["dtype"]:
            yield (
                f"{where}: output {key} is {actual.dtype.name} {list(actual.shape)}, "
                f"in memory {expected['dtype']} {expected['shape']}"
            )
            continue
        if actual.dtype == object:
            mine, theirs = [v.decode("latin-1") for v in actual.ravel()], expected["values"]
            wrong = next((i for i in range(len(mine)) if mine[i] != theirs[i]), None)
            if wrong is not None:
                found, wanted = mine[wrong], theirs[wrong]
                yield f"{where}: output {key} has {found!r} as value {wrong}, in memory {wanted!r}"
            continue
        if actual.dtype.kind != "f":
            wrong = np.flatnonzero(actual.ravel() != _read(np, expected).ravel())
            if len(wrong):
                found, wanted = actual.ravel()[wrong[0]], expected["values"][wrong[0]]
                yield f"{where}: output {key} has {found} as value {wrong[0]}, in memory {wanted}"
            continue
        mine = actual.ravel().astype(np.float64)
        theirs = np.array(expected["values"], np.float64)
        if not np.all(np.isfinite(theirs)):
            yield f"{where}: output {key} is not finite in memory"
            continue
        allowed = tolerance * (1 + np.abs(theirs))
        excess = np.abs(mine - theirs) - allowed
        if mine.size and not np.all(excess <= 0):  # NaN fails this, too
            worst = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
            found, wanted = mine[worst], theirs[worst]
            yield f"{where}: output {key} has {found:.8g} as value {worst}, in memory {wanted:.8g}"


def _read(np, array):
    """Returns the array that `common/export.py` wrote."""
    if array["dtype"] == "object":
        flat = np.empty(len(array["values"]), object)
        flat[:] = [value.encode("latin-1") for value in array["values"]]
    else:
        flat = np.array(array["values"], array["dtype"])
    return flat.reshape(array["shape"])


if __name__ == "__main__":
    main()
