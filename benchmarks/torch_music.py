"""The network of the music application in PyTorch, written as for PyTorch, in a process of its own, as `torch_process.py` says.

`torch.nn.GRU` through time, above each other with residuals, one back from what is given, and one over the slots of a step;
the equations are those of `apps.music.model` with its defaults.
"""

import json
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.torch_process import Peer, answer_lines, peer_process

VARIANTS = ("eager", "compiled")
AGES, BAR, END, SMALL = 32, 64, 65, 8  # rows of three tables; features of ages and slots
FREE, REST, HOLD, FIRST_PITCH = 0, 1, 2, 3
WIDEST = 30  # semitones of an interval
IMPOSSIBLE = -1e9


@dataclass(frozen=True)
class Settings:
    """What is trained, and how much of it at each line.

    Attributes:
        vocabulary: symbols of all slots.
        embedding, units, layers, voice_units, lookahead_units: sizes, as in the application's settings.
        input_dropout, dropout: shares that are dropped.
        learning_rate: of Adam.
        clip_norm: longest gradient.
        given_fraction: share of the pieces of which the first slot is given; 0 = a network that does not look ahead.
        end_fraction: share of the pieces that are told of their end; 0 = a network that does not ask for it.
        batch, time, slots: pieces, steps of time, symbols of a step.
        steps: at each line.
        threads: of PyTorch.
        variant: `eager`, or `compiled` by `torch.compile`.
    """

    vocabulary: int
    embedding: int
    units: int
    layers: int
    voice_units: int
    lookahead_units: int
    input_dropout: float
    dropout: float
    learning_rate: float
    clip_norm: float
    given_fraction: float
    end_fraction: float
    batch: int
    time: int
    slots: int
    steps: int
    threads: int
    variant: str = "eager"


def torch_training(settings: Settings) -> AbstractContextManager[Peer | None]:
    """`settings.steps` training steps at a call; None if PyTorch is not installed."""
    return peer_process("benchmarks.torch_music", settings)


