"""What the battery of `test_apps.py` has to know of sentiment."""

import json
import random
from pathlib import Path
from typing import Any

from tests.conformance.app_row import App, Prediction

# Long, and not one phrase again and again: states would be equal but for rounding, and rounding would
# choose the step that the maximum over time, and with it an attribution, is of.
_SENTENCE = "A long and dull story of two people who never talk , with no good scene ."
_LONG = " ".join(random.Random(0).choices(_SENTENCE.split(), k=240))
_TEXTS = (
    "A good film.",
    "Two hours I will never get back, and not one of them was funny.",
    "",
    "Ünïcode’s “fine”<br />here 日本語 🎬",
    _LONG,
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


APP = App(
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
