"""Our recurrent layers on a GPU, on Keras's JAX backend, beside the LSTM and GRU of cuDNN as PyTorch runs them.

A training step is forward, backward, and the gradients of all weights and of the input; all of it is in float32, with the
products in TF32, as both do by default or when asked to. What is compared was timed in turns in one process. The roofline
is the time of the same operations at the rate of a large product. Needs JAX and PyTorch, both with CUDA:

    KERAS_BACKEND=jax python -m benchmarks.gpu_layers
"""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import keras

from benchmarks import results
from benchmarks.layer_shapes import GATES, STANDARD, Shape, add_options, roofline_seconds
from benchmarks.stopwatch import Times, alternating_times
from common import layers

PRODUCT = 8192  # rows and columns of the matrices whose product is the roofline
REPEATS = 10  # steps between two looks at the clock, so that waiting for the device does not count
SCANS = ("MinGRU", "MinLSTM", "LRU", "RGLRU", "QRNN", "MLSTM")
LONG = [f"8x{time}x128x128" for time in (1024, 4096, 16384)]
Step = Callable[[], object]


def main() -> int:
    parser = results.make_parser("gpu_layers", __doc__)
    add_options(parser, SECTIONS)
    arguments = parser.parse_args()
    if keras.backend.backend() != "jax" or not importlib.util.find_spec("torch"):
        print("this measures the JAX backend beside PyTorch: install torch, and set KERAS_BACKEND=jax", file=sys.stderr)
        return 2
    import jax
    import torch

    if jax.default_backend() != "gpu" or not torch.cuda.is_available():
        print("JAX and PyTorch must both see a GPU; python -m benchmarks.layers measures a processor", file=sys.stderr)
        return 2
    jax.config.update("jax_default_matmul_precision", "tensorfloat32")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    for name in arguments.sections:
        shapes, measure = SECTIONS[name]
        rows = []
        for row in measure(arguments.shapes or [Shape.parse(text) for text in shapes], arguments.rounds):
            rows.append(row)
            print(f"{name}: " + ", ".join(f"{key} {_shown(value)}" for key, value in row.items()), flush=True)
        section = {
            "rounds": arguments.rounds,
            "device": torch.cuda.get_device_name(),
            "jax": jax.__version__,
            "torch": torch.__version__,
            "cudnn": torch.backends.cudnn.version(),
            "made": time.strftime("%Y-%m-%d"),
            "rows": rows,
        }
        results.save_section(arguments.output, "gpu_layers", name, section)
    return 0


def gated(shapes: Sequence[Shape], rounds: int, training: bool = True) -> Iterator[dict]:
    """LSTM and GRU beside those of cuDNN."""
    for shape in shapes:
        for name in GATES:
            steps = {"ours": ours(name, shape, training), "cudnn": of_torch(name, shape, training)}
            times = alternating_times({**steps, "product": product()}, rounds)
            operations = shape.operations(GATES[name]) / (1 if training else 3)
            row = {
                "cell": name,
                "shape": str(shape),
                **_columns(times["ours"]),
                "cudnn_ms": _milliseconds(times["cudnn"]),
            }
            row["cudnn_ratio"] = times["cudnn"].median / times["ours"].median
            row["us_per_time_step"] = 1e3 * row["ms"] / shape.time
            roofline = 1e3 * roofline_seconds(operations, PRODUCT, times["product"].median / REPEATS)
            yield {**row, "roofline_ms": roofline}


def inference(shapes: Sequence[Shape], rounds: int) -> Iterator[dict]:
    """The same, forward alone."""
    return gated(shapes, rounds, training=False)


def scans(shapes: Sequence[Shape], rounds: int) -> Iterator[dict]:
    """Layers without a product in their loop beside the LSTM of cuDNN, training."""
    for shape in shapes:
        names = (*SCANS, "LSTM")
        times = alternating_times(
            {**{name: ours(name, shape) for name in names}, "cudnn": of_torch("LSTM", shape)}, rounds
        )
        for name in names:
            row = {
                "cell": name,
                "shape": str(shape),
                **_columns(times[name]),
                "cudnn_ms": _milliseconds(times["cudnn"]),
            }
            yield {**row, "cudnn_ratio": times["cudnn"].median / times[name].median}


def ours(name: str, shape: Shape, training: bool = True) -> Step:
    """`REPEATS` steps of our layer; returns when the device is done."""
    import jax

    layer = getattr(layers, name)(shape.units, return_sequences=True)
    layer.build((None, None, shape.features))
    weights = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]
    inputs = jax.device_put(shape.sequence())

    def outputs(weights, inputs):
        return layer.stateless_call(weights, others, inputs)[0]

    def loss(weights, inputs):
        return (outputs(weights, inputs) ** 2).sum()

    step = jax.jit(jax.grad(loss, argnums=(0, 1)) if training else outputs)
    return lambda: jax.block_until_ready([step(weights, inputs) for _ in range(REPEATS)][-1])


def of_torch(name: str, shape: Shape, training: bool = True) -> Step:
    """`REPEATS` steps of `torch.nn.<name>`, which calls cuDNN; returns when the device is done."""
    import torch

    layer = getattr(torch.nn, name)(shape.features, shape.units, batch_first=True, device="cuda")
    inputs = torch.from_numpy(shape.sequence()).cuda().requires_grad_(training)

    def steps():
        for _ in range(REPEATS):
            with torch.set_grad_enabled(training):
                outputs = layer(inputs)[0]
                if training:
                    torch.autograd.grad(outputs.square().sum(), [inputs, *layer.parameters()])
        torch.cuda.synchronize()

    return steps


def product() -> Step:
    """`REPEATS` products of two large matrices: their rate is what the device can do at best."""
    import torch

    matrix = torch.randn(PRODUCT, PRODUCT, device="cuda")

    def products():
        for _ in range(REPEATS):
            torch.matmul(matrix, matrix)
        torch.cuda.synchronize()

    return products


def _columns(times: Times) -> dict[str, float]:
    return {"ms": _milliseconds(times), "compile_s": max(0.0, times.first - times.median)}


def _shown(value: str | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _milliseconds(times: Times) -> float:
    return 1e3 * times.median / REPEATS


SECTIONS = {"gated": (STANDARD, gated), "inference": (STANDARD, inference), "scans": (LONG, scans)}


if __name__ == "__main__":
    sys.exit(main())
