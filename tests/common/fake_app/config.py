"""A few settings of every kind."""

from typing import Any, Literal

from pydantic import model_validator

from common.config import ConfigModel, option
from common.config_options import AnyOf, Between
from common.config_sections import TrainConfig
from common.quality import Quality


class DataConfig(ConfigModel):
    """The data."""

    examples: int = option(8, "how many", unit="examples", ge=2)
    path: str | None = option(None, "a file")


class PreprocessingConfig(ConfigModel):
    """The words."""

    max_tokens: int = option(10, "vocabulary", unit="tokens", ge=1)


class ModelConfig(ConfigModel):
    """The network, 100 % fake."""

    cell: Literal["gru", "lstm"] = option("gru", "the cell", tune=AnyOf(("gru", "lstm")))
    units: int = option(4, "size of the state", unit="features", ge=1, le=512, tune=Between(2, 64, log=True))
    dropout: float = option(0.5, "share dropped", ge=0, lt=1)
    wide: bool = option(False, "more")
    quantiles: tuple[float, ...] = option((0.1, 0.9), "which")

    @model_validator(mode="after")
    def _odd_units(self) -> "ModelConfig":
        if self.units == 13:
            raise ValueError("model.units is 13, which brings bad luck; take another number")
        return self


class Config(ConfigModel):
    """All settings."""

    data: DataConfig = DataConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()


QUALITY = Quality("accuracy", "max", beside=("roc_auc",), monitor="loss")

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"model": {"units": 2}, "train": {"epochs": 1}},
    "base": {},
}
