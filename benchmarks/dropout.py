"""Dropout of `common.layers` beside Keras's, compiled by XLA.

Both draw the same numbers from the same seed, by the same algorithm: Keras leaves its choice to TensorFlow at run time, ours
names it when the graph is made. Each step drops from an array that is given, in training; shapes are those that the
applications drop from.
"""

import sys

import numpy as np

from benchmarks import results
from benchmarks.stopwatch import alternating_times

SHAPES = ((64, 256), (64, 400), (64, 400, 128), (1792, 4, 128))


def main() -> int:
    parser = results.make_parser("dropout", __doc__)
    parser.add_argument("--rounds", type=int, default=20, help="timings of each, in turns")
    arguments = parser.parse_args()

    import keras
    import tensorflow as tf

    from common.layers import Dropout

    rows = []
    for shape in SHAPES:
        inputs = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
        steps = {}
        for name, layer in {"ours": Dropout(0.5, seed=0), "keras": keras.layers.Dropout(0.5, seed=0)}.items():
            compiled = tf.function(lambda values, layer=layer: layer(values, training=True), jit_compile=True)
            steps[name] = lambda compiled=compiled: compiled(inputs).numpy()  # noqa: B023
        times = alternating_times(steps, arguments.rounds)
        rows.append(
            {
                "shape": "x".join(map(str, shape)),
                "ours_ms": 1e3 * times["ours"].median,
                "keras_ms": 1e3 * times["keras"].median,
                "ratio": times["keras"].median / times["ours"].median,
            }
        )
    results.print_table(
        ["array", "ours, ms", "Keras, ms", "Keras / ours"],
        [[row["shape"], row["ours_ms"], row["keras_ms"], row["ratio"]] for row in rows],
    )
    results.save(arguments.output, {"benchmark": "dropout", "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