def make_network(settings: Settings):
    """A `torch.nn.Module` from int64 tensors, those of `apps.music.model.build_model` in their order there and without padding,
    to logits `[batch, time, slots, vocabulary]`."""
    import torch
    from torch import nn
    from torch.nn import functional

    width, slots = settings.embedding, settings.slots
    looks_ahead, knows_end = settings.given_fraction > 0, settings.end_fraction > 0
    before_size = width + SMALL
    place_size = width * (1 + knows_end)
    context_size = settings.units + place_size + looks_ahead * settings.lookahead_units

    def dropped(values, fraction, training):
        """Drops the same features at every step of `[batch, time, features]`."""
        if not training or not fraction:
            return values
        return values * functional.dropout(values.new_ones(len(values), 1, values.shape[-1]), fraction)

    def between(own, other):
        """The numbers of intervals, 0 where one of the two is no pitch."""
        are_pitches = (own >= FIRST_PITCH) & (other >= FIRST_PITCH)
        return (WIDEST + 1 + (other - own).clamp(-WIDEST, WIDEST)) * are_pitches

    class Music(nn.Module):
        def __init__(self):
            super().__init__()
            self.symbol_vectors = nn.Embedding(settings.vocabulary, width)
            self.age_vectors = nn.Embedding(AGES, SMALL)
            self.slot_vectors = nn.Embedding(slots, SMALL)
            self.position_vectors = nn.Embedding(BAR, width)
            if knows_end:
                self.end_vectors = nn.Embedding(END, width)
            sizes = [slots * before_size + place_size, *[settings.units] * settings.layers]
            self.past = nn.ModuleList(nn.GRU(size, settings.units, batch_first=True) for size in sizes[:-1])
            if looks_ahead:
                self.given_vectors = nn.Embedding(settings.vocabulary, width)
                self.ahead = nn.GRU(slots * width, settings.lookahead_units, batch_first=True)
            self.of_step = nn.Linear(context_size, settings.voice_units)
            intervals_size = 2 * slots * SMALL if slots > 1 else 0
            if slots > 1:
                self.interval_vectors = nn.Embedding(2 * WIDEST + 2, SMALL)
                said = torch.ones(slots, slots).tril(-1).bool()  # by each slot those before it
                self.register_buffer("said", said, persistent=False)
            slot_size = width + 1 + before_size + intervals_size + SMALL
            self.of_slot = nn.Linear(slot_size, settings.voice_units, bias=False)
            self.first_state = nn.Linear(context_size, settings.voice_units)
            self.voices = nn.GRU(settings.voice_units, settings.voice_units, batch_first=True)
            self.voices_dropout = nn.Dropout(settings.dropout)
            self.readout = nn.Linear(settings.voice_units + before_size, settings.voice_units)
            self.readout_dropout = nn.Dropout(settings.dropout)
            self.scores = nn.Linear(settings.voice_units, settings.vocabulary)
            penalty = torch.zeros(settings.vocabulary)
            penalty[FREE] = IMPOSSIBLE
            self.register_buffer("penalty", penalty, persistent=False)

        def forward(self, symbols, sounding, ages, positions, remaining, given):
            batch, time, _ = symbols.shape
            place = self.position_vectors(positions.clamp(max=BAR - 1))
            if knows_end:
                place = torch.cat([place, self.end_vectors(remaining.masked_fill(remaining >= END, 0))], dim=-1)
            before = torch.cat([self.symbol_vectors(sounding), self.age_vectors(ages.clamp(max=AGES - 1))], dim=-1)
            past = dropped(torch.cat([before.flatten(2), place], dim=-1), settings.input_dropout, self.training)
            for index, layer in enumerate(self.past):
                if index:
                    past = past + layer(dropped(past, settings.dropout, self.training))[0]
                else:
                    past = layer(past)[0]
            contexts = [dropped(past, settings.dropout, self.training), place]
            if looks_ahead:
                contexts.append(self._ahead(given))
            context = torch.cat(contexts, dim=-1)

            holds = symbols == HOLD
            now = torch.where(holds, sounding, symbols)
            said = self.symbol_vectors(now)
            said = torch.cat([said, (~holds)[..., None].to(said.dtype)], dim=-1)
            said = functional.pad(said[:, :, :-1], (0, 0, 1, 0))  # a slot sees the one before it
            numbers = self.slot_vectors.weight.expand(batch, time, slots, SMALL)
            seen = [said, before, numbers]
            if slots > 1:
                seen.insert(2, self._intervals(sounding, now))
            inputs = self.of_step(context)[:, :, None] + self.of_slot(torch.cat(seen, dim=-1))
            state = torch.tanh(self.first_state(context)).flatten(0, 1)[None]
            voices = self.voices(inputs.flatten(0, 1), state)[0].unflatten(0, (batch, time))
            readout = functional.relu(self.readout(self.voices_dropout(torch.cat([voices, before], dim=-1))))
            return self.scores(self.readout_dropout(readout)) + self.penalty

        def _intervals(self, sounding, now):
            own = sounding[..., :, None]
            numbers = [between(own, sounding[..., None, :]), between(own, now[..., None, :]) * self.said]
            return self.interval_vectors(torch.cat(numbers, dim=-1)).flatten(3)

        def _ahead(self, given):
            vectors = self.given_vectors(given).flatten(2).flip(1)
            ahead = self.ahead(vectors)[0].flip(1)
            is_given = (given != FREE).any(dim=-1, keepdim=True)
            more_to_come = is_given.flip(1).cummax(dim=1).values.flip(1)
            return ahead * more_to_come

    network = Music()
    if settings.variant == "compiled":
        network.compile()
    return network


def loss_of(logits, symbols, given):
    """The cross-entropy, the mean over all symbols that are not given."""
    from torch.nn import functional

    labels = symbols.masked_fill(given != FREE, FREE)
    return functional.cross_entropy(logits.flatten(0, 2), labels.flatten(), ignore_index=FREE)


def make_batch(settings: Settings):
    """Random symbols without padding: the inputs of the network in their order."""
    import torch

    shape = (settings.batch, settings.time, settings.slots)
    symbols = torch.randint(REST, settings.vocabulary, shape)
    sounding = torch.randint(REST, settings.vocabulary, shape)
    ages = torch.randint(0, AGES, shape)
    positions = (torch.arange(settings.time) % 16).expand(shape[:2])
    remaining = torch.arange(settings.time, 0, -1).repeat(settings.batch, 1)
    remaining[round(settings.batch * settings.end_fraction) :] = 0
    given = torch.zeros_like(symbols)
    with_given = round(settings.batch * settings.given_fraction)
    given[:with_given, :, 0] = symbols[:with_given, :, 0]
    return symbols, sounding, ages, positions, remaining, given


def main() -> int:
    import torch

    settings = Settings(**json.loads(sys.argv[1]))
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    inputs = make_batch(settings)
    network = make_network(settings)
    answer_lines(
        network,
        settings.learning_rate,
        settings.clip_norm,
        settings.steps,
        lambda: loss_of(network(*inputs), inputs[0], inputs[-1]),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
