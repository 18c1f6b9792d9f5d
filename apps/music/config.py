"""Every setting of the music application, with its unit, bounds and meaning."""

from typing import Any, Literal

from pydantic import model_validator

from common.config import ConfigModel, option
from common.config_options import AnyOf, Between
from common.config_sections import CellName, RecurrentConfig, SourceConfig, TrainConfig
from common.quality import Quality

BUNDLED = ("chorales",)
MOST_BARS = 256  # that `predict` composes
Representation = Literal["voices", "events"]


class DataConfig(SourceConfig):
    """Where the pieces come from, in which form they are read, and how they are split."""

    path_meaning = "a folder of MIDI, MusicXML or ABC files, one such file, or a JSON file of voices on a grid"
    bundled_names = BUNDLED

    source: Literal["bundled", "tfds", "files"] = option(
        "bundled",
        "bundled: comes with pip, works offline; tfds: a set of the TFDS catalogue; files: your own",
    )
    name: str = option(
        "chorales", "bundled: chorales, of Bach in four parts; tfds: groove, or one of its configurations"
    )
    path: str | None = option(
        None,
        "files: a folder of MIDI, MusicXML or ABC files, one such file, or a JSON file of voices on a grid",
    )
    representation: Representation = option(
        "voices",
        "voices: a fixed number of voices on a grid; events: notes on and off, velocities and time, any number at once",
    )
    voices: int = option(4, "voices: how many voices a piece has", unit="voices", ge=1, le=16)
    steps_per_quarter: int = option(
        4, "voices: steps of the grid in a quarter note; 4 = sixteenths", unit="steps", ge=1, le=48
    )
    validation_fraction: float = option(
        0.1,
        "share that is split off for validation where the data bring no such split",
        unit="fraction of pieces",
        gt=0,
        lt=1,
    )
    test_fraction: float = option(
        0.1,
        "share that is split off for the test where the data bring no such split",
        unit="fraction of pieces",
        gt=0,
        lt=1,
    )
    limit: int | None = option(
        None, "keep only this many pieces of each split, for trials; none = all", unit="pieces", ge=1
    )
    cache_dir: str = option(".cache/datasets", "folder for prepared data sets, relative to the current directory")

    @model_validator(mode="after")
    def _representation_fits(self) -> "DataConfig":
        if (
            self.source == "bundled"
            and self.representation == "voices"
            and (self.voices, self.steps_per_quarter) != (4, 4)
        ):
            raise ValueError(
                f"data.voices is {self.voices} and data.steps_per_quarter {self.steps_per_quarter}, but the bundled chorales "
                "have 4 voices on a grid of 4 steps in a quarter"
            )
        if self.source == "tfds" and self.representation == "voices":
            raise ValueError(
                f"data.representation is voices, but the drums of {self.name} are not voices; "
                "add --data.representation events"
            )
        return self


class PreprocessingConfig(ConfigModel):
    """From pieces to numbers of symbols."""

    max_length: int = option(
        768,
        "longer pieces are trained on in parts of this length",
        unit="steps of the grid, or events",
        ge=16,
        le=65_536,
    )
    length_buckets: int = option(
        3, "batches are padded to one of this many lengths; XLA compiles once for each", unit="lengths", ge=1, le=64
    )
    transpose: int = option(
        6,
        "training pieces are moved up and down by at most this, as far as each voice's range allows; 0 = off",
        unit="semitones",
        ge=0,
        le=24,
    )
    chord: bool = option(False, "voices: say the chord of each step before its voices, and be charged for it")
    velocity_bins: int = option(32, "events: how many degrees of loudness there are", unit="degrees", ge=1, le=127)
    time_step: float = option(0.01, "events: what time is counted in", unit="seconds", gt=0, le=1)
    max_shift: int = option(100, "events: the longest time one event can say", unit="time steps", ge=1, le=1_000)


