"""Reads JSON files of voices on a grid, the form in which the chorales of the benchmarks of the field are published.

`{"train": [...], "valid": [...], "test": [...]}` or a plain list of pieces; a piece is a list of steps, a step a list with the
MIDI pitch of each voice, -1 where it is silent. Such a file says neither where notes begin nor where bars do: a note begins
where the pitch changes, and bars are in 4/4 from the first step on.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from apps.music.pieces import SILENCE, VoicePiece, onsets_where_pitches_change, steps_per_bar
from common.errors import UserError

_SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
_KINDS = {int: "a number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}  # of JSON


def read_grid_file(path: Path, voices: int | None, steps_per_quarter: int) -> dict[str, list[VoicePiece]]:
    """The pieces of a JSON file, by split; a plain list is "train".

    Args:
        path: the file.
        voices: how many each piece must have; None for any number.
        steps_per_quarter: what a step of the file is taken for.

    Raises:
        UserError: the file cannot be read or is not as above; the sentence says which piece and step.
    """
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a file that you may read.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON ({error}); expected lists of pieces, steps and MIDI pitches.") from error
    if isinstance(content, list):
        content = {"train": content}
    if not isinstance(content, dict) or "train" not in content or not set(content) <= set(_SPLITS):
        found = ", ".join(map(repr, content)) if isinstance(content, dict) else _KINDS[type(content)]
        raise UserError(
            f"{path} has {found or 'nothing'} at its top; expected a list of pieces, or an object with 'train' and, where "
            "there are such pieces, 'valid' and 'test'."
        )
    if {"valid", "validation"} <= set(content):
        raise UserError(f"{path} has both 'valid' and 'validation'; keep one of them.")
    parts = {}
    for key, pieces in content.items():
        if not isinstance(pieces, list) or not pieces:
            raise UserError(f"{path}: {key!r} is {_shown(pieces)}; expected a list of at least one piece.")
        where = f"{key} " if len(content) > 1 else ""
        parts[_SPLITS[key]] = [
            _read_piece(piece, f"{where}{number}", path, voices, steps_per_quarter)
            for number, piece in enumerate(pieces, start=1)
        ]
    return parts


def _read_piece(piece: object, name: str, path: Path, voices: int | None, steps_per_quarter: int) -> VoicePiece:
    if not isinstance(piece, list) or not piece:
        raise UserError(f"{path}, piece {name}: it is {_shown(piece)}; expected a list of steps.")
    if voices is None and isinstance(piece[0], list) and piece[0]:
        voices = len(piece[0])
    for number, step in enumerate(piece, start=1):
        place = f"{path}, piece {name}, step {number}"
        if not isinstance(step, list):
            raise UserError(f"{place}: it is {_shown(step)}; expected a list of MIDI pitches.")
        if len(step) != voices:
            raise UserError(
                f"{place}: it has {len(step)} voices, expected {voices} as in data.voices or in the step before; correct "
                "the file or set --data.voices."
            )
        for pitch in step:
            if type(pitch) is not int or not SILENCE <= pitch <= 127:  # True is an int, too
                raise UserError(
                    f"{place}: the pitch {_shown(pitch)} is no whole number from 0 to 127 or -1 for silence; correct it."
                )
    pitches = np.array(piece, np.int16)
    bar = steps_per_bar((4, 4), steps_per_quarter)
    return VoicePiece(
        name,
        pitches,
        onsets_where_pitches_change(pitches),
        (np.arange(len(pitches)) % bar).astype(np.int16),
        steps_per_quarter,
    )


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
