"""The captioning network in PyTorch, written as for PyTorch, in a process of its own: for each line on stdin so many training
steps, then one line on stdout.

Features of places, of a small convolutional network or given; an LSTM cell with additive attention that sees where it has looked,
and a gate on what it finds; a readout that is compared with the vectors of the tokens, and a lexicon from places to words: the
equations are those of `apps.captioning.model` with its defaults.

References:
    Xu et al. 2015, Show, attend and tell, arXiv:1502.03044.
    Tu et al. 2016, Modeling Coverage for Neural Machine Translation, arXiv:1601.04811.
    Lin et al. 2017, Feature Pyramid Networks for Object Detection, arXiv:1612.03144.
    Duygulu et al. 2002, Object Recognition as Machine Translation.
"""

import itertools
import json
import math
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.torch_process import Peer, answer_lines, peer_process

VARIANTS = ("eager", "compiled")
# Of `common.data.token_vocabulary`, which a process of PyTorch cannot import: it would bring TensorFlow.
UNKNOWN_ID, FIRST_WORD_ID = 1, 4


@dataclass(frozen=True)
class Settings:
    """What is trained, and how much of it at each line.

    Attributes:
        vocabulary: tokens.
        embedding, units, attention_units: of a token, of a state, in which places are compared.
        word_dropout: share of the words that are not read.
        embedding_dropout, feature_dropout, output_dropout: shares that are dropped.
        coverage: whether the attention sees how much it has looked at each place so far.
        doubly_stochastic: weight of the demand that each place is looked at once in all.
        lexicon: weight of the demand that the places explain the words; without a weight there is no lexicon.
        label_smoothing: share of the probability that all tokens get.
        learning_rate: of Adam.
        clip_norm: longest gradient.
        picture_size: side of the pictures in pixels; 0 where features are read.
        stages: filters of each halving of the grid, and the residual convolutions after it; none where features are read.
        epsilon: added to the variance by the normalisation of a batch.
        momentum: share of its statistics that stays at each step.
        places, channels: of the features; the places are those of a square.
        batch, captions, time: pictures, captions of each, tokens of each.
        steps: at each line.
        threads: of PyTorch.
        variant: `eager`, or `compiled`: the decoder by `torch.compile`.
    """

    vocabulary: int
    embedding: int
    units: int
    attention_units: int
    word_dropout: float
    embedding_dropout: float
    feature_dropout: float
    output_dropout: float
    coverage: bool
    doubly_stochastic: float
    lexicon: float
    label_smoothing: float
    learning_rate: float
    clip_norm: float
    picture_size: int
    stages: tuple[tuple[int, int], ...]
    epsilon: float
    momentum: float
    places: int
    channels: int
    batch: int
    captions: int
    time: int
    steps: int
    threads: int
    variant: str = "eager"


def torch_training(settings: Settings) -> AbstractContextManager[Peer | None]:
    """`settings.steps` training steps at a call; None if PyTorch is not installed."""
    return peer_process("benchmarks.torch_captioning", settings)


