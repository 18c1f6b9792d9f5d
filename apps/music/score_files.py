"""Reads MusicXML and ABC through music21 into `Score`s: ties joined, fermatas, key, metre and bars as written.

Repeats are not played twice. music21's own `converter.parse` would keep pickled copies of what it read and load them again;
it is not used.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from apps.music.score import Score, UnreadableFile, counted, make_bars, make_notes, regular_bars, shown_error

SCORE_SUFFIXES = (".xml", ".musicxml", ".mxl", ".abc")
_VELOCITY = 80
_SAME = 1e-6  # quarters


def read_scores(path: Path, name: str) -> list[Score]:
    """The pieces of a file; an ABC file may have several.

    Args:
        path: the file, of one of `SCORE_SUFFIXES`.
        name: what to call it for people.

    Raises:
        UnreadableFile: music21 cannot read it, or there are no notes in it.
    """
    from music21.exceptions21 import Music21Exception
    from music21.stream import Opus

    try:
        stream = parse(path)
    # What music21 raises on files that are damaged or of another kind; nothing but the parser is called here.
    except (
        Music21Exception,
        ParseError,
        BadZipFile,
        OSError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise UnreadableFile(f"music21 cannot read it: {shown_error(error)}") from error
    streams = list(stream.scores) if isinstance(stream, Opus) else [stream]
    scores = [
        make_score(each, name if len(streams) == 1 else f"{name} {number}")
        for number, each in enumerate(streams, start=1)
    ]
    scores = [score for score in scores if any(map(len, score.parts))]
    if not scores:
        raise UnreadableFile("it has no notes")
    return scores


def parse(path: Path) -> Any:
    """The `music21.stream.Score` or `Opus` of a file, without the pickled copies that music21 keeps otherwise."""
    from music21 import converter

    reader = converter.Converter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about notation that nobody here looks at
        reader.parseFileNoPickle(path)
    return reader.stream


def make_score(stream: Any, name: str) -> Score:
    """The `Score` of a `music21.stream.Score`.

    Percussion, chord symbols and grace notes are left out; parts without a note are no parts.
    """
    found, without_length = [], 0
    streams = list(stream.parts) or [stream]
    for part in streams:
        notes, dropped = make_notes(_note_rows(part))
        without_length += dropped
        if len(notes):
            found.append((str(part.partName or ""), notes))
    length = max([float(part.highestTime) for part in streams] + [float(notes["end"].max()) for _, notes in found])
    everything = stream.recurse()
    key = everything.getElementsByClass("KeySignature").first()
    marks = [mark.getQuarterBPM() for mark in everything.getElementsByClass("MetronomeMark")]
    told = []
    if without_length:
        told.append(f"{counted(without_length, 'note')} without length left out")
    if len({mark for mark in marks if mark}) > 1:
        told.append("changes of tempo left out")
    return Score(
        name,
        tuple(notes for _, notes in found),
        tuple(part_name for part_name, _ in found),
        _read_bars(streams[0], length),
        length,
        key=None if key is None or not -7 <= key.sharps <= 7 else int(key.sharps),
        tempo=next((float(mark) for mark in marks if mark), None),
        told=tuple(told),
    )


def _note_rows(part: Any) -> list[tuple]:
    """Start, end, pitch, velocity and fermata of each note of a part; tied notes are one."""
    from music21.chord import Chord
    from music21.expressions import Fermata
    from music21.harmony import Harmony
    from music21.note import Note

    rows: list[list] = []
    open_ties: dict[int, int] = {}  # pitch to the place in `rows` of a note that goes on
    for element in part.flatten().notes:
        if isinstance(element, Harmony) or not isinstance(element, (Note, Chord)) or element.duration.isGrace:
            continue
        start = float(element.offset)
        end = start + float(element.quarterLength)
        fermata = any(isinstance(mark, Fermata) for mark in element.expressions)
        for note in element.notes if isinstance(element, Chord) else (element,):
            tie = (note.tie or element.tie).type if note.tie or element.tie else None
            pitch = min(127, max(0, int(note.pitch.ps)))
            held = open_ties.pop(pitch, None)
            if tie in ("stop", "continue") and held is not None and abs(rows[held][1] - start) < _SAME:
                rows[held][1] = end
                rows[held][4] |= fermata
            else:
                held = len(rows)
                rows.append([start, end, pitch, note.volume.velocity or _VELOCITY, fermata])
            if tie in ("start", "continue"):
                open_ties[pitch] = held
    return [tuple(row) for row in rows]


def _read_bars(part: Any, length: float):
    starts, metres = [], []
    metre = (4, 4)
    measures = list(part.getElementsByClass("Measure"))
    if not measures:
        signatures = part.recurse().getElementsByClass("TimeSignature")
        changes = [(float(each.getOffsetInHierarchy(part)), each.numerator, each.denominator) for each in signatures]
        return regular_bars(changes, length)
    for measure in measures:
        signature = measure.timeSignature
        if signature is not None:
            metre = (signature.numerator, signature.denominator)
        starts.append(float(measure.offset))
        metres.append(metre)
    return make_bars(starts, metres, length)
