"""By which of its metrics an application is judged where trainings are compared or searched through.

An application declares it once, as `QUALITY` in its `config.py`; `compare` and `tune` read it there.
"""

import importlib
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Quality:
    """The metric that says which of two models is better.

    Attributes:
        metric: Its name in `metrics.json`; a number that every evaluation gives.
        mode: Whether a low (`min`) or a high (`max`) value is good.
        beside: Other metrics that a table of models shows; one that an evaluation does not give is left out.
        monitor: Column of `history.csv` that is measured on validation data after every epoch; less is better.
    """

    metric: str
    mode: Literal["min", "max"]
    beside: tuple[str, ...] = ()
    monitor: str = "val_loss"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric and those beside it."""
        return (self.metric, *self.beside)

    @property
    def direction(self) -> str:
        """For people: `more is better` or `less is better`."""
        return "more is better" if self.mode == "max" else "less is better"

    def best(self, values: dict[str, float]) -> str | None:
        """Returns the name of the best value; None if there is none."""
        if not values:
            return None
        return (max if self.mode == "max" else min)(values, key=lambda name: values[name])


def quality_of(package: str) -> Quality:
    """Returns what an application declares in its module `config`, which imports nothing heavy."""
    return importlib.import_module(f"{package}.config").QUALITY
