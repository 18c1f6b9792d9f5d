"""PyTorch's layer in a process of its own: for each line on stdin one step, then one line on stdout.

In a process of its own, so that the thread pools of TensorFlow and PyTorch do not share one. On a machine that does other
work its threads wait for each other at every product: small steps then take hundreds of times as long as on an idle one.
"""

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def torch_steps(
    name: str, sizes: tuple[int, int, int, int], threads: int, bidirectional: bool = False, training: bool = True
) -> Iterator[dict[str, Callable[[], object]]]:
    """The step of `torch.nn.<name>` by the name `torch`; nothing if PyTorch is not installed.

    Args:
        name: `LSTM` or `GRU`.
        sizes: batch, time, features, units.
        threads: of PyTorch.
        bidirectional: whether the layer runs in both directions.
        training: whether a step is forward and backward, or forward alone.
    """
    if not importlib.util.find_spec("torch"):
        yield {}
        return
    numbers = (*sizes, threads, int(bidirectional), int(training))
    words = [sys.executable, "-m", "benchmarks.torch_peer", name, *map(str, numbers)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def step():
            process.stdin.write("\n")
            process.stdin.flush()
            if not process.stdout.readline():
                raise RuntimeError("the process of PyTorch ended; what it said is above")

        yield {"torch": step}
        process.stdin.close()


def main() -> int:
    import torch

    batch, time, features, units, threads, bidirectional, training = map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    layer = getattr(torch.nn, sys.argv[1])(features, units, batch_first=True, bidirectional=bool(bidirectional))
    inputs = torch.randn(batch, time, features, requires_grad=bool(training))
    for _ in sys.stdin:
        with torch.set_grad_enabled(bool(training)):
            outputs = layer(inputs)[0]
            if training:
                torch.autograd.grad(outputs.square().sum(), [inputs, *layer.parameters()])
        print("done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
