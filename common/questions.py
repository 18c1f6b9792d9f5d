"""What an export is asked: the questions of an application, matched with the endpoints that can answer them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One question to one endpoint.

    Attributes:
        endpoint: Its name.
        name: What the question tries.
        inputs: Tensors [batch, ...] by name, in the order of the arguments.
    """

    endpoint: str
    name: str
    inputs: Mapping[str, Any]


def matched_questions(
    signatures: Mapping[str, Sequence[Any]], questions: Mapping[str, Mapping[str, Any]]
) -> list[Case]:
    """Returns each question to each endpoint that takes its inputs, restricted to what the endpoint takes.

    Args:
        signatures: By endpoint, a named `tf.TensorSpec` [batch, ...] for each argument.
        questions: By what they try, arrays or nested lists by the name of the input; the inputs of a question have the same
            batch size.

    Raises:
        ValueError: If an argument has no name or no batch axis, an endpoint fits no question or an input no endpoint, or
            values do not have the type and shape of their argument.
    """
    specs = {endpoint: _by_name(endpoint, signature) for endpoint, signature in signatures.items()}
    known = {name for inputs in specs.values() for name in inputs}
    for case, inputs in questions.items():
        unknown = sorted(set(inputs) - known)
        if unknown or not inputs:
            raise ValueError(f"question {case!r} has the inputs {sorted(inputs)}; the endpoints take {sorted(known)}")
    cases = []
    for endpoint, wanted in specs.items():
        fitting = {case: inputs for case, inputs in questions.items() if set(wanted) <= set(inputs)}
        if not fitting:
            raise ValueError(f"no question has all inputs of endpoint {endpoint!r}: {sorted(wanted)}")
        cases += [Case(endpoint, case, _tensors(case, inputs, wanted)) for case, inputs in fitting.items()]
    return cases


def _by_name(endpoint: str, signature: Sequence[Any]) -> dict[str, Any]:
    specs = {spec.name: spec for spec in signature}
    if None in specs or len(specs) != len(signature):
        raise ValueError(f"every argument of endpoint {endpoint!r} needs a name of its own; got {list(specs)}")
    for name, spec in specs.items():
        if spec.shape.rank == 0:
            raise ValueError(f"input {name!r} of endpoint {endpoint!r} has no batch axis; give it the shape [None]")
    return specs


def _tensors(case: str, inputs: Mapping[str, Any], specs: Mapping[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    tensors = {}
    for name, spec in specs.items():
        try:
            tensors[name] = tf.constant(inputs[name], spec.dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(f"question {case!r}: input {name!r} is no array of {spec.dtype.name}: {error}") from error
        if not spec.shape.is_compatible_with(tensors[name].shape):
            raise ValueError(
                f"question {case!r}: input {name!r} has the shape {tensors[name].shape}, expected {spec.shape}"
            )
    sizes = {name: int(tensor.shape[0]) for name, tensor in tensors.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"question {case!r}: the inputs differ in batch size: {sizes}")
    return tensors
