"""Every setting of the forecasting application, with its unit, bounds and meaning."""

import math
from typing import Any, Literal

from pydantic import field_validator, model_validator

from common.config import ConfigModel, option
from common.config_options import AnyOf, Between
from common.config_sections import CellName, SourceConfig, TrainConfig
from common.quality import Quality
from common.spelling import did_you_mean, listed

BUNDLED = ("greensboro", "sand_point", "miami")
# Columns that are taken as times where none is named, the first of them that is there.
TIME_COLUMNS = ("ds", "time", "date", "Date Time", "timestamp")
ROWS = "rows"  # as data.frequency: each row is a step, whatever its time
LONGEST_SEGMENT = 24  # steps, where none is set
CATALOGUE = ("ett/h1", "ett/h2", "ett/m1", "ett/m2", "jena_climate")


class DataConfig(SourceConfig):
    """Where the measurements come from, what their columns mean, and how they are split in time."""

    path_meaning = "the table"

    source: Literal["bundled", "tfds", "files"] = option(
        "bundled",
        "bundled: comes with pip, works offline; tfds: a public set that is downloaded; files: your own",
    )
    name: str = option(
        "greensboro",
        "bundled: greensboro, sand_point or miami; tfds: ett/h1, ett/h2, ett/m1, ett/m2 or jena_climate",
    )
    path: str | None = option(None, "files: the table (CSV, TSV or Parquet, .gz too)")
    time: str | None = option(
        None,
        f"files: the column of times; none = the first there is of {listed(TIME_COLUMNS, 'and')}, else rows are steps",
    )
    id: str | None = option(
        None,
        "files: the column that says which series a row belongs to; none = unique_id if there is one, else one series",
    )
    targets: list[str] | None = option(
        None, "columns to forecast; none = what the bundled set is about, and of files y, or every column of numbers"
    )
    past: list[str] | None = option(
        None,
        "covariates that are known up to now only; none = of bundled sets what goes with the targets, of files no column",
    )
    known: list[str] = option([], "covariates that are known for the time to come, too, such as prices or holidays")
    frequency: str | None = option(
        None,
        "length of a step as pandas writes it: h, 15min, D, W-SUN, MS; rows: every row is a step, whatever its time; none = "
        "found from the times",
    )
    missing: Literal["error", "interpolate", "forward"] = option(
        "error",
        "what to do about missing values and missing rows. interpolate: a straight line between the neighbours; "
        "forward: repeat the last value",
    )
    validation_fraction: float = option(
        0.15, "share of the rows, after those of train, for validation", unit="fraction of rows", gt=0, lt=1
    )
    test_fraction: float = option(
        0.15, "share of the rows, at the end, for the test", unit="fraction of rows", gt=0, lt=1
    )
    train_rows: int | None = option(
        None, "rows of each series to train on, with the two numbers below; none = by the fractions", unit="rows", ge=1
    )
    validation_rows: int | None = option(None, "the rows after those of train, for validation", unit="rows", ge=1)
    test_rows: int | None = option(None, "the rows after those of validation, for the test", unit="rows", ge=1)
    limit: int | None = option(
        None, "keep only the first so many rows of each series, for trials; none = all", unit="rows", ge=1
    )
    stride: int = option(1, "train on a window every so many steps", unit="steps", ge=1)
    season: int | None = option(
        None,
        "steps after which the data repeat, for the seasonal baseline and the scale of mase; none = found in the training rows",
        unit="steps",
        ge=1,
    )
    cache_dir: str = option(".cache/datasets", "folder for prepared data sets, relative to the current directory")

    @model_validator(mode="after")
    def _source_fits(self) -> "DataConfig":
        if self.source != "files":
            names = BUNDLED if self.source == "bundled" else CATALOGUE
            if self.name not in names:
                raise ValueError(
                    f"data.name is {self.name!r}, but the {self.source} sets are {listed(names, 'and')}; for your own table "
                    f"add --data.source files --data.path FILE{did_you_mean(self.name, names)}"
                )
        return self

    @model_validator(mode="after")
    def _columns_have_one_meaning(self) -> "DataConfig":
        if self.targets is not None and not self.targets:
            raise ValueError("data.targets is empty, but something must be forecast; name a column, or give none")
        seen: dict[str, str] = {}
        for role in ("time", "id", "targets", "past", "known"):
            value = getattr(self, role)
            for name in [value] if isinstance(value, str) else value or ():
                if name in seen:
                    raise ValueError(
                        f"the column {name!r} is named in data.{seen[name]} and in data.{role}; keep one of them"
                    )
                seen[name] = role
        return self

    @model_validator(mode="after")
    def _rows_go_together(self) -> "DataConfig":
        rows = (self.train_rows, self.validation_rows, self.test_rows)
        if any(count is not None for count in rows) and None in rows:
            raise ValueError(
                "data.train_rows, data.validation_rows and data.test_rows go together; give all three or none"
            )
        return self


