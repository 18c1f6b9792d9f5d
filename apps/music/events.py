"""Any notes at any time as a sequence of events: note on, note off, loudness, time.

    velocity 21, on 60, shift 50, off 60, end      middle C for half a second, with 32 degrees of loudness

Time is counted in steps of a grid, hundredths of a second by default; on it nothing is lost, but for what instrument plays:
drums stay drums, all others become one. A note that begins while one of the same pitch sounds ends that one.

Reference:
    Oore et al. 2018, arXiv:1808.03715.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.music.pieces import NOTE, NotePiece, Part

END = 1
PITCHES = 128
PIANO, DRUMS = Part("piano"), Part("drums", is_drum=True)


@dataclass(frozen=True)
class EventVocabulary:
    """Numbers of the events.

    They follow each other: `FREE`, `END`, one that is never said (it means `HOLD` to voices), notes on, notes off, drums on,
    drums off, loudness, time.

    Attributes:
        velocity_bins: degrees of loudness.
        max_shift: the most time steps one event can say.
        time_step: seconds.
    """

    velocity_bins: int
    max_shift: int
    time_step: float

    slots = 1
    first_on, first_off = 3, 3 + PITCHES
    first_drum_on, first_drum_off = 3 + 2 * PITCHES, 3 + 3 * PITCHES
    first_velocity = 3 + 4 * PITCHES

    @property
    def first_shift(self) -> int:
        return self.first_velocity + self.velocity_bins

    @property
    def size(self) -> int:
        return self.first_shift + self.max_shift

    def allowed(self) -> np.ndarray:
        """Bool [1, size], which events there are."""
        ids = np.arange(self.size)
        return ((ids == END) | (ids >= self.first_on))[None]

    def transposition(self, most: int) -> np.ndarray:
        """What each event becomes: int32 [2 · most + 1, size], from `most` semitones down to `most` up; drums stay."""
        rows = np.tile(np.arange(self.size, dtype=np.int32), (2 * most + 1, 1))
        for row, semitones in zip(rows, range(-most, most + 1)):
            for first in (self.first_on, self.first_off):
                row[first : first + PITCHES] = first + np.clip(np.arange(PITCHES) + semitones, 0, PITCHES - 1)
        return rows

    def encode(self, piece: NotePiece) -> np.ndarray:
        """The events of a piece, `END` the last: int32 [events]."""
        events = []  # (time, off before on, event before which loudness may be said, loudness or -1)
        for start, end, pitch, degree, is_drum in self._on_grid(piece):
            on, off = (self.first_drum_on, self.first_drum_off) if is_drum else (self.first_on, self.first_off)
            events += [(start, 1, on + pitch, degree), (end, 0, off + pitch, -1)]
        found, now, loudness = [], 0, -1
        for time, _, event, degree in sorted(events):
            while time > now:
                shift = min(time - now, self.max_shift)
                found.append(self.first_shift + shift - 1)
                now += shift
            if degree not in (-1, loudness):
                found.append(self.first_velocity + degree)
                loudness = degree
            found.append(event)
        return np.array([*found, END], np.int32)

    def _on_grid(self, piece: NotePiece) -> list[tuple[int, int, int, int, bool]]:
        """Start and end in time steps, pitch, degree of loudness, and whether it is a drum, of each note that stays."""
        is_drum = np.array([part.is_drum for part in piece.parts], bool)
        sounding, found = {}, []
        starts = np.round(piece.notes["start"] / self.time_step).astype(int)
        ends = np.maximum(np.round(piece.notes["end"] / self.time_step).astype(int), starts + 1)
        degrees = np.clip((piece.notes["velocity"] - 1) * self.velocity_bins // 127, 0, self.velocity_bins - 1)
        order = np.lexsort((-ends, piece.notes["pitch"], starts))
        for start, end, pitch, degree, part in zip(
            starts[order], ends[order], piece.notes["pitch"][order], degrees[order], piece.notes["part"][order]
        ):
            key = (int(pitch), bool(is_drum[part]))
            before = sounding.get(key)
            if before is not None and found[before][0] == start:
                continue  # the same note twice at once
            if before is not None and found[before][1] > start:
                found[before] = (found[before][0], int(start), *found[before][2:])
            sounding[key] = len(found)
            found.append((int(start), int(end), key[0], int(degree), key[1]))
        return found

    def decode(self, events: np.ndarray, name: str = "composed") -> NotePiece:
        """The piece that events make, up to `END`: int [events] to notes.

        An end of what does not sound says nothing; what is never ended sounds to the end. Loudness is the middle of its degree.
        """
        now, loudness, sounding, rows, drums = 0, self.velocity_bins // 2, {}, [], False

        def end(key):
            start, velocity = sounding.pop(key)
            if now > start:
                rows.append((start * self.time_step, now * self.time_step, key[0], velocity, int(key[1])))

        for event in map(int, events):
            if event == END:
                break
            if event >= self.first_shift:
                now += event - self.first_shift + 1
            elif event >= self.first_velocity:
                loudness = event - self.first_velocity
            elif event >= self.first_on:
                kind, pitch = divmod(event - self.first_on, PITCHES)
                key = (pitch, kind >= 2)
                drums |= key[1]
                if key in sounding:
                    end(key)
                if kind in (0, 2):
                    sounding[key] = (now, self.velocity_of(loudness))
        for key in list(sounding):
            end(key)
        notes = np.array(rows, NOTE)
        order = np.lexsort((notes["part"], notes["pitch"], notes["start"]))
        return NotePiece(name, notes[order], (PIANO, DRUMS) if drums else (PIANO,))

    def velocity_of(self, degree: int) -> int:
        """The MIDI velocity in the middle of a degree, 1 to 127."""
        lowest, behind = (-(-each * 127 // self.velocity_bins) for each in (degree, degree + 1))  # rounded up
        return 1 + (lowest + behind - 1) // 2
