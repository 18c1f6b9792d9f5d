"""What the benchmarks of music measure: networks without a training, batches, and a model that composes."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.music.batches import draw_given, states_before
from apps.music.config import Config
from apps.music.model import build_model
from apps.music.vocabulary import FIRST_PITCH, FREE, REST, VoiceVocabulary
from benchmarks import child
from common.config import resolve_config
from common.saved_model import DEFAULT_ENDPOINT, SavedModel, load
from common.training.optimizer import make_optimizer
from common.training.token_losses import SmoothedCrossEntropy, token_metrics

_LOWEST = 24  # MIDI pitch; which one does not matter
_BAR = 16  # steps


@dataclass(frozen=True)
class Sizes:
    """What `build_model` reads of a preprocessor."""

    vocabulary: VoiceVocabulary
    has_voices: bool = True

    @classmethod
    def of(cls, symbols: int, slots: int) -> "Sizes":
        """So many symbols, and a voice in each slot."""
        return cls(VoiceVocabulary(_LOWEST, _LOWEST + symbols - FIRST_PITCH - 1, slots))


def configured(embedding: int, units: int, layers: int, given_fraction: float, **settings: str) -> Config:
    """The defaults but for the sizes, without a mean of the weights and with a learning rate that does not depend on the step."""
    values = {
        "model.embedding_dim": embedding,
        "model.units": units,
        "model.layers": layers,
        "train.given_fraction": given_fraction,
        "train.schedule": "constant",
        "train.warmup_fraction": 0.0,
        "train.weight_average": 0.0,
    }
    return resolve_config(Config, overrides={**{name: str(value) for name, value in values.items()}, **settings})


def network_of(config: Config, sizes: Sizes, metrics: bool = True) -> keras.Model:
    """The application's network, compiled as `apps.music.train` compiles it; without its metrics if they are not wanted."""
    network = build_model(config, sizes)
    network.compile(
        optimizer=make_optimizer(config.train, total_steps=1),
        loss=SmoothedCrossEntropy(),
        weighted_metrics=token_metrics() if metrics else None,
        jit_compile=config.train.jit_compile,
    )
    return network


def batch_of(pieces: int, time: int, sizes: Sizes, given_fraction: float):
    """A batch as the application makes it, of random symbols without padding."""
    slots = sizes.vocabulary.slots
    rng = np.random.default_rng(0)
    symbols = rng.integers(REST, sizes.vocabulary.size, (pieces, time, slots), np.int32)
    sounding, ages = (np.stack(each).astype(np.int32) for each in zip(*map(states_before, symbols)))
    given = np.zeros_like(symbols)
    if given_fraction:
        known = draw_given(symbols.shape, given_fraction, 0, tf.constant([0, 0], tf.int64)).numpy()
        given = np.where(known, symbols, FREE)
    rows = np.ones((pieces, 1), np.int32)
    inputs = {
        "symbols": symbols,
        "sounding": sounding,
        "ages": ages,
        "positions": rows * (np.arange(time, dtype=np.int32) % _BAR),
        "remaining": rows * np.arange(time, 0, -1, dtype=np.int32),
        "given": given,
    }
    return inputs, symbols, (given == FREE).astype(np.float32)


@contextlib.contextmanager
def exported(run: Path | None, model: Path | None) -> Iterator[SavedModel]:
    """A model that composes: that of a run, which is exported for it, or one that is exported already.

    Raises:
        UserError: it is no model of this application.
    """
    if model:
        yield load(model, "music")
        return
    with tempfile.TemporaryDirectory() as folder:
        child.run(child.application("export", "--run", str(run), "--saved_models", folder, app="music"), echo=False)
        yield load(Path(folder, "music"), "music")


def composing(model: SavedModel, pieces: int, steps: int, temperature: float) -> Callable[[], dict[str, np.ndarray]]:
    """A function that composes so many pieces of so many steps, each time others."""
    calls = iter(range(2**31 // pieces))

    def compose():
        first = next(calls) * pieces
        return model.run(
            DEFAULT_ENDPOINT,
            {
                "length": np.full(pieces, steps, np.int32),
                "seed": np.arange(first, first + pieces, dtype=np.int32),
                "temperature": np.full(pieces, temperature, np.float32),
                "top_p": np.ones(pieces, np.float32),
            },
        )

    return compose
