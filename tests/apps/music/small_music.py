"""Made-up pieces, a preprocessor and a network of a few units, for the tests of this folder."""

from dataclasses import replace

import keras
import numpy as np

from apps.music.batches import states_before
from apps.music.config import PRESETS, Config
from apps.music.model import build_model
from apps.music.pieces import NOTE, NotePiece, Part, Pieces, Splits, VoicePiece
from apps.music.preprocessing import Preprocessor
from common.config import resolve_config
from tests.apps.music.voice_pieces import random_pieces

EVENTS = {"data.representation": "events", "preprocessing.time_step": 0.125, "preprocessing.max_shift": 8}
FILES = {"data.source": "files", "data.path": "anything"}
# Without rules, what is composed is as likely as teacher forcing says.
QUICK = {"train.jit_compile": False, "train.tensorboard": False, "sampling.rules": False}


def make_config(overrides=None, events=False) -> Config:
    """The preset `tiny`, with other settings by dotted path."""
    settings = {**FILES, **QUICK, **(EVENTS if events else {}), **(overrides or {})}
    return resolve_config(Config, presets=PRESETS, preset="tiny", overrides=settings)


def make_pieces(count=6, seed=0, voices=4, lengths=(40, 23, 31), lowest=55) -> Pieces:
    """Voices that hold, repeat, move and rest; pieces of several lengths and in several keys."""
    pieces = [
        cut(piece, lengths[index % len(lengths)]).transposed(index % 5)
        for index, piece in enumerate(random_pieces(seed, count, max(lengths), voices, lowest))
    ]
    return Pieces(tuple(pieces), "made pieces")


def cut(piece: VoicePiece, length: int) -> VoicePiece:
    """Its first steps."""
    parts = {name: getattr(piece, name)[:length] for name in ("pitches", "onsets", "positions")}
    return replace(piece, **parts)


def make_note_pieces(count=6, seed=0, notes=12, time_step=0.125) -> Pieces:
    """Scales of notes on a grid that go up or down, with a drum here and there."""
    random, pieces = np.random.default_rng(seed), []
    for number in range(count):
        start = np.arange(notes) * 2
        pitch = 60 + random.integers(0, 5) + np.arange(notes) % 8
        drums = random.random(notes) < 0.2
        rows = [
            (time_step * s, time_step * (s + 2), 38 if drum else p, 40 + 40 * (s % 8 == 0), int(drum))
            for s, p, drum in zip(start, pitch, drums)
        ]
        parts = (Part("piano"), Part("drums", is_drum=True))
        pieces.append(NotePiece(f"{seed}-{number}", np.array(rows, NOTE), parts))
    return Pieces(tuple(pieces), "made notes")


def make_splits(events=False) -> Splits:
    make = make_note_pieces if events else make_pieces
    return Splits(make(12, 0), make(4, 1), make(4, 2))


def make_preprocessor(config, pieces=None) -> Preprocessor:
    preprocessor = Preprocessor.from_config(config)
    if pieces is None:
        pieces = make_pieces(voices=config.data.voices) if preprocessor.has_voices else make_note_pieces()
    preprocessor.adapt(pieces)
    return preprocessor


def make_network(config, preprocessor, scale=0.3) -> keras.Model:
    """A network whose weights are all different, and large enough that it says something."""
    keras.utils.set_random_seed(0)
    network = build_model(config, preprocessor)
    random = np.random.default_rng(0)
    network.set_weights([weight + random.normal(scale=scale, size=weight.shape) for weight in network.get_weights()])
    return network


def inputs_of(symbols, positions=None, told=False, given=None) -> dict[str, np.ndarray]:
    """What the network reads of whole pieces of one length: int [batch, time, slots]."""
    symbols = np.asarray(symbols, np.int32)
    batch, time, _ = symbols.shape
    sounding, ages = (np.stack(each) for each in zip(*map(states_before, symbols)))
    remaining = np.tile(np.arange(time, 0, -1), (batch, 1)) * told
    positions = np.tile(np.arange(time) % 16, (batch, 1)) if positions is None else positions
    given = np.zeros_like(symbols) if given is None else given
    named = {"symbols": symbols, "sounding": sounding, "ages": ages, "positions": positions}
    return {
        name: np.asarray(each, np.int32) for name, each in (named | {"remaining": remaining, "given": given}).items()
    }


def random_symbols(vocabulary, shape, seed=0, holds=0.5) -> np.ndarray:
    """Symbols that the slots may say, half of them `HOLD` where there is one: int32 [batch, time, slots]."""
    random, allowed = np.random.default_rng(seed), vocabulary.allowed()
    columns = [random.choice(np.flatnonzero(row), shape) for row in allowed]
    symbols = np.stack(columns, axis=-1)
    may_hold = allowed[:, 2] & (random.random(symbols.shape) < holds)
    may_hold[:, 0] = False
    return np.where(may_hold, 2, symbols).astype(np.int32)
