"""What the battery of `test_apps.py` has to know of captioning."""

import atexit
import base64
import functools
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from tests.conformance.app_row import App, Prediction

# Of all trainings of this process: they are drawn once.
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


APP = App(
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
)
