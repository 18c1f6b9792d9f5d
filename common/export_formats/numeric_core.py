"""What an application hands to a format that knows numbers alone: made by its `numeric.py`, read by `file_export.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class NumericCore:
    """A part of a SavedModel that takes and returns numbers.

    Attributes:
        function: Of named tensors, a dictionary of tensors `[batch, ...]`; none is called as an argument is, which ONNX forbids.
        signature: A named `tf.TensorSpec` for each argument; the first axis is the batch and None, all others are fixed,
            because LiteRT lays out its memory beforehand.
        questions: By what they try, arrays by the names of the arguments, `[batch, ...]`; what every file is tried with.
        files: Name to content of what goes beside the file, such as the vocabulary.
        notes: What a reader of the file must know, as JSON: names of classes, columns, lengths.
        left_out: What of the SavedModel's own endpoint is not in it, and why; empty if it is the whole endpoint.
    """

    function: Callable[..., Mapping[str, Any]]
    signature: Sequence[Any]
    questions: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    left_out: str = ""

    def traced(self, batch: int | None) -> Any:
        """Returns the function as a `tf.function` of one signature.

        Args:
            batch: Examples at once; None = any number.
        """
        import tensorflow as tf

        specs = [tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype, name=spec.name) for spec in self.signature]
        return tf.function(self.function, input_signature=specs, autograph=False)

    def asked(self) -> dict[str, dict[str, Any]]:
        """Returns the questions with the types of the signature, as NumPy arrays.

        Raises:
            ValueError: If a question does not fit the signature.
        """
        import numpy as np

        asked = {}
        for case, inputs in self.questions.items():
            if set(inputs) != {spec.name for spec in self.signature}:
                raise ValueError(f"question {case!r} has the inputs {sorted(inputs)}, which are not those of the core")
            asked[case] = {
                spec.name: np.asarray(inputs[spec.name], spec.dtype.as_numpy_dtype) for spec in self.signature
            }
            for spec in self.signature:
                if not spec.shape.is_compatible_with(asked[case][spec.name].shape):
                    shape = asked[case][spec.name].shape
                    raise ValueError(f"question {case!r}: {spec.name} has the shape {shape}, expected {spec.shape}")
        return asked
