"""What a row of the table of applications says; `rows/<app>.py` has one for each application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """One way to ask the verb `predict`.

    Attributes:
        words: What follows `predict --model DIR`.
        answers: Takes what `--json` wrote to stdout and the folder the command ran in; returns for each example asked the
            outputs of `serving_default` by name, as nested lists.
        examples: Positions of the examples of the row that are asked; None = all, in their order.
        files: Content by name of the files that must be in the folder.
        stdin: What the command reads.
        leaves: Names of the files that the command must leave in the folder.
    """

    words: tuple[str, ...]
    answers: Callable[[str, Path], list[dict[str, Any]]]
    examples: tuple[int, ...] | None = None
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    stdin: str = ""
    leaves: tuple[str, ...] = ()


@dataclass(frozen=True)
class App:
    """What the checks have to know of an application beyond the contract.

    Attributes:
        name: As in `apps/<name>` and `saved_models/<name>`.
        metrics: The fixed names of its metrics, in their order.
        baselines: At least the naive one and the strong simple one.
        pictures: Files in `pictures/` after a training, without `.png`.
        examples: Inputs of single examples by their names in the signatures, without batch axis, as JSON has them (bytes as
            `{"b64": "..."}`); of different lengths, the first one short and harmless, at least two of the same shape.
        predictions: Ways to ask `predict` for these examples.
        tiny: Arguments of `train` beside `--preset tiny`; with them the whole training takes seconds.
        prepare: Called before any training, to make once what would take a training too long.
        endpoints: What the SavedModel answers, beside `serving_default`.
        explains: Whether `predict --explain` works: `words` with contributions that add up, with `bias`, to `score`.
    """

    name: str
    metrics: tuple[str, ...]
    baselines: tuple[str, ...]
    pictures: tuple[str, ...]
    examples: tuple[Mapping[str, Any], ...]
    predictions: tuple[Prediction, ...]
    tiny: tuple[str, ...] = ()
    prepare: Callable[[], None] = lambda: None
    endpoints: tuple[str, ...] = ()
    explains: bool = False

    @property
    def package(self) -> str:
        return f"apps.{self.name}"
