"""Every setting of the music application, with its unit, bounds and meaning."""

from typing import Literal

from pydantic import model_validator

from common.config import option
from common.config_sections import SourceConfig

BUNDLED = ("chorales",)
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
