"""A piece becomes a Standard MIDI File, which every player, sequencer and score editor opens.

Written with mido, on which pretty_midi stands: it takes ticks, so that the steps of a grid stay exact, and every key
signature and tempo, which pretty_midi rounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import mido
import numpy as np

from apps.music.pieces import NotePiece, Part, VoicePiece, bar_starts, voice_names, voice_notes
from common.files import atomic_write

VOICE_PROGRAM = 19  # church organ: a held note is heard to its end, which a piano would lose
VOICE_VELOCITY = 80
DRUM_CHANNEL = 9
_LEAST_RESOLUTION = 480  # ticks in a quarter
_RESOLUTION_OF_SECONDS = 960  # ticks in a quarter: half a millisecond at 120 quarters a minute
_LONGEST_QUARTER = 2**24 - 1  # microseconds; a MIDI file has three bytes for it
_MAJOR_KEYS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")  # -7 to 7 sharps


def write_midi(piece: VoicePiece | NotePiece, path: str | Path) -> None:
    """Writes a `.mid` file, whole or not at all; see `make_midi`.

    Raises:
        UserError: the disk is full, or the place cannot be written.
    """
    midi = make_midi(piece)
    with atomic_write(path, "wb") as file:
        midi.save(file=file)


def make_midi(piece: VoicePiece | NotePiece) -> mido.MidiFile:
    """A file with tempo, metre and key signature in track 0, and a track for each voice or part.

    The first step of a grid is at time 0. MIDI has no pickup and no bar of another length: such a bar has a metre of its own
    (a pickup of a quarter is a bar of 1/4), so that bar lines are where the positions of the piece say. The last bar has
    not, as nothing follows.

    MIDI cannot strike a key that is down already: a note of a `NotePiece` ends where the same part strikes the same pitch
    again, and of two that begin together the louder and the longer is kept. No note is shorter than a tick.
    """
    if isinstance(piece, VoicePiece):
        resolution = piece.steps_per_quarter * -(-_LEAST_RESOLUTION // piece.steps_per_quarter)
        metres = _metres(piece, resolution)
        parts = tuple(Part(name, VOICE_PROGRAM) for name in voice_names(piece.voices))
        ticks = resolution // piece.steps_per_quarter  # of a step
        notes = [
            [(begin * ticks, end * ticks, pitch, VOICE_VELOCITY) for begin, end, pitch in voice_notes(piece, voice)]
            for voice in range(piece.voices)
        ]
    else:
        resolution = _RESOLUTION_OF_SECONDS
        metres, parts = [(0, piece.metre)], piece.parts
        ticks_per_second = resolution * 1e6 / _quarter(piece.tempo)
        notes = [
            _struck_notes(piece.notes[piece.notes["part"] == part], ticks_per_second) for part in range(len(parts))
        ]
    midi = mido.MidiFile(type=1, ticks_per_beat=resolution, charset="utf-8")
    midi.tracks.append(_time_track(piece, metres))
    for index, (part, rows) in enumerate(zip(parts, notes)):
        # A channel plays one program, so parts share none as long as the fifteen for pitches last.
        channel = DRUM_CHANNEL if part.is_drum else [c for c in range(16) if c != DRUM_CHANNEL][index % 15]
        midi.tracks.append(_note_track(part, channel, rows))
    return midi


def _time_track(piece: VoicePiece | NotePiece, metres: Iterable[tuple[int, tuple[int, int]]]) -> mido.MidiTrack:
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=_encodable(piece.name)))
    track.append(mido.MetaMessage("set_tempo", tempo=_quarter(piece.tempo)))
    if piece.key is not None:
        track.append(mido.MetaMessage("key_signature", key=_MAJOR_KEYS[piece.key + 7]))
    before = 0
    for tick, (numerator, denominator) in metres:
        message = mido.MetaMessage("time_signature", time=tick - before, numerator=numerator, denominator=denominator)
        track.append(message)
        before = tick
    return track


def _note_track(part: Part, channel: int, notes: Iterable[tuple[int, int, int, int]]) -> mido.MidiTrack:
    """Notes as first tick, tick of the end, pitch, velocity."""
    events = []
    for begin, end, pitch, velocity in notes:
        # At the same tick a key goes up before it is struck again: False sorts before True.
        events.append((begin, True, pitch, velocity))
        events.append((end, False, pitch, 64))
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=_encodable(part.name)))
    track.append(mido.Message("program_change", channel=channel, program=part.program))
    before = 0
    for tick, is_on, pitch, velocity in sorted(events):
        kind = "note_on" if is_on else "note_off"
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=tick - before))
        before = tick
    return track


def _struck_notes(notes: np.ndarray, ticks_per_second: float) -> list[tuple[int, int, int, int]]:
    """Notes of one part in ticks, none of which overlaps another of its pitch."""
    struck = {}  # (pitch, first tick) to end and velocity
    for note in notes:
        begin, end = (round(float(note[name]) * ticks_per_second) for name in ("start", "end"))
        place = int(note["pitch"]), begin
        other_end, other_velocity = struck.get(place, (begin + 1, 1))
        struck[place] = max(end, other_end), max(int(note["velocity"]), other_velocity)
    rows = [(begin, end, pitch, velocity) for (pitch, begin), (end, velocity) in sorted(struck.items())]
    return [
        (begin, min(end, after[0]) if after[2] == pitch else end, pitch, velocity)
        for (begin, end, pitch, velocity), after in zip(rows, [*rows[1:], (0, 0, -1, 0)])
    ]


def _metres(piece: VoicePiece, resolution: int) -> list[tuple[int, tuple[int, int]]]:
    """Ticks and metres, one wherever a bar has not the length of the bar before."""
    starts = bar_starts(piece)
    metres = []
    for index, begin in enumerate(starts):
        is_last = index == len(starts) - 1
        if is_last and piece.positions[begin] != 0:
            length = piece.steps_per_bar - int(piece.positions[begin])  # nothing but a pickup
        else:
            length = piece.steps_per_bar if is_last else starts[index + 1] - begin
        metre = _metre(length, piece)
        if metre is not None and (not metres or metres[-1][1] != metre):
            metres.append((begin * resolution // piece.steps_per_quarter, metre))
    return metres or [(0, piece.metre)]


def _metre(length: int, piece: VoicePiece) -> tuple[int, int] | None:
    """The metre of a bar of `length` steps, in the beats of the piece where they fit; None where no metre has this length."""
    if length == piece.steps_per_bar:
        return piece.metre
    whole = Fraction(length, 4 * piece.steps_per_quarter)
    denominator = max(piece.metre[1], whole.denominator)
    beats = whole * denominator
    is_power_of_two = denominator & (denominator - 1) == 0
    return (int(beats), denominator) if is_power_of_two and 0 < beats < 256 and beats.denominator == 1 else None


def _quarter(tempo: float) -> int:
    """Microseconds of a quarter note."""
    return min(max(round(6e7 / tempo), 1), _LONGEST_QUARTER)


def _encodable(name: str) -> str:
    """A name of a file may hold bytes that are no text."""
    return name.encode("utf-8", "replace").decode("utf-8")
