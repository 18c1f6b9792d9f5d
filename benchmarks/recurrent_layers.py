"""Our recurrent layers beside Keras's own, both compiled by XLA: one forward and backward pass of one layer.

For each cell and size the two layers have the same shapes of weights and inputs, and are timed in turns in one process.
Keras has no minGRU; ours stands beside `keras.layers.GRU`, the cell that it replaces.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from benchmarks import results
from benchmarks.stopwatch import alternating_medians
from common import layers

PAIRS = {
    "simple_rnn": (layers.SimpleRNN, keras.layers.SimpleRNN),
    "gru": (layers.GRU, keras.layers.GRU),
    "lstm": (layers.LSTM, keras.layers.LSTM),
    "min_gru": (layers.MinGRU, keras.layers.GRU),
}
SIZES = ("32x200x128x96", "32x400x128x96", "64x50x64x256")


def main() -> int:
    parser = results.make_parser("recurrent_layers", __doc__)
    parser.add_argument("--steps", type=int, default=9, help="timed steps of each layer")
    parser.add_argument("--cells", nargs="+", choices=tuple(PAIRS), default=list(PAIRS), help="which layers")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), help="BATCHxTIMExFEATURESxUNITS")
    arguments = parser.parse_args()

    tf.get_logger().setLevel("ERROR")  # it warns of many traces, but each layer is meant to have one of its own
    rows = []
    for size in arguments.sizes:
        batch, time, features, units = map(int, size.split("x"))
        sequence = np.random.default_rng(0).standard_normal((batch, time, features), np.float32)
        for cell in arguments.cells:
            ours, theirs = PAIRS[cell]
            steps = {
                "ours": training_step(ours(units, return_sequences=True), sequence),
                "keras": training_step(theirs(units, return_sequences=True), sequence),
            }
            seconds = alternating_medians(steps, arguments.steps)
            rows.append(
                {
                    "cell": cell,
                    "size": size,
                    "ours_ms": 1e3 * seconds["ours"],
                    "keras_layer": theirs.__name__,
                    "keras_ms": 1e3 * seconds["keras"],
                    "ratio": seconds["keras"] / seconds["ours"],
                }
            )
            print(f"{cell} {size} done", file=sys.stderr)
    results.print_table(
        ["cell", "batch x time x features x units", "ours, ms", "beside", "keras, ms", "keras / ours"],
        [[row[key] for key in ("cell", "size", "ours_ms", "keras_layer", "keras_ms", "ratio")] for row in rows],
    )
    results.save(arguments.output, {"benchmark": "recurrent_layers", "steps": arguments.steps, "rows": rows})
    return 0


def training_step(layer, sequence):
    """A function that runs forward and backward once: gradients of the weights and of the input."""
    inputs = tf.constant(sequence)
    layer(inputs)  # builds it

    @tf.function(jit_compile=True)
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs)))
        return tape.gradient(loss, [inputs, *(weight.value for weight in layer.trainable_weights)])

    return lambda: step(inputs)[0].numpy()


if __name__ == "__main__":
    sys.exit(main())
