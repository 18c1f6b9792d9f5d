"""SegRNN in PyTorch, written from the description of the paper, in a process of its own: for each line on stdin so many
training steps, then one line on stdout.

Reference:
    Lin et al. 2023, "SegRNN: Segment recurrent neural network for long-term time series forecasting", arXiv:2308.11200.
"""

import contextlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Settings:
    """What is trained, and how much of it at each line.

    Attributes:
        look_back, horizon, segment: steps; the segment divides the other two.
        channels: columns, which share the network.
        units: of the recurrent state.
        dropout: share of features before the output.
        learning_rate: of Adam.
        clip_norm: longest gradient.
        rows: of the random walk that is trained on.
        batch, steps: windows in a step, steps at each line.
        threads: of PyTorch.
    """

    look_back: int
    horizon: int
    segment: int
    channels: int
    units: int
    dropout: float
    learning_rate: float
    clip_norm: float
    rows: int
    batch: int
    steps: int
    threads: int


@contextlib.contextmanager
def torch_training(settings: Settings) -> Iterator[dict[str, Callable[[], object]]]:
    """`settings.steps` training steps by the name `torch`; nothing if PyTorch is not installed."""
    if not importlib.util.find_spec("torch"):
        yield {}
        return
    words = [sys.executable, "-m", "benchmarks.torch_segrnn", json.dumps(asdict(settings))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def steps():
            process.stdin.write("\n")
            process.stdin.flush()
            if not process.stdout.readline():
                raise RuntimeError("the process of PyTorch ended; what it said is above")

        yield {"torch": steps}
        process.stdin.close()


def make_network(settings: Settings):
    """A `torch.nn.Module` from float `[batch, look_back, channels]` to `[batch, horizon, channels]`."""
    import torch
    from torch import nn

    width, units = settings.segment, settings.units
    past_segments, future_segments = settings.look_back // width, settings.horizon // width

    class SegRNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Sequential(nn.Linear(width, units), nn.ReLU())
            self.gru = nn.GRU(units, units, batch_first=True)
            self.position = nn.Parameter(torch.randn(future_segments, units // 2))
            self.channel = nn.Parameter(torch.randn(settings.channels, units // 2))
            self.output = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(units, width))

        def forward(self, history):
            batch, _, channels = history.shape
            last = history[:, -1:]
            segments = (history - last).transpose(1, 2).reshape(batch * channels, past_segments, width)
            _, state = self.gru(self.embed(segments))  # [1, batch·channels, units]
            # Each forecast segment is one step from the same last state, by an input that says which channel and segment.
            queries = torch.cat(
                [self.position.repeat(channels, 1), self.channel.repeat_interleave(future_segments, dim=0)], dim=-1
            )  # [channels·future segments, units]
            queries = queries.repeat(batch, 1)[:, None]
            _, decoded = self.gru(queries, state.repeat_interleave(future_segments, dim=1))
            outputs = self.output(decoded[0]).reshape(batch, channels, future_segments * width)
            return outputs.transpose(1, 2) + last

    return SegRNN()


def main() -> int:
    import torch

    settings = Settings(**json.loads(sys.argv[1]))
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    values = torch.randn(settings.rows, settings.channels).cumsum(0)
    values = (values - values.mean(0)) / values.std(0)
    size = settings.look_back + settings.horizon
    network = make_network(settings)
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate)
    for _ in sys.stdin:
        order = torch.randperm(settings.rows - size + 1)
        for step in range(settings.steps):
            places = (step * settings.batch + torch.arange(settings.batch)) % len(order)
            windows = values[order[places][:, None] + torch.arange(size)]  # [batch, look_back + horizon, channels]
            history, future = windows[:, : settings.look_back], windows[:, settings.look_back :]
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(network(history), future)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
            optimizer.step()
        print(loss.item(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
