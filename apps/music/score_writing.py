"""A piece of voices becomes a score, as MusicXML, which MuseScore and other editors open.

Bars are made here from the positions of the piece, with notes split where a musician wants to see the beat; music21 adds
beams and accidentals and writes the file.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from music21 import clef, expressions, instrument, key, metadata, meter, note, pitch, stream, tempo, tie
from music21.musicxml.m21ToXml import ScoreExporter
from music21.stream.enums import ShowNumber
from music21.stream.makeNotation import makeTupletBrackets

from apps.music.midi_writing import VOICE_PROGRAM
from apps.music.pieces import SILENCE, NotePiece, VoicePiece, bar_starts, voice_names, voice_notes
from apps.music.pitch_names import spelled
from common.errors import UserError
from common.files import atomic_write

_HALVES = [Fraction(8, 2**halves) for halves in range(10)]  # quarters in a breve, a whole note and so on
# Plain, dotted, of a triplet, a quintuplet, a septuplet.
_NOTE_VALUES = {half * factor for half in _HALVES for factor in (1, Fraction(3, 2), Fraction(2, 3))}
_NOTE_VALUES |= {half * factor for half in _HALVES[2:] for factor in (Fraction(4, 5), Fraction(4, 7))}
_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container><rootfiles><rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/>\
</rootfiles></container>
"""


def write_musicxml(piece: VoicePiece | NotePiece, path: str | Path) -> None:
    """Writes MusicXML, whole or not at all; compressed where the path ends in `.mxl`.

    Raises:
        UserError: the piece has no bars (a `NotePiece`), its grid has no note values, the disk is full, or the place cannot
            be written.
    """
    # music21 makes no notation of its own: it would join tied triplets, and with them notes that are struck again.
    exporter = ScoreExporter(make_score(piece), makeNotation=False)
    exporter.parse()
    text = exporter.asBytes()
    with atomic_write(path, "wb") as file:
        if Path(path).suffix.lower() != ".mxl":
            file.write(text)
            return
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("META-INF/container.xml", _CONTAINER)
            archive.writestr("score.musicxml", text)


def make_score(piece: VoicePiece | NotePiece) -> stream.Score:
    """A part for each voice, with bars where the positions of the piece say, and a bar 0 for a pickup.

    Raises:
        UserError: see `write_musicxml`.
    """
    if isinstance(piece, NotePiece):
        raise UserError(
            f"{piece.name}: notes at any time (data.representation is events) have no bars and cannot become a score; "
            "write .mid, .wav or .png"
        )
    if Fraction(1, piece.steps_per_quarter) not in _NOTE_VALUES:
        raise UserError(
            f"{piece.name}: {piece.steps_per_quarter} steps in a quarter have no note values, so this cannot become a score; "
            "write .mid, .wav or .png"
        )
    score = stream.Score()
    title = "".join(
        letter for letter in piece.name if letter.isprintable()
    )  # XML has no control characters, UTF-8 no bytes that are no text
    # An empty name keeps music21's own out of the place of the composer.
    score.insert(0, metadata.Metadata(title=title, composer=" "))
    for voice, name in enumerate(voice_names(piece.voices)):
        part = stream.Part(id=f"P{voice + 1}")
        player = instrument.Instrument(name[0].upper() + name[1:])
        player.partId, player.partName, player.midiProgram = part.id, player.instrumentName, VOICE_PROGRAM
        part.insert(0, player)
        for measure in _measures(piece, voice):
            part.append(measure)
        part.makeAccidentals(inPlace=True)
        with contextlib.redirect_stderr(io.StringIO()):  # music21 tells of beams that an editor sets itself
            part.makeBeams(inPlace=True)
        for measure in part.getElementsByClass(stream.Measure):
            makeTupletBrackets(measure, inPlace=True)
        score.insert(0, part)
    return score


def _measures(piece: VoicePiece, voice: int) -> list[stream.Measure]:
    starts = bar_starts(piece)
    measures = _empty_measures(piece, starts)
    measures[0].insert(0, _clef(piece.pitches[:, voice]))
    if voice == 0:
        measures[0].insert(0, tempo.MetronomeMark(number=round(piece.tempo, 2), referent="quarter"))
    if not starts:
        measures[0].append(note.Rest(quarterLength=4 * Fraction(*piece.metre)))
    ends_of_fermatas = _ends_of_fermatas(piece)
    for begin, end, midi in _notes_and_rests(piece, voice, starts):
        edges = [begin, *(bar for bar in starts if begin < bar < end), end]
        values = [value for low, high in pairwise(edges) for value in _note_values(piece, low, high)]
        if midi == SILENCE and 4 * Fraction(*piece.metre) != 4:
            # A whole rest means a whole bar to some readers, whatever its duration is: two halves do not.
            values = [
                (at + half * 2 * piece.steps_per_quarter, value / 2 if value == 4 else value)
                for at, value in values
                for half in range(2 if value == 4 else 1)
            ]
        for index, (at, value) in enumerate(values):
            is_last = index == len(values) - 1
            element = note.Rest() if midi == SILENCE else note.Note(_pitch(midi, piece.key or 0))
            element.quarterLength = value
            if midi == SILENCE:  # a rest for the whole bar in a bar that is short would be read as one of full length
                element.fullMeasure = value == 4 * Fraction(*piece.metre)
            if midi != SILENCE and len(values) > 1:
                element.tie = tie.Tie("start" if index == 0 else "stop" if is_last else "continue")
            if midi != SILENCE and is_last and any(begin < stop <= end for stop in ends_of_fermatas):
                element.expressions.append(_fermata())
            bar = int(np.searchsorted(starts, at, side="right")) - 1
            measures[bar].insert(Fraction(at - starts[bar], piece.steps_per_quarter), element)
    return measures