def make_network(settings: Settings):
    """A `torch.nn.Module` from what is read of pictures, uint8 `[batch, size, size, 3]` or float32 `[batch, places, channels]`,
    and token ids `[batch, captions, time]` to logits `[batch, captions, time, vocabulary]`, attention
    `[batch * captions, time, places]`, and in training with a lexicon logits of the words at the places
    `[batch, places, vocabulary]`, else None."""
    import torch
    from torch import nn
    from torch.nn import functional

    width, units = settings.embedding, settings.units

    class Convolution(nn.Module):
        def __init__(self, inputs, filters, stride):
            super().__init__()
            self.stride = stride
            self.convolution = nn.Conv2d(inputs, filters, 3, stride, padding=1 if stride == 1 else 0, bias=False)
            self.normalization = nn.BatchNorm2d(filters, eps=settings.epsilon, momentum=1 - settings.momentum)

        def forward(self, x):
            if self.stride == 2:  # as TensorFlow pads: an even size below and on the right alone
                left, above = x.shape[3] % 2, x.shape[2] % 2
                x = functional.pad(x, (left, 1, above, 1))
            return torch.relu(self.normalization(self.convolution(x)))

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = [3, *(filters for filters, _ in settings.stages)]
            self.stages = nn.ModuleList(
                nn.ModuleList([Convolution(one, other, 2), *(Convolution(other, other, 1) for _ in range(residuals))])
                for (one, other), (_, residuals) in zip(itertools.pairwise(sizes), settings.stages, strict=True)
            )
            self.whole = nn.Conv2d(sizes[-1], sizes[-2], 1)

        def forward(self, pixels):
            x = (pixels.permute(0, 3, 1, 2) / 127.5 - 1).contiguous(memory_format=torch.channels_last)
            places = None
            for halving, *residuals in self.stages:
                places, x = x, halving(x)
                for residual in residuals:
                    x = x + residual(x)
            whole = functional.interpolate(self.whole(x), scale_factor=2)[..., : places.shape[2], : places.shape[3]]
            return (places + whole).permute(0, 2, 3, 1).flatten(1, 2)

    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.input = nn.Linear(width, 4 * units)
            self.context = nn.Linear(units, 4 * units, bias=False)
            self.recurrent = nn.Linear(units, 4 * units, bias=False)
            self.query = nn.Linear(units, settings.attention_units, bias=False)
            self.keys = nn.Linear(units, settings.attention_units)
            self.score = nn.Linear(settings.attention_units, 1, bias=False)
            self.gate = nn.Linear(units, units)
            if settings.coverage:
                self.coverage = nn.Parameter(0.1 * torch.randn(settings.attention_units))

        def forward(self, vectors, memory, hidden, cell):
            # What does not wait for a state: one product over all steps.
            projected, keys = self.input(vectors).unbind(dim=1), self.keys(memory)
            looked = keys.new_zeros(keys.shape[:2])  # at each place so far
            outputs, attention = [], []
            for step in projected:
                compared = self.query(hidden)[:, None] + keys
                if settings.coverage:
                    compared = compared + looked[..., None] * self.coverage
                weights = self.score(torch.tanh(compared))[..., 0].softmax(dim=-1)
                looked = looked + weights
                context = torch.sigmoid(self.gate(hidden)) * torch.bmm(weights[:, None], memory)[:, 0]
                write, keep, new, show = (step + self.context(context) + self.recurrent(hidden)).chunk(4, dim=-1)
                cell = torch.sigmoid(keep) * cell + torch.sigmoid(write) * torch.tanh(new)
                hidden = torch.sigmoid(show) * torch.tanh(cell)
                outputs.append(torch.cat([hidden, context], dim=-1))
                attention.append(weights)
            return torch.stack(outputs, dim=1), torch.stack(attention, dim=1)

    class Captioning(nn.Module):
        def __init__(self):
            super().__init__()
            if settings.picture_size:
                self.encoder = Encoder()
            self.feature_dropout = nn.Dropout(settings.feature_dropout)
            self.place = nn.Linear(settings.channels, units)
            side = math.isqrt(settings.places)
            self.row_position = nn.Parameter(0.3 * torch.randn(side, units))
            self.column_position = nn.Parameter(0.3 * torch.randn(side, units))
            self.embedding = nn.Embedding(settings.vocabulary, width)
            nn.init.normal_(self.embedding.weight, std=width**-0.5)
            self.embedding_dropout = nn.Dropout(settings.embedding_dropout)
            self.first_state = nn.Linear(units, 2 * units)
            self.decoder = Cell()
            self.readout = nn.Linear(2 * units + width, width)
            self.output_dropout = nn.Dropout(settings.output_dropout)
            if settings.lexicon:
                self.words = nn.Linear(units, settings.vocabulary)
                self.seen = nn.Linear(width, 1)
            if settings.variant == "compiled":
                self.decoder.compile()

        def forward(self, read, caption_inputs):
            features = self.encoder(read) if settings.picture_size else read
            position = (self.row_position[:, None] + self.column_position).flatten(0, 1)
            memory = torch.relu(self.place(self.feature_dropout(features))) + position
            explained = self.words(memory) if settings.lexicon and self.training else None
            captions = caption_inputs.shape[1]
            hidden, cell = torch.tanh(self.first_state(memory.mean(dim=1))).repeat_interleave(captions, 0).chunk(2, -1)
            memory = memory.repeat_interleave(captions, dim=0)
            tokens = caption_inputs.flatten(0, 1)
            if settings.word_dropout and self.training:
                unread = torch.rand(tokens.shape) < settings.word_dropout
                tokens = tokens.masked_fill(unread & (tokens >= FIRST_WORD_ID), UNKNOWN_ID)
            vectors = self.embedding_dropout(self.embedding(tokens))
            outputs, attention = self.decoder(vectors, memory, hidden, cell)
            readout = torch.tanh(self.readout(torch.cat([outputs, vectors], dim=-1)))
            logits = functional.linear(self.output_dropout(readout), self.embedding.weight)
            if settings.lexicon:
                logits = logits + torch.sigmoid(self.seen(readout)) * self.words(outputs[..., units:])
            return logits.unflatten(0, (-1, captions)), attention, explained

    return Captioning()


def loss_of(settings: Settings, answer, caption_inputs, labels):
    """The smoothed cross-entropy, the mean over all tokens, how unevenly the places were looked at, and how badly they explain
    the words; no padding."""
    from torch.nn import functional

    logits, attention, explained = answer
    loss = functional.cross_entropy(logits.flatten(0, 2), labels.flatten(), label_smoothing=settings.label_smoothing)
    if settings.doubly_stochastic:
        loss = loss + settings.doubly_stochastic * (1 - attention.sum(dim=1)).square().mean()
    if settings.lexicon:
        probability = explained.softmax(dim=-1).mean(dim=1)  # [batch, vocabulary]
        there = probability.new_zeros(probability.shape).scatter_(1, caption_inputs.flatten(1), 1)
        there[:, :FIRST_WORD_ID] = 0
        loss = loss - settings.lexicon * (there * (probability + 1e-7).log()).sum(dim=-1).mean()
    return loss


def main() -> int:
    import torch

    settings = Settings(**json.loads(sys.argv[1]))
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    if settings.picture_size:
        read = torch.randint(0, 256, (settings.batch, settings.picture_size, settings.picture_size, 3)).to(torch.uint8)
    else:
        read = torch.rand(settings.batch, settings.places, settings.channels)
    ids = torch.randint(FIRST_WORD_ID, settings.vocabulary, (settings.batch, settings.captions, settings.time + 1))
    network = make_network(settings)
    answer_lines(
        network,
        settings.learning_rate,
        settings.clip_norm,
        settings.steps,
        lambda: loss_of(settings, network(read, ids[..., :-1]), ids[..., :-1], ids[..., 1:]),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
