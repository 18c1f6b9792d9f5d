"""What `predict` asks an exported model, and the piece that its answer is: of voices on a grid, or of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from apps.music.events import END, EventVocabulary
from apps.music.pieces import SILENCE, NotePiece, VoicePiece, steps_per_bar
from common.console import Console
from common.errors import UserError
from common.saved_model import SavedModel

BARS, SECONDS = 16, 30.0  # where nobody says how long
_FREE, _SILENT = -1, -2  # in the place of a pitch: to be found, silence that is given


@dataclass(frozen=True)
class Composed:
    """A piece that a model composed.

    Attributes:
        piece: the piece.
        answer: what the model answered, by name, [1, ...] each.
        described: for a person.
        given: bool [time, voices], which notes were given; None for events.
    """

    piece: VoicePiece | NotePiece
    answer: Mapping[str, np.ndarray]
    described: Mapping[str, str]
    given: np.ndarray | None = None


def ask_for_voices(model: SavedModel, wishes: Mapping[str, Any], console: Console) -> Composed:
    """Composes voices on a grid.

    Args:
        model: exported with the representation `voices`.
        wishes: by the names of the flags of `predict`; `seed`, `temperature` and `top_p` are set.
        console: where a person is told what was changed.

    Raises:
        UserError: a file or a wish cannot be used.
    """
    about = model.metadata
    if wishes["seconds"] is not None:
        raise UserError("--seconds is for models of events; this one composes voices on a grid, so give --bars instead")
    drawing = _drawing(wishes)
    known = _known_voices(about, wishes, console)
    metre = wishes["metre"] or (known.metre if known is not None else tuple(about["metre"]))
    per_quarter = about["steps_per_quarter"]
    bar = steps_per_bar(metre, per_quarter)
    first = 0 if known is None or not len(known) else int(known.positions[0])
    steps = _steps(wishes, known, bar, first)
    positions = (first + np.arange(steps)) % bar
    if known is not None and wishes["metre"] is None:
        positions[: len(known)] = known.positions[:steps]
        positions[len(known) :] = (positions[len(known) - 1] + 1 + np.arange(steps - len(known))) % bar
    given = np.full((steps, about["voices"]), _FREE, np.int32)
    onsets = np.zeros(given.shape, bool)
    if known is not None:
        part = slice(0, min(len(known), steps)), slice(0, known.voices)
        pitches = known.pitches[: part[0].stop]
        given[part] = np.where(pitches == SILENCE, _SILENT, pitches)
        onsets[part] = known.onsets[: part[0].stop]
    if known is None and wishes["metre"] is None:
        answer = model.run("serving_default", {"length": np.array([steps], np.int32), **drawing})
    else:
        inputs = {"pitches": given[None], "onsets": onsets[None], "positions": positions[None].astype(np.int32)}
        answer = model.run("complete", inputs | drawing)
    piece = VoicePiece(
        f"seed {wishes['seed']}",
        answer["pitches"][0].astype(np.int16),
        answer["onsets"][0].astype(bool),
        positions.astype(np.int16),
        per_quarter,
        metre,
        None if known is None else known.key,
        tempo=wishes["tempo"] or (about["tempo"] if known is None else known.tempo),
    )
    described = {
        "length": f"{-(-(steps + first) // bar)} bars in {metre[0]}/{metre[1]}, {steps * 60 / piece.tempo / per_quarter:.0f} s",
        "voices": f"{piece.voices}, {np.count_nonzero(piece.onsets):,} notes",
    }
    return Composed(piece, answer, described, None if known is None else given != _FREE)


def _known_voices(about: Mapping[str, Any], wishes: Mapping[str, Any], console: Console) -> VoicePiece | None:
    """What was given to be harmonised or continued, within the reach of the model; None for nothing."""
    from apps.music.music_files import read_voices

    melody, prime = wishes["melody"], wishes["prime"]
    if melody is None and prime is None:
        return None
    voices = 1 if melody is not None else about["voices"]
    path = melody if melody is not None else prime
    known = read_voices(path, voices, about["steps_per_quarter"])
    if known.voices not in (1, about["voices"]):
        raise UserError(
            f"{path} has {known.voices} voices, but an opening must have 1 or {about['voices']}; give another file"
        )
    if melody is not None and not about["looks_ahead"]:
        console.warn(
            "the model was trained without looking ahead at what is given (train.given_fraction 0), so the other voices "
            "only react to the melody"
        )
    return _within_reach(known, about, path, console)


def _within_reach(known: VoicePiece, about: Mapping[str, Any], path: str, console: Console) -> VoicePiece:
    """The same piece, transposed where a voice leaves what the model has learned of it and transposing helps."""
    sounding = [pitches[pitches != SILENCE] for pitches in known.pitches.T]
    pairs = [(pitches, low, high) for pitches, (low, high) in zip(sounding, about["ranges"]) if len(pitches)]
    if not pairs:
        raise UserError(f"{path} has no note in its {'voice' if known.voices == 1 else 'voices'}; give one with notes")

    def outside(shift: int) -> int:
        return sum(int(((pitches + shift < low) | (pitches + shift > high)).sum()) for pitches, low, high in pairs)

    # Octaves keep the key; other steps only where no octave is as good.
    shifts = sorted(range(-60, 61), key=lambda shift: (outside(shift), shift % 12 != 0, abs(shift)))
    shift = shifts[0] if outside(0) else 0
    if shift:
        console.warn(
            f"{path} lies outside of what the model has learned (its voices reach from {about['ranges'][0][0]} to "
            f"{about['ranges'][0][1]} for the highest), so it is transposed by {shift:+d} semitones"
        )
        known = known.transposed(shift)
    lowest, highest = about["lowest"], about["highest"]
    beyond = (known.pitches != SILENCE) & ((known.pitches < lowest) | (known.pitches > highest))
    if beyond.any():
        raise UserError(
            f"{path} spans more than the model can say: {np.count_nonzero(beyond)} steps are below MIDI pitch {lowest} or "
            f"above {highest}; give a file with a smaller range"
        )
    return known


def _steps(wishes: Mapping[str, Any], known: VoicePiece | None, bar: int, first: int) -> int:
    """How many steps the piece has, what is given counted; bars are counted from the first bar line, a pickup beside them."""
    bars, path = wishes["bars"], wishes["melody"] or wishes["prime"]
    pickup = -first % bar
    if wishes["melody"] is not None and bars is None:
        return len(known)
    steps = pickup + bar * (BARS if bars is None else bars)
    if wishes["prime"] is not None and len(known) >= steps:
        needed = -(-(len(known) + 1 - pickup) // bar)
        raise UserError(
            f"{path} is {len(known)} steps long, which leaves nothing of the {steps} steps of the piece to compose; give --bars "
            f"{needed} or more"
        )
    return steps


def ask_for_events(model: SavedModel, wishes: Mapping[str, Any], console: Console) -> Composed:
    """Composes events; the arguments are those of `ask_for_voices`."""
    about = model.metadata
    for flag in ("melody", "bars", "metre"):
        if wishes[flag] is not None:
            instead = "give --seconds instead" if flag == "bars" else f"leave --{flag} out"
            raise UserError(f"--{flag} is for models of voices on a grid; this one composes events, so {instead}")
    words = EventVocabulary(about["velocity_bins"], about["max_shift"], about["time_step"])
    seconds = SECONDS if wishes["seconds"] is None else wishes["seconds"]
    known = np.zeros(0, np.int32)
    if wishes["prime"] is not None:
        known = _known_events(wishes["prime"], words, seconds)
    # Half as many again as usual: music may be denser, and what is beyond the time is cut.
    length = len(known) + max(8, round(1.5 * seconds * about["events_per_second"]))
    drawing = _drawing(wishes)
    if len(known):
        events = np.concatenate([known, np.zeros(length - len(known), np.int32)])[None]
        answer = model.run("complete", {"events": events, **drawing})
    else:
        answer = model.run("serving_default", {"length": np.array([length], np.int32), **drawing})
    piece = words.decode(answer["events"][0], f"seed {wishes['seed']}")
    notes = piece.notes[piece.notes["start"] < seconds]
    notes["end"] = np.minimum(notes["end"], seconds)
    piece = replace(piece, notes=notes, tempo=wishes["tempo"] or about["tempo"])
    described = {"length": f"{piece.seconds:.1f} s", "notes": f"{len(piece):,}"}
    return Composed(piece, answer, described)


def _known_events(path: str, words: EventVocabulary, seconds: float) -> np.ndarray:
    """The events of an opening, without an end: int32 [events]."""
    from apps.music.config import DataConfig
    from apps.music.music_files import read_pieces

    parts, _ = read_pieces(path, DataConfig(source="files", path=path, representation="events"))
    piece = next(iter(parts.values()))[0]
    if piece.seconds >= seconds:
        raise UserError(
            f"{path} is {piece.seconds:.1f} s long, which leaves nothing of the {seconds:g} s of the piece to compose; raise "
            "--seconds"
        )
    events = words.encode(piece)
    return events[events != END]


def _drawing(wishes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {
        "seed": np.array([wishes["seed"]], np.int32),
        "temperature": np.array([wishes["temperature"]], np.float32),
        "top_p": np.array([wishes["top_p"]], np.float32),
    }
