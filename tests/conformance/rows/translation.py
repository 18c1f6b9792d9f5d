"""What the battery of `test_apps.py` has to know of translation."""

import json
from pathlib import Path
from typing import Any

from tests.conformance.app_row import App, Prediction

_SENTENCES = (
    "in three weeks",
    "Monday, March 5, 2001",
    "",
    "Ünïcode, 日本語, שלום and 🎬!",
    "It costs $ 12.50, or 7 apples.",
    "one, two and three. " * 40,  # more than the model reads, of which `predict` warns
)
_ASKED = tuple(range(len(_SENTENCES) - 1))  # without a warning


def _translations_by_line(out: str, folder: Path) -> list[dict[str, Any]]:
    """An object a line with its sentence, which is checked here."""
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer.pop("text") for answer in answers] == [_SENTENCES[position] for position in _ASKED]
    return answers


_SENTENCE_LINES = "".join(f"{_SENTENCES[position]}\n" for position in _ASKED)


APP = App(
    name="translation",
    metrics=("bleu", "chrf", "bleu_tokenized", "exact_match", "token_accuracy", "perplexity"),
    baselines=("copy", "translation_memory"),
    pictures=("attention", "score_by_length", "training"),
    examples=tuple(
        {"text": text, "beam_width": 1 + index % 4, "length_penalty": 0.5 * (index % 3)}
        for index, text in enumerate(_SENTENCES)
    ),
    predictions=(
        Prediction(_SENTENCES[:-1], _translations_by_line, _ASKED),
        Prediction(
            ("--input", "sentences.txt"),
            _translations_by_line,
            _ASKED,
            files={"sentences.txt": _SENTENCE_LINES},
        ),
        Prediction((), _translations_by_line, _ASKED, stdin=_SENTENCE_LINES),
    ),
    tiny=("--data.limit", "150"),
    endpoints=("greedy", "beam", "attention"),
)
