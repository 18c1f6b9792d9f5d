"""Our recurrent layers beside Keras's, PyTorch's and the roofline: training steps of one layer, inference and memory.

A training step is forward, backward, and the gradients of all weights and of the input. What is compared was timed in turns in
one process. A run replaces the sections of the JSON file that it measured and leaves the others.
"""

import importlib.util
import sys
import time

import tensorflow as tf

from benchmarks import results
from benchmarks.layer_sections import SECTIONS, SHAPES, cell_layers
from benchmarks.layer_shapes import Shape, add_options
from benchmarks.layer_steps import thread_count


def main() -> int:
    parser = results.make_parser("layers", __doc__)
    add_options(parser, SECTIONS)
    parser.add_argument("--cells", nargs="+", choices=cell_layers(), default=cell_layers(), help="which layers")
    parser.add_argument(
        "--peers", nargs="*", choices=("keras", "torch"), default=["keras", "torch"], help="beside which"
    )
    arguments = parser.parse_args()

    tf.get_logger().setLevel("ERROR")  # it warns of many traces, but each layer is meant to have one of its own
    tf.config.threading.set_intra_op_parallelism_threads(thread_count())
    if "torch" in arguments.peers and not importlib.util.find_spec("torch"):
        print("note: PyTorch is not installed (pip install -e '.[bench]'), so it is left out", file=sys.stderr)
    for name in arguments.sections:
        shapes = arguments.shapes or [Shape.parse(text) for text in SHAPES[name]]
        rows, goals = SECTIONS[name](shapes, arguments.cells, arguments.rounds, arguments.peers)
        show(name, rows, goals)
        section = {
            "rounds": arguments.rounds,
            "threads": thread_count(),
            "made": time.strftime("%Y-%m-%d"),
            "machine": results.machine(),
            "rows": rows,
            "goals": [{"goal": goal, "met": bool(met)} for goal, met in goals],
        }
        results.save_section(arguments.output, "layers", name, section)
    return 0


def show(name: str, rows: list[dict], goals: list[tuple[str, bool]]) -> None:
    print(f"\n{name}")
    keys = list(dict.fromkeys(key for row in rows for key in row))
    results.print_table(keys, [[row.get(key) for key in keys] for row in rows])
    for goal, met in goals:
        print(f"  {'met   ' if met else 'missed'}  {goal}")


if __name__ == "__main__":
    sys.exit(main())