def _empty_measures(piece: VoicePiece, starts: list[int]) -> list[stream.Measure]:
    """Measures with numbers and signatures, which know what they lack of a whole bar: music21 would add rests."""
    is_pickup = bool(starts) and piece.positions[0] != 0
    measures = [stream.Measure(number=number) for number in range(1 - is_pickup, 1 - is_pickup + max(len(starts), 1))]
    for measure, begin, end in zip(measures, starts, [*starts[1:], len(piece)]):
        left = int(piece.positions[begin])
        right = piece.steps_per_bar - left - (end - begin)
        measure.paddingLeft = Fraction(left, piece.steps_per_quarter)
        measure.paddingRight = Fraction(max(right, 0), piece.steps_per_quarter)
    if is_pickup:
        measures[0].showNumber = ShowNumber.NEVER  # so that an editor knows that the bar is short on purpose
    if piece.key is not None:
        measures[0].insert(0, key.KeySignature(piece.key))
    measures[0].insert(0, meter.TimeSignature("{}/{}".format(*piece.metre)))
    return measures


def _notes_and_rests(piece: VoicePiece, voice: int, starts: list[int]) -> list[tuple[int, int, int]]:
    """Begin, end and pitch, without gaps; a rest ends with its bar."""
    rows, before = [], 0
    for begin, end, midi in [*voice_notes(piece, voice), (len(piece), len(piece), SILENCE)]:
        edges = [before, *(bar for bar in starts if before < bar < begin), begin]
        rows += [(low, high, SILENCE) for low, high in pairwise(edges) if high > low]
        if end > begin:
            rows.append((begin, end, midi))
        before = end
    return rows


def _note_values(piece: VoicePiece, low: int, high: int) -> list[tuple[int, Fraction]]:
    """Splits steps `low` to `high` of one bar into note values: the step at which each begins, and its length in quarters.

    What begins on a beat is written as long as it can be; what begins beside one is split at the next, unless it is a beat
    long and in the middle between two (a syncopation everybody reads).
    """
    quarter, beat = piece.steps_per_quarter, _beat(piece)
    before = int(piece.positions[low]) - low  # steps of the bar before step 0
    writable = [value for value in _NOTE_VALUES if (value * quarter).denominator == 1]
    values, at = [], low
    while at < high:
        rest = Fraction(high - at, quarter)
        after_beat = Fraction(before + at, quarter) % beat
        is_syncopation = after_beat * 2 == beat and rest == beat
        if after_beat and after_beat + rest > beat and not is_syncopation:
            rest = beat - after_beat
        value = max(value for value in writable if value <= rest)
        values.append((at, value))
        at += int(value * quarter)
    return values


def _beat(piece: VoicePiece) -> Fraction:
    """Quarters in a beat: three of the lower number in 6/8, 9/8 and 12/8; one where the grid is too coarse for the metre."""
    numerator, denominator = piece.metre
    is_compound = denominator >= 8 and numerator % 3 == 0
    beat = Fraction(4 * (3 if is_compound else 1), denominator)
    return beat if (beat * piece.steps_per_quarter).denominator == 1 else Fraction(1)


def _ends_of_fermatas(piece: VoicePiece) -> list[int]:
    """Steps after which a stretch under a fermata ends: the note that sounds there has the sign."""
    if piece.fermatas is None:
        return []
    after = np.append(piece.fermatas[1:], False)
    return [1 + int(step) for step in np.flatnonzero(piece.fermatas & ~after)]


def _fermata() -> expressions.Fermata:
    sign = expressions.Fermata()
    sign.type = "upright"  # music21 has them upside down, as below the lowest staff
    return sign


def _clef(pitches: np.ndarray) -> clef.Clef:
    sounding = pitches[pitches != SILENCE]
    middle = np.median(sounding) if len(sounding) else 71
    # A tenor stands between the two: the treble clef that sounds an octave lower keeps it off ledger lines.
    return clef.TrebleClef() if middle >= 60 else clef.Treble8vbClef() if middle >= 54 else clef.BassClef()


def _pitch(midi: int, sharps: int) -> pitch.Pitch:
    letter, alteration, octave = spelled(midi, sharps)
    # No accidental at all where there is none: music21 would print a natural before every note.
    return pitch.Pitch(step=letter, octave=octave, **({"accidental": alteration} if alteration else {}))
