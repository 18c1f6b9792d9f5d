"""The translation network in PyTorch, written as for PyTorch, in a process of its own: for each line on stdin so many
training steps, then one line on stdout.

A GRU in both directions, a decoder of two GRU cells with additive attention between them, and a readout that is compared
with the vectors of the target tokens; the equations are those of `apps.translation.model` with its defaults.

Reference:
    Bahdanau et al. 2015, arXiv:1409.0473; the decoder: Sennrich et al. 2017, arXiv:1703.04357.
"""

import json
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.torch_process import Peer, answer_lines, peer_process

VARIANTS = ("eager", "packed", "compiled")


@dataclass(frozen=True)
class Settings:
    """What is trained, and how much of it at each line.

    Attributes:
        vocabulary: tokens of each side.
        embedding, units: of a token, of a state.
        embedding_dropout, context_dropout, output_dropout: shares that are dropped.
        label_smoothing: share of the probability that all tokens get.
        learning_rate: of Adam.
        clip_norm: longest gradient.
        batch, source, target: sentences, and tokens of each side.
        steps: at each line.
        threads: of PyTorch.
        variant: `eager` and `compiled` read the source without looking for padding, which is right for sentences without any;
            `packed` leaves padding out. `compiled`: the decoder by `torch.compile`.
    """

    vocabulary: int
    embedding: int
    units: int
    embedding_dropout: float
    context_dropout: float
    output_dropout: float
    label_smoothing: float
    learning_rate: float
    clip_norm: float
    batch: int
    source: int
    target: int
    steps: int
    threads: int
    variant: str = "eager"


def torch_training(settings: Settings) -> AbstractContextManager[Peer | None]:
    """`settings.steps` training steps at a call; None if PyTorch is not installed."""
    return peer_process("benchmarks.torch_translation", settings)


def make_network(settings: Settings):
    """A `torch.nn.Module` from token ids `[batch, source]` and `[batch, target]`, 0 is padding, to logits
    `[batch, target, vocabulary]`."""
    import torch
    from torch import nn
    from torch.nn import functional

    width, units = settings.embedding, settings.units

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query = nn.Linear(units, units, bias=False)
            self.memory = nn.Linear(2 * units, units)
            self.score = nn.Linear(units, 1, bias=False)

        def forward(self, state, keys, memory, padding):
            scores = self.score(torch.tanh(self.query(state)[:, None] + keys))[..., 0]
            weights = scores.masked_fill(padding, -torch.inf).softmax(dim=-1)
            return torch.bmm(weights[:, None], memory)[:, 0]

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.input = nn.Linear(width, 3 * units)
            self.recurrent = nn.Linear(units, 3 * units)
            self.attention = Attention()
            self.context_cell = nn.GRUCell(2 * units, units)

        def forward(self, vectors, memory, state, padding):
            # What does not wait for a state: one product over all steps.
            projected = self.input(vectors).unbind(dim=1)
            keys = self.attention.memory(memory)
            outputs = []
            for step in projected:
                reset_in, keep_in, new_in = step.chunk(3, dim=-1)
                reset_of, keep_of, new_of = self.recurrent(state).chunk(3, dim=-1)
                reset, keep = torch.sigmoid(reset_in + reset_of), torch.sigmoid(keep_in + keep_of)
                new = torch.tanh(new_in + reset * new_of)
                state = torch.lerp(new, state, keep)
                context = self.attention(state, keys, memory, padding)
                state = self.context_cell(context, state)
                outputs.append(torch.cat([state, context], dim=-1))
            return torch.stack(outputs, dim=1)

    class Translation(nn.Module):
        def __init__(self):
            super().__init__()
            self.source_embedding = nn.Embedding(settings.vocabulary, width)
            self.target_embedding = nn.Embedding(settings.vocabulary, width)
            for embedding in (self.source_embedding, self.target_embedding):
                nn.init.normal_(embedding.weight, std=width**-0.5)
            self.embedding_dropout = nn.Dropout(settings.embedding_dropout)
            self.context_dropout = nn.Dropout(settings.context_dropout)
            self.output_dropout = nn.Dropout(settings.output_dropout)
            self.encoder = nn.GRU(width, units, batch_first=True, bidirectional=True)
            self.first_state = nn.Linear(2 * units, units)
            self.decoder = Decoder()
            self.readout = nn.Linear(3 * units + width, width)
            if settings.variant == "compiled":
                self.decoder.compile()

        def forward(self, source_ids, target_inputs):
            padding = source_ids == 0
            vectors = self.embedding_dropout(self.source_embedding(source_ids))
            if settings.variant == "packed":
                lengths = (~padding).sum(dim=1)
                packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
                memory, last = self.encoder(packed)
                memory, _ = nn.utils.rnn.pad_packed_sequence(memory, True, total_length=source_ids.shape[1])
            else:
                memory, last = self.encoder(vectors)
            state = torch.tanh(self.first_state(torch.cat([last[0], last[1]], dim=-1)))
            vectors = self.embedding_dropout(self.target_embedding(target_inputs))
            outputs = self.decoder(vectors, self.context_dropout(memory), state, padding)
            readout = torch.tanh(self.readout(torch.cat([outputs, vectors], dim=-1)))
            return functional.linear(self.output_dropout(readout), self.target_embedding.weight)

    return Translation()


def loss_of(settings: Settings, logits, labels):
    """The smoothed cross-entropy, the mean over all real tokens."""
    from torch.nn import functional

    return functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=0, label_smoothing=settings.label_smoothing
    )


def main() -> int:
    import torch

    settings = Settings(**json.loads(sys.argv[1]))
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    source_ids = torch.randint(4, settings.vocabulary, (settings.batch, settings.source))
    target_ids = torch.randint(4, settings.vocabulary, (settings.batch, settings.target + 1))
    network = make_network(settings)
    answer_lines(
        network,
        settings.learning_rate,
        settings.clip_norm,
        settings.steps,
        lambda: loss_of(settings, network(source_ids, target_ids[:, :-1]), target_ids[:, 1:]),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
