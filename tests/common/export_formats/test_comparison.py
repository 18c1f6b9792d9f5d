"""If these fail, a file that answers otherwise than the SavedModel is kept, or a good one is refused."""

import numpy as np
import pytest

from common.export_formats.comparison import compare

EXPECTED = {"a case": {"values": np.array([[1.0, -9.0]], np.float32), "ids": np.array([[3, 4]], np.int32)}}


def found(values=((1.0, -9.0),), ids=((3, 4),)):
    return {"a case": {"values": np.array(values, np.float32), "ids": np.array(ids, np.int32)}}


def test_what_is_equal_or_rounds_otherwise_is_kept():
    assert compare(EXPECTED, found()).refused(quantized=False) == ""
    comparison = compare(EXPECTED, found(values=((1.0, -9.0005),)))
    assert comparison.difference == pytest.approx(0.00005, rel=0.01)  # of 1 + 9
    assert comparison.refused(quantized=False) == ""


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (found(values=((1.1, -9.0),)), "output values of 'a case' differs by 0.05"),
        (found(ids=((3, 5),)), "50.0% of the whole numbers differ, first in output ids of 'a case'"),
    ],
)
def test_other_numbers_are_refused_unless_they_were_asked_for(answers, sentence):
    comparison = compare(EXPECTED, answers)
    assert comparison.refused(quantized=False).startswith(sentence)
    assert comparison.refused(quantized=True) == ""


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (found(values=((np.nan, -9.0),)), "output values of 'a case' is not finite"),
        (found(values=((1.0,),)), "output values of 'a case' has the shape (1, 1), expected (1, 2)"),
        ({"a case": {"values": np.zeros((1, 2))}}, "a case: it has the outputs ['values'], expected ['ids', 'values']"),
    ],
)
def test_no_quantization_excuses_what_is_no_answer(answers, sentence):
    assert compare(EXPECTED, answers).refused(quantized=True) == sentence
