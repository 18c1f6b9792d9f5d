"""The file that a person asked for: its ending says what is written of a piece, and mistakes show before any work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from apps.music.config import Representation
from apps.music.pieces import NotePiece, VoicePiece
from common.errors import UserError
from common.files import require_writable_directory


def _write_midi(piece: VoicePiece | NotePiece, path: Path) -> None:
    from apps.music.midi_writing import write_midi

    write_midi(piece, path)


def _write_sound(piece: VoicePiece | NotePiece, path: Path, soundfont: str | Path | None = None) -> None:
    from apps.music.sound import write_wav

    write_wav(piece, path, soundfont=soundfont)


def _write_score(piece: VoicePiece | NotePiece, path: Path) -> None:
    from apps.music.score_writing import write_musicxml

    write_musicxml(piece, path)


def _write_picture(piece: VoicePiece | NotePiece, path: Path, given: np.ndarray | None = None) -> None:
    from apps.music.piano_roll import draw_piano_roll
    from common.figures import save_figure

    save_figure(draw_piano_roll(piece, piece.name, given), path)


# What writes the files of an ending. Each imports what it needs, so that a mistake is told before anything heavy is loaded.
ENDINGS: dict[str, Callable[..., None]] = {
    ".mid": _write_midi,
    ".midi": _write_midi,
    ".wav": _write_sound,
    ".png": _write_picture,
    ".musicxml": _write_score,
    ".mxl": _write_score,
}
_SCORES = (".musicxml", ".mxl")
_PICTURES, _SOUNDS = (".png",), (".wav",)


def check_outputs(paths: Sequence[str | Path], representation: Representation) -> list[Path]:
    """Refuses what could not be written at the end, before any work; nothing is made.

    Args:
        paths: files that a person wants of one piece.
        representation: `voices` or `events`, which has no bars and so no score.

    Returns:
        The paths.

    Raises:
        UserError: an ending that nothing writes, a score of events, a folder, one file twice, or a place that cannot be
            written.
    """
    valid = [ending for ending in ENDINGS if representation == "voices" or ending not in _SCORES]
    checked: dict[Path, Path] = {}  # the place on the disk to the path as given
    for path in map(Path, paths):
        ending = path.suffix.lower()
        if ending in _SCORES and ending not in valid:
            raise UserError(
                f"cannot write {path}: notes at any time (data.representation is events) have no bars for a score; "
                f"use one of {', '.join(valid)}"
            )
        if ending not in valid:
            raise UserError(
                f"cannot write {path}: {f'its ending {ending} is not known' if ending else 'it has no ending'}; "
                f"use one of {', '.join(valid)}"
            )
        if path.is_dir():
            raise UserError(f"cannot write {path}: it is a folder; name a file")
        place = path.resolve()
        if place in checked:
            raise UserError(f"{path} is to be written twice; name it once")
        checked[place] = path
        require_writable_directory(path.parent)
    return list(checked.values())


def write_piece(
    piece: VoicePiece | NotePiece,
    path: str | Path,
    given: np.ndarray | None = None,
    soundfont: str | Path | None = None,
) -> None:
    """Writes what the ending of `path` says, whole or not at all.

    Args:
        piece: to write.
        path: with one of `ENDINGS`.
        given: bool [time, voices] of a `VoicePiece`, True where the person gave the note; a picture marks it.
        soundfont: a `.sf2` file that sound is made with by FluidSynth; None makes it here.

    Raises:
        UserError: see `check_outputs`; the soundfont cannot be played, the disk is full.
    """
    representation = "voices" if isinstance(piece, VoicePiece) else "events"
    (path,) = check_outputs([path], representation)
    ending = path.suffix.lower()
    options = {"given": given} if ending in _PICTURES else {"soundfont": soundfont} if ending in _SOUNDS else {}
    ENDINGS[ending](piece, path, **options)