class ModelConfig(RecurrentConfig):
    """The network: recurrent layers through time, one across the voices of a step, and one back from what is given."""

    cell: CellName = option("gru", "the recurrent cell", tune=AnyOf(("gru", "lstm", "min_gru", "rglru")))
    embedding_dim: int = option(
        32, "length of a symbol's vector", unit="features", ge=1, le=65_536, tune=Between(16, 64, log=True)
    )
    units: int = option(
        192,
        "size of the state of each layer through time",
        unit="features",
        ge=1,
        le=65_536,
        tune=Between(64, 384, log=True),
    )
    layers: int = option(1, "layers through time above each other", unit="layers", ge=1, le=64)
    voice_units: int = option(
        128,
        "size of the state that goes across the voices of a step",
        unit="features",
        ge=1,
        le=65_536,
        tune=Between(64, 256, log=True),
    )
    lookahead_units: int = option(
        64, "size of the state that comes back from what is given later", unit="features", ge=1, le=65_536
    )
    input_dropout: float = option(
        0.05,
        "share of what is read of the past that is dropped, the same in a whole piece",
        ge=0,
        lt=1,
        unit="fraction of features",
        tune=Between(0.0, 0.3),
    )
    dropout: float = option(
        0.1,
        "share of features dropped between layers, the same in a whole piece, and before the symbols are scored",
        unit="fraction of features",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.5),
    )
    recurrent_dropout: float = option(
        0.0, "share of the state dropped on its way to the next step", unit="fraction of features", ge=0, lt=1
    )

    @model_validator(mode="after")
    def _cell_can_be_started(self) -> "ModelConfig":
        if self.cell == "qrnn":
            raise ValueError(
                "model.cell is qrnn, whose state holds inputs that came before, which the layer across the voices cannot "
                "start from; choose another, such as sru"
            )
        return self


class MusicTrainConfig(TrainConfig):
    """Optimisation, stopping and checkpoints, and what the network is asked to do."""

    given_fraction: float = option(
        0.5,
        "share of the pieces in whose training some voices are given, so that the network learns to harmonise them; "
        "0 = no looking ahead at what is given",
        unit="fraction of pieces",
        ge=0,
        le=1,
    )
    end_fraction: float = option(
        0.5,
        "share of the pieces in whose training the end is told before it comes",
        unit="fraction of pieces",
        ge=0,
        le=1,
    )


class SamplingConfig(ConfigModel):
    """How pieces are composed where nobody says otherwise, and for the statistics of an evaluation."""

    temperature: float = option(
        1.0, "below 1 the likely becomes likelier, 0 = always the likeliest", unit="divisor of logits", ge=0, le=10
    )
    top_p: float = option(
        1.0, "draw from the likeliest symbols that hold this share of the probability", unit="fraction", gt=0, le=1
    )
    rules: bool = option(
        True,
        "voices: make no parallel fifths, octaves and unisons, and begin no note across another voice; what is given may",
    )
    pieces: int = option(
        50, "pieces composed for the statistics of an evaluation; 0 = none", unit="pieces", ge=0, le=10_000
    )


class Config(ConfigModel):
    """All settings of the music application."""

    data: DataConfig = DataConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    model: ModelConfig = ModelConfig()
    train: MusicTrainConfig = MusicTrainConfig(
        epochs=16, batch_size=4, learning_rate=8e-3, weight_average=0.99, patience=0
    )
    sampling: SamplingConfig = SamplingConfig()


# By what models are compared, on validation data.
QUALITY = Quality("nats_per_note", "min", beside=("note_accuracy",), monitor="val_log_loss")

PRESETS: dict[str, dict[str, Any]] = {
    # Seconds on two cores, for tests: learns something, nothing worth using.
    "tiny": {
        "data": {"limit": 16},
        "preprocessing": {"max_length": 64, "length_buckets": 1},
        "model": {"embedding_dim": 8, "units": 16, "layers": 1, "voice_units": 16, "lookahead_units": 8},
        "train": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-2, "checkpoint_every_steps": 0},
        "sampling": {"pieces": 4},
    },
    "base": {},
    # What the figures of the JSB chorales were measured with: half an hour on two cores.
    "jsb": {
        "model": {"units": 256, "voice_units": 192, "input_dropout": 0.1, "dropout": 0.3},
        "train": {"epochs": 90, "weight_average": 0.998, "given_fraction": 0.0, "end_fraction": 0.0},
    },
    # One batch without regularisation: the loss must go towards zero, or the model has a bug.
    "overfit": {
        "data": {"limit": 4},
        "preprocessing": {"max_length": 128, "length_buckets": 1, "transpose": 0},
        "model": {"input_dropout": 0.0, "dropout": 0.0},
        "train": {
            "epochs": 200,
            "batch_size": 4,
            "schedule": "constant",
            "warmup_fraction": 0.0,
            "learning_rate": 5e-3,
            "weight_average": 0.0,
            "given_fraction": 0.0,
            "checkpoint_every_steps": 0,
        },
        "sampling": {"pieces": 4},
    },
}
