"""Small pieces on a grid for tests."""

import numpy as np
from hypothesis import strategies as st

from apps.music.pieces import SILENCE, VoicePiece, onsets_where_pitches_change


def piece_of(rows, onsets=None, name="a piece", **options) -> VoicePiece:
    """A piece of pitches [time][voices], with onsets where pitches change unless they are given."""
    pitches = np.array(rows, np.int16)
    onsets = onsets_where_pitches_change(pitches) if onsets is None else np.array(onsets, bool)
    return VoicePiece(name, pitches, onsets, (np.arange(len(pitches)) % 16).astype(np.int16), **options)


def random_pieces(seed, count=6, steps=60, voices=4, lowest=55, pitches=6) -> list[VoicePiece]:
    """Voices that hold, repeat, move and rest, each in its own range."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        shape = (steps, voices)
        grid, onsets = np.full(shape, SILENCE, np.int16), np.zeros(shape, bool)
        for voice in range(voices):
            for step in range(steps):
                kind = rng.choice(4, p=[0.6, 0.3, 0.04, 0.06]) if step else 1
                before = grid[step - 1, voice] if step else SILENCE
                if kind == 0 or (kind == 3 and before == SILENCE):
                    grid[step, voice] = before
                elif kind in (1, 3):
                    pitch = lowest + 5 * (voices - voice) + int(rng.integers(pitches))
                    grid[step, voice] = pitch if kind == 1 else before
                    onsets[step, voice] = True
        made.append(VoicePiece(f"{seed}-{number}", grid, onsets, (np.arange(steps) % 16).astype(np.int16)))
    return made


@st.composite
def tiny_pieces(draw, voices=2, longest=12, pitches=(60, 62, 64)):
    """Pieces of so few pitches that passages come again."""
    length = draw(st.integers(1, longest))
    cells = st.sampled_from((SILENCE, *pitches))
    rows = draw(st.lists(st.tuples(*[cells] * voices), min_size=length, max_size=length))
    again = draw(st.lists(st.tuples(*[st.booleans()] * voices), min_size=length, max_size=length))
    grid = np.array(rows, np.int16)
    onsets = onsets_where_pitches_change(grid) | (np.array(again) & (grid != SILENCE))
    return piece_of(grid, onsets)
