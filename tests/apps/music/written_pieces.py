"""Pieces for the tests of what is written: any voices on any grid, and a few notes at any time."""

import numpy as np
from hypothesis import strategies as st

from apps.music.pieces import NOTE, SILENCE, NotePiece, Part, VoicePiece, steps_per_bar


def make_voices(*voices: str, **settings) -> VoicePiece:
    """A piece of texts such as `"60 . 60 - 62"`: a pitch begins a note, a dot holds it, a minus is silent."""
    pitches = np.full((len(voices[0].split()), len(voices)), SILENCE, np.int16)
    onsets = np.zeros(pitches.shape, bool)
    for voice, text in enumerate(voices):
        for step, word in enumerate(text.split()):
            onsets[step, voice] = word not in ".-"
            if word != "-":
                pitches[step, voice] = pitches[step - 1, voice] if word == "." else int(word)
    metre, quarter = settings.get("metre", (4, 4)), settings.get("steps_per_quarter", 4)
    first = settings.pop("first_position", 0)
    positions = ((np.arange(len(pitches)) + first) % steps_per_bar(metre, quarter)).astype(np.int16)
    return VoicePiece(settings.pop("name", "piece"), pitches, onsets, settings.pop("positions", positions), **settings)


@st.composite
def voice_pieces(draw, grids=(1, 2, 3, 4, 6, 8, 12)) -> VoicePiece:
    """Held, repeated and missing notes, pickups, bars that are too short, any key and tempo."""
    quarter = draw(st.sampled_from(grids))
    metre = draw(st.sampled_from([(4, 4), (3, 4), (2, 2), (6, 8), (3, 2), (5, 4)]))
    steps, voices = draw(st.integers(1, 50)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    pitches = np.full((steps, voices), SILENCE, np.int16)
    onsets = np.zeros((steps, voices), bool)
    for voice in range(voices):
        at = 0
        while at < steps:
            length = int(random.integers(1, 10))
            if random.random() < 0.8:  # few pitches, so that many follow themselves
                pitches[at : at + length, voice] = random.choice([40, 48, 59, 60, 61, 66, 70, 80])
                onsets[at, voice] = True
            at += length
    bar = steps_per_bar(metre, quarter)
    positions = (np.arange(steps) + draw(st.integers(0, bar - 1))) % bar
    if draw(st.booleans()) and steps > 8:  # a bar that ends before its time
        positions[8:] = np.arange(steps - 8) % bar
    return VoicePiece(
        "any",
        pitches,
        onsets,
        positions.astype(np.int16),
        steps_per_quarter=quarter,
        metre=metre,
        key=draw(st.one_of(st.none(), st.integers(-7, 7))),
        tempo=draw(st.sampled_from([40.0, 96.0, 100.3, 131.7])),
    )


def make_notes(*rows, **settings) -> NotePiece:
    """A piece of rows of begin, end, pitch, velocity and part."""
    notes = np.array([tuple(row) for row in rows], NOTE)
    parts = settings.pop("parts", (Part("piano"), Part("bass", 33), Part("drums", 0, True)))
    return NotePiece(settings.pop("name", "notes"), notes, parts, **settings)
