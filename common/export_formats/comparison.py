"""How far the answers of a file are from those of the SavedModel."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Other kernels, and sums in another order. Relative where numbers are above 1; weights of 8 or 16 bits have no such bound.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Comparison:
    """Of all outputs of all questions.

    Attributes:
        difference: The largest of floats, |file - SavedModel| / (1 + |SavedModel|).
        equal: Share of the whole numbers and truth values that are equal; 1 without any.
        problems: Sentences about what no tolerance covers: missing outputs, other shapes, NaN.
        worst: Which question and output has the largest difference, or whole numbers that are not equal.
    """

    difference: float
    equal: float
    problems: tuple[str, ...]
    worst: str

    def refused(self, quantized: bool) -> str:
        """Returns why the file must not appear; empty if it may.

        Args:
            quantized: Whether it was made to differ; what it answers must still be numbers of the same shapes.
        """
        if self.problems:
            return self.problems[0]
        if quantized:
            return ""
        if self.equal < 1:
            return f"{1 - self.equal:.1%} of the whole numbers differ, first in {self.worst}"
        if self.difference > TOLERANCE:
            return f"{self.worst} differs by {self.difference:.2g}, and at most {TOLERANCE:g} is allowed"
        return ""


def compare(
    expected: Mapping[str, Mapping[str, np.ndarray]], found: Mapping[str, Mapping[str, np.ndarray]]
) -> Comparison:
    """Compares answers by question and output.

    Args:
        expected: Of the SavedModel.
        found: Of the file.
    """
    problems, largest, worst, equal, whole = [], 0.0, "", 0, 0
    for case, outputs in expected.items():
        if set(found[case]) != set(outputs):
            problems.append(f"{case}: it has the outputs {sorted(found[case])}, expected {sorted(outputs)}")
            continue
        for name, wanted in outputs.items():
            got, place = found[case][name], f"output {name} of {case!r}"
            if got.shape != wanted.shape:
                problems.append(f"{place} has the shape {got.shape}, expected {wanted.shape}")
            elif wanted.dtype.kind != "f":
                same = got == wanted
                if not same.all() and equal == whole:
                    worst = place
                equal, whole = equal + int(same.sum()), whole + same.size
            elif not np.isfinite(got).all():
                problems.append(f"{place} is not finite")
            elif wanted.size:
                wide = wanted.astype(np.float64)
                difference = float(np.max(np.abs(got - wide) / (1 + np.abs(wide))))
                if difference > largest:
                    largest, worst = difference, worst if equal < whole else place
    return Comparison(largest, equal / whole if whole else 1.0, tuple(problems), worst)
