"""A network of PyTorch that trains in a process of its own: for each line on stdin so many steps, then one line on stdout.

In a process of its own, so that the thread pools of TensorFlow and PyTorch do not share one.
"""

import contextlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict


class Peer:
    """A process of PyTorch.

    Attributes:
        parameters: numbers that it learns.
    """

    def __init__(self, process):
        self._process = process
        self.parameters = int(self._answer())

    def steps(self) -> None:
        """Takes its steps, and returns when they are done."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of PyTorch ended; what it said is above")
        return line


@contextlib.contextmanager
def peer_process(module: str, settings) -> Iterator[Peer | None]:
    """Starts a program of the benchmarks; None if PyTorch is not installed.

    Args:
        module: its name, such as `benchmarks.torch_music`; it calls `answer_lines`.
        settings: a dataclass, which the program gets as JSON.
    """
    if not importlib.util.find_spec("torch"):
        yield None
        return
    words = [sys.executable, "-m", module, json.dumps(asdict(settings))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield Peer(process)
        process.stdin.close()


def answer_lines(network, learning_rate: float, clip_norm: float, steps: int, loss_of: Callable) -> None:
    """The other side of `Peer`: trains with Adam and a clipped gradient as often as a line comes.

    Args:
        network: a `torch.nn.Module`.
        learning_rate: of Adam.
        clip_norm: longest gradient.
        steps: at each line.
        loss_of: from nothing to the loss of the one batch.
    """
    import torch

    optimizer = torch.optim.Adam(network.parameters(), learning_rate, fused=True)
    print(sum(each.numel() for each in network.parameters()), flush=True)
    for _ in sys.stdin:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = loss_of()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
            optimizer.step()
        print(loss.item(), flush=True)
