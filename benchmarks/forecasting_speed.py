"""Training of the forecasting application: windows per second beside a linear map and PyTorch, and memory by rows.

- `speed`: the `segrnn` network, the compiled step of `fit` and the windows cut out on the fly, on a random walk. Beside it the
  linear map as a Keras layer, trained by the same step on the same windows; and SegRNN in PyTorch, written from the
  paper, with the same sizes, batch, Adam and clipped gradient, in a process of its own with as many threads. In each round
  every one of them takes its steps in turn, after a first turn in which it is compiled; the table has the median of the ratios of the
  rounds.
- `memory`: the peak of a process that has a table in memory, adapts to it and trains for some steps, minus the table. It
  is flat if the windows of a million rows never become an array.

A run replaces only the sections it measured.
"""

import importlib.util
import statistics
import sys
import time
from dataclasses import dataclass

from benchmarks import results
from benchmarks.forecasting_memory import COLUMNS, memory

SECTIONS = ("speed", "memory")


@dataclass(frozen=True)
class Shape:
    """What is trained: steps back, steps ahead, columns, units and windows in a batch."""

    look_back: int
    horizon: int
    columns: int
    units: int
    batch: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """Reads `96x96x7x128x256`."""
        return cls(*map(int, text.split("x")))

    def __str__(self) -> str:
        return "x".join(map(str, (self.look_back, self.horizon, self.columns, self.units, self.batch)))


SHAPES = tuple(Shape(look_back, 96, COLUMNS, units, 256) for look_back in (96, 720) for units in (128, 512))


def main() -> int:
    parser = results.make_parser("forecasting_speed", __doc__)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to measure")
    parser.add_argument(
        "--shapes", nargs="+", type=Shape.parse, default=list(SHAPES), help="LOOKBACKxHORIZONxCOLUMNSxUNITSxBATCH"
    )
    parser.add_argument("--rounds", type=int, default=7, help="turns of each")
    parser.add_argument("--steps", type=int, default=40, help="training steps in a turn")
    parser.add_argument("--rows", nargs="+", type=int, default=[10**4, 10**5, 10**6, 10**7], help="of the tables")
    parser.add_argument("--memory_steps", type=int, default=200, help="training steps of the section memory")
    arguments = parser.parse_args()

    for name in arguments.sections:
        if name == "speed":
            # Here and not in `speed`: TensorFlow takes it before its first operation only.
            import tensorflow as tf

            from benchmarks.layer_steps import thread_count

            tf.config.threading.set_intra_op_parallelism_threads(thread_count())
            rows = speed(arguments.shapes, arguments.rounds, arguments.steps)
            counts = {"rounds": arguments.rounds, "steps": arguments.steps}
        else:
            rows, counts = memory(arguments.rows, arguments.memory_steps), {"steps": arguments.memory_steps}
        print(f"\n{name}")
        keys = list(dict.fromkeys(key for row in rows for key in row))
        results.print_table(keys, [[row.get(key) for key in keys] for row in rows])
        section = {**counts, "made": time.strftime("%Y-%m-%d"), "machine": results.machine(), "rows": rows}
        results.save_section(arguments.output, "forecasting_speed", name, section)
    return 0


def speed(shapes: list[Shape], rounds: int, steps: int) -> list[dict]:
    """Rows of the section: windows per second of training, and of ours over each of the others."""
    # Imported here, so that --help and the section memory do not wait for TensorFlow.

    from benchmarks import forecasting_steps as parts
    from benchmarks.layer_steps import thread_count
    from benchmarks.stopwatch import alternating_seconds
    from benchmarks.torch_segrnn import Settings, torch_training

    if not importlib.util.find_spec("torch"):
        print("note: PyTorch is not installed (pip install -e '.[bench]'), so it is left out", file=sys.stderr)
    found = []
    for shape in shapes:
        config = parts.configured(shape.look_back, shape.horizon, shape.units, shape.batch)
        table = parts.random_walk(10 * (shape.look_back + shape.horizon) + 4 * shape.batch, shape.columns)
        preprocessor, windows = parts.prepared(config, table)
        network = parts.segrnn(config, preprocessor)
        linear = parts.compiled(parts.linear_network(config, shape.columns), config)
        peer = Settings(
            shape.look_back,
            shape.horizon,
            config.model.segment_length,
            shape.columns,
            shape.units,
            config.model.dropout,
            config.train.learning_rate,
            config.train.clip_norm,
            len(table),
            shape.batch,
            steps,
            thread_count(),
        )
        with torch_training(peer) as of_torch:
            turns = {
                "segrnn": parts.training_steps(network, windows, steps),
                "linear": parts.training_steps(linear, windows, steps),
                **of_torch,
            }
            seconds = {name: times[1:] for name, times in alternating_seconds(turns, rounds).items()}
        row = {"shape": str(shape), "segment": peer.segment, "parameters": network.count_params()}
        for name, times in seconds.items():
            row[f"{name}_windows_per_s"] = shape.batch * steps / statistics.median(times)
        for name in list(seconds)[1:]:
            ratios = [other / ours for ours, other in zip(seconds["segrnn"], seconds[name])]
            row[f"times_{name}"] = statistics.median(ratios)
        found.append(row)
    return found


if __name__ == "__main__":
    sys.exit(main())
