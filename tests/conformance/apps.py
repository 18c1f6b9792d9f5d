"""The table of applications: one row each. A new application joins all checks of `test_apps.py` by adding its row."""

import atexit
import base64
import functools
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from apps.forecasting.dataset import COLUMNS as WEATHER


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


def _history(rows: int, seed: int) -> dict[str, Any]:
    """Made-up hours of all columns of the bundled weather, and their times up to the end of the forecast."""
    random = np.random.default_rng(seed)
    times = 1_000_000_800 + 3600 * np.arange(rows + _HORIZON)
    return {
        "history": random.normal(10, 5, (rows, len(WEATHER))).round(3).tolist(),
        "history_time": times[:rows].tolist(),
        "future_time": times[rows:].tolist(),
    }


_HORIZON = 24  # of preset tiny
_HISTORIES = (_history(48, 0), _history(48, 1), _history(61, 2))


def _history_csv() -> str:
    lines = [",".join(("unique_id", "ds", *WEATHER))]
    for index, each in enumerate(_HISTORIES):
        for time, values in zip(each["history_time"], each["history"], strict=True):
            stamp = str(np.datetime64(time, "s")).replace("T", " ")
            lines.append(",".join((f"station {index}", stamp, *map(str, values))))
    return "\n".join(lines) + "\n"


def _forecasts_by_line(out: str, folder: Path) -> list[dict[str, Any]]:
    """An object a line for each series; target and level as nested lists."""
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["series"] for answer in answers] == [f"station {index}" for index in range(len(_HISTORIES))]
    found = []
    for answer, asked in zip(answers, _HISTORIES, strict=True):
        stamps = [str(np.datetime64(time, "s")).replace("T", " ") for time in asked["future_time"]]
        assert answer["times"] == stamps
        forecast = np.stack(list(answer["forecast"].values()), axis=1)
        quantiles = [np.stack(list(levels.values()), axis=-1) for levels in answer["quantiles"].values()]
        found.append({"forecast": forecast.tolist(), "quantiles": np.stack(quantiles, axis=1).tolist()})
    return found


def _piece(steps: int, seed: int, temperature: float, top_p: float) -> dict[str, Any]:
    """What is asked for a piece of so many steps, and for one whose melody is given."""
    melody = [60 + (7 * step // 4) % 12 for step in range(steps)]
    return {
        "length": steps,
        "seed": seed,
        "temperature": temperature,
        "top_p": top_p,
        "pitches": [[pitch, -1, -1, -1] for pitch in melody],
        "onsets": [[step % 8 == 0, False, False, False] for step in range(steps)],
        "positions": [step % 16 for step in range(steps)],
    }


# Of all trainings of this process: reading the scores takes most of a minute.
_CHORALES = tempfile.mkdtemp(prefix="unroll-chorales-")
atexit.register(shutil.rmtree, _CHORALES, ignore_errors=True)
_OUTPUT = ("--output", "composed.mid,composed.png")
_PIECES = (_piece(16, 3, 1.0, 1.0), _piece(16, 4, 0.0, 1.0), _piece(32, 5, 0.7, 0.9), _piece(48, 6, 1.0, 1.0))


def _composition(out: str, folder: Path) -> list[dict[str, Any]]:
    """One object; its seed and its files are checked here."""
    (line,) = out.splitlines()
    answer = json.loads(line)
    assert answer.pop("seed") == 6 and answer.pop("files") == ["composed.mid", "composed.png"]
    return [answer]


# Of all trainings of this process, as the chorales.
_SCENES = tempfile.mkdtemp(prefix="unroll-scenes-")
atexit.register(shutil.rmtree, _SCENES, ignore_errors=True)


@functools.cache
def _prepare_scenes() -> None:
    """The first of the bundled scenes: to draw all 30,000 takes most of a minute, and the tiny preset reads 64 of a split."""
    from apps.captioning import dataset
    from common.data.tfds_builders import prepare

    with mock.patch.dict(dataset.COUNTS, {"train": 150, "validation": 80, "test": 80, "compositions": 80}):
        prepare(dataset.EmojiScenes(config="en", data_dir=_SCENES), "emoji scenes", True, "array_record")


def _picture(kind: str, width: int, height: int, seed: int) -> bytes:
    """Rectangles of made-up colours, encoded."""
    random = np.random.default_rng(seed)
    image = Image.fromarray(random.integers(0, 256, (3, 4, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BOX
    )
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


_PICTURES = {
    "small.png": _picture("PNG", 48, 32, 0),
    "photo.jpg": _picture("JPEG", 300, 211, 1),
    "tall.png": _picture("PNG", 70, 190, 2),
    "large.webp": _picture("WEBP", 640, 480, 3),
}


def _captions_by_line(out: str, folder: Path) -> list[dict[str, Any]]:
    """An object a line with the path of its picture, which is checked here."""
    answers = [json.loads(line) for line in out.splitlines()]
    assert [Path(answer.pop("image")).name for answer in answers] == list(_PICTURES)
    return answers


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
    ),
    App(
        name="forecasting",
        metrics=("mse", "mae", "smape", "mase", "wql", "coverage_80"),
        baselines=("last_value", "seasonal_naive", "drift", "linear"),
        pictures=("calibration", "error_by_step", "forecasts", "training"),
        examples=_HISTORIES,
        predictions=(
            Prediction(
                ("--input", "history.csv", "--output", "ahead.csv"),
                _forecasts_by_line,
                files={"history.csv": _history_csv()},
                leaves=("ahead.csv", "ahead.png"),
            ),
        ),
    ),
    App(
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
    ),
    App(
        name="music",
        metrics=("nats_per_note", "note_accuracy"),
        baselines=("repeat_last", "bigram", "chord_markov"),
        pictures=("nats", "piano_roll", "samples", "training"),
        examples=_PIECES,
        predictions=(
            Prediction(
                ("--bars", "3", "--seed", "6", "--temperature", "1.0", "--top_p", "1.0", *_OUTPUT),
                _composition,
                (3,),
                leaves=("composed.mid", "composed.png"),
            ),
        ),
        tiny=("--data.cache_dir", _CHORALES),
        endpoints=("complete",),
    ),
    App(
        name="captioning",
        metrics=(
            *("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider"),
            *("scene_accuracy", "composition_accuracy", "token_accuracy", "perplexity"),
        ),
        baselines=("most_frequent", "nearest_picture"),
        pictures=("attention", "captions", "training"),
        # No picture is the last one: `predict` does not take an empty file.
        examples=tuple(
            {
                "image": {"b64": base64.b64encode(data).decode("ascii")},
                "beam_width": 1 + index % 4,
                "length_penalty": 0.5 * (index % 3),
            }
            for index, data in enumerate((*_PICTURES.values(), b""))
        ),
        predictions=(
            Prediction(tuple(_PICTURES), _captions_by_line, tuple(range(len(_PICTURES))), files=_PICTURES),
            Prediction(
                ("--input", "pictures.txt"),
                _captions_by_line,
                tuple(range(len(_PICTURES))),
                files={**_PICTURES, "pictures.txt": "".join(f"{name}\n" for name in _PICTURES)},
            ),
            Prediction(
                ("--input", "-"),
                _captions_by_line,
                tuple(range(len(_PICTURES))),
                files=_PICTURES,
                stdin="".join(f"{name}\n" for name in _PICTURES),
            ),
        ),
        tiny=("--data.cache_dir", _SCENES),
        prepare=_prepare_scenes,
        endpoints=("greedy", "beam"),
    ),
]
