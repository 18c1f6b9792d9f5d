"""What a person may ask of a beam search: from the options of `predict` to the inputs of the signature `beam`.

Shared by the applications that search for sentences. Read by the command line for its help, so what takes time to import is
imported where it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.cli_options import Flag, number, whole_number

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

MAX_LENGTH_PENALTY = 10


def beam_flags(width: str, widest: int, answers: str) -> tuple[Flag, ...]:
    """The options of `predict`: how many answers, candidates kept, length penalty.

    Args:
        width: Name of the option for the candidates, without dashes.
        widest: The most of them.
        answers: The word for answers, such as "captions".
    """
    return (
        Flag("n-best", f"show the best so many {answers}", "INT", 1, convert=whole_number(1, widest)),
        Flag(
            width,
            "candidates kept at each step, 1 = greedy; none = as in the settings of the training, at least n-best",
            "INT",
            convert=whole_number(1, widest),
        ),
        Flag(
            "length_penalty",
            f"0 favours short {answers}, 1 is about the mean over the tokens; none = as in the settings of the training",
            "FLOAT",
            convert=number(0, MAX_LENGTH_PENALTY),
        ),
    )


def beam_inputs(
    count: int, metadata: Mapping[str, Any], n_best: int, beam_width: int | None, length_penalty: float | None
) -> dict[str, np.ndarray]:
    """What `beam` takes beside its examples; empty where `serving_default` answers the same.

    Args:
        count: Examples.
        metadata: Of the model, with `beam_width` and `length_penalty` of its settings.
        n_best: Answers for each example.
        beam_width: Candidates kept at each step; None = as in the settings, at least `n_best`.
        length_penalty: None = as in the settings.

    Returns:
        `beam_width` int32 `[count]` and `length_penalty` float32 `[count]`, or nothing.
    """
    import numpy as np

    if n_best == 1 and beam_width is None and length_penalty is None:
        return {}
    width = max(n_best, metadata["beam_width"] if beam_width is None else beam_width)
    penalty = metadata["length_penalty"] if length_penalty is None else length_penalty
    return {
        "beam_width": np.full(count, width, np.int32),
        "length_penalty": np.full(count, penalty, np.float32),
    }


def beam_specs() -> tuple[tf.TensorSpec, ...]:
    """The arguments of the signature `beam` behind its examples: `beam_width` and `length_penalty`, `[batch]`."""
    import tensorflow as tf

    return (
        tf.TensorSpec([None], tf.int32, name="beam_width"),
        tf.TensorSpec([None], tf.float32, name="length_penalty"),
    )


def checked_width(
    beam_width: tf.Tensor, length_penalty: tf.Tensor, examples: tf.Tensor, widest: int, example: str
) -> tf.Tensor:
    """The width that a search for all examples needs, int32 scalar, after the request was looked at.

    Args:
        beam_width: int32 `[batch]`.
        length_penalty: float32 `[batch]`.
        examples: `[batch]`, any type.
        widest: The most candidates.
        example: The word for one of the examples.

    Raises:
        tf.errors.InvalidArgumentError: When the graph is run with a width or penalty out of bounds, or not one for each example.
    """
    import tensorflow as tf

    checks = [
        tf.debugging.Assert(
            tf.reduce_all((beam_width >= 1) & (beam_width <= widest)),
            [f"beam_width must be 1 to {widest}, for each {example}"],
        ),
        tf.debugging.Assert(
            tf.reduce_all((length_penalty >= 0) & (length_penalty <= MAX_LENGTH_PENALTY)),
            [f"length_penalty must be 0 to {MAX_LENGTH_PENALTY}, for each {example}"],
        ),
        *(
            tf.debugging.Assert(
                tf.equal(tf.size(each), tf.size(examples)),
                [f"beam_width and length_penalty need a value for each {example}"],
            )
            for each in (beam_width, length_penalty)
        ),
    ]
    with tf.control_dependencies(checks):
        return tf.reduce_max(tf.concat([beam_width, [1]], axis=0))