class ModelConfig(ConfigModel):
    """What is looked at, what is forecast, and the network between them."""

    kind: Literal["segrnn", "seq2seq", "deepar"] = option(
        "segrnn",
        "segrnn: reads and writes whole segments, fast and good at long horizons; seq2seq: a recurrent encoder and a "
        "recurrent decoder over the known covariates; deepar: step by step, with a distribution and sample paths",
    )
    cell: CellName = option("gru", "the recurrent cell", tune=AnyOf(("gru", "lstm", "min_gru", "rglru")))
    look_back: int = option(168, "how far the model looks back", unit="steps", ge=1, le=100_000)
    horizon: int = option(24, "how far it forecasts", unit="steps", ge=1, le=100_000)
    units: int = option(
        128, "size of the recurrent state", unit="features", ge=1, le=65_536, tune=Between(32, 256, log=True)
    )
    layers: int = option(1, "recurrent layers above each other; seq2seq and deepar only", unit="layers", ge=1, le=64)
    segment: int | None = option(
        None,
        "length of a segment; none = the horizon in equal parts of at most 24 steps; segrnn only",
        unit="steps",
        ge=1,
        le=100_000,
    )
    channels: Literal["shared", "mixed"] = option(
        "shared",
        "shared: the same network forecasts each target from its own past and the covariates; mixed: one pass forecasts all "
        "targets from the past of all",
    )
    calendar: bool = option(
        True,
        "let the model know hour, day of the week and time of the year, where times are known and steps short enough",
    )
    normalization: Literal["last", "standard", "scale", "none"] = option(
        "last",
        "what is taken out of each look-back and put back into the forecast. last: the last value; standard: mean and "
        "standard deviation; scale: the mean absolute value, measured from the zero of the data, for series of very different "
        "size",
        tune=AnyOf(("last", "standard")),
    )
    last_weight: float = option(
        1.0,
        "of normalization last: weight of the last value in the level that is taken out, the rest is the mean of the "
        "look-back; less is better the farther the horizon",
        unit="fraction of the level",
        ge=0,
        le=1,
    )
    highway: bool = option(
        True, "add a linear map of the look-back, fitted by ridge regression before the network is trained; segrnn only"
    )
    attention: bool = option(False, "let the decoder look at every step of the encoder; seq2seq only")
    output: Literal["quantiles", "point"] = option(
        "quantiles",
        "quantiles: learned for each of model.quantiles; point: one value, with quantiles from the errors on validation data. "
        "deepar draws its quantiles from samples",
    )
    quantiles: list[float] = option(
        [0.1, 0.25, 0.5, 0.75, 0.9],
        "shares of the outcomes that lie below each forecast quantile, ascending; 0.5 is among them",
    )
    loss: Literal["mse", "mae", "huber"] = option("mse", "of a point forecast, on standardised values")
    likelihood: Literal["gaussian", "student_t", "negative_binomial"] = option(
        "gaussian", "the distribution of each next value; negative_binomial is for counts; deepar only"
    )
    samples: int = option(100, "sample paths that a forecast is made of; deepar only", unit="paths", ge=2, le=10_000)
    dropout: float = option(
        0.5,
        "share of features dropped before the output and between layers",
        unit="fraction of features",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.7),
    )

    @field_validator("quantiles", mode="after")
    @classmethod
    def _quantiles_ascend(cls, values: list[float]) -> list[float]:
        if (
            not values
            or any(not 0 < value < 1 for value in values)
            or sorted(set(values)) != values
            or 0.5 not in values
        ):
            raise ValueError(
                f"model.quantiles is {','.join(f'{value:g}' for value in values)}, but must ascend between 0 and 1 "
                "with 0.5 among them, such as 0.1,0.5,0.9"
            )
        return values

    @model_validator(mode="after")
    def _fits_the_kind(self) -> "ModelConfig":
        if self.kind == "segrnn":
            if self.segment is not None and self.segment > min(self.look_back, self.horizon):
                raise ValueError(
                    f"model.segment is {self.segment}, but must be at most model.look_back ({self.look_back}) and "
                    f"model.horizon ({self.horizon})"
                )
            if self.layers != 1:
                raise ValueError(
                    f"model.layers is {self.layers}, but segrnn has one recurrent layer; use seq2seq for more"
                )
        if self.last_weight != 1 and self.normalization != "last":
            raise ValueError(
                f"model.last_weight is {self.last_weight:g}, but belongs to normalization last, and model.normalization is "
                f"{self.normalization}; leave one of them out"
            )
        if self.attention and self.kind != "seq2seq":
            raise ValueError(f"model.attention is for seq2seq, and model.kind is {self.kind}; add --model.kind seq2seq")
        return self

    @property
    def counts(self) -> bool:
        """Whether targets are counts, by the distribution that is fitted to them."""
        return self.kind == "deepar" and self.likelihood == "negative_binomial"

    @property
    def segment_length(self) -> int:
        """Steps of a segment: as set, or the horizon in equal parts of at most 24 steps."""
        return self.segment or math.ceil(self.horizon / math.ceil(self.horizon / LONGEST_SEGMENT))


