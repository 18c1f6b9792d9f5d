"""What a training step of a layer allocates: everything but the weights and the input that it is given.

That is what is kept for the backward pass, what the passes work on, and the gradients. A step that XLA compiles has it in
its buffer assignment, one block laid out in advance, which `--xla_dump_to` writes down: an exact number, the same on every
run of a version of TensorFlow. Keras's layer without XLA is left out: TensorFlow keeps what it frees there, so that the resident memory does not tell.
Each step runs in a process of its own. The number does not depend on what else the machine does.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import MEBIBYTE
from benchmarks.layer_shapes import GATES, Shape
from benchmarks.layer_steps import keras_steps, ours

_ALLOCATION = re.compile(r"^allocation \d+: size (\d+), (?:.*, )?(?:preallocated-temp|maybe-live-out)", re.MULTILINE)


def memory(shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]) -> tuple[list, list]:
    """The section of `benchmarks.layers`: rows and goals."""
    rows, goals = [], []
    for shape in shapes:
        for name in filter(GATES.get, cells):
            row = {"cell": name, "shape": str(shape), "mib": compiled_bytes("ours", name, shape) / MEBIBYTE}
            if "keras" in peers:
                row["keras_mib"] = compiled_bytes("keras", name, shape) / MEBIBYTE
                row["ratio"] = row["mib"] / row["keras_mib"]
                goals.append((f"{name} {shape}: {row['ratio']:.2f} of Keras's, XLA, goal 1.0", row["ratio"] <= 1))
            rows.append(row)
    return rows, goals


def compiled_bytes(whose: str, name: str, shape: Shape) -> int:
    """What the compiled step of `LSTM` or `GRU` allocates.

    Args:
        whose: `ours` or `keras`.
    """
    with tempfile.TemporaryDirectory() as directory:
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={directory}"
        _in_own_process(whose, name, shape, XLA_FLAGS=flags)
        files = Path(directory).glob("*inference_step*buffer-assignment.txt")
        return allocated_bytes("\n".join(file.read_text(encoding="utf-8") for file in files))


def allocated_bytes(assignment: str) -> int:
    """The sum of results and temporary memory in XLA's text of a buffer assignment."""
    sizes = _ALLOCATION.findall(assignment)
    if not sizes:
        raise RuntimeError("this version of TensorFlow does not write the sizes of buffers as the one that was known")
    return sum(map(int, sizes))


def _in_own_process(whose: str, name: str, shape: Shape, **environment: str) -> str:
    words = [sys.executable, "-m", "benchmarks.layer_memory", whose, name, str(shape)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | environment
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def main() -> int:
    whose, name, shape = sys.argv[1], sys.argv[2], Shape.parse(sys.argv[3])
    if whose == "ours":
        ours(name, shape)()
    else:
        keras_steps(name, shape)["keras, XLA"]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
