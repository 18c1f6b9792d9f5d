"""Pieces of music in the two forms that the application knows, and the splits of them that a run works with.

Every source ends in one of the two, which of them `data.representation` says: `VoicePiece` for `voices`, a fixed number of
voices on a grid, and `NotePiece` for `events`, any notes at any time. Whatever writes a file takes either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

SILENCE = -1
NOT_GIVEN, GIVEN_SILENCE = -1, -2  # where some pitches are given and others to be found, in the place of a pitch
LONGEST = 16_384  # steps, or events, that a model composes at most
# A note: begin and end in seconds, MIDI pitch 0 to 127, MIDI velocity 1 to 127, and its part's place in `NotePiece.parts`.
NOTE = np.dtype([("start", "f8"), ("end", "f8"), ("pitch", "i2"), ("velocity", "i2"), ("part", "i2")])


@dataclass(frozen=True, eq=False)
class VoicePiece:
    """Voices on a grid, at most one note in each at a time.

    Attributes:
        name: for people: a number of a catalogue, a file.
        pitches: int16 [time, voices], the MIDI pitch that sounds, `SILENCE` where none does; the highest voice first.
        onsets: bool [time, voices], True where a note begins. A note of the same pitch that is not held has one, too; silence
            has none.
        positions: int16 [time], steps since the last bar line, from 0.
        steps_per_quarter: steps of the grid in a quarter note.
        metre: numerator and denominator, of most of the bars.
        key: sharps of the key signature, negative for flats, -7 to 7; None where it is not known.
        fermatas: bool [time], True where a note with a fermata sounds.
        tempo: quarter notes a minute.
        group: what pieces that are variants of each other share; they stand in one split.
    """

    name: str
    pitches: np.ndarray
    onsets: np.ndarray
    positions: np.ndarray
    steps_per_quarter: int = 4
    metre: tuple[int, int] = (4, 4)
    key: int | None = None
    fermatas: np.ndarray | None = None
    tempo: float = 96.0
    group: str = ""

    def __post_init__(self):
        shape = self.pitches.shape
        if len(shape) != 2 or self.onsets.shape != shape or self.positions.shape != shape[:1]:
            raise ValueError(
                f"{self.name}: pitches {shape}, onsets {self.onsets.shape} and positions {self.positions.shape} do not fit"
            )

    def __len__(self) -> int:
        """Steps of the grid."""
        return len(self.pitches)

    @property
    def voices(self) -> int:
        return self.pitches.shape[1]

    @property
    def steps_per_bar(self) -> int:
        return steps_per_bar(self.metre, self.steps_per_quarter)

    def transposed(self, semitones: int) -> VoicePiece:
        """The same piece, higher by some semitones; the key signature follows."""
        key = self.key
        if key is not None:  # a fifth up is one sharp more, a semitone seven
            key = (key + 7 * semitones + 5) % 12 - 5
        sounding = self.pitches != SILENCE
        return replace(self, pitches=np.where(sounding, self.pitches + semitones, SILENCE).astype(np.int16), key=key)


@dataclass(frozen=True)
class Part:
    """An instrument of a `NotePiece`.

    Attributes:
        name: for people.
        program: MIDI program 0 to 127.
        is_drum: whether pitches mean drums.
    """

    name: str
    program: int = 0
    is_drum: bool = False


@dataclass(frozen=True, eq=False)
class NotePiece:
    """Any notes at any time.

    Attributes:
        name: for people: a number of a catalogue, a file.
        notes: `NOTE` [notes], by start, then pitch; each ends after it starts.
        parts: who plays.
        tempo: quarter notes a minute; seconds do not depend on it.
        metre: numerator and denominator.
        key: sharps of the key signature, negative for flats; None where it is not known.
        group: what pieces that are variants of each other share; they stand in one split.
    """

    name: str
    notes: np.ndarray
    parts: tuple[Part, ...] = (Part("piano"),)
    tempo: float = 120.0
    metre: tuple[int, int] = (4, 4)
    key: int | None = None
    group: str = ""

    def __len__(self) -> int:
        """Notes."""
        return len(self.notes)

    @property
    def seconds(self) -> float:
        """Where the last note ends."""
        return float(self.notes["end"].max(initial=0.0))

    @property
    def drum_notes(self) -> np.ndarray:
        """Bool [notes], whether a note is one of a drum."""
        return np.array([part.is_drum for part in self.parts], bool)[self.notes["part"]]

    @property
    def is_drums(self) -> bool:
        """Whether nobody plays anything else."""
        return bool(self.parts) and all(part.is_drum for part in self.parts)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Some pieces of one form, and for people where they come from."""

    pieces: tuple[VoicePiece, ...] | tuple[NotePiece, ...]
    origin: str

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self):
        return iter(self.pieces)

    def take(self, indices: Sequence[int]) -> Pieces:
        """The pieces at `indices`."""
        return Pieces(tuple(self.pieces[int(index)] for index in indices), self.origin)


