"""What the battery of `test_apps.py` has to know of music."""

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from tests.conformance.app_row import App, Prediction


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


_CHORALES = tempfile.mkdtemp(prefix="unroll-chorales-")
atexit.register(shutil.rmtree, _CHORALES, ignore_errors=True)


@functools.cache
def _prepare_chorales() -> None:
    """Every third of the bundled scores: to read all 409 takes most of a minute, and the tiny preset takes 16 of a split."""
    from apps.music import dataset
    from common.data.tfds_builders import prepare

    some = dataset.score_paths()[::3]
    with mock.patch.object(dataset, "score_paths", lambda: some):
        prepare(dataset.Chorales(data_dir=_CHORALES), dataset.ORIGIN, quiet=True)


_OUTPUT = ("--output", "composed.mid,composed.png")
_PIECES = (_piece(16, 3, 1.0, 1.0), _piece(16, 4, 0.0, 1.0), _piece(32, 5, 0.7, 0.9), _piece(48, 6, 1.0, 1.0))


def _composition(out: str, folder: Path) -> list[dict[str, Any]]:
    """One object; its seed and its files are checked here."""
    (line,) = out.splitlines()
    answer = json.loads(line)
    assert answer.pop("seed") == 6 and answer.pop("files") == ["composed.mid", "composed.png"]
    return [answer]


APP = App(
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
    prepare=_prepare_chorales,
    tiny=("--data.cache_dir", _CHORALES),
    endpoints=("complete",),
)
