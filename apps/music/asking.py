"""What `predict` asks an exported model, and the piece that its answer is: of voices on a grid, or of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from apps.music.config import MOST_BARS
from apps.music.events import END, EventVocabulary
from apps.music.pieces import (
    GIVEN_SILENCE,
    LONGEST,
    NOT_GIVEN,
    SILENCE,
    NotePiece,
    VoicePiece,
    bar_starts,
    steps_per_bar,
)
from apps.music.score import counted
from common.console import Console
from common.errors import UserError
from common.saved_model import SavedModel

BARS, SECONDS = 16, 30.0  # where nobody says how long


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
    per_quarter = about["steps_per_quarter"]
    metre = _metre(wishes, per_quarter) or (known.metre if known is not None else tuple(about["metre"]))
    bar = steps_per_bar(metre, per_quarter)
    pickup = 0 if known is None else _pickup(known)
    steps = _steps(wishes, known, bar, pickup, console)
    positions = (np.arange(steps) - pickup) % bar
    if known is not None and wishes["metre"] is None:  # its own bars, and on from its last one
        last = len(known) - 1
        positions = (known.positions[last] + np.arange(steps) - last) % bar
        positions[: last + 1] = known.positions[:steps]
    given = np.full((steps, about["voices"]), NOT_GIVEN, np.int32)
    onsets = np.zeros(given.shape, bool)
    if known is not None:
        part = slice(0, min(len(known), steps)), slice(0, known.voices)
        pitches = known.pitches[: part[0].stop]
        given[part] = np.where(pitches == SILENCE, GIVEN_SILENCE, pitches)
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
    whole_bars = len(bar_starts(piece)) - (pickup > 0)
    bars = counted(whole_bars, "bar") + (" and a pickup" if pickup else "")
    described = {
        "length": f"{bars} in {metre[0]}/{metre[1]}, {steps * 60 / piece.tempo / per_quarter:.0f} s",
        "voices": f"{piece.voices}, {np.count_nonzero(piece.onsets):,} notes",
    }
    _warn_of_silence(np.count_nonzero(piece.pitches != SILENCE), console)
    return Composed(piece, answer, described, None if known is None else given != NOT_GIVEN)


def _known_voices(about: Mapping[str, Any], wishes: Mapping[str, Any], console: Console) -> VoicePiece | None:
    """What was given to be harmonised or continued, within the reach of the model; None for nothing."""
    from apps.music.music_files import read_voices

    melody, prime = wishes["melody"], wishes["prime"]
    if melody is None and prime is None:
        return None
    if melody is not None and about["voices"] == 1:
        raise UserError(
            "--melody is for models of several voices; this one has a single voice, so give --prime instead"
        )
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
    sounding = [pitches[pitches != SILENCE].astype(int) for pitches in known.pitches.T]
    pairs = [(pitches, pair) for pitches, pair in zip(sounding, about["ranges"]) if len(pitches)]
    if not pairs:
        raise UserError(f"{path} has no note in its {'voice' if known.voices == 1 else 'voices'}; give one with notes")

    voices, learned = zip(*pairs)
    lowest, highest = about["lowest"], about["highest"]

    def outside(shift: int, extremes: Sequence[tuple[int, int]]) -> int:
        """Semitones from ranges, those of all voices and steps together."""
        moved = [(pitches + shift, *pair) for pitches, pair in zip(voices, extremes)]
        return sum(int(np.abs(pitches - np.clip(pitches, low, high)).sum()) for pitches, low, high in moved)

    def badness(shift: int) -> tuple:
        """What cannot be said at all is worst; octaves keep the key, so other steps only where no octave is as good."""
        return outside(shift, [(lowest, highest)] * len(voices)), outside(shift, learned), shift % 12 != 0, abs(shift)

    shift = min(range(-60, 61), key=badness) if outside(0, learned) else 0
    if badness(shift)[0]:
        raise UserError(
            f"{path} spans more than the model can say, which is MIDI pitch {lowest} to {highest}; give a file with a smaller "
            "range"
        )
    if shift:
        ranges = ", ".join(f"{low} to {high}" for low, high in learned)
        console.warn(
            f"{path} is transposed by {counted(abs(shift), 'semitone')} {'up' if shift > 0 else 'down'}, because it leaves the "
            f"range that the model has learned (MIDI pitches {ranges})"
        )
        known = known.transposed(shift)
    return known


def _metre(wishes: Mapping[str, Any], steps_per_quarter: int) -> tuple[int, int] | None:
    """The metre that was asked for, whose bars must end where steps of the grid do."""
    metre = wishes["metre"]
    if metre is not None and 4 * metre[0] * steps_per_quarter % metre[1]:
        raise UserError(
            f"--metre is {metre[0]}/{metre[1]}, whose bars do not end with a step of the grid of {steps_per_quarter} steps in a "
            "quarter note; give one such as 4/4, 3/4 or 6/8"
        )
    return metre


def _pickup(known: VoicePiece) -> int:
    """Steps before the first bar line; 0 for a piece that begins with one."""
    if not known.positions[0]:
        return 0
    starts = bar_starts(known)
    return starts[1] if len(starts) > 1 else max(known.steps_per_bar - int(known.positions[0]), len(known))


def _steps(wishes: Mapping[str, Any], known: VoicePiece | None, bar: int, pickup: int, console: Console) -> int:
    """How many steps the piece has, what is given counted; bars are counted from the first bar line, a pickup beside them."""
    bars, path = wishes["bars"], wishes["melody"] or wishes["prime"]
    if wishes["melody"] is not None and bars is None:
        steps, shorter = len(known), f"give --bars, so that only the beginning of {path} is harmonised"
    else:
        steps, shorter = pickup + bar * (BARS if bars is None else bars), "give fewer --bars"
    if steps > LONGEST:
        raise UserError(f"the piece would have {steps:,} steps, but the model composes at most {LONGEST:,}; {shorter}")
    if wishes["prime"] is not None and len(known) >= steps:
        needed = -(-(len(known) + 1 - pickup) // bar)
        more = f"--bars {needed} or more, or " if needed <= MOST_BARS else ""
        raise UserError(
            f"{path} is {len(known)} steps long, which leaves nothing of the {steps} steps of the piece to compose; give {more}"
            "a shorter file"
        )
    if known is not None and len(known) > steps:
        console.line(f"{path}: only the first {steps} of its {len(known)} steps are harmonised.")
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
    known, tempo, metre = np.zeros(0, np.int32), about["tempo"], (4, 4)
    if wishes["prime"] is not None:
        prime = _known_notes(wishes["prime"], seconds, console)
        known, tempo, metre = words.encode(prime), prime.tempo, prime.metre
        known = known[known != END]
        if len(known) >= LONGEST:
            raise UserError(
                f"{wishes['prime']} has {len(known):,} events, but the model composes at most {LONGEST:,}; give a "
                "shorter file"
            )
    # Half as many again as usual: music may be denser, and what is beyond the time is cut.
    length = len(known) + max(8, round(1.5 * seconds * about["events_per_second"]))
    length = min(length, LONGEST)
    drawing = _drawing(wishes)
    if len(known):
        events = np.concatenate([known, np.zeros(length - len(known), np.int32)])[None]
        answer = model.run("complete", {"events": events, **drawing})
    else:
        answer = model.run("serving_default", {"length": np.array([length], np.int32), **drawing})
    piece = words.decode(answer["events"][0], f"seed {wishes['seed']}")
    notes = piece.notes[piece.notes["start"] < seconds]
    notes["end"] = np.minimum(notes["end"], seconds)
    piece = replace(piece, notes=notes, tempo=wishes["tempo"] or tempo, metre=metre)
    _warn_of_silence(len(piece), console)
    described = {"length": f"{piece.seconds:.1f} s", "notes": f"{len(piece):,}"}
    return Composed(piece, answer, described)


def _known_notes(path: str, seconds: float, console: Console) -> NotePiece:
    """An opening, which is shorter than the piece."""
    from apps.music.music_files import read_notes

    piece, told = read_notes(path)
    for sentence in told:
        console.line(f"{path}: {sentence}.")
    if piece.seconds >= seconds:
        raise UserError(
            f"{path} is {piece.seconds:.1f} s long, which leaves nothing of the {seconds:g} s of the piece to compose; give "
            f"--seconds {int(piece.seconds) + 1} or more, or a shorter file"
        )
    return piece


def _drawing(wishes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {
        "seed": np.array([wishes["seed"]], np.int32),
        "temperature": np.array([wishes["temperature"]], np.float32),
        "top_p": np.array([wishes["top_p"]], np.float32),
    }


def _warn_of_silence(notes: int, console: Console) -> None:
    if not notes:
        console.warn(
            "the piece has no note: with a low --temperature, or after a short training, silence may be what is likeliest"
        )