@dataclass(frozen=True, eq=False)
class Splits:
    """Raw train, validation and test pieces, and what a person should know about how they came to be.

    Attributes:
        train: what the preprocessor and the model learn from.
        validation: what chooses settings.
        test: looked at once.
        cache: the folder in which the prepared data lie for the next run; None where nothing is prepared.
        notes: sentences for the console, such as how many files were broken.
        available: how many pieces train, validation and test have without `data.limit`; None if it left out none.
    """

    train: Pieces
    validation: Pieces
    test: Pieces
    cache: str | None = None
    notes: tuple[str, ...] = ()
    available: tuple[int, int, int] | None = None

    def describe(self) -> dict[str, str]:
        """What a person wants to know first, name to text: how many pieces, how long, where they come from."""
        rows = {}
        for index, name in enumerate(("train", "validation", "test")):
            part = getattr(self, name)
            whole = f" of {self.available[index]:,}" if self.available else ""
            count = sum(map(len, part))
            unit = "steps" if isinstance(part.pieces[0], VoicePiece) else "notes"
            rows[name] = f"{len(part):,}{whole} pieces, {count:,} {unit}, from {part.origin}"
        return rows


def steps_per_bar(metre: tuple[int, int], steps_per_quarter: int) -> int:
    """Steps of the grid in a bar, at least 1."""
    numerator, denominator = metre
    return max(1, round(4 * numerator * steps_per_quarter / denominator))


def onsets_where_pitches_change(pitches: np.ndarray) -> np.ndarray:
    """Bool [time, voices] of pitches [time, voices] from a source that does not say where notes begin."""
    before = np.concatenate([np.full_like(pitches[:1], SILENCE), pitches[:-1]])
    return (pitches != SILENCE) & (pitches != before)


def voice_notes(piece: VoicePiece, voice: int) -> list[tuple[int, int, int]]:
    """First step, step after the last, and MIDI pitch of each note of a voice, in order; held steps are joined."""
    pitches, onsets = piece.pitches[:, voice], piece.onsets[:, voice]
    before = np.concatenate([[SILENCE], pitches[:-1]])
    changes = np.flatnonzero(onsets | (pitches != before))
    ends = np.append(changes[1:], len(pitches))
    return [
        (int(begin), int(end), int(pitches[begin])) for begin, end in zip(changes, ends) if pitches[begin] != SILENCE
    ]


def voice_names(voices: int) -> tuple[str, ...]:
    """What the voices are called, the highest first."""
    return VOICE_NAMES.get(voices, tuple(f"voice {1 + index}" for index in range(voices)))


def bar_starts(piece: VoicePiece) -> list[int]:
    """Steps at which bars begin; the first is 0 even where the piece begins with a pickup, an empty piece has none."""
    again = 1 + np.flatnonzero(piece.positions[1:] <= piece.positions[:-1])
    return [0, *map(int, again)] if len(piece) else []


def voices_to_notes(piece: VoicePiece, velocity: int = 80) -> NotePiece:
    """The notes of a piece on a grid; one part for each voice.

    Args:
        piece: any number of voices.
        velocity: of every note, 1 to 127.
    """
    step = 60.0 / piece.tempo / piece.steps_per_quarter  # seconds
    rows = [
        (begin * step, end * step, pitch, velocity, voice)
        for voice in range(piece.voices)
        for begin, end, pitch in voice_notes(piece, voice)
    ]
    notes = np.array(rows, NOTE)
    order = np.lexsort((notes["part"], notes["pitch"], notes["start"]))
    return NotePiece(
        piece.name,
        notes[order],
        tuple(Part(name) for name in voice_names(piece.voices)),
        tempo=piece.tempo,
        metre=piece.metre,
        key=piece.key,
        group=piece.group,
    )


VOICE_NAMES = {1: ("melody",), 4: ("soprano", "alto", "tenor", "bass")}
