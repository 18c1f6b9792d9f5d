"""Reads MusicXML and ABC through music21 into `Score`s: ties joined, fermatas, key, metre and bars as written.

Repeats are played as often as written where that is clear, else once. music21's own `converter.parse` would keep pickled
copies of what it read and load them again; it is not used.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import numpy as np

from apps.music.abc_checks import foreign_text, lacks_length, read_text
from apps.music.score import (
    Score,
    UnreadableFile,
    check_length,
    counted,
    ignored,
    is_metre,
    is_tempo,
    make_bars,
    make_notes,
    regular_bars,
    shown_error,
)

SCORE_SUFFIXES = (".xml", ".musicxml", ".mxl", ".abc")
_VELOCITY = 80
_LARGEST_IN_METRE = 128  # what is not larger is read at once
_MOST_TIMES = 8  # that a repeat is played; more is damage
# What Python raises inside music21 on what it did not expect.
_ODD = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
_SAME = 1e-6  # quarters


def read_scores(path: Path, name: str) -> list[Score]:
    """The pieces of a file; an ABC file may have several.

    Args:
        path: the file, of one of `SCORE_SUFFIXES`.
        name: what to call it for people.

    Raises:
        UnreadableFile: music21 cannot read it, there are no notes in it, or words that are no ABC.
    """
    from music21.exceptions21 import Music21Exception
    from music21.stream import Opus

    abc = read_text(path) if path.suffix.lower() == ".abc" else None
    foreign, is_much = ("", False) if abc is None else foreign_text(abc)
    if is_much:
        raise UnreadableFile(foreign)
    try:
        stream = parse(path)
    # What music21 raises on files that are damaged or of another kind; nothing but the parser is called here.
    except (Music21Exception, ParseError, BadZipFile, OSError, RecursionError, *_ODD) as error:
        if abc is not None and lacks_length(abc):
            raise UnreadableFile(
                "it does not say how long a note is; begin it with the lines X:1, L:1/4 and K:C"
            ) from error
        raise UnreadableFile(f"music21 cannot read it: {shown_error(error)}") from error
    streams = list(stream.scores) if isinstance(stream, Opus) else [stream]
    scores = []
    for number, each in enumerate(streams, start=1):
        each, told = _with_repeats(each)
        try:
            score = make_score(each, name if len(streams) == 1 else f"{name} {number}")
        except (Music21Exception, ZeroDivisionError) as error:  # what music21 computes only when it is asked
            raise UnreadableFile(f"music21 cannot read it: {shown_error(error)}") from error
        scores.append(replace(score, told=(*told, *score.told)))
    if foreign:
        scores[0] = replace(scores[0], told=(*scores[0].told, foreign))
    scores = [score for score in scores if any(map(len, score.parts))]
    if not scores:
        raise UnreadableFile("it has no notes")
    return scores


def parse(path: Path) -> Any:
    """The `music21.stream.Score` or `Opus` of a file, without the pickled copies that music21 keeps otherwise."""
    from music21 import converter

    reader = converter.Converter()
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder, _metres_bounded():
        warnings.simplefilter("ignore")  # about notation that nobody here looks at
        if path.suffix != path.suffix.lower():  # music21 unpacks .mxl, but not .MXL
            path = Path(shutil.copyfile(path, Path(folder) / f"score{path.suffix.lower()}"))
        reader.parseFileNoPickle(path)
    return reader.stream


@contextmanager
def _metres_bounded() -> Iterator[None]:
    """Keeps music21 from a metre of thousands of beats, whose accents it would compute for hours."""
    from music21.meter import MeterException, TimeSignature

    load = TimeSignature.load

    def bounded(self, value: str, *arguments, **options) -> None:
        if any(len(number) > 9 or int(number) > _LARGEST_IN_METRE for number in re.findall(r"[0-9]+", value)):
            raise MeterException(f"the metre {value[:20]} cannot be meant")
        load(self, value, *arguments, **options)

    TimeSignature.load = bounded
    try:
        yield
    finally:
        TimeSignature.load = load


def _with_repeats(stream: Any) -> tuple[Any, list[str]]:
    """A score with its repeats written out, and sentences; as it is where it has none or they are not clear."""
    from music21.exceptions21 import Music21Exception

    if stream.recurse().getElementsByClass("RepeatMark").first() is None:
        return stream, []
    try:
        if all(map(_repeats_are_clear, stream.parts)):
            for part in stream.parts:
                _write_metres(part)
            expanded = stream.expandRepeats()
            if len({len(part.getElementsByClass("Measure")) for part in expanded.parts}) == 1:
                return expanded, []
    # What music21 raises on signs that do not fit each other; nothing but music21 does the work here.
    except (Music21Exception, RecursionError, *_ODD):
        pass
    return stream, ["repeats are played once"]


def _repeats_are_clear(part: Any) -> bool:
    """Whether each repeat has its begin, but for the first one.

    music21 goes back to the begin of the piece for those that have none, and loses the second half of `:|:` in ABC.
    """
    begun = True
    for measure in part.getElementsByClass("Measure"):
        for barline in (measure.leftBarline, measure.rightBarline):
            direction = getattr(barline, "direction", None)
            if direction == "start":
                begun = True
            elif direction == "end":
                if not begun or not 2 <= (2 if barline.times is None else barline.times) <= _MOST_TIMES:
                    return False
                begun = False
    return True


def _write_metres(part: Any) -> None:
    """Writes the metre into each bar of a part in which it changes, because bars will stand elsewhere, too."""
    from music21.meter import TimeSignature

    measures = list(part.getElementsByClass("Measure"))
    signatures = [measure.timeSignature for measure in measures]
    if sum(signature is not None for signature in signatures) > 1:
        metre = None
        for measure, signature in zip(measures, signatures):
            metre = metre if signature is None else signature.ratioString
            if signature is None and metre is not None:
                measure.timeSignature = TimeSignature(metre)


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
    check_length(length)
    everything = stream.recurse()
    key = everything.getElementsByClass("KeySignature").first()
    sharps = None if key is None else key.sharps  # None of a key that is not one of the circle of fifths
    marks = [_quarters_a_minute(mark) for mark in everything.getElementsByClass("MetronomeMark")]
    marks = [mark for mark in marks if mark is not None]
    tempos = [mark for mark in marks if is_tempo(mark)]
    bars, impossible = _read_bars(streams[0], length)
    told = ignored(impossible, len(marks) - len(tempos))
    if without_length:
        told.append(f"{counted(without_length, 'note')} without length left out")
    if len(set(tempos)) > 1:
        told.append("changes of tempo left out")
    return Score(
        name,
        tuple(notes for _, notes in found),
        tuple(part_name for part_name, _ in found),
        bars,
        length,
        key=None if sharps is None or not -7 <= sharps <= 7 else int(sharps),
        tempo=next(iter(tempos), None),
        told=tuple(told),
    )


def _quarters_a_minute(mark: Any) -> float | None:
    """The tempo that a mark gives; 0 where it makes none, None where it has no number."""
    try:
        tempo = mark.getQuarterBPM()
    except ZeroDivisionError:  # of `Q:1/4=0`
        return 0.0
    return None if tempo is None else float(tempo)


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


def _read_bars(part: Any, length: float) -> tuple[np.ndarray, int]:
    """`BAR` [bars], and how many metres were ignored because they are impossible."""
    starts, metres = [], []
    metre, impossible = (4, 4), 0
    measures = list(part.getElementsByClass("Measure"))
    if not measures:
        signatures = part.recurse().getElementsByClass("TimeSignature")
        changes = [(float(each.getOffsetInHierarchy(part)), each.numerator, each.denominator) for each in signatures]
        kept = [change for change in changes if is_metre(*change[1:])]
        return regular_bars(kept, length), len(changes) - len(kept)
    for measure in measures:
        signature = measure.timeSignature
        if signature is not None:
            if is_metre(signature.numerator, signature.denominator):
                metre = (signature.numerator, signature.denominator)
            else:
                impossible += 1
        starts.append(float(measure.offset))
        metres.append(metre)
    return make_bars(starts, metres, length), impossible
