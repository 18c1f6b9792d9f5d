"""Untrained networks of a few units, exported as a person gets them; once in a process, as an export takes seconds."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from apps.music.serving import endpoints, metadata, questions
from common.export import export_model
from tests.apps.music.small_music import make_config, make_network, make_pieces, make_preprocessor

KINDS = {
    "four voices": {},
    "two voices, their chord and no looking ahead": {
        "data.voices": 2,
        "preprocessing.chord": True,
        "train.given_fraction": 0.0,
        "train.end_fraction": 0.0,
    },
    "one voice": {"data.voices": 1},
    "events": None,
}
VOICES, TWO, ONE, EVENTS = KINDS


@functools.cache
def made(kind):
    """Preprocessor and network of one of `KINDS`."""
    overrides = KINDS[kind]
    config = make_config(overrides, events=overrides is None)
    pieces = None if overrides is None else make_pieces(voices=config.data.voices)
    preprocessor = make_preprocessor(config, pieces)
    return preprocessor, make_network(config, preprocessor)


@functools.cache
def exported(kind) -> Path:
    """The version directory of the model of one of `KINDS`."""
    preprocessor, network = made(kind)
    return export_model(
        "music",
        endpoints(network, preprocessor),
        questions(network, preprocessor),
        tempfile.mkdtemp(dir=_folder()),
        metadata(network, preprocessor),
        (preprocessor, network),
    )


@functools.cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="unroll-music-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
