"""The table of applications: one row each. A new application joins all checks of `test_apps.py` by adding its row."""

import json
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
    files: Mapping[str, str] = field(default_factory=dict)
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
        examples: Inputs of single examples by their names in the signatures, without batch axis, as JSON has them; of
            different lengths, the first one short and harmless, at least two of the same shape.
        predictions: Ways to ask `predict` for these examples.
        tiny: Arguments of `train` beside `--preset tiny`; with them the whole training takes seconds.
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
    endpoints: tuple[str, ...] = ()
    explains: bool = False

    @property
    def package(self) -> str:
        return f"apps.{self.name}"


_TEXTS = (
    "A good film.",
    "Two hours I will never get back, and not one of them was funny.",
    "",
    "Ünïcode’s “fine”<br />here 日本語 🎬",
    "long and dull, " * 60,
)


def _answers_by_line(out: str, folder: Path) -> list[dict[str, Any]]:
    """An object a line with its text, which is checked here, and what is given by class as a list."""
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer.pop("text") for answer in answers] == list(_TEXTS)
    return [
        {name: list(value.values()) if isinstance(value, dict) else value for name, value in answer.items()}
        for answer in answers
    ]


_LINES = "".join(f"{text}\n" for text in _TEXTS)

APPS = [
    App(
        name="sentiment",
        metrics=("accuracy", "macro_f1", "roc_auc", "expected_calibration_error", "log_loss"),
        baselines=("majority", "nbsvm"),
        pictures=("calibration", "confusion", "training"),
        examples=tuple({"text": text} for text in _TEXTS),
        predictions=(
            Prediction(_TEXTS, _answers_by_line),
            Prediction(("--input", "texts.txt"), _answers_by_line, files={"texts.txt": _LINES}),
            Prediction((), _answers_by_line, stdin=_LINES),
        ),
        endpoints=("explain",),
        explains=True,
    )
]
