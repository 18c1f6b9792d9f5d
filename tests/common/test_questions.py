"""If these fail, an endpoint is exported that nobody asked, or the author of an application reads a riddle."""

import numpy as np
import pytest

from common.questions import matched_questions

tf = pytest.importorskip("tensorflow")
HISTORY = tf.TensorSpec([None, None, 2], tf.float32, name="history")
TIME = tf.TensorSpec([None, None], tf.int64, name="time")
SIGNATURES = {"serving_default": [HISTORY, TIME], "mean": [HISTORY]}
BOTH = {"history": np.zeros((2, 3, 2)), "time": [[1, 2, 3], [4, 5, 6]]}


def test_every_endpoint_gets_each_question_that_has_its_inputs_and_only_these():
    cases = matched_questions(SIGNATURES, {"both": BOTH, "history alone": {"history": [[[1, 2]]]}})
    assert [(case.endpoint, case.name, list(case.inputs)) for case in cases] == [
        ("serving_default", "both", ["history", "time"]),
        ("mean", "both", ["history"]),
        ("mean", "history alone", ["history"]),
    ]
    assert [tensor.dtype for tensor in cases[0].inputs.values()] == [tf.float32, tf.int64]
    assert cases[2].inputs["history"].numpy().tolist() == [[[1.0, 2.0]]]


@pytest.mark.parametrize(
    ("signatures", "questions", "sentence"),
    [
        (SIGNATURES, {"a": {"history": [[[1, 2]]]}}, r"no question has all inputs of endpoint 'serving_default': \["),
        (SIGNATURES, {"a": {**BOTH, "futur": [1]}}, r"'a' has the inputs .*'futur'.*; the endpoints take"),
        (SIGNATURES, {"a": {}}, "'a' has the inputs"),
        (SIGNATURES, {"a": {**BOTH, "history": np.zeros((2, 3, 4))}}, r"the shape \(2, 3, 4\), expected \(None, None, 2\)"),
        (SIGNATURES, {"a": {**BOTH, "history": "x"}}, "input 'history' is no array of float32"),
        (SIGNATURES, {"a": {**BOTH, "history": np.zeros((1, 3, 2))}}, "differ in batch size: {'history': 1, 'time': 2}"),
        ({"f": [tf.TensorSpec([], tf.float32, name="x")]}, {"a": {"x": 1}}, "'x' of endpoint 'f' has no batch axis"),
        ({"f": [tf.TensorSpec([None], tf.float32)]}, {"a": {"x": [1]}}, "argument of endpoint 'f' needs a name"),
    ],
)  # fmt: skip
def test_questions_that_do_not_fit(signatures, questions, sentence):
    with pytest.raises(ValueError, match=sentence):
        matched_questions(signatures, questions)