class Config(ConfigModel):
    """All settings of the forecasting application."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig(epochs=8, batch_size=64, learning_rate=5e-4)


# By what models are compared, on validation data.
QUALITY = Quality("mae", "min", beside=("mse", "wql"), monitor="val_loss")

_ETT = {"segment": 24, "calendar": False, "highway": False, "output": "point", "loss": "mae"}

PRESETS: dict[str, dict[str, Any]] = {
    # Seconds on two cores, for tests: learns something, nothing worth using.
    "tiny": {
        "data": {"limit": 1_000},
        "model": {"look_back": 48, "horizon": 24, "units": 8},
        "train": {"epochs": 2, "learning_rate": 1e-2, "checkpoint_every_steps": 0},
    },
    "base": {},
    # What the ETTh1 figures with a look-back of 96 were measured with, and those with the long look-back.
    "ett": {
        "model": {**_ETT, "look_back": 96, "horizon": 96, "units": 256, "dropout": 0.3},
        "train": {"epochs": 15, "patience": 3, "batch_size": 256, "learning_rate": 1e-3},
    },
    "ett_long": {
        "model": {**_ETT, "look_back": 720, "horizon": 96, "units": 128, "dropout": 0.2},
        "train": {"epochs": 10, "patience": 3, "batch_size": 256, "learning_rate": 1e-3},
    },
    # One batch without regularisation: the loss must go towards zero, or the model has a bug.
    "overfit": {
        "data": {"limit": 400},
        "model": {"look_back": 48, "horizon": 24, "dropout": 0.0, "output": "point"},
        "train": {
            "epochs": 200,
            "batch_size": 256,  # more than there are windows
            "learning_rate": 3e-3,
            "schedule": "constant",
            "warmup_fraction": 0.0,
            "patience": 0,
            "checkpoint_every_steps": 0,
        },
    },
}
