"""Reads MIDI, a file or bytes, into a `Score` in quarter notes or a `NotePiece` in seconds.

pretty_midi and mido do the reading; here is what a performance and what a score want of it.
"""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.music.pieces import NOTE, NotePiece, Part
from apps.music.score import (
    Score,
    UnreadableFile,
    check_length,
    counted,
    ignored,
    is_metre,
    is_tempo,
    make_notes,
    regular_bars,
    shown_error,
)

MIDI_SUFFIXES = (".mid", ".midi", ".kar")
_TEMPO = 500_000  # microseconds a quarter; MIDI's own where a file gives none
_FIFTHS = "FCGDAEB"  # one sharp more each
_SUSTAIN, _DOWN = 64, 64  # the controller of the pedal, and the value from which it is down


@dataclass(frozen=True, eq=False)
class Midi:
    """A MIDI file that could be read.

    Attributes:
        name: for people.
        content: `pretty_midi.PrettyMIDI`, with at least one note.
        key: sharps of the first key signature; None where there is none.
        told: what was left out, as sentences without the name.
    """

    name: str
    content: Any
    key: int | None
    told: tuple[str, ...]

    @property
    def tempo(self) -> float:
        """Quarters a minute at the beginning; 120 where the file gives none, as MIDI has it."""
        return float(self.content.get_tempo_changes()[1][0])


