"""Runs a LiteRT or ONNX file as a stranger would. Run by path, never imported.

`file_export.py` starts this file in a fresh, isolated interpreter, which can import the runtime of the file and NumPy, but
neither TensorFlow nor Keras nor this repository; whoever receives the file has none of them.
"""

import importlib.abc
import sys
import time

_KEPT_OUT = {"apps", "common", "benchmarks", "tests", "keras", "tensorflow", "tf2onnx"}
_TIMED = 20  # repetitions


class _NothingOfTensorFlow(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in _KEPT_OUT:
            raise ModuleNotFoundError(f"{fullname} is kept out of the verification", name=fullname)


def main():
    """Reads questions, writes answers: `run_file.py MODEL QUESTIONS ANSWERS`.

    QUESTIONS and ANSWERS are `.npz` files of arrays `[examples, ...]` by `input` or `output` name, a slash, and the number of
    the question. ANSWERS also has `milliseconds`, the median time of one example.
    """
    sys.meta_path.insert(0, _NothingOfTensorFlow())
    import numpy as np

    model, asked, answered = sys.argv[1:]
    run = (_litert if model.endswith(".tflite") else _onnx)(model)
    questions = {}
    with np.load(asked, allow_pickle=False) as arrays:
        for key in arrays.files:
            name, _, number = key.rpartition("/")
            questions.setdefault(number, {})[name] = arrays[key]
    answers = {}
    for number, inputs in questions.items():
        count = len(next(iter(inputs.values())))
        rows = [run({name: values[row : row + 1] for name, values in inputs.items()}) for row in range(count)]
        for name in rows[0]:
            answers[f"{name}/{number}"] = np.concatenate([row[name] for row in rows])
    first = {name: values[:1] for name, values in next(iter(questions.values())).items()}
    answers["milliseconds"] = np.median([_milliseconds(run, first) for _ in range(_TIMED)])
    np.savez(answered, **answers)


def _milliseconds(run, inputs):
    start = time.perf_counter()
    run(inputs)
    return 1000 * (time.perf_counter() - start)


def _litert(path):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=path).get_signature_runner()
    # Arrays of the interpreter itself are overwritten by the next call.
    return lambda inputs: {name: value.copy() for name, value in runner(**inputs).items()}


def _onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs)))


if __name__ == "__main__":
    main()
