"""What a person may ask of a beam search. If these fail, an option is ignored, or a server answers a request that makes no sense."""

import numpy as np
import pytest
import tensorflow as tf

from common.beam_requests import MAX_LENGTH_PENALTY, beam_flags, beam_inputs, beam_specs, checked_width
from common.errors import UserError

SETTINGS = {"beam_width": 5, "length_penalty": 0.6}


def test_without_a_wish_the_model_answers_as_it_was_exported():
    assert beam_inputs(3, SETTINGS, 1, None, None) == {}


@pytest.mark.parametrize(
    ("wishes", "width", "penalty"),
    [
        ((1, 2, None), 2, 0.6),
        ((1, None, 1.5), 5, 1.5),
        ((3, None, None), 5, 0.6),
        ((8, None, None), 8, 0.6),  # as many answers as candidates at least
        ((8, 2, 0.0), 8, 0.0),
    ],
)
def test_a_wish_is_an_input_for_each_example_and_the_rest_is_of_the_settings(wishes, width, penalty):
    found = beam_inputs(3, SETTINGS, *wishes)
    assert [spec.name for spec in beam_specs()] == list(found)
    for spec, value, values in zip(beam_specs(), (width, penalty), found.values(), strict=True):
        assert values.dtype == spec.dtype.as_numpy_dtype
        np.testing.assert_array_equal(values, np.full(3, value, values.dtype))


def test_the_options_are_within_what_the_model_takes():
    n_best, width, penalty = beam_flags("beam", 32, "captions")
    assert width.name == "beam" and n_best.default == 1
    assert width.convert("beam", "32") == n_best.convert("n-best", "32") == 32
    assert penalty.convert("length_penalty", str(MAX_LENGTH_PENALTY)) == MAX_LENGTH_PENALTY
    for flag, text in ((n_best, "0"), (width, "33"), (penalty, "-1"), (penalty, str(MAX_LENGTH_PENALTY + 1))):
        with pytest.raises(UserError, match=f"--{flag.name} is {text}"):
            flag.convert(flag.name, text)


def width_of(widths, penalties, examples=("a", "b")):
    asked = tf.function(checked_width, reduce_retracing=True)
    arguments = tf.constant(widths, tf.int32), tf.constant(penalties, tf.float32), tf.constant(examples, tf.string)
    return int(asked(*arguments, 32, "text"))


def test_the_search_is_as_wide_as_the_widest_request():
    assert width_of([2, 7], [0.0, 1.0]) == 7
    assert width_of([], [], ()) == 1


@pytest.mark.parametrize(
    ("widths", "penalties", "sentence"),
    [
        ([0, 2], [1.0, 1.0], "beam_width must be 1 to 32, for each text"),
        ([2, 33], [1.0, 1.0], "beam_width must be 1 to 32"),
        ([2, 2], [-0.1, 1.0], "length_penalty must be 0 to 10, for each text"),
        ([2, 2], [1.0, 10.5], "length_penalty must be 0 to 10"),
        ([2], [1.0, 1.0], "need a value for each text"),
        ([2, 2], [1.0], "need a value for each text"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_inside_the_graph(widths, penalties, sentence):
    with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
        width_of(widths, penalties)
