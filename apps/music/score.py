"""What a file of notes says before it is put on a grid: parts of notes and bars, in quarter notes.

Stands between the readers (`midi_files`, `score_files`) and `voicing`, which makes a `VoicePiece` of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

# Begin and end in quarters from the begin of the piece, MIDI pitch and velocity, whether a fermata stands over it.
SCORE_NOTE = np.dtype([("start", "f8"), ("end", "f8"), ("pitch", "i2"), ("velocity", "i2"), ("fermata", "?")])
# Begin in quarters, metre, and the quarters between the bar line before it and its begin: not 0 for a pickup.
BAR = np.dtype([("start", "f8"), ("numerator", "i4"), ("denominator", "i4"), ("position", "f8")])
_SAME = 1e-6  # quarters; what is nearer is at the same time
_LONGEST = 2**20  # quarters; what is longer is damaged, and its bars would fill the memory
_MOST_BEATS, _SHORTEST_BEAT = 99, 64  # of a metre
SLOWEST, FASTEST = 10.0, 400.0  # quarters a minute


class UnreadableFile(Exception):
    """A file is not what its name says, or has nothing in it that can be used; the text says what is wrong."""


@dataclass(frozen=True, eq=False)
class Score:
    """Parts of notes in quarters, as written.

    Attributes:
        name: for people.
        parts: for each part `SCORE_NOTE` [notes], by start, then pitch, highest first. Ties are joined. No percussion.
        part_names: for people.
        bars: `BAR` [bars], at least one, the first at 0.
        length: quarters, to the end of the last bar or note.
        key: sharps of the first key signature, None where there is none.
        tempo: quarters a minute at the beginning; None where none is given.
        told: what was left out or changed on the way, as sentences without the name.
    """

    name: str
    parts: tuple[np.ndarray, ...]
    part_names: tuple[str, ...]
    bars: np.ndarray
    length: float
    key: int | None = None
    tempo: float | None = None
    told: tuple[str, ...] = ()

    @property
    def metre(self) -> tuple[int, int]:
        """Numerator and denominator of most of the bars."""
        counts = Counter(zip(self.bars["numerator"].tolist(), self.bars["denominator"].tolist()))
        return counts.most_common(1)[0][0]


def is_metre(numerator: int | None, denominator: int | None) -> bool:
    """Whether a metre can be meant; what damage leaves, such as 4/1073741824, cannot."""
    return 1 <= (numerator or 0) <= _MOST_BEATS and 1 <= (denominator or 0) <= _SHORTEST_BEAT


def is_tempo(quarters_a_minute: float) -> bool:
    """Whether a tempo can be meant."""
    return SLOWEST <= quarters_a_minute <= FASTEST


def ignored(metres: int, tempos: int) -> list[str]:
    """Sentences about metres and tempos that were taken for damage; of how many, nobody needs to know."""
    counts = {"metre": metres, "tempo": tempos}
    return [f"an impossible {what} was ignored" for what, count in counts.items() if count]


def check_length(quarters: float) -> None:
    """Refuses what lasts so long that it must be damaged.

    Raises:
        UnreadableFile: it does.
    """
    if quarters > _LONGEST:
        raise UnreadableFile(f"it lasts {quarters:,.0f} quarter notes, so it is damaged")


def make_notes(rows: list[tuple]) -> tuple[np.ndarray, int]:
    """`SCORE_NOTE` [notes] of rows in any order, and how many of them had no length and were left out."""
    kept = [row for row in rows if row[1] - row[0] > _SAME]
    notes = np.array(kept, SCORE_NOTE)
    return notes[np.lexsort((-notes["pitch"], notes["start"]))], len(rows) - len(kept)


def make_bars(starts: list[float], metres: list[tuple[int, int]], length: float) -> np.ndarray:
    """`BAR` [bars] of bars as they are written.

    A bar that is too short and the first one ends at its bar line, as a pickup. So does the second of two short ones in
    succession that make a whole bar together: a repeat sign stands between them.

    Args:
        starts: quarters, ascending, the first 0.
        metres: numerator and denominator of each bar.
        length: quarters of the whole.
    """
    bars = np.zeros(len(starts), BAR)
    before = 0.0  # quarters that are filled of the bar that the last short one began
    for index, ((numerator, denominator), end) in enumerate(zip(metres, [*starts[1:], length])):
        whole, found = 4.0 * numerator / denominator, end - starts[index]
        position = 0.0
        if 0 < found < whole - _SAME:
            if index == 0 and len(starts) > 1:
                position = whole - found
            elif before and abs(before + found - whole) < _SAME:
                position = before
            before = 0.0 if position else found
        else:
            before = 0.0
        bars[index] = (starts[index], numerator, denominator, position)
    return bars


def regular_bars(changes: list[tuple[float, int, int]], length: float) -> np.ndarray:
    """`BAR` [bars] that fill a piece, where only the changes of metre are known.

    A single bar at the beginning that is shorter than the next metre is a pickup: notation programs write one as a metre of
    its own.

    Args:
        changes: quarter, numerator and denominator, ascending; 4/4 before the first. A change ends the bar in which it
            stands.
        length: quarters of the whole.
    """
    if not changes or changes[0][0] > _SAME:
        changes = [(0.0, 4, 4), *changes]
    rows = []
    for (start, numerator, denominator), end in zip(changes, [change[0] for change in changes[1:]] + [length]):
        whole = 4.0 * numerator / denominator
        count = max(1 if start == 0 else 0, int(np.ceil((end - start) / whole - _SAME)))
        rows += [(start + whole * index, numerator, denominator, 0.0) for index in range(count)]
    bars = np.array(rows, BAR)
    if len(changes) > 1 and len(bars) > 1 and abs(bars["start"][1] - changes[1][0]) < _SAME:
        following = 4.0 * changes[1][1] / changes[1][2]
        if changes[1][0] < following - _SAME:
            bars[0] = (0.0, *changes[1][1:], following - changes[1][0])
    return bars


def counted(count: int, what: str) -> str:
    """ "1 note", "1,234 notes" of 1 or 1234 and "note"."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def shown_error(error: Exception) -> str:
    """The kind of an exception and the first line of what it says, without a full stop."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__