def read_midi(source: Path | bytes, name: str) -> Midi:
    """Reads a file, or its bytes.

    Notes of length zero and those that never end are left out and counted, and so are metres and tempos that cannot be meant.

    Raises:
        UnreadableFile: it is no MIDI, or there are no notes in it.
    """
    import mido
    import pretty_midi

    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"it cannot be read: {error.strerror}") from error
    if not data:
        raise UnreadableFile("it is empty")
    if data[:4] != b"MThd":
        raise UnreadableFile("it is no MIDI, which begins with MThd")
    try:
        parsed = mido.MidiFile(file=io.BytesIO(data), clip=True)
        key = next(
            (message.key for track in parsed.tracks for message in track if message.type == "key_signature"), None
        )
        impossible = _impossible_removed(parsed)
        struck = _without_length_removed(parsed)
        if parsed.ticks_per_beat <= 0:
            raise UnreadableFile("its times are in frames of a film, not in quarter notes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tempo on a later track
            content = pretty_midi.PrettyMIDI(mido_object=parsed)
    except EOFError as error:
        raise UnreadableFile("it is damaged, because it ends in the middle") from error
    # What the two raise on damaged files; nothing but the parsers is called here.
    except (
        mido.midifiles.meta.KeySignatureError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise UnreadableFile(f"it is damaged: {shown_error(error)}") from error
    kept = sum(len(instrument.notes) for instrument in content.instruments)
    if not kept:
        raise UnreadableFile("it has no notes")
    told = [f"{counted(struck - kept, 'note')} without length or end left out"] if struck > kept else []
    return Midi(name, content, _sharps(key), (*told, *impossible))


def midi_score(midi: Midi) -> Score:
    """The parts in quarter notes, exact to a tick whatever the tempo is.

    Percussion is left out; each track, channel and program is a part. Bars follow the metre; where the file gives none, 4/4.

    Raises:
        UnreadableFile: there is nothing but percussion.
    """
    content = midi.content
    told = list(midi.told)
    quarters = 1.0 / content.resolution
    played = [each for each in content.instruments if each.notes and not each.is_drum]
    if not played:
        raise UnreadableFile("it has nothing but percussion")
    parts = []
    for instrument in played:
        rows = [
            (
                content.time_to_tick(note.start) * quarters,
                content.time_to_tick(note.end) * quarters,
                note.pitch,
                note.velocity,
                False,
            )
            for note in instrument.notes
        ]
        parts.append(make_notes(rows)[0])
    length = max(float(part["end"].max()) for part in parts)
    check_length(length)
    changes = [
        (content.time_to_tick(change.time) * quarters, change.numerator, change.denominator)
        for change in content.time_signature_changes
    ]
    # Of several at one time the last counts.
    changes = sorted({change[0]: change for change in changes if change[0] < length}.values())
    if len(content.get_tempo_changes()[1]) > 1:
        told.append("changes of tempo left out")
    bars = regular_bars(changes, length)
    if len(set(bars[["numerator", "denominator"]].tolist())) > 1:
        told.append("the metre changes, and positions in the bar follow it")
    return Score(
        midi.name,
        tuple(parts),
        tuple(instrument.name.strip() for instrument in played),
        bars,
        length,
        key=midi.key,
        tempo=midi.tempo,
        told=tuple(told),
    )


def midi_notes(midi: Midi) -> NotePiece:
    """The notes in seconds, with every change of tempo, drums as drums.

    A note that is let go while the sustain pedal is down rings until the pedal comes up or the same key is struck again.
    """
    content = midi.content
    rows, parts = [], []
    for instrument in content.instruments:
        if instrument.notes:
            ends = _sounding_ends(instrument, content.get_end_time())
            rows += [
                (note.start, end, note.pitch, note.velocity, len(parts)) for note, end in zip(instrument.notes, ends)
            ]
            name = instrument.name.strip() or ("drums" if instrument.is_drum else f"part {1 + len(parts)}")
            parts.append(Part(name, int(instrument.program), bool(instrument.is_drum)))
    notes = np.array(rows, NOTE)
    metre = next(((each.numerator, each.denominator) for each in content.time_signature_changes), (4, 4))
    order = np.lexsort((notes["part"], notes["pitch"], notes["start"]))
    return NotePiece(midi.name, notes[order], tuple(parts), tempo=midi.tempo, metre=metre, key=midi.key)


def _impossible_removed(parsed: Any) -> list[str]:
    """Takes metres that cannot be meant out of the tracks, and puts 120 for such tempos; returns sentences about them."""
    import mido

    metres = tempos = 0
    for track in parsed.tracks:
        for place, message in enumerate(track):
            if message.type == "time_signature" and not is_metre(message.numerator, message.denominator):
                metres += 1
                track[place] = mido.MetaMessage("marker", time=message.time)  # which nobody reads
            elif message.type == "set_tempo" and not (message.tempo and is_tempo(60e6 / message.tempo)):
                tempos += 1
                track[place] = message.copy(tempo=_TEMPO)
    return ignored(metres, tempos)


def _without_length_removed(parsed: Any) -> int:
    """Takes notes that end at the tick of their begin out of the tracks; returns how many notes were begun in all.

    pretty_midi would let them sound until the next end of the same pitch.
    """
    struck = 0
    for track in parsed.tracks:
        now = 0
        begun = defaultdict(list)  # channel and pitch to the begins: tick and place in the track
        removed = set()
        for place, message in enumerate(track):
            now += message.time
            if message.type not in ("note_on", "note_off"):
                continue
            key = (message.channel, message.note)
            if message.type == "note_on" and message.velocity:
                struck += 1
                begun[key].append((now, place))
            elif begun[key] and all(tick == now for tick, _ in begun[key]):
                removed |= {place, *(begin for _, begin in begun.pop(key))}
            else:
                begun[key] = [(tick, begin) for tick, begin in begun[key] if tick == now]
        if removed:
            messages, waited = [], 0
            for place, message in enumerate(track):
                waited += message.time
                if place not in removed:
                    messages.append(message.copy(time=waited))
                    waited = 0
            track[:] = messages
    return struck


def _sounding_ends(instrument: Any, end_of_piece: float) -> list[float]:
    """Seconds at which each note falls silent, with the pedal."""
    ends = [note.end for note in instrument.notes]
    pedal = sorted((each.time, each.value >= _DOWN) for each in instrument.control_changes if each.number == _SUSTAIN)
    if instrument.is_drum or not any(down for _, down in pedal):
        return ends
    times = np.array([time for time, _ in pedal])
    down = np.array([state for _, state in pedal])
    releases = np.append(times[~down], end_of_piece)
    struck = defaultdict(list)
    for note in instrument.notes:
        struck[note.pitch].append(note.start)
    struck = {pitch: np.sort(starts) for pitch, starts in struck.items()}
    for index, note in enumerate(instrument.notes):
        before = np.searchsorted(times, note.end, "right") - 1
        if before >= 0 and down[before]:
            release = releases[np.searchsorted(releases[:-1], note.end, "left")]
            starts = struck[note.pitch]
            again = starts[np.searchsorted(starts, note.end, "left") :]
            ends[index] = max(note.end, min(release, *again[:1]) if len(again) else release)
    return ends


def _sharps(key: str | None) -> int | None:
    """Sharps of a key as mido names it, "F#m"; negative for flats."""
    if key is None:
        return None
    sharps = _FIFTHS.index(key[0]) - 1 + 7 * (key.count("#") - key[1:].count("b"))
    return sharps - 3 if key.endswith("m") else sharps
