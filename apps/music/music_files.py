"""Reads a person's own music: a folder, one file, or a JSON file of voices on a grid.

A folder may have broken files among good ones: they are named, skipped and counted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from apps.music.grid_files import read_grid_file
from apps.music.midi_files import MIDI_SUFFIXES, midi_notes, midi_score, read_midi
from apps.music.pieces import NOTE, NotePiece, Part, VoicePiece, voices_to_notes
from apps.music.score import Score, UnreadableFile, counted
from apps.music.score_files import SCORE_SUFFIXES, read_scores
from apps.music.voicing import DEFAULT_TEMPO, is_monophonic, most_at_once, on_grid, parts_on_grid
from common.console import get_console
from common.errors import UserError
from common.spelling import listed

SUFFIXES = (*MIDI_SUFFIXES, *SCORE_SUFFIXES)
_NAMED = 3  # files in a note
_LONGEST = 2**20  # steps; what is longer is a damaged file


def read_pieces(path: str, data) -> tuple[dict[str, list[VoicePiece] | list[NotePiece]], list[str]]:
    """Reads everything that is at `path`.

    Args:
        path: a folder, with the folders in it; a MIDI, MusicXML or ABC file; a JSON file of voices on a grid.
        data: section `data` of the configuration: `representation`, `voices` and `steps_per_quarter`.

    Returns:
        Pieces by split, "train" alone unless a JSON file has more; and sentences for the person.

    Raises:
        UserError: there is nothing that can be used.
    """
    place = Path(path).expanduser()
    if place.suffix.lower() == ".json" and place.is_file():
        voices = data.voices if data.representation == "voices" else None
        parts = read_grid_file(place, voices, data.steps_per_quarter)
        if data.representation == "events":
            return {split: [voices_to_notes(piece) for piece in pieces] for split, pieces in parts.items()}, []
        return parts, []
    files = _find_files(place)
    pieces, skipped, changed = [], [], []
    shown = get_console().progress(len(files), "reading music") if len(files) > 1 else contextlib.nullcontext()
    with shown as progress:
        for number, file in enumerate(files, start=1):
            name = str(file.relative_to(place)) if file != place else file.name
            try:
                for piece, told in _read_file(file, name, data):
                    pieces.append(piece)
                    if told:
                        changed.append(f"{piece.name}: {', '.join(told)}")
            except UnreadableFile as error:
                skipped.append(f"{name} ({error})")
            if progress is not None:
                progress.update(number)
    if not pieces:
        raise UserError(
            f"{place}: of {counted(len(files), 'file')} none can be used: {_first(skipped)}; give others, or other settings."
        )
    notes = []
    if skipped:
        notes.append(f"{len(skipped):,} of {len(files):,} files in {place} skipped: {_first(skipped)}.")
    if changed:
        notes.append(f"{len(changed):,} of {len(pieces):,} pieces in {place} changed on the way: {_first(changed)}.")
    return {"train": pieces}, notes


def read_voices(path: str, voices_at_most: int, steps_per_quarter: int) -> VoicePiece:
    """Reads a file to sing along with or to go on from: as many voices as there are, up to a number.

    Where there are more, and one is asked for, it is the highest part, or the highest note at each moment; of more, the
    outermost. What was changed is said on the console.

    Args:
        path: a MIDI, MusicXML, ABC or JSON file; of several pieces the first.
        voices_at_most: at least 1.
        steps_per_quarter: steps of the grid in a quarter note.

    Raises:
        UserError: the file cannot be used.
    """
    place = _file_of_music(path)
    if place.suffix.lower() == ".json":
        pieces = read_grid_file(place, None, steps_per_quarter)["train"]
        piece, told = pieces[0], _only_first(pieces)
        if piece.voices > voices_at_most > 1:
            raise UserError(
                f"{place} has {piece.voices} voices, but at most {voices_at_most} can be used here; take the others out."
            )
        if piece.voices > voices_at_most:
            told.append(f"only the highest of its {piece.voices} voices is used")
            piece = replace(piece, pitches=piece.pitches[:, :1], onsets=piece.onsets[:, :1])
        for sentence in told:
            get_console().line(f"{place}: {sentence}.")
        return piece
    try:
        scores = _read_scores(place, place.name)
        _check_length(scores[0], steps_per_quarter)
    except UnreadableFile as error:
        raise UserError(f"{place} cannot be used: {error}; give another file.") from error
    score = scores[0]
    told = _only_first(scores)
    parts = parts_on_grid(score, steps_per_quarter)
    if not parts:
        raise UserError(f"{place} has no note that is as long as a step of the grid; give another file.")
    apart = all(map(is_monophonic, parts))
    if voices_at_most == 1 and len(parts) > 1 and apart:
        highest = max(score.parts, key=lambda part: float(np.mean(part["pitch"])))
        told.append(f"only the highest of its {len(parts)} parts is used")
        score = replace(score, parts=(highest,))
    found = len(parts) if apart else most_at_once(parts)
    piece, changed = on_grid(score, max(1, min(found, voices_at_most)), steps_per_quarter)
    for sentence in (*told, *changed):
        get_console().line(f"{place}: {sentence}.")
    return piece


def read_notes(path: str) -> tuple[NotePiece, list[str]]:
    """Reads a file to go on from as notes at any time; of several pieces the first.

    Args:
        path: a MIDI, MusicXML, ABC or JSON file.

    Returns:
        The piece, and what was left out, as sentences without its name.

    Raises:
        UserError: the file cannot be used.
    """
    place = _file_of_music(path)
    if place.suffix.lower() == ".json":
        pieces = read_grid_file(place, None, 4)["train"]
        piece = voices_to_notes(pieces[0])
        if not len(piece):
            where = "voice" if pieces[0].voices == 1 else "voices"
            raise UserError(f"{path} has no note in its {where}; give one with notes")
        return piece, _only_first(pieces)
    try:
        if place.suffix.lower() in MIDI_SUFFIXES:
            midi = read_midi(place, place.name)
            return midi_notes(midi), list(midi.told)
        scores = read_scores(place, place.name)
    except UnreadableFile as error:
        raise UserError(f"{place} cannot be used: {error}; give another file.") from error
    return score_notes(scores[0]), [*_only_first(scores), *scores[0].told]


def _file_of_music(path: str) -> Path:
    place = Path(path).expanduser()
    if not place.exists():
        raise UserError(f"There is no file {place} (looked from {Path.cwd()}).")
    if not place.is_file() or place.suffix.lower() not in (*SUFFIXES, ".json"):
        raise UserError(f"{place} is no file of music; give one that ends in {listed([*SUFFIXES, '.json'], 'or')}.")
    return place


def _find_files(place: Path) -> list[Path]:
    if place.is_file():
        if place.suffix.lower() not in SUFFIXES:
            raise UserError(f"{place} is no file of music; give a folder or one that ends in {listed(SUFFIXES, 'or')}.")
        return [place]
    if not place.is_dir():
        raise UserError(f"{place} is not there; give a folder or a file of music with --data.path.")
    files = sorted(
        file
        for file in place.rglob("*")
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
    )
    if not files:
        raise UserError(
            f"{place} has no files that end in {listed(SUFFIXES, 'or')}; give another folder with --data.path."
        )
    return files


def _read_scores(file: Path, name: str) -> list[Score]:
    if file.suffix.lower() in MIDI_SUFFIXES:
        return [midi_score(read_midi(file, name))]
    return read_scores(file, name)


def _read_file(file: Path, name: str, data) -> list[tuple[VoicePiece | NotePiece, list[str]]]:
    if data.representation == "events":
        if file.suffix.lower() in MIDI_SUFFIXES:
            midi = read_midi(file, name)
            return [(midi_notes(midi), list(midi.told))]
        return [(score_notes(score), list(score.told)) for score in read_scores(file, name)]
    pieces, missing = [], []
    for score in _read_scores(file, name):
        _check_length(score, data.steps_per_quarter)
        parts = parts_on_grid(score, data.steps_per_quarter)
        apart = len(parts) == data.voices and all(map(is_monophonic, parts))
        found = most_at_once(parts)
        if found < data.voices and not apart:
            missing.append(
                f"{score.name} has {counted(found, 'note')} at once at most, but data.voices is {data.voices}"
            )
        else:
            pieces.append(on_grid(score, data.voices, data.steps_per_quarter))
    if not pieces:
        raise UnreadableFile(missing[0])
    if missing:  # of a file with several pieces
        pieces[0][1].append(f"{counted(len(missing), 'piece')} of its file skipped, because {missing[0]}")
    return pieces


def score_notes(score: Score) -> NotePiece:
    """The notes of a score in seconds, at the tempo of its beginning."""
    tempo = score.tempo or DEFAULT_TEMPO
    rows = [
        (start * 60 / tempo, end * 60 / tempo, pitch, velocity, index)
        for index, part in enumerate(score.parts)
        for start, end, pitch, velocity, _ in part.tolist()
    ]
    notes = np.array(rows, NOTE)
    names = tuple(Part(name or f"part {index}") for index, name in enumerate(score.part_names, start=1))
    order = np.lexsort((notes["part"], notes["pitch"], notes["start"]))
    return NotePiece(score.name, notes[order], names, tempo=tempo, metre=score.metre, key=score.key)


def _check_length(score: Score, steps_per_quarter: int) -> None:
    if score.length * steps_per_quarter > _LONGEST:
        raise UnreadableFile(f"it lasts {score.length:,.0f} quarter notes, so it is damaged")


def _only_first(pieces: Sequence) -> list[str]:
    return [f"only the first of its {len(pieces)} pieces is used"] if len(pieces) > 1 else []


def _first(sentences: Sequence[str]) -> str:
    more = f"; and {len(sentences) - _NAMED:,} more" if len(sentences) > _NAMED else ""
    return "; ".join(sentences[:_NAMED]) + more
